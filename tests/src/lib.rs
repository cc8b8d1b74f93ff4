//! Longpole's judge: what its tests share.
//!
//! [`house`] judges the structure; [`plain`] is the slow, plain reference against which the fast road is held.

pub mod house;
pub mod plain;
