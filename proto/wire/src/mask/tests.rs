//! Secrets that go, what stays, and any text.

use super::*;
use proptest::prelude::*;

fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let said = mask_text(&mut bytes);
    let out = String::from_utf8(bytes).expect("still text");
    assert_eq!(out.len(), text.len());
    assert_eq!(said, out != text, "{text}");
    out
}

#[test]
fn secrets_go_and_what_is_around_them_stays() {
    let gone = [
        ("postgres://app:hunter2@db:5432/shop", "postgres://***********@db:5432/shop"),
        ("mail to jo.doe+x@shop.example now", "mail to ********@************ now"),
        ("paid with 4111 1111 1111 1111.", "paid with *******************."),
        ("card=5500005555555559;", "card=****************;"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***********"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ************"),
        ("jwt eyJhbGciOi.eyJzdWIi.c2ln end", "jwt ************************ end"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key ******************** used"),
        ("http://a:b@c/ and http://d:e@f/?x", "http://***@c/ and http://***@f/?x"),
    ];
    for (text, want) in gone {
        assert_eq!(masked(text), want);
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "",
        "GET /cart/{id}",
        "SELECT * FROM t WHERE id = 4111111111111112",
        "trace 0af7651916cd43dd8448eb211c80319c",
        "http://shop.example/a@b",
        "user@localhost",
        "2026-11-21 12:00:00 1234567890123",
        "0000 0000 0000 0000",
        "basic idea",
        "desk-1",
        "bytes é 12345 ünï",
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn keys_tell_secrets() {
    for key in ["http.request.header.Authorization", "db.password", "X-Api-Key", "aws.secret_key"] {
        assert!(key_is_secret(key), "{key}");
    }
    for key in ["http.route", "gen_ai.usage.input_tokens", "code.function.name", ""] {
        assert!(!key_is_secret(key), "{key}");
    }
}

proptest! {
    /// Whatever comes: no panic, the same length, still text, and masking twice changes nothing.
    #[test]
    fn text_stays_text(text in "(\\PC|[@:/. *]|[0-9]{4}|://|Bearer |eyJ|AKIA){0,40}") {
        let once = masked(&text);
        prop_assert_eq!(masked(&once), once);
    }
}
