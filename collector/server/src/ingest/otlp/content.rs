//! What a span says of the content of its call: whether a query with its values was made before, and how
//! much was carried.
//!
//! Texts and values are reduced to ten bits here and go no further. What a repetition or a large body means
//! is decided in the core.

use super::known::{Key, Known};
use super::value::Scalar;
use longpole_model::signal::{Content, SpanCategory};

/// Of a query's text so many bytes are looked at: a list of ten thousand ids is not read to its end.
const MOST: usize = 1024;
/// Odd constants without a pattern (SplitMix64's).
const MIX: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9];

/// What the known attributes of a span say; `None` where that is nothing.
#[inline]
pub(super) fn content(span: u32, category: SpanCategory, known: &Known<'_>) -> Option<Content> {
    const SIZES: [Key; 8] = [
        Key::RequestSize,
        Key::RequestSizeOld,
        Key::ResponseSize,
        Key::ResponseSizeOld,
        Key::MessageSize,
        Key::Rows,
        Key::DbText,
        Key::DbTextOld,
    ];
    if !known.any(SIZES) {
        return None;
    }
    let store = category == SpanCategory::Store;
    let (query, amount) = match store {
        true => (fingerprint(known), number(known, [Key::Rows])),
        false => {
            let request = number(known, [Key::RequestSize, Key::RequestSizeOld, Key::MessageSize]);
            (0, request.saturating_add(number(known, [Key::ResponseSize, Key::ResponseSizeOld])))
        }
    };
    (query > 0 || amount > 0).then_some(Content { span, query, amount })
}

/// The first of `keys` that holds a number, as instrumentations write it.
fn number<const N: usize>(known: &Known<'_>, keys: [Key; N]) -> u64 {
    let of = |key| match known.get(key)? {
        Scalar::Int(n) => u64::try_from(n).ok(),
        Scalar::Double(x) if x >= 0.0 => Some(x as u64),
        Scalar::Text(t) => std::str::from_utf8(t).ok()?.parse().ok(),
        _ => None,
    };
    keys.into_iter().find_map(of).unwrap_or(0)
}

/// Text and values in ten bits, never 0. A text with places for values whose values are not told says
/// nothing: each row of an N+1 has the same one.
fn fingerprint(known: &Known<'_>) -> u16 {
    let Some(text) = known.text([Key::DbText, Key::DbTextOld]) else { return 0 };
    let text = text.get(..MOST).unwrap_or(text);
    let values = known.parameters();
    if values == 0 && has_places(text) {
        return 0;
    }
    let h = hash(text) ^ values;
    (1 + (h.wrapping_mul(MIX[1]) >> 32) % u64::from(Content::QUERIES)) as u16
}

/// Whether values were left out: `?`, `$1`, `:name`, `%s`.
fn has_places(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|c| matches!(c, b'?' | b'$' | b':' | b'%')) {
        let place = match rest.get(at..).unwrap_or_default() {
            [b'?', ..] => true,
            [b'$', c, ..] => c.is_ascii_digit(),
            [b':', c, ..] => c.is_ascii_alphabetic(),
            [b'%', c, ..] => matches!(c, b's' | b'('),
            _ => false,
        };
        if place {
            return true;
        }
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    false
}

/// Mixes text eight bytes at a time.
pub(super) fn hash(text: &[u8]) -> u64 {
    let mix = |h: u64, word| (h ^ u64::from_le_bytes(word)).wrapping_mul(MIX[0]).rotate_left(29);
    let (words, tail) = text.as_chunks::<8>();
    let h = words.iter().fold(text.len() as u64, |h, word| mix(h, *word));
    if tail.is_empty() {
        return h;
    }
    let mut last = [0; 8];
    last.iter_mut().zip(tail).for_each(|(to, byte)| *to = *byte);
    mix(h, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str, value: Option<i64>) -> u16 {
        let mut known = Known::new();
        known.set(Key::DbText, Scalar::Text(text.as_bytes()));
        value.into_iter().for_each(|v| known.parameter(Scalar::Int(v)));
        content(0, SpanCategory::Store, &known).map_or(0, |c| c.query)
    }

    #[test]
    fn the_same_query_is_text_and_values() {
        let whole = "SELECT name FROM items WHERE id = 7";
        assert_eq!(of(whole, None), of(whole, None));
        assert_ne!(of(whole, None), of("SELECT name FROM items WHERE id = 8", None));
        for places in ["SELECT 1 WHERE id = ?", "WHERE id = $1", "WHERE id = :id", "id = %s"] {
            assert_eq!(of(places, None), 0, "{places}");
            assert_ne!(of(places, Some(7)), 0);
            assert_eq!(of(places, Some(7)), of(places, Some(7)));
            assert_ne!(of(places, Some(7)), of(places, Some(8)));
        }
    }

    #[test]
    fn sizes_are_added_up_and_rows_belong_to_queries() {
        let mut known = Known::new();
        assert_eq!(content(0, SpanCategory::Call, &known), None);
        known.set(Key::RequestSize, Scalar::Int(100));
        known.set(Key::ResponseSizeOld, Scalar::Text(b"23"));
        known.set(Key::Rows, Scalar::Int(9));
        let amount = |category| content(3, category, &known).map(|c| (c.span, c.amount));
        assert_eq!(amount(SpanCategory::Own), Some((3, 123)));
        assert_eq!(amount(SpanCategory::Store), Some((3, 9)));
        known.set(Key::Rows, Scalar::Int(-1));
        assert_eq!(content(0, SpanCategory::Store, &known), None);
    }
}
