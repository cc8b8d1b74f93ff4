//! The bytes of the Redis protocol (RESP2): commands out, replies in. Nothing of a reply is trusted.

/// Bytes of one reply at most.
pub(super) const LONGEST: usize = 64 << 10;
/// Elements of one array at most.
const WIDEST: usize = 1_024;
/// Streams, entries and fields of an answer to XREAD.
const DEEPEST: u32 = 5;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Of a status or a bulk.
    Text(Vec<u8>),
    Error(String),
    Integer(i64),
    Array(Vec<Value>),
    Null,
}

/// Appends a command: its words, then more of them.
pub(super) fn command(out: &mut Vec<u8>, words: &[&[u8]], more: &[&[u8]]) {
    let count = (words.len() + more.len()).to_string();
    out.push(b'*');
    out.extend_from_slice(count.as_bytes());
    out.extend_from_slice(b"\r\n");
    for word in words.iter().chain(more) {
        out.push(b'$');
        out.extend_from_slice(word.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Reads one reply from the front: it and its length, `None` when there is more to come, an error when
/// it is no reply.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Value, usize)>, &'static str> {
    let read = value(bytes, DEEPEST);
    match &read {
        Ok(None) if bytes.len() >= LONGEST => Err("a reply longer than 64 KiB"),
        Ok(Some((_, used))) if *used > LONGEST => Err("a reply longer than 64 KiB"),
        _ => read,
    }
}

fn value(bytes: &[u8], depth: u32) -> Result<Option<(Value, usize)>, &'static str> {
    let Some(end) = bytes.windows(2).position(|w| w == b"\r\n") else { return Ok(None) };
    let (kind, line) = (bytes[0], bytes.get(1..end).unwrap_or_default());
    let after = end + 2;
    let text = || String::from_utf8_lossy(line).into_owned();
    let number = || std::str::from_utf8(line).ok().and_then(|t| t.parse::<i64>().ok());
    Ok(Some(match kind {
        b'+' => (Value::Text(line.to_vec()), after),
        b'-' => (Value::Error(text()), after),
        b':' => (Value::Integer(number().ok_or("a number that is none")?), after),
        b'$' => match number().ok_or("a length that is none")? {
            -1 => (Value::Null, after),
            long => {
                let long = usize::try_from(long).ok().filter(|l| *l <= LONGEST);
                let end = after + long.ok_or("a reply longer than 64 KiB")?;
                let Some(body) = bytes.get(after..end) else { return Ok(None) };
                (Value::Text(body.to_vec()), end + 2)
            }
        },
        b'*' if depth > 0 => match number().ok_or("a length that is none")? {
            -1 => (Value::Null, after),
            many => {
                let many = usize::try_from(many).ok().filter(|m| *m <= WIDEST);
                let (mut all, mut at) = (Vec::new(), after);
                for _ in 0..many.ok_or("an array too wide")? {
                    let Some(rest) = bytes.get(at..) else { return Ok(None) };
                    let Some((one, used)) = value(rest, depth - 1)? else { return Ok(None) };
                    all.push(one);
                    at += used;
                }
                (Value::Array(all), at)
            }
        },
        _ => return Err("no reply of Redis; is this its port?"),
    })
    .filter(|(_, used)| *used <= bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies_are_read_when_they_are_whole() {
        let whole = b"*3\r\n$1\r\n4\r\n$-1\r\n:7\r\n";
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), Ok(None), "{cut}");
        }
        let want = Value::Array(vec![Value::Text(b"4".to_vec()), Value::Null, Value::Integer(7)]);
        assert_eq!(parse(whole), Ok(Some((want, whole.len()))));
        let error = Value::Error("OOM x".to_owned());
        assert_eq!(parse(b"-OOM x\r\n+OK\r\n"), Ok(Some((error, 8))));
    }

    #[test]
    fn giants_and_strangers_are_refused() {
        assert!(parse(b"$999999999\r\n").is_err());
        assert!(parse(b"*99999999\r\n").is_err());
        assert!(parse(b"HTTP/1.1 400 Bad Request\r\n").is_err());
        assert!(parse(&vec![b'+'; LONGEST]).is_err(), "no end in sight");
        assert!(parse("*1\r\n".repeat(9).as_bytes()).is_err(), "too deep");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in "[*$:+\\-0-9a\r\n]{0,60}") {
            if let Ok(Some((_, used))) = parse(bytes.as_bytes()) {
                prop_assert!(used <= bytes.len());
            }
        }
    }

    #[test]
    fn commands_are_arrays_of_bulks() {
        let mut out = Vec::new();
        command(&mut out, &[b"XADD", b"k"], &[b"", b"v\r\n"]);
        assert_eq!(out, b"*4\r\n$4\r\nXADD\r\n$1\r\nk\r\n$0\r\n\r\n$3\r\nv\r\n\r\n");
    }
}
