//! Entries as producers write them, and as nobody should.

use super::*;
use proptest::prelude::*;

fn good() -> Vec<Vec<u8>> {
    let fields = [
        ("format", road::ENTRY_FORMAT),
        ("producer", "000102030405060708090a0b0c0d0eff"),
        ("sequence", "7"),
        ("signal", "traces"),
        ("items", "64"),
        ("encoding", "gzip"),
        ("otlp", "packed"),
    ];
    fields.iter().flat_map(|(k, v)| [k.as_bytes().to_vec(), v.as_bytes().to_vec()]).collect()
}

fn with(name: &str, value: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = good();
    let at = fields.iter().position(|f| f == name.as_bytes()).expect("a field");
    fields[at + 1] = value.to_vec();
    fields
}

#[test]
fn an_entry_as_agreed() {
    let fields = good();
    let entry = read(3, &fields).expect("good");
    let Producer { id, shard, sequence } = entry.producer;
    assert_eq!((id[1], id[15], shard, sequence), (1, 0xff, 3, 7));
    assert_eq!((entry.items, entry.encoding, entry.signal), (64, Encoding::Gzip, Signal::Traces));
    assert_eq!(entry.otlp, b"packed");
    let mut more = good();
    more.splice(0..0, [b"later".to_vec(), b"x".to_vec()]);
    assert!(read(0, &more).is_ok(), "what a later version adds is passed over");
    assert!(read(0, &with("format", b"7.1")).is_ok(), "and its number as well");
}

#[test]
fn what_a_door_wrote_says_for_whom() {
    let by = |sender: &[u8]| {
        let mut fields = good();
        fields.extend([b"sender".to_vec(), sender.to_vec()]);
        read(1, &fields).map(|entry| entry.writer)
    };
    assert_eq!(read(1, &good()).map(|e| e.writer), Ok(Writer::Producer));
    assert_eq!(by(b""), Ok(Writer::Door(None)));
    let batch = Producer { id: [0xa5; 16], shard: u32::MAX, sequence: 7 };
    let sender = Sender { batch, part: 2 };
    assert_eq!(by(sender.to_string().as_bytes()), Ok(Writer::Door(Some(sender))));
    assert_eq!(by(b"a5 1 1 0").expect_err("bad").reason(), "bad_entry");
}

#[test]
fn what_cannot_be_taken_is_told() {
    let long = vec![b'x'; road::ENTRY_BYTES + 1];
    let cases: [(&str, &[u8], &str); 12] = [
        ("format", b"2.2", "newer_format"),
        ("format", b"1", "bad_entry"),
        ("format", b"1.0", "bad_entry"),
        ("format", b"\xff", "bad_entry"),
        ("producer", b"00", "bad_entry"),
        ("producer", &[b'z'; 32], "bad_entry"),
        ("sequence", b"0", "bad_entry"),
        ("sequence", b"+1", "bad_entry"),
        ("signal", b"logs", "bad_entry"),
        ("items", b"99999999999", "bad_entry"),
        ("encoding", b"zstd", "bad_encoding"),
        ("otlp", &long, "too_large"),
    ];
    for (name, value, reason) in cases {
        let fields = with(name, value);
        let dead = read(0, &fields).expect_err(name);
        assert_eq!(dead.reason(), reason, "{name}: {dead}");
    }
    for n in 0..7 {
        let mut fields = good();
        fields.drain(2 * n..2 * n + 2);
        assert_eq!(read(0, &fields).expect_err("a field is missing").reason(), "bad_entry");
    }
    assert_eq!(read(0, &[]).expect_err("empty").reason(), "bad_entry");
    let newer = read(0, &with("format", b"3.2")).expect_err("newer").to_string();
    assert!(newer.contains("3.2") && newer.contains("update the collectors"), "{newer}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_fields_are_read_or_refused(
        fields in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let _ = read(0, &fields);
    }

    #[test]
    fn any_value_of_a_field_is_read_or_refused(
        n in 0usize..7,
        value in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut fields = good();
        fields[2 * n + 1] = value;
        if let Err(dead) = read(0, &fields) {
            prop_assert!(!dead.reason().is_empty() && !dead.to_string().is_empty());
        }
    }
}
