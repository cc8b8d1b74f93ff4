//! Text from strangers on its way into the dictionary: valid UTF-8, capped, without control
//! characters that change how other text is read, and without what looks like a secret.
//!
//! Escaping is the business of each voice; nothing here looks at text that is not kept.

use longpole_model::signal::Rejections;
use longpole_proto::mask::mask_text;

/// Characters that reorder or hide text around them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{61c}' | '\u{feff}' | '\u{2028}' | '\u{2029}')
}

/// The text that is kept of `raw`, at most `cap` bytes. Counts what had to be mended.
pub(crate) fn clean(raw: &[u8], cap: usize, rejections: &mut Rejections) -> String {
    let mut text = legible(raw, cap, rejections).into_bytes();
    // Names go to every voice: whoever sends them need not have masked them.
    mask_text(&mut text);
    // Whole characters become ASCII: it is text still.
    String::from_utf8(text).unwrap_or_default()
}

fn legible(raw: &[u8], cap: usize, rejections: &mut Rejections) -> String {
    // By far the most text is short and plain.
    if raw.len() <= cap
        && raw.iter().all(|b| (0x20..0x7f).contains(b))
        && let Ok(text) = str::from_utf8(raw)
    {
        return text.to_owned();
    }
    mend(raw, cap, rejections)
}

#[cold]
fn mend(raw: &[u8], cap: usize, rejections: &mut Rejections) -> String {
    // A little more than the cap is looked at, so that a character across it is seen whole.
    let head = raw.get(..cap.saturating_add(4)).unwrap_or(raw);
    let mut mended = head.len() < raw.len();
    let kept = match str::from_utf8(head) {
        Ok(text) => std::borrow::Cow::Borrowed(text),
        // A character that only this cut broke.
        Err(e) if mended && e.error_len().is_none() => {
            let whole = head.get(..e.valid_up_to()).unwrap_or_default();
            std::borrow::Cow::Borrowed(str::from_utf8(whole).unwrap_or_default())
        }
        Err(_) => {
            rejections.replaced_text += 1;
            String::from_utf8_lossy(head)
        }
    };
    let mut out = String::with_capacity(kept.len().min(cap));
    for c in kept.chars() {
        let c = match c {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() || is_hidden(c) => {
                mended = true;
                continue;
            }
            c => c,
        };
        if out.len() + c.len_utf8() > cap {
            mended = true;
            break;
        }
        out.push(c);
    }
    if mended {
        rejections.truncated += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(raw: &[u8], cap: usize) -> (String, u64, u64) {
        let mut r = Rejections::default();
        let text = clean(raw, cap, &mut r);
        (text, r.replaced_text, r.truncated)
    }

    #[test]
    fn text_is_mended_and_counted() {
        assert_eq!(cleaned(b"GET /x", 4096), ("GET /x".into(), 0, 0));
        assert_eq!(cleaned(b"a\xffb", 4096), ("a\u{fffd}b".into(), 1, 0));
        assert_eq!(cleaned(b"a\0b", 4096), ("ab".into(), 0, 1));
        assert_eq!(cleaned("a\u{202e}b".as_bytes(), 4096), ("ab".into(), 0, 1));
        assert_eq!(cleaned(b"a\nb", 4096), ("a b".into(), 0, 0));
        let secret = "über http://me:hunter2@db/x".as_bytes();
        assert_eq!(cleaned(secret, 4096), ("über http://**********@db/x".into(), 0, 0));
        assert_eq!(cleaned("ééé".as_bytes(), 5), ("éé".into(), 0, 1));
        assert_eq!(cleaned("ééé".as_bytes(), 6), ("ééé".into(), 0, 0));
        let long = "€".repeat(5_000);
        let (text, replaced, truncated) = cleaned(long.as_bytes(), 4096);
        assert_eq!((text.len(), replaced, truncated), (4095, 0, 1));
    }
}
