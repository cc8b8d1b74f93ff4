//! Longpole's doors: everything that touches the outside world.
//!
//! What the bytes mean is decided in `longpole-core`; what findings look like in
//! `longpole-exporters`.

pub mod checkpoint;
pub mod clock;
pub mod collector;
pub mod commands;
pub mod config;
pub mod control;
pub mod dedupe;
pub mod disk;
pub mod door;
pub mod ingest;
pub mod log;
pub mod memory;
pub mod net;
pub mod outbox;
pub mod own;
pub mod pipeline;
pub mod redis;
mod secret;
pub mod serve;
pub mod specialists;
pub mod wire;
