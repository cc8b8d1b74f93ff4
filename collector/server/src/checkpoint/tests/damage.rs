//! Cut, flipped, torn, later, other: what may lie in a folder in the place of a checkpoint.

use super::shop::RATE;
use super::*;
use crate::disk::fake::Fake;
use crate::log::Producer;

fn small() -> Vec<u8> {
    let mut run = Run::new(2);
    for (n, entry) in log().iter().enumerate().take(RATE as usize * 12) {
        run.take(n, entry);
    }
    let mut place = run.marks[1].clone();
    place.seen.batches.see(Producer { id: [1; 16], shard: 2, sequence: 9 });
    write(&limits(), &place, Told::default(), &run.analyst, Vec::new()).expect("a form")
}

#[test]
fn every_cut_and_every_flipped_byte_is_seen() {
    let good = frame::write(7, &small());
    assert!(frame::read(&good).is_ok_and(|(n, body)| n == 7 && read(body, &limits()).is_ok()));
    for at in 0..good.len() {
        assert!(frame::read(&good[..at]).is_err(), "cut at {at}");
    }
    let mut bad = good.clone();
    for at in 0..good.len().min(4_000) {
        bad[at] ^= 1 << (at % 8);
        assert!(frame::read(&bad).is_err(), "flipped at {at}");
        bad[at] = good[at];
    }
}

#[test]
fn a_body_that_lies_is_refused_or_read_and_never_panics() {
    let body = small();
    for at in (0..body.len()).step_by(7) {
        let _ = read(&body[..at], &limits());
        let mut bad = body.clone();
        bad[at] ^= 0x55;
        let _ = read(&bad, &limits());
    }
}

fn text(body: &[u8]) -> Result<String, CheckpointError> {
    Ok(String::from_utf8_lossy(body).into_owned())
}

#[test]
fn the_older_generation_stands_in_for_a_damaged_one() {
    let disk = Fake::default();
    let (mut store, found) = Store::open(disk.clone(), text).expect("empty");
    assert!(found.whole.is_empty() && found.damaged.is_empty());
    for body in ["one", "two", "three"] {
        store.write(body.as_bytes()).expect("room");
    }
    let (_, found) = Store::open(disk.clone(), text).expect("there");
    assert_eq!(found.whole, ["three", "two"]);
    disk.edit("checkpoint-1", |bytes| bytes[30] ^= 1);
    let (mut store, found) = Store::open(disk.clone(), text).expect("there");
    assert_eq!((found.whole.as_slice(), found.damaged.len()), (["two".to_owned()].as_slice(), 1));
    assert!(found.damaged[0].contains("checksum"), "{}", found.damaged[0]);
    store.write(b"four").expect("room");
    let (_, found) = Store::open(disk, text).expect("there");
    assert_eq!(found.whole, ["four", "two"]);
}

#[test]
fn a_crash_at_any_step_of_writing_leaves_a_whole_one() {
    for room in 0..60 {
        let disk = Fake::default();
        let (mut store, _) = Store::open(disk.clone(), text).expect("empty");
        store.write(b"first").expect("room");
        disk.room(Some(room));
        let written = store.write(b"second").is_ok();
        disk.crash(|loose| loose / 2);
        let (_, found) = Store::open(disk, text).expect("there");
        let newest = if written { "second" } else { "first" };
        assert_eq!(found.whole.first().map(String::as_str), Some(newest), "room {room}");
        assert!(found.damaged.is_empty());
    }
}

#[test]
fn what_cannot_be_followed_is_refused_with_advice() {
    let of = |format: u8, oldest_reader: u8| {
        let mut bytes = frame::write(3, b"x");
        (bytes[4], bytes[5]) = (format, oldest_reader);
        let sum = crc32fast::hash(&[&bytes[..24], b"x"].concat());
        bytes[24..28].copy_from_slice(&sum.to_le_bytes());
        bytes
    };
    let refused = frame::read(&of(9, 8)).map(drop).expect_err("too new");
    assert!(refused.to_string().contains("upgrade"), "{refused}");
    let later = of(frame::FORMAT + 1, frame::FORMAT);
    assert!(frame::read(&later).is_ok(), "a later writer that this reader may read");
    let refused = frame::read(&of(1, 1)).map(drop).expect_err("too old");
    assert!(refused.to_string().contains("another folder"), "{refused}");
    let other = Limits { window: 2 * SECOND, ..limits() };
    let refused = read(&small(), &other).expect_err("another grid");
    assert!(refused.to_string().contains("same settings"), "{refused}");
    let disk = Fake::default();
    Store::open(disk.clone(), text).expect("empty").0.write(b"mine").expect("room");
    disk.edit("checkpoint-1", |bytes| *bytes = later.clone());
    let later = of(frame::FORMAT + 1, frame::FORMAT + 1);
    disk.edit("checkpoint-1", |bytes| *bytes = later.clone());
    assert!(matches!(Store::open(disk, text), Err(CheckpointError::TooNew { .. })));
}
