//! A profile on demand: a collector asks a running program where its processor time goes; what comes back names the
//! function that burns and the span that it burns in. Who was not asked cannot put one.

use flate2::read::GzDecoder;
use longpole_proto::order::{HEADER_REPORT, HEADER_TAKER, PATH_PROFILE};
use longpole_proto::pprof;
use longpole_sdk::span;
use longpole_tests::collector::{Collector, wait_until};
use prost::Message;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
/// Names are looked up in the debug information of a large test binary.
const LATER: Duration = Duration::from_secs(120);

#[inline(never)]
fn kneads_the_dough(stop: &AtomicBool) -> u64 {
    let mut x = 1u64;
    while !stop.load(Ordering::Relaxed) {
        for i in 0..10_000u64 {
            x = std::hint::black_box(x.rotate_left(5) ^ i);
        }
    }
    x
}

#[test]
fn a_profile_names_the_function_and_the_span() {
    let collector = Collector::start(&["--window", "1s", "--lateness", "1s"]);
    let guard = longpole_sdk::Builder::new("bakery")
        .endpoint(&format!("http://{}", collector.http))
        .schedule_delay(Duration::from_millis(20))
        .env(|name| (name == "LONGPOLE_CONTROL").then(|| "sampling,profile".to_owned()))
        .quiet(true)
        .init()
        .expect("starts");
    let stop = Arc::new(AtomicBool::new(false));
    let (told, heard) = std::sync::mpsc::channel();
    let flag = Arc::clone(&stop);
    let baker = std::thread::spawn(move || {
        let _span = span!("bake");
        let context = longpole_sdk::current().expect("a span");
        told.send(context).expect("somebody listens");
        kneads_the_dough(&flag)
    });
    let context = heard.recv().expect("it bakes");
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let come_by = || {
        drop(span!("tick"));
        guard.flush(SOON);
    };
    wait_until(SOON, "the process is known as one that takes profiles", || {
        come_by();
        let table = collector.table("/api/v1/control");
        table["profilable"]["bakery"].as_array().is_some_and(|a| a.len() == 1)
    });
    let out = serde_json::json!({"kind": "profile", "service": "bakery", "seconds": 61});
    assert_eq!(collector.order(&out).0, 400);
    let other = serde_json::json!({"kind": "profile", "service": "mill", "seconds": 1});
    assert_eq!(collector.order(&other).0, 409);
    let good =
        serde_json::json!({"kind": "profile", "service": "bakery", "seconds": 2, "rate": 199});
    let (status, order) = collector.order(&good);
    assert_eq!((status, &order["kind"]), (201, &serde_json::json!("profile")), "{order}");
    let outcome = |n: usize| {
        let table = collector.table("/api/v1/control");
        let all = table["orders"][n]["instances"].as_object().cloned().unwrap_or_default();
        all.values().next().cloned().unwrap_or_default()
    };
    wait_until(LATER, "the profile comes", || {
        come_by();
        outcome(0)["profile"] == 1
    });
    // Not again at once: the program says why.
    assert_eq!(collector.order(&good).0, 201);
    wait_until(SOON, "a second one is refused", || {
        come_by();
        outcome(1)["refused"].as_str().is_some_and(|why| why.contains("less than 60 s ago"))
    });
    stop.store(true, Ordering::Relaxed);
    baker.join().expect("the host goes on");

    let listed = collector.table("/api/v1/profiles");
    assert_eq!(
        (&listed["profiles"][0]["order"], &listed["count"]["taken"]),
        (&order["id"], &1.into())
    );
    let top = collector.table("/api/v1/profiles/1/top");
    let hottest = &top["top"]["functions"][0];
    let name = hottest["function"].as_str().unwrap_or_default();
    assert!(name.ends_with("kneads_the_dough"), "{top:#}");
    assert!(hottest["self_share"].as_f64().is_some_and(|s| s > 0.3), "{hottest}");
    let span = &top["top"]["spans"][0];
    assert_eq!(span["trace_id"], hex(&context.trace_id), "{span}");
    assert_eq!(span["span_id"], hex(&context.span_id), "{span}");
    assert!(span["function"].as_str().is_some_and(|f| f.ends_with("kneads_the_dough")), "{span}");

    let file = collector.get("/api/v1/profiles/1");
    let mut bytes = Vec::new();
    GzDecoder::new(file.body.as_slice()).read_to_end(&mut bytes).expect("gzip");
    let profile = pprof::Profile::decode(bytes.as_slice()).expect("pprof");
    assert!(profile.sample.iter().any(|s| !s.label.is_empty()));
    assert_eq!(profile.period, 1_000_000_000 / 199);
    assert_eq!(collector.get("/api/v1/profiles/2").status, 404);
    assert_eq!(collector.get("/api/v1/profiles/x/top").status, 404);

    nobody_else_puts_one(&collector, &order);
    assert!(guard.shutdown(SOON));
    let s = longpole_sdk::stats();
    assert_eq!((s.created, s.queued), (s.sent, 0), "{s:?}");
    by_grpc(&collector);
    collector.terminate();
}

/// A later life of the same program, by the other protocol.
fn by_grpc(collector: &Collector) {
    let guard = longpole_sdk::Builder::new("mill")
        .endpoint(&format!("http://{}", collector.grpc))
        .protocol(longpole_sdk::Protocol::Grpc)
        .schedule_delay(Duration::from_millis(20))
        .env(|name| (name == "LONGPOLE_CONTROL").then(|| "profile".to_owned()))
        .quiet(true)
        .init()
        .expect("starts again");
    let known = |table: &serde_json::Value| table["profilable"]["mill"].is_array();
    let come_by = || {
        drop(span!("tick"));
        guard.flush(SOON);
        collector.table("/api/v1/control")
    };
    wait_until(SOON, "the process is known", || known(&come_by()));
    let wish = serde_json::json!({"kind": "profile", "service": "mill", "seconds": 1});
    let (status, order) = collector.order(&wish);
    assert_eq!(status, 201, "{order}");
    wait_until(LATER, "the profile comes by gRPC", || {
        let table = come_by();
        let all = table["orders"].as_array().cloned().unwrap_or_default();
        let ours = all.into_iter().find(|o| o["id"] == order["id"]).unwrap_or_default();
        let outcome = ours["instances"].as_object().and_then(|i| i.values().next().cloned());
        outcome.is_some_and(|o| o["profile"] == 2)
    });
    assert!(guard.shutdown(SOON));
}

/// Not twice, not without an order, not of somebody else, and not what is too large.
fn nobody_else_puts_one(collector: &Collector, order: &serde_json::Value) {
    let put = |taker: &str, report: &str, body: &[u8]| {
        let headers = [(HEADER_TAKER, taker), (HEADER_REPORT, report)];
        collector.post(PATH_PROFILE, &headers, body).status
    };
    let id = format!("id={}", order["id"]);
    let table = collector.table("/api/v1/control");
    let instance = table["takers"]["bakery"][0].as_str().expect("known").to_owned();
    let taker = format!("service=bakery,instance={instance},takes=profile");
    assert_eq!(put(&taker, &id, b"again"), 409);
    assert_eq!(put("service=bakery,instance=liar,takes=profile", &id, b"x"), 409);
    assert_eq!(put(&taker, "id=99", b"x"), 409);
    assert_eq!(put("", "", b"x"), 400);
    // An order that the liar takes itself, and answers with what is no profile.
    let wish = serde_json::json!({
        "kind": "profile", "service": "liars", "instance": "liar", "seconds": 1,
    });
    let liar = "service=liars,instance=liar,takes=profile";
    let headers = [(HEADER_TAKER, liar), ("content-type", "application/x-protobuf")];
    collector.post("/v1/traces", &headers, b"");
    let (status, told) = collector.order(&wish);
    assert_eq!(status, 201, "{told}");
    let answer = collector.post("/v1/traces", &headers, b"");
    assert_eq!(answer.status, 200);
    let id = format!("id={}", told["id"]);
    assert_eq!(put(liar, &id, b"no profile"), 400);
    assert_eq!(put(liar, &id, &vec![0; (1 << 20) + 1]), 413);
    let count = &collector.table("/api/v1/profiles")["count"];
    assert_eq!((&count["taken"], &count["refused"]), (&1.into(), &6.into()), "{count}");
}
