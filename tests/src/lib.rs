//! Longpole's judge: what its tests share.
//!
//! [`binary`] runs the program; [`house`] judges the structure; [`plain`] is the slow, plain reference against which the fast road is held.

pub mod binary;
pub mod house;
pub mod plain;
