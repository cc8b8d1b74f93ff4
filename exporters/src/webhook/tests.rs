//! The document's golden file and the signature's published vector.

use super::*;
use crate::fixture::{HOSTILE, at, snapshot};
use crate::text::is_hostile;
use longpole_model::finding::{BottleneckKind, Event, EventKind, Investigation};
use serde_json::Value;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn opened(name: &str) -> (Event, Investigation) {
    let i = snapshot(name).investigations.remove(0);
    let event = Event {
        at: at(160).plus(120_000_000),
        kind: EventKind::Opened,
        investigation: i.id.clone(),
        verdict: BottleneckKind::DatabaseIo,
        idempotency_key: "9a3c1f00d2e4b687".into(),
    };
    (event, i)
}

#[test]
fn golden_opened() {
    let (e, i) = opened("cart");
    let body = event(&e, &i, "/longpole/shop");
    insta::assert_snapshot!(crate::json::tests::laid_out(&body));
}

#[test]
fn every_kind_has_its_type_and_the_data_are_the_investigation() {
    let (mut e, i) = opened("cart");
    for (kind, word) in [
        (EventKind::Opened, "opened"),
        (EventKind::Updated, "updated"),
        (EventKind::Resolved, "resolved"),
    ] {
        e.kind = kind;
        let body: Value = serde_json::from_str(&event(&e, &i, "")).expect("JSON");
        assert_eq!(body["type"], format!("dev.longpole.investigation.{word}.v1"));
        assert_eq!(body["source"], "/longpole");
        let alone: Value = serde_json::from_str(&crate::json::investigation(&i)).expect("JSON");
        assert_eq!(body["data"], alone);
        let message = body["data"]["handoff"]["message"].as_str().expect("a hand-off");
        assert!(message.contains("would handle better"), "{message}");
    }
}

#[test]
fn hostile_names_are_escaped() {
    let (e, i) = opened(HOSTILE);
    let body = event(&e, &i, "/longpole");
    assert!(!body.trim_end().chars().any(is_hostile));
    let read: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(read["data"]["suspect"]["service"], HOSTILE);
}

/// The vector of the reference libraries of Standard Webhooks (their test `sign`).
#[test]
fn the_published_vector() {
    let secret = Secret::parse(SECRET).expect("a secret");
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let body = br#"{"test": 2432232314}"#;
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let made = headers(id, 1_614_265_330, body, std::slice::from_ref(&secret));
    let expected = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", "1614265330".to_owned()),
        ("webhook-signature", expected.to_owned()),
    ];
    assert_eq!(made, expected);
}

#[test]
fn each_key_signs_and_no_key_does_not() {
    let other = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let keys = [Secret::parse(SECRET).expect("a secret"), other.expect("a secret")];
    let signature = |keys: &[Secret]| headers("a", 1, b"b", keys).into_iter().nth(2);
    let (_, both) = signature(&keys).expect("signed");
    let alone: Vec<String> =
        keys.iter().filter_map(|k| signature(std::slice::from_ref(k))).map(|(_, s)| s).collect();
    assert_eq!(both, alone.join(" "));
    assert_ne!(alone.first(), alone.last());
    assert_eq!(signature(&[]), None);
}

#[test]
fn secrets_are_read_strictly_and_never_shown() {
    let secret = Secret::parse(&format!(" {SECRET}\n")).expect("a secret");
    assert_eq!(format!("{secret:?}"), "Secret(***)");
    let padded = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    assert_eq!(Secret::parse(padded), Secret::parse(padded.trim_end_matches('=')));
    assert_eq!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(BadSecret::Prefix));
    assert_eq!(Secret::parse("whsec_not base64"), Err(BadSecret::Base64));
    assert_eq!(Secret::parse("whsec_c2hvcnQ="), Err(BadSecret::Length(5)));
    for bad in ["sesame-hunter2", "whsec_hunter2 hunter2", "whsec_aHVudGVyMg=="] {
        let said = Secret::parse(bad).expect_err("is bad").to_string();
        assert!(!said.contains("hunter") && !said.contains("aHVu"), "{said}");
    }
}
