//! What healthy streams show, check by check. Pure: the API's answer in, checks out.

use super::checks::Check;
use serde_json::Value;

/// Seconds of lag that are worth a word.
const LAG: f64 = 5.0;
/// Seconds by which clocks may differ.
const CLOCKS: f64 = 1.0;

/// Every check of the streams; none where no Redis is read.
pub(super) fn examine(answer: &Value) -> Vec<Check> {
    let redis = &answer["redis"];
    if !redis.is_object() {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut check = |ok: bool, what: String, fix: &str| {
        out.push(Check { ok, what, fix: (!ok).then(|| fix.to_owned()) });
    };
    let text = |name: &str| redis[name].as_str().unwrap_or("?").to_owned();
    let address = text("address");
    if redis["up"] != true {
        let fix = "start it, or mend redis.url; senders are told to wait and keep what they have";
        check(false, format!("{address} is not read: {}", text("why")), fix);
    } else {
        check(true, format!("reading {address}"), "");
    }
    if redis["writable"] == false {
        let fix = "give Redis room, or bring it back; senders wait and come again by themselves";
        check(false, format!("nothing is written: {}", text("why_not_writable")), fix);
    }
    let nodes = redis["nodes"].as_array().cloned().unwrap_or_default();
    for node in &nodes {
        let text = |name: &str| node[name].as_str().unwrap_or("?").to_owned();
        let (at, version, policy) = (text("address"), text("version"), text("maxmemory_policy"));
        check(true, format!("{at}: version {version}, {policy}"), "");
        let persistence = text("persistence");
        let fix =
            "set appendonly yes (appendfsync everysec) where spans must survive a crash of Redis";
        check(persistence.starts_with("append"), format!("{at}: persistence: {persistence}"), fix);
        let ahead = node["clock_ahead_seconds"].as_f64().unwrap_or(0.0);
        let fix = "windows are cut by Redis's clock: synchronise both machines (NTP)";
        check(ahead.abs() <= CLOCKS, format!("{at}: its clock is {ahead:.3} s ahead of ours"), fix);
    }
    let here = redis["collectors"].as_array().map_or(0, Vec::len);
    match redis["leader"].as_str().filter(|l| !l.is_empty()) {
        Some(leader) => {
            check(true, format!("{here} collectors share the streams; {leader} leads"), "")
        }
        None => {
            let fix = "it takes some seconds; else see the collectors' logs: one of them must reach Redis";
            check(false, format!("{here} collectors share the streams; nobody leads"), fix);
        }
    }
    let streams = redis["streams"].as_array().cloned().unwrap_or_default();
    for s in &streams {
        let number = |name: &str| s[name].as_u64().unwrap_or(0);
        let lag = s["lag_seconds"].as_f64().unwrap_or(0.0);
        let owner = s["owner"].as_str().filter(|o| !o.is_empty());
        let (what, ok) = match (owner, s["ours"] == true) {
            (None, _) => ("nobody owns it".to_owned(), false),
            (Some(owner), false) => (format!("read by {owner}"), true),
            (Some(owner), true) => {
                let at = s["position"].as_str().unwrap_or("?");
                (format!("ours ({owner}), read up to {at}, {lag:.1} s behind"), lag <= LAG)
            }
        };
        let what = format!("stream {}: {what}, {} entries", number("shard"), number("length"));
        let fix = "the collector is behind or cut off: see deploy/RUNBOOK.md, \"Streams lag\"";
        check(ok, what, fix);
        let gone = number("gone");
        let fix =
            "somebody trims or deletes: only the collector may; shipped rights keep producers off";
        if gone > 0 {
            let shard = number("shard");
            check(false, format!("stream {shard}: {gone} entries were gone unread"), fix);
        }
    }
    let dead = redis["dead_letters"].as_u64().unwrap_or(0);
    let fix = "XRANGE lp:{0}:dead - + (and the other streams') shows them with their reasons";
    check(dead == 0, format!("{dead} dead letters"), fix);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_with_what_mends_them() {
        assert_eq!(examine(&serde_json::json!({ "redis": null })), []);
        let stream = |shard: u32, ours: bool, owner: &str, lag: f64| {
            serde_json::json!({ "shard": shard, "ours": ours, "owner": owner, "position": "5-1",
                "length": 7, "gone": shard, "lag_seconds": lag })
        };
        let node = |at: &str, persistence: &str, ahead: f64| {
            serde_json::json!({ "address": at, "version": "7.0.15", "maxmemory_policy": "noeviction",
                "persistence": persistence, "clock_ahead_seconds": ahead })
        };
        let answer = serde_json::json!({ "redis": {
            "address": "redis://h:6379", "up": true, "dead_letters": 2, "collectors": ["me", "you"],
            "nodes": [node("h:6379", "none: spans", 0.001), node("i:6379", "append-only file", -2.0)],
            "streams": [stream(0, true, "me", 0.0), stream(1, true, "me", 9.0), stream(2, false, "", 0.0)],
        }});
        let all = examine(&answer);
        let bad: Vec<&str> = all.iter().filter(|c| !c.ok).map(|c| c.what.as_str()).collect();
        let want = [
            "h:6379: persistence: none: spans",
            "i:6379: its clock is -2.000 s ahead of ours",
            "2 collectors share the streams; nobody leads",
            "stream 1: ours (me), read up to 5-1, 9.0 s behind, 7 entries",
            "stream 1: 1 entries were gone unread",
            "stream 2: nobody owns it, 7 entries",
            "stream 2: 2 entries were gone unread",
            "2 dead letters",
        ];
        assert_eq!(bad, want);
        assert!(all.iter().all(|c| c.ok == c.fix.is_none()));
        let down = serde_json::json!({ "redis": { "address": "redis://h:1", "up": false, "why": "refused",
            "writable": false, "why_not_writable": "OOM" }});
        let told = examine(&down);
        assert!(told.iter().any(|c| !c.ok && c.what == "nothing is written: OOM"));
        assert!(told.iter().any(|c| !c.ok && c.what == "redis://h:1 is not read: refused"));
    }
}
