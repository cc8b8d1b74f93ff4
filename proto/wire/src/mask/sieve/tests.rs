//! Whatever is a secret is seen, wherever it stands; telemetry as it is every day is let through.

use super::*;
use crate::mask::{key_found, mask_found};
use proptest::prelude::*;

/// Whether the slow look finds a secret in a text or a key.
fn is_secret(text: &str) -> bool {
    mask_found(&mut text.as_bytes().to_vec()) || key_found(text.as_bytes())
}

#[test]
fn every_word_is_seen_at_any_place_in_any_case() {
    for word in &WORDS {
        let behind = if let Then::Dots = word.then { "a.b.c" } else { "a1b2c3d4e5f6g7h8i9j0k1l2" };
        let text = [word.text, behind.as_bytes()].concat();
        let cases = if word.any_case { vec![text.to_ascii_uppercase(), text] } else { vec![text] };
        for (text, shift) in cases.iter().flat_map(|text| (0..STRIDE * 2).map(move |n| (text, n))) {
            let bytes = [&b"\x00".repeat(shift), &text[..]].concat();
            assert!(may_hold(&bytes), "{} behind {shift} bytes", text.escape_ascii());
        }
    }
}

#[test]
fn telemetry_of_every_day_is_let_through() {
    for text in [
        "http.request.method GET http.route /cart/{id} url.path /cart/17 http.response.status_code 200",
        "db.query.text SELECT name, price FROM products WHERE id = ? ORDER BY created LIMIT 10",
        "server.address orders-7d9f8b6c5-x2x7k server.port 8443 network.peer.address 10.0.17.4",
        "service.name checkout service.version 1.42.7 telemetry.sdk.language rust",
        "exception.message connection refused: upstream timed out after 2026-11-21T12:00:00.123Z",
        "0af7651916cd43dd8448eb211c80319c user@localhost a@b basic idea 12:00:00.000000000",
    ] {
        assert!(!may_hold(text.as_bytes()), "{text}");
    }
}

#[test]
fn bytes_made_to_be_slow_are_looked_at_once() {
    // It would take hours if every place looked to the end or back to the beginning.
    for (piece, held) in
        [("eyJ", false), ("a@", false), ("://", false), ("@", false), ("12 ", true), ("sk-", true)]
    {
        let bytes = piece.repeat((4 << 20) / piece.len());
        assert_eq!(may_hold(bytes.as_bytes()), held, "{piece}");
    }
}

const PIECES: &str = "(\\PC|[a-z@:/. *_-]|[0-9]{1,6}|://|Bearer |basic |eyJ|AKIA|sk-|ghp_|[a-zA-Z0-9]{8}|\
                      @host\\.org|password|Token|api_key|4111111111111111|4111 1111|secret|tokens){0,12}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// In whatever bytes it stands.
    #[test]
    fn a_secret_is_seen(before: Vec<u8>, text in PIECES, after: Vec<u8>) {
        let bytes = [&before[..], text.as_bytes(), &after].concat();
        prop_assert!(may_hold(&bytes) || !is_secret(&text), "{text}");
        prop_assert!(may_hold(text.as_bytes()) || !is_secret(&text), "alone: {text}");
    }
}
