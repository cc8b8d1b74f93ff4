//! The terminal voice: plain aligned columns of at most [`WIDTH`] characters.
//!
//! Colour only repeats what the words say, and only where the caller asks for it. Order is the
//! nouns'; nothing is judged or computed here beyond rounding for display.

mod accounting;
mod diagnosis;
mod evidence;
mod explain;
mod investigation;
mod page;
mod replay;
mod routing;
mod services;
mod time_taken;
mod usage;

pub use diagnosis::diagnosis;
pub use explain::{Unknown, explain, pick};
pub use page::{Style, WIDTH};
pub use replay::replay;

#[cfg(test)]
mod tests;
