//! Plain aligned columns. Widths are counted in characters.

use super::clean_to;

/// Characters that a text column keeps when a table is too wide.
pub const NARROWEST: usize = 8;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text: left, cut to this many characters at most.
    Left(usize),
    /// Numbers: right, never cut.
    Right,
}

/// Rows under a head.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Align>,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns.iter().map(|c| c.1).collect(),
            head: columns.iter().map(|c| c.0.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; text cells are made safe and cut here.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        let cell = |(c, a): (String, &Align)| match a {
            Align::Left(cap) => clean_to(&c, *cap).into_owned(),
            Align::Right => c,
        };
        self.rows.push(cells.into_iter().zip(&self.columns).map(cell).collect());
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Lines without trailing blanks, the head first, each `indent` characters in. Where they would
    /// be wider than `limit`, the widest text column gives way, down to [`NARROWEST`].
    pub fn lines(&self, indent: usize, limit: usize) -> Vec<String> {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let width =
            |i: usize| all().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let gaps = 2 * self.columns.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps + indent > limit {
            let texts = widths.iter_mut().zip(&self.columns);
            let widest = texts.filter(|(w, a)| matches!(a, Align::Left(_)) && **w > NARROWEST);
            let Some((w, _)) = widest.max_by_key(|(w, _)| **w) else { break };
            *w -= 1;
        }
        all().map(|row| self.line(row, &widths, indent)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize], indent: usize) -> String {
        let mut line = " ".repeat(indent);
        for (i, ((cell, align), &width)) in row.iter().zip(&self.columns).zip(widths).enumerate() {
            if i > 0 {
                line.push_str("  ");
            }
            match align {
                Align::Left(_) => {
                    line.push_str(&format!("{:<width$}", clean_to(cell, width)));
                }
                Align::Right => line.push_str(&format!("{cell:>width$}")),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_one_another() {
        let mut t =
            Table::new(&[("name", Align::Left(6)), ("n", Align::Right), ("x", Align::Left(9))]);
        t.row(["a\nb".into(), "1".into(), "é".into()]);
        t.row(["abcdefgh".into(), "1,000".into(), String::new()]);
        assert_eq!(
            t.lines(2, 100),
            ["  name        n  x", "  a\\nb        1  é", "  abcde…  1,000"]
        );
    }

    #[test]
    fn the_widest_text_gives_way() {
        let mut t = Table::new(&[("name", Align::Left(60)), ("n", Align::Right)]);
        t.row(["x".repeat(50), "1".into()]);
        let lines = t.lines(0, 30);
        assert_eq!(lines[1], format!("{}…  1", "x".repeat(26)));
        assert!(t.lines(0, 3)[1].chars().count() == NARROWEST + 3);
    }
}
