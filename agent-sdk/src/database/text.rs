//! SQL as text: a summary of few values, and the text without literals. No parser: words, quotes, comments.

/// A piece of SQL.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece<'a> {
    Word(&'a str),
    /// A name in quotes, without them.
    Name(&'a str),
    Literal,
    Space,
    Other(char),
}

/// Cuts SQL into pieces; comments are spaces. What is not closed ends with the text.
fn pieces(sql: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (piece, used) = one(rest, first);
        rest = rest.get(used..).unwrap_or("");
        Some(piece)
    })
}

fn one(rest: &str, first: char) -> (Piece<'_>, usize) {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let run = |fits: &dyn Fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
    match first {
        '\'' => (Piece::Literal, closed(rest, '\'')),
        '"' | '`' => {
            let used = closed(rest, first);
            let name = rest.get(1..used.saturating_sub(1).max(1)).unwrap_or("");
            (Piece::Name(name), used)
        }
        '[' => {
            let used = rest.find(']').map_or(rest.len(), |n| n + 1);
            (Piece::Name(rest[1..].split(']').next().unwrap_or("")), used)
        }
        '-' if rest.starts_with("--") => {
            (Piece::Space, rest.find('\n').map_or(rest.len(), |n| n + 1))
        }
        '/' if rest.starts_with("/*") => {
            (Piece::Space, rest[2..].find("*/").map_or(rest.len(), |n| n + 4))
        }
        '$' => match dollar(rest) {
            Some(used) => (Piece::Literal, used),
            // $1: a place, not a value.
            None => (Piece::Other('$'), 1),
        },
        c if c.is_whitespace() => (Piece::Space, run(&char::is_whitespace)),
        c if c.is_ascii_digit() => (Piece::Literal, run(&|c| word(c) || c == '.')),
        c if word(c) => {
            let used = run(&word);
            // X'53', E'..', N'..': a letter that says what kind of text follows.
            match rest.get(used..).is_some_and(|r| r.starts_with('\'')) && used == 1 {
                true => (Piece::Literal, used + closed(&rest[used..], '\'')),
                false => (Piece::Word(&rest[..used]), used),
            }
        }
        c => (Piece::Other(c), c.len_utf8()),
    }
}

/// The bytes up to the closing quote, doubled ones and those behind a backslash being part of the text.
fn closed(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '\'' {
            chars.next();
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return at + c.len_utf8();
            }
        }
    }
    rest.len()
}

/// PostgreSQL's `$tag$ ... $tag$`.
fn dollar(rest: &str) -> Option<usize> {
    let end = rest[1..].find('$')? + 2;
    let tag = &rest[..end];
    let plain = tag[1..end - 1].chars().all(|c| c.is_alphabetic() || c == '_');
    plain.then(|| rest[end..].find(tag).map_or(rest.len(), |n| n + 2 * end))
}

/// The text with every literal as `?`, comments gone, blanks single: what is left may be sent and has few
/// values.
pub fn without_literals(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    for piece in pieces(sql) {
        match piece {
            Piece::Word(word) => out.push_str(word),
            // Some databases take double quotes for texts: only what looks like a name is one.
            Piece::Name(name)
                if name.chars().all(|c| c.is_alphanumeric() || " _.$-".contains(c)) =>
            {
                out.push('"');
                out.push_str(name);
                out.push('"');
            }
            Piece::Name(_) => out.push('?'),
            // The number of a place ($1) is none of the values.
            Piece::Literal if out.ends_with('$') => {}
            Piece::Literal => out.push('?'),
            Piece::Space if out.is_empty() || out.ends_with(' ') => {}
            Piece::Space => out.push(' '),
            Piece::Other(c) => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Bytes of a summary at most (semantic conventions).
const LONGEST: usize = 255;

/// What is done to what: `SELECT orders customers`, `INSERT audit`. Of few values, so fit for a name.
pub fn summary(sql: &str) -> String {
    let mut out = String::new();
    // The word before decides whether a name follows.
    let (mut names_follow, mut named) = (false, false);
    let add = |out: &mut String, text: &str| {
        if out.len() + text.len() < LONGEST {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(text);
        }
    };
    for piece in pieces(sql) {
        let (text, quoted) = match piece {
            Piece::Word(word) => (word, false),
            Piece::Name(name) => (name, true),
            Piece::Space => continue,
            Piece::Other(',') | Piece::Literal => continue,
            Piece::Other('.') if named => {
                // schema.table: the table comes now.
                (names_follow, named) = (true, false);
                out.push('.');
                continue;
            }
            Piece::Other(_) => {
                (names_follow, named) = (false, false);
                continue;
            }
        };
        let upper = text.to_ascii_uppercase();
        if names_follow
            && (quoted || !matches!(upper.as_str(), "SELECT" | "ONLY" | "IF" | "EXISTS" | "NOT"))
        {
            match out.strip_suffix('.') {
                Some(_) => out.push_str(text),
                None => add(&mut out, text),
            }
            (names_follow, named) = (false, true);
            continue;
        }
        named = false;
        out.truncate(out.trim_end_matches('.').len());
        match upper.as_str() {
            _ if quoted => {}
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "WITH" | "CREATE" | "DROP" | "ALTER"
            | "MERGE" | "CALL" | "BEGIN" | "COMMIT" | "ROLLBACK" | "PRAGMA" => {
                add(&mut out, &upper);
                names_follow = matches!(upper.as_str(), "UPDATE" | "CALL" | "PRAGMA");
            }
            "FROM" | "JOIN" | "INTO" | "TABLE" => names_follow = true,
            _ => {}
        }
    }
    out.truncate(out.trim_end_matches('.').len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn literals_go_and_the_query_stays() {
        for (sql, want) in [
            ("SELECT * FROM t WHERE a = 'it''s' AND b=7.5", "SELECT * FROM t WHERE a = ? AND b=?"),
            ("select $1,  $2 -- secret\n from t1", "select $, $ from t1"),
            (
                "INSERT INTO \"a b\" VALUES (X'00', E'\\'x', $tag$ y $tag$)",
                "INSERT INTO \"a b\" VALUES (?, ?, ?)",
            ),
            ("/* token=abc */ SELECT 1e5", "SELECT ?"),
            ("SELECT 'open", "SELECT ?"),
            ("", ""),
        ] {
            assert_eq!(without_literals(sql), want);
        }
    }

    #[test]
    fn summaries_name_what_is_done_to_what() {
        for (sql, want) in [
            (
                "SELECT a, b FROM orders o JOIN shop.customers c ON c.id = o.id",
                "SELECT orders shop.customers",
            ),
            ("insert into `audit` (x) select y from z", "INSERT audit SELECT z"),
            ("UPDATE only t SET x = 1", "UPDATE t"),
            ("DELETE FROM \"Carts\" WHERE id = 'FROM x'", "DELETE Carts"),
            ("WITH w AS (SELECT 1 FROM a) SELECT * FROM w", "WITH SELECT a SELECT w"),
            ("BEGIN", "BEGIN"),
            ("", ""),
        ] {
            assert_eq!(summary(sql), want, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(sql in "(\\PC|['\"`$\\[\\]/*\\-]|SELECT |FROM |\\$a\\$){0,40}") {
            let _ = summary(&sql);
            let once = without_literals(&sql);
            prop_assert!(!once.contains('\''), "{}", once);
        }
    }
}
