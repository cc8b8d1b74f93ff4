//! The OTLP walk from outside: against prost, and against what strangers may hand to it.

mod common;
mod differential;
mod hostile;
