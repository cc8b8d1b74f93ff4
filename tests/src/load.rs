//! OTLP load: realistic traces, encoded once, and patched for each send.
//!
//! [`catalog`] holds the operations of an invented shop, [`traces`] builds requests of them with
//! [`attributes`] as instrumentation writes them, [`template`] remembers where ids and times lie and
//! renews them in place, [`pace`] says when a request is due. Pure: time and seeds are arguments;
//! sending is the caller's business. [`wire`] is the small protobuf walker of this and of floors.

pub mod attributes;
pub mod catalog;
pub mod dice;
pub mod pace;
pub mod template;
pub mod traces;
pub mod wire;
