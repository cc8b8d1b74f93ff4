//! Longpole's own messages, as prost structs.
//!
//! Generated from `proto/longpole/v1/*.proto` into `src/generated`, which is in the repository: nobody
//! needs a generator to build, and a test says when the two differ. What the messages mean is decided
//! by their codecs, not here. Beside them stands what both ends of a road must agree on: names, the
//! shard hash, how a request is cut by it, and what is a secret.

pub mod cut;
pub mod fields;
pub mod mask;
pub mod order;
pub mod percent;
pub mod pprof;
pub mod road;
pub mod scrub;
pub mod shard;

/// Version 1 of the stored and sent forms.
#[allow(missing_docs, clippy::all)]
#[rustfmt::skip]
pub mod v1 {
    include!("generated/longpole.v1.rs");
}
