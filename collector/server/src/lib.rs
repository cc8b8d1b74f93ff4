//! Longpole's doors: everything that touches the outside world.
//!
//! What the bytes mean is decided in `longpole-core`; what findings look like in
//! `longpole-exporters`.

pub mod commands;
pub mod config;
pub mod ingest;
pub mod outbox;
pub mod specialists;
