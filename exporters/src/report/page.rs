//! The sheet that a report is written on: indents, wrapping, headings, optional colour.
//!
//! Knows no finding. What is written here must be clean already, tables and sentences alike.

use crate::text::table::Table;
use crate::text::wrap;

/// Columns that a report may take.
pub const WIDTH: usize = 100;

/// How a report looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colour codes are used (never on pipes or under `NO_COLOR`: the caller's choice).
    pub colour: bool,
}

/// What a line is, for colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tint {
    Plain,
    Strong,
    Alarm,
    Quiet,
}

impl Tint {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Alarm => "1;31",
            Self::Quiet => "2",
        }
    }
}

/// The sheet.
#[derive(Debug)]
pub(super) struct Page {
    out: String,
    style: Style,
}

impl Page {
    pub(super) fn new(style: Style) -> Self {
        Self { out: String::new(), style }
    }

    pub(super) fn done(self) -> String {
        self.out
    }

    /// An empty line, never two, never the first.
    pub(super) fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    pub(super) fn heading(&mut self, indent: usize, text: &str) {
        self.tinted(Tint::Strong, indent, text);
    }

    pub(super) fn say(&mut self, indent: usize, text: &str) {
        self.tinted(Tint::Plain, indent, text);
    }

    /// A line under a mark such as `+` or `1.`; what wraps stands under the text.
    pub(super) fn item(&mut self, indent: usize, mark: &str, text: &str) {
        let hang = indent + mark.chars().count() + 1;
        for (i, line) in wrap(text, WIDTH.saturating_sub(hang)).iter().enumerate() {
            if i == 0 {
                self.put(Tint::Plain, indent, &format!("{mark} {line}"));
            } else {
                self.put(Tint::Plain, hang, line);
            }
        }
    }

    /// What wraps stands two further in: no name can forge a line of its own.
    pub(super) fn tinted(&mut self, tint: Tint, indent: usize, text: &str) {
        for (i, line) in wrap(text, WIDTH.saturating_sub(indent + 2)).iter().enumerate() {
            self.put(tint, if i == 0 { indent } else { indent + 2 }, line);
        }
    }

    pub(super) fn table(&mut self, indent: usize, table: &Table) {
        for (i, line) in table.lines(indent, WIDTH).iter().enumerate() {
            self.put(if i == 0 { Tint::Quiet } else { Tint::Plain }, 0, line);
        }
    }

    fn put(&mut self, tint: Tint, indent: usize, line: &str) {
        let line = line.trim_end();
        self.out.extend(std::iter::repeat_n(' ', indent));
        if self.style.colour && tint != Tint::Plain && !line.is_empty() {
            self.out.push_str(&format!("\x1b[{}m{line}\x1b[0m", tint.code()));
        } else {
            self.out.push_str(line);
        }
        self.out.push('\n');
    }
}
