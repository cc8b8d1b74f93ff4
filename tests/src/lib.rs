//! Longpole's judge: what its tests share.
//!
//! [`binary`] runs the program; [`collector`] keeps one running; [`http`] and [`h2c`] speak to it,
//! politely or not; [`spans`] are what is sent, [`load`] is much of it; [`exposition`] reads a scrape;
//! [`addresses`] are free ones; [`figures`] are told, a [`process`] is sent signals; [`proxy`] is a bad network; [`foreign`] are programs of others; [`streams`] is Redis, and who writes to it. [`house`] judges the structure; [`plain`] is the slow, plain
//! reference against which the fast road is held.

pub mod addresses;
pub mod binary;
pub mod collector;
pub mod exposition;
pub mod figures;
pub mod foreign;
pub mod h2c;
pub mod house;
pub mod http;
pub mod load;
pub mod plain;
pub mod process;
pub mod proxy;
pub mod spans;
pub mod streams;
