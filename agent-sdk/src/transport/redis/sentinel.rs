//! Where the master is, asked of a Sentinel: each time that a connection is made, so that after a failover the next
//! one finds the new master. Without login: who is a Sentinel's user is not ours.

use super::connection::Connection;
use super::resp::{self, Value};
use crate::transport::settings::{Redis as Settings, at};

/// Asks the Sentinel at `place` for the master of a name: its `host:port`.
pub(super) async fn ask(settings: &Settings, place: &str, master: &str) -> Result<String, String> {
    let nobody = Settings { user: None, password: None, database: 0, ..settings.clone() };
    let mut sentinel = Connection::open(&nobody, place).await?;
    let mut bytes = Vec::new();
    let words: [&[u8]; 3] = [b"SENTINEL", b"get-master-addr-by-name", master.as_bytes()];
    resp::command(&mut bytes, &words, &[]);
    sentinel.write(&bytes).await.map_err(|e| e.to_string())?;
    match sentinel.read().await.map_err(|e| e.to_string())? {
        Value::Array(told) => {
            told_at(&told).ok_or_else(|| format!("an answer that is none: {told:?}"))
        }
        Value::Null => Err(format!("knows no master {master}")),
        Value::Error(why) => Err(why),
        other => Err(format!("an answer that is none: {other:?}")),
    }
}

fn told_at(told: &[Value]) -> Option<String> {
    let [Value::Text(host), Value::Text(port)] = told else { return None };
    let (host, port) = (std::str::from_utf8(host).ok()?, std::str::from_utf8(port).ok()?);
    (!host.is_empty()).then_some(at(host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_is_believed() {
        let text = |t: &str| Value::Text(t.as_bytes().to_vec());
        assert_eq!(told_at(&[text("h"), text("6379")]).as_deref(), Some("h:6379"));
        assert_eq!(told_at(&[text("::1"), text("1")]).as_deref(), Some("[::1]:1"));
        for bad in [&[text("h"), text("x")][..], &[text(""), text("1")], &[text("h")], &[]] {
            assert_eq!(told_at(bad), None);
        }
    }
}
