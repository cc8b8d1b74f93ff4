//! Longpole's verbs, pure: no clock, no socket, no file, no async, no protobuf.
//!
//! Each verb is a module that knows the nouns of `longpole-model` and no other verb; [`engine`] is
//! the sentence that names them all. Time is an argument everywhere. Same input, same bytes out.

pub mod aggregate;
pub mod attribute;
pub mod catalog;
pub mod classify;
pub mod detect;
pub mod engine;
pub mod facts;
mod hash;
pub mod limits;
pub mod memo;
pub mod route;
pub mod shed;
mod sorted;
pub mod stats;
