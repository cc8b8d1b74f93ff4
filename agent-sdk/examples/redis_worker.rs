//! A worker on a Redis Stream: who puts a job in writes its context beside it, who takes it out goes on in
//! the same trace, and the time in between is seen as queue wait.
//!
//! ```text
//! redis-server &
//! LONGPOLE_REDIS_URL=redis://127.0.0.1:6379 OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \
//!     cargo run -p longpole-sdk --example redis_worker
//! ```
//!
//! Telemetry goes to that Redis when a collector has created its streams (`lp:meta`), else by OTLP, else
//! to the folder that `LONGPOLE_SPILL_DIR` names.

use longpole_sdk::span;
use redis::Commands;
use redis::streams::{StreamId, StreamReadReply};

const STREAM: &str = "jobs";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _guard = longpole_sdk::init("worker")?;
    let url = std::env::var("LONGPOLE_REDIS_URL").unwrap_or("redis://127.0.0.1:6379".to_owned());
    let mut redis = redis::Client::open(url)?.get_connection()?;
    for number in 0..10 {
        put(&mut redis, number)?;
    }
    let read: Option<StreamReadReply> = redis.xread(&[STREAM], &["0"])?;
    for entry in read.into_iter().flat_map(|r| r.keys).flat_map(|k| k.ids) {
        take(&entry);
    }
    Ok(())
}

/// The producer's side: the job and the context are fields of one entry.
fn put(redis: &mut redis::Connection, number: u32) -> redis::RedisResult<()> {
    let _span = span!(kind: Producer, "send jobs", number = number);
    let mut fields = longpole_sdk::inject_fields();
    fields.push(("number", number.to_string()));
    let _: String = redis.xadd(STREAM, "*", &fields)?;
    Ok(())
}

/// The consumer's side.
fn take(entry: &StreamId) {
    let fields: Vec<(String, String)> =
        entry.map.keys().filter_map(|k| Some((k.clone(), entry.get(k)?))).collect();
    let get = |key: &str| fields.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let message = longpole_sdk::receive(&entry.id, get);
    let mut span = message.span(STREAM, "workers").enter();
    span.set("number", get("number"));
    message.with_baggage(|| println!("done: {:?}", get("number")));
}
