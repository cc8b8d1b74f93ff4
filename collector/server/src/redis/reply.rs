//! The answers to XREAD and XREVRANGE as entries, by stream. Anything else in its place is passed over: replies come
//! from a server that we do not own.

use super::id::EntryId;
use longpole_proto::road::stream_key;
use redis::Value;

/// Entries of one stream: id, and names and values in turn. No fields: it was trimmed or deleted.
pub type Entries = Vec<(EntryId, Vec<Vec<u8>>)>;

/// Entries by shard.
pub fn read(reply: Value, shards: u32) -> Vec<(u32, Entries)> {
    let keys: Vec<String> = (0..shards).map(stream_key).collect();
    let found = named(reply, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    found.into_iter().filter_map(|(n, entries)| Some((u32::try_from(n).ok()?, entries))).collect()
}

/// Entries by the place of their stream's key among `keys`.
pub fn named(reply: Value, keys: &[&str]) -> Vec<(usize, Entries)> {
    let pairs: Vec<(Value, Value)> = match reply {
        Value::Map(pairs) => pairs,
        Value::Array(streams) => streams.into_iter().filter_map(pair).collect(),
        _ => Vec::new(),
    };
    let place = |key: &[u8]| keys.iter().position(|k| k.as_bytes() == key);
    let stream = |(key, found): (Value, Value)| Some((place(&bytes(key)?)?, found));
    let streams =
        pairs.into_iter().filter_map(stream).filter(|(_, f)| matches!(f, Value::Array(_)));
    streams.map(|(key, found)| (key, entries(found))).collect()
}

/// Entries as XRANGE and its like give them.
pub fn entries(found: Value) -> Entries {
    let Value::Array(found) = found else { return Vec::new() };
    found.into_iter().filter_map(entry).collect()
}

fn pair(value: Value) -> Option<(Value, Value)> {
    let Value::Array(two) = value else { return None };
    let mut two = two.into_iter();
    Some((two.next()?, two.next()?))
}

fn entry(value: Value) -> Option<(EntryId, Vec<Vec<u8>>)> {
    let (id, fields) = pair(value)?;
    let id = EntryId::parse(&bytes(id)?)?;
    let fields = match fields {
        Value::Array(fields) => fields.into_iter().map(|f| bytes(f).unwrap_or_default()).collect(),
        _ => Vec::new(),
    };
    Some((id, fields))
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Value {
        Value::BulkString(t.as_bytes().to_vec())
    }

    #[test]
    fn entries_are_found_and_the_rest_is_passed_over() {
        let one = Value::Array(vec![text("5-1"), Value::Array(vec![text("a"), text("b")])]);
        let gone = Value::Array(vec![text("6-0"), Value::Nil]);
        let odd = Value::Array(vec![text("no id"), Value::Int(3)]);
        let stream = Value::Array(vec![text("lp:{1}"), Value::Array(vec![one, gone, odd])]);
        let strange = Value::Array(vec![text("other"), Value::Array(vec![])]);
        let read = read(Value::Array(vec![stream, strange, Value::Nil]), 2);
        let id = |millis, number| EntryId { millis, number };
        let fields = vec![b"a".to_vec(), b"b".to_vec()];
        assert_eq!(read, [(1, vec![(id(5, 1), fields), (id(6, 0), vec![])])]);
        assert_eq!(super::read(Value::Nil, 2), []);
        assert_eq!(super::read(Value::Int(1), 2), []);
    }
}
