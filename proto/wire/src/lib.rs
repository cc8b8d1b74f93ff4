//! Longpole's own messages, as prost structs.
//!
//! Generated from `proto/longpole/v1/*.proto` into `src/generated`, which is in the repository: nobody
//! needs a generator to build, and a test says when the two differ. What the messages mean is decided
//! by their codecs, not here.

/// Version 1 of the stored and sent forms.
#[allow(missing_docs, clippy::all)]
#[rustfmt::skip]
pub mod v1 {
    include!("generated/longpole.v1.rs");
}
