//! Longpole's judge: what its tests share.
//!
//! [`plain`] is the slow, plain reference against which the fast road is held.

pub mod plain;
