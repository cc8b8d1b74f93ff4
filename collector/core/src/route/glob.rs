//! Patterns over names: `*` is any run of characters, `?` is one; ASCII case does not matter.
//!
//! No character classes and no path separators: `*` crosses `/` and `::` alike. Matching is linear
//! in the text for a fixed pattern, whatever a stranger put into the name.

use serde::Deserialize;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Glob(pub String);

impl Glob {
    /// Whether the whole of `text` fits.
    pub fn matches(&self, text: &str) -> bool {
        fits(&self.0, text, |p, c| p == '?' || p.eq_ignore_ascii_case(&c))
    }

    /// Whether every text that fits `other` fits this one too. Never wrongly true; wrongly false
    /// only where runs of `*` and `?` mean the same in different order.
    pub fn covers(&self, other: &Self) -> bool {
        // `other` is read as a text whose stars only a star can take.
        fits(&self.0, &other.0, |p, c| c != '*' && (p == '?' || p.eq_ignore_ascii_case(&c)))
    }
}

/// Greedy match with one point of return, the last star.
fn fits(pattern: &str, text: &str, one: impl Fn(char, char) -> bool) -> bool {
    let (mut p, mut t) = (pattern.chars(), text.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        match (p.next(), t.clone().next()) {
            (Some('*'), _) => retry = Some((p.clone(), t.clone())),
            (Some(x), Some(c)) if one(x, c) => {
                t.next();
            }
            (None, None) => return true,
            _ => {
                let Some((after_star, from)) = retry.as_mut() else { return false };
                if from.next().is_none() {
                    return false;
                }
                (p, t) = (after_star.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    fn glob(s: &str) -> Glob {
        Glob(s.into())
    }

    #[test]
    fn globs_match_whole_names() {
        for (p, t) in [("*", ""), ("a*c", "abbc"), ("*Cache*", "redis-cache-0"), ("a?c", "aXC")] {
            assert!(glob(p).matches(t), "{p} {t}");
        }
        for (p, t) in [("", "a"), ("a", ""), ("a?c", "ac"), ("a*c", "abcd"), ("*a*b", "ba")] {
            assert!(!glob(p).matches(t), "{p} {t}");
        }
        assert!(!glob(&"*a".repeat(30)).matches(&"a".repeat(29)));
        assert!(!glob("*a*a*a*b").matches(&"a".repeat(100_000)));
    }

    #[test]
    fn covering_is_never_wrong() {
        assert!(glob("*").covers(&glob("a*?")));
        assert!(glob("a*").covers(&glob("ab*c")));
        assert!(glob("a?").covers(&glob("a?")));
        assert!(!glob("a?").covers(&glob("a*")));
        assert!(!glob("a*b").covers(&glob("a*")));
        let patterns = ["*", "a*", "*b", "a?b", "?", "a*b", "", "ab", "**a", "?*"];
        let texts = ["", "a", "b", "ab", "acb", "abab", "ba", "aab"];
        for p in patterns {
            for q in patterns.iter().filter(|q| glob(p).covers(&glob(q))) {
                for t in texts.iter().filter(|t| glob(q).matches(t)) {
                    assert!(glob(p).matches(t), "{p} covers {q} but not {t}");
                }
            }
        }
    }
}
