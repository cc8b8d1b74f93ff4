//! Golden files of the JSON voice, and its reader.

use super::*;
use crate::fixture::{HOSTILE, diagnosis as found, snapshot};
use crate::text::is_hostile;
use longpole_model::finding::Snapshot;

/// One key a line, so that a change of the golden file can be read. Order is kept: only blanks are
/// added, outside of texts.
pub(crate) fn laid_out(json: &str) -> String {
    let (mut out, mut quoted, mut escaped, mut depth) = (String::new(), false, false, 0usize);
    for c in json.trim_end().chars() {
        if !quoted && matches!(c, '}' | ']') {
            depth -= 1;
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', depth));
        }
        out.push(c);
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        if !quoted && matches!(c, '{' | '[' | ',') {
            depth += usize::from(c != ',');
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', depth));
        }
    }
    out
}

#[test]
fn golden_replay_json() {
    insta::assert_snapshot!(laid_out(&replay(&snapshot("cart"))));
}

#[test]
fn golden_diagnosis_json() {
    insta::assert_snapshot!(laid_out(&diagnosis(&found("cart"))));
}

#[test]
fn golden_empty_json() {
    let both = format!("{}{}", replay(&Snapshot::default()), diagnosis(&Default::default()));
    insta::assert_snapshot!(both);
}

#[test]
fn hostile_text_is_escaped_and_not_lost() {
    let s = snapshot(HOSTILE);
    let json = replay(&s);
    assert_eq!(json.lines().count(), 1);
    assert!(!json.trim_end().chars().any(is_hostile));
    let back = read_replay(&json).expect("is ours");
    assert_eq!(back.services.first().map(|s| s.service.as_str()), Some(HOSTILE));
    assert!(!diagnosis(&found(HOSTILE)).trim_end().chars().any(is_hostile));
}

#[test]
fn what_was_written_is_read_back() {
    for s in [snapshot("cart"), Snapshot::default()] {
        let back = read_replay(&replay(&s)).expect("is ours");
        assert_eq!(back, Replay::from(&s));
    }
}

#[test]
fn other_documents_are_refused_with_their_place() {
    let told = |text: &str| read_replay(text).expect_err("is not ours").to_string();
    assert!(told("").contains("line 1 column 0"), "{}", told(""));
    assert!(told("{\"candidates\":[]}").contains("missing field `format`"));
    let good = replay(&snapshot("cart"));
    assert!(told(&good.replace("\"severity\":2", "\"severity\":9")).contains("severity 9"));
    let newer = good.replacen("\"oldest_reader\":1", "\"oldest_reader\":2", 1);
    assert!(told(&newer).contains("use the newer longpole"), "{}", told(&newer));
    let deep = format!("{{\"format\":1,\"oldest_reader\":1,\"x\":{}", "[".repeat(1_000_000));
    assert!(told(&deep).contains("EOF"));
    let grown = good.replacen("{\"format\":1", "{\"brand_new\":[1],\"format\":2", 1);
    assert!(read_replay(&grown).is_ok());
}
