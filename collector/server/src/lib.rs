//! Longpole's doors: everything that touches the outside world.

pub mod ingest;
