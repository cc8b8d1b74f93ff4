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

/// The accounting alone: what became of everything that came in.
pub fn account(tally: &longpole_model::signal::Tally, style: Style) -> String {
    let mut page = page::Page::new(style);
    accounting::accounting(&mut page, tally);
    page.done()
}

#[cfg(test)]
mod tests;
