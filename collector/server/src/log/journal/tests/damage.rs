//! Damage at every byte of the last entry and in the middle, caps, and a folder of the system.

use super::*;
use crate::disk::Folder;

/// Six entries in one segment; the file's name.
fn filled(disk: &Fake) -> (String, Vec<(u64, u64)>) {
    let caps = Caps { segment: 1 << 20, ..CAPS };
    let mut opened = Journal::open(disk.clone(), caps, 0).expect("empty");
    for id in 1..=6 {
        opened.journal.append(record(id, 30), Timestamp(id)).expect("small");
    }
    opened.committer.commit(&opened.journal.take_tail()).expect("room");
    let names = disk.list().expect("names");
    (names.into_iter().find(|n| n.ends_with(".journal")).expect("one"), entries(&opened.journal, 0))
}

#[test]
fn every_cut_and_flip_of_the_last_entry_leaves_the_others() {
    let whole = Fake::default();
    let (name, all) = filled(&whole);
    let length = whole.read(&name, 0, usize::MAX).expect("there").len();
    let last = HEAD + all[5].0 as usize;
    for (flip, at) in (last..length).flat_map(|at| [(false, at), (true, at)]) {
        let disk = Fake::default();
        filled(&disk);
        disk.edit(&name, |bytes| if flip { bytes[at] ^= 0x10 } else { bytes.truncate(at) });
        let mut opened = open(&disk, 0);
        assert_eq!(entries(&opened.journal, 0), all[..5], "{flip} at {at}");
        let torn = (u64::from(flip || at > last), (length - last) as u64);
        let torn = if flip { torn } else { (torn.0, (at - last) as u64) };
        assert_eq!(opened.torn, torn, "{flip} at {at}");
        // What comes next hides the torn end, and a second start sees no more of it.
        opened.journal.append(record(9, 3), Timestamp(9)).expect("small");
        opened.committer.commit(&opened.journal.take_tail()).expect("room");
        let again = open(&disk, 0);
        assert_eq!(again.torn, (0, 0));
        let ids: Vec<u64> = entries(&again.journal, 0).iter().map(|(_, id)| *id).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 9]);
    }
}

#[test]
fn a_flip_in_the_middle_costs_the_rest_of_its_segment_and_is_counted() {
    let disk = Fake::default();
    let mut opened = open(&disk, 0);
    for id in 1..=30 {
        opened.journal.append(record(id, 60), Timestamp(id)).expect("small");
        opened.committer.commit(&opened.journal.take_tail()).expect("room");
    }
    let mut names = disk.list().expect("names");
    names.sort();
    assert!(names.len() > 5, "{names:?}");
    disk.edit(&names[2], |bytes| bytes[HEAD + 100] ^= 1);
    disk.edit(&names[4], |bytes| bytes[9] ^= 1);
    let opened = open(&disk, 0);
    assert_eq!(opened.torn.0, 1, "the head of the fifth");
    let mut replay = opened.journal.replay(0);
    let mut ids = Vec::new();
    while let Some(e) = replay.next_entry().expect("readable") {
        ids.push(u64::from(e.record.payload[0]));
    }
    let (places, lost) = replay.damaged();
    assert_eq!(places, 2, "{lost} bytes");
    assert!(ids.len() < 30 && ids.last() == Some(&30), "{ids:?}");
    assert!(ids.is_sorted());
}

#[test]
fn the_cap_holds_and_trimming_makes_room() {
    let disk = Fake::default();
    let caps = Caps { bytes: 2_000, segment: 400 };
    let mut opened = Journal::open(disk, caps, 0).expect("empty");
    let refused = loop {
        opened.journal.append(record(1, 100), Timestamp(1)).expect("small");
        if let Err(e) = opened.committer.commit(&opened.journal.take_tail()) {
            break e;
        }
    };
    opened.journal.roll_back();
    assert!(matches!(refused, CommitError::Full { .. }), "{refused}");
    assert!(refused.to_string().contains("journal.max_bytes"), "{refused}");
    assert!(opened.journal.figures().bytes <= caps.bytes);
    opened.journal.trim(Position(1_000));
    opened.journal.append(record(2, 100), Timestamp(2)).expect("small");
    opened.committer.commit(&opened.journal.take_tail()).expect("room again");
    let huge = opened.journal.append(record(3, 5_000), Timestamp(3));
    assert!(matches!(huge, Err(AppendError::TooLarge { .. })));
}

#[test]
fn positions_and_stamps_go_on_in_a_folder_of_the_system() {
    let temp = tempfile::tempdir().expect("a folder");
    let mut ends = Vec::new();
    for life in 0..4u64 {
        let disk = Folder::lock(temp.path()).expect("free");
        let mut opened = Journal::open(disk, CAPS, 0).expect("opens");
        assert_eq!(entries(&opened.journal, 0).len() as u64, life * 10);
        for id in 0..10 {
            let now = Timestamp(if life == 2 { 1 } else { life * 100 + id });
            let receipt = opened.journal.append(record(id, 50), now).expect("small");
            ends.push((receipt.position, receipt.stamp));
        }
        opened.committer.commit(&opened.journal.take_tail()).expect("room");
        opened.journal.append(record(99, 5), Timestamp(0)).expect("small");
    }
    assert!(ends.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1), "{ends:?}");
    let disk = Folder::lock(temp.path()).expect("free");
    let opened = Journal::open(disk, CAPS, 1 << 40).expect("opens");
    assert_eq!(opened.journal.end(), Position(1 << 40), "never behind what is known");
}
