//! Orders by Redis: says every few seconds that this process takes some, and hears what is asked; sends a profile.
//! Three streams beside those of spans, which no delivery contract covers: what is lost is said again.

use super::super::Outcome;
use super::resp::{self, Value};
use super::{Redis, later};
use longpole_proto::order::{
    FIELD_ORDER, FIELD_PROFILE, FIELD_REPORT, FIELD_TAKER, KEY_ORDERS, KEY_PROFILES, KEY_SAID,
    PROFILES_KEPT, SAID_KEPT, Taker,
};
use std::time::Duration;

/// Spans do not wait longer for this, whatever is allowed to them.
const LIMIT: Duration = Duration::from_secs(1);
/// Entries heard at once.
const COUNT: &[u8] = b"16";

impl Redis {
    /// Says who takes orders and what became of one; gives back what was asked since the last time. The first time
    /// nothing is: what was asked before was not asked of this process.
    pub async fn exchange(
        &mut self,
        taker: &Taker,
        report: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let whom = taker.write();
        let limit = self.settings.timeout.min(LIMIT);
        let done = tokio::time::timeout(limit, self.speak(&whom, report)).await;
        done.unwrap_or_else(|_| Err("no answer in time".to_owned())).inspect_err(|_| {
            // What was read of an answer that did not come is of no use to the next.
            self.open.clear();
        })
    }

    async fn speak(&mut self, whom: &str, report: Option<&str>) -> Result<Vec<String>, String> {
        let mut fields = vec![FIELD_TAKER.as_bytes(), whom.as_bytes()];
        fields.extend(report.into_iter().flat_map(|r| [FIELD_REPORT.as_bytes(), r.as_bytes()]));
        let mut bytes = Vec::new();
        say(&mut bytes, KEY_SAID, b"~", SAID_KEPT, &fields);
        let said = self.ask(KEY_SAID, &bytes).await?;
        let heard = self.heard.clone();
        let found = match &heard {
            Some(heard) => {
                let words: [&[u8]; 6] =
                    [b"XREAD", b"COUNT", COUNT, b"STREAMS", KEY_ORDERS.as_bytes(), heard];
                bytes.clear();
                resp::command(&mut bytes, &words, &[]);
                self.ask(KEY_ORDERS, &bytes).await?
            }
            None => Value::Null,
        };
        match said {
            Value::Text(id) => {
                // An id is a time of the server: what is asked from now on has a later one.
                let (asked, last) = asked(found, whom);
                self.heard = last.or(heard).or(Some(id));
                Ok(asked)
            }
            other => Err(format!("an answer that is none: {other:?}")),
        }
    }

    /// Sends a profile that was asked for.
    pub async fn put_profile(&mut self, taker: &Taker, report: &str, packed: &[u8]) -> Outcome {
        let whom = taker.write();
        let fields = [
            (FIELD_TAKER, whom.as_bytes()),
            (FIELD_REPORT, report.as_bytes()),
            (FIELD_PROFILE, packed),
        ];
        let fields: Vec<&[u8]> = fields.iter().flat_map(|(k, v)| [k.as_bytes(), *v]).collect();
        let mut bytes = Vec::new();
        // Each may have a mebibyte: not about so many, but so many.
        say(&mut bytes, KEY_PROFILES, b"=", PROFILES_KEPT, &fields);
        let limit = self.settings.timeout;
        let done = tokio::time::timeout(limit, self.ask(KEY_PROFILES, &bytes)).await;
        match done.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(Value::Text(_)) => Outcome::Taken { rejected: 0, message: String::new() },
            Ok(other) => later(&format!("an answer that is none: {other:?}"), true),
            Err(why) => {
                self.open.clear();
                later(&why, false)
            }
        }
    }
}

/// XADD with a bound on the stream.
fn say(out: &mut Vec<u8>, key: &str, how: &[u8], kept: usize, fields: &[&[u8]]) {
    let kept = kept.to_string();
    let words: [&[u8]; 6] = [b"XADD", key.as_bytes(), b"MAXLEN", how, kept.as_bytes(), b"*"];
    resp::command(out, &words, fields);
}

/// Orders for this process in an answer to XREAD, and the id of its last entry.
fn asked(found: Value, whom: &str) -> (Vec<String>, Option<Vec<u8>>) {
    let all = |value: Value| if let Value::Array(all) = value { all } else { Vec::new() };
    let bytes = |value: Value| if let Value::Text(bytes) = value { Some(bytes) } else { None };
    let (mut orders, mut last) = (Vec::new(), None);
    // Streams, of each its key and its entries, of each its id and its fields.
    let entries = all(found).into_iter().filter_map(|stream| all(stream).into_iter().nth(1));
    for entry in entries.flat_map(all) {
        let mut entry = all(entry).into_iter();
        let Some(id) = entry.next().and_then(bytes) else { continue };
        last = Some(id);
        let fields: Vec<Vec<u8>> =
            entry.next().map(all).unwrap_or_default().into_iter().filter_map(bytes).collect();
        let field = |name: &str| {
            let mut pairs = fields.chunks_exact(2);
            pairs.find(|pair| pair[0] == name.as_bytes()).map(|pair| pair[1].as_slice())
        };
        if field(FIELD_TAKER) == Some(whom.as_bytes())
            && let Some(order) = field(FIELD_ORDER).and_then(|o| std::str::from_utf8(o).ok())
        {
            orders.push(order.to_owned());
        }
    }
    (orders, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Value {
        Value::Text(t.as_bytes().to_vec())
    }

    fn entry(id: &str, whom: &str, order: &str) -> Value {
        let fields = [FIELD_TAKER, whom, FIELD_ORDER, order].map(text).to_vec();
        Value::Array(vec![text(id), Value::Array(fields)])
    }

    #[test]
    fn orders_for_others_are_passed_over() {
        let entries = vec![
            entry("5-0", "us", "id=1"),
            entry("6-0", "them", "id=2"),
            Value::Array(vec![text("7-0"), Value::Null]),
        ];
        let found = Value::Array(vec![Value::Array(vec![text(KEY_ORDERS), Value::Array(entries)])]);
        assert_eq!(asked(found, "us"), (vec!["id=1".to_owned()], Some(b"7-0".to_vec())));
        for none in [Value::Null, Value::Integer(3), Value::Array(vec![Value::Array(vec![])])] {
            assert_eq!(asked(none, "us"), (vec![], None));
        }
    }
}
