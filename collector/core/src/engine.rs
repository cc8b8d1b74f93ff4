//! The sentence itself: the only place that names all of the verbs.

pub mod investigations;
