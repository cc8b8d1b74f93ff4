//! The `tracestate` header as it may be passed on (W3C Trace Context, level 2). What the sampler reads and
//! writes in its `ot` member is the sampler's business.

/// At most 32 members; 512 bytes must be carried, more need not be.
const MEMBERS: usize = 32;
const LONGEST: usize = 512;

/// Printable, whole members, within the caps; else nothing. One malformed member spoils the list: that is
/// what the specification says. Members that do not fit are left out from behind.
pub(super) fn check(text: &str) -> Option<String> {
    if text.len() > 8 * LONGEST || !text.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t') {
        return None;
    }
    let mut out = String::new();
    let members = text.split(',').map(str::trim).filter(|m| !m.is_empty());
    for member in members.take(MEMBERS) {
        let (key, value) = member.split_once('=')?;
        if key.is_empty() || key.len() > 256 || value.len() > 256 || value.contains('=') {
            return None;
        }
        if out.len() + member.len() < LONGEST {
            if !out.is_empty() {
                out.push(',');
            }
            out.push_str(member);
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_members_within_the_caps() {
        assert_eq!(check(" ot=th:8 , x=y,").as_deref(), Some("ot=th:8,x=y"));
        for bad in ["", "a", "=b", "a=b=c", "a=\u{1}", &"a=".repeat(3000)] {
            assert_eq!(check(bad), None, "{bad}");
        }
        let many: Vec<String> = (0..40).map(|i| format!("k{i}=1")).collect();
        assert_eq!(check(&many.join(",")).expect("some").split(',').count(), 32);
        let long: Vec<String> = (0..9).map(|i| format!("k{i}={}", "v".repeat(100))).collect();
        assert!(check(&long.join(",")).expect("some").len() <= LONGEST);
    }
}
