//! The spill over the end of a process, torn files, the cap, a full disk.

use super::super::Signal;
use super::super::parcel::{Body, Stamp};
use super::*;
use proptest::prelude::*;

fn parcel(text: &str, sequence: u64) -> Parcel {
    Parcel {
        number: 0,
        signal: Signal::Traces,
        items: 3,
        stamp: Some(Stamp { producer: [9; 16], shard: 2, sequence }),
        body: Body::plain(text.as_bytes().to_vec()),
        place: None,
        oversize: false,
        charge: 0,
    }
}

fn texts(spill: &mut Spill) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(next) = spill.next() {
        let mut p = next.expect("sound");
        out.push(String::from_utf8(p.body.unpacked().expect("whole").to_vec()).expect("text"));
    }
    out
}

/// As an ended process leaves it: the folder named after one that is gone.
fn orphan(root: &Path, spill: Spill) {
    let folder = spill.folder.clone();
    drop(spill);
    if folder.exists() {
        std::fs::rename(folder, root.join("4194399-1-dead")).expect("renamed");
    }
}

#[test]
fn requests_come_back_oldest_first_and_once() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut spill, found) = Spill::open(root.path(), 1 << 20, [1; 16]).expect("opens");
    assert_eq!(found, Found::default());
    for (i, text) in ["a", "b", "c"].iter().enumerate() {
        spill.append(&mut parcel(text, i as u64)).expect("room");
    }
    let first = spill.next().expect("one").expect("sound");
    assert_eq!(first.stamp, parcel("a", 0).stamp);
    let place = first.place.expect("from disk");
    spill.unread(place);
    assert_eq!(spill.spans(), 9);
    let again = spill.next().expect("one").expect("sound").place.expect("from disk");
    spill.done(again);
    assert_eq!((again, spill.spans()), (place, 6));
    orphan(root.path(), spill);
    let (mut heir, found) = Spill::open(root.path(), 1 << 20, [2; 16]).expect("opens");
    assert_eq!(found, Found { spans: 6, torn: 0 });
    assert_eq!(texts(&mut heir), ["b", "c"]);
}

#[test]
fn what_is_delivered_leaves_no_file() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut spill, _) = Spill::open(root.path(), 1 << 20, [1; 16]).expect("opens");
    for i in 0..5 {
        spill.append(&mut parcel("x", i)).expect("room");
    }
    while let Some(Ok(p)) = spill.next() {
        spill.done(p.place.expect("from disk"));
    }
    assert_eq!((spill.spans(), spill.bytes, spill.files.len()), (0, 0, 0));
    drop(spill);
    assert_eq!(std::fs::read_dir(root.path()).expect("there").count(), 0);
}

#[test]
fn the_cap_holds_and_room_comes_back() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut spill, _) = Spill::open(root.path(), 400, [1; 16]).expect("opens");
    let mut kept = 0;
    while spill.append(&mut parcel("some text", kept)).is_ok() {
        kept += 1;
    }
    assert!((2..10).contains(&kept), "{kept}");
    while let Some(Ok(p)) = spill.next() {
        spill.done(p.place.expect("from disk"));
    }
    spill.append(&mut parcel("some text", 1)).expect("room again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Cut or flipped anywhere: what stands before the damage comes back, nothing panics, and nothing
    /// comes back that was not written.
    #[test]
    fn torn_files_give_what_is_whole(cut in 0usize..400, flip in proptest::option::of(0usize..400)) {
        let root = tempfile::tempdir().expect("a folder");
        let (mut spill, _) = Spill::open(root.path(), 1 << 20, [1; 16]).expect("opens");
        let mut ends = Vec::new();
        for (i, text) in ["aaaa", "bbbb", "cccc"].iter().enumerate() {
            spill.append(&mut parcel(text, i as u64)).expect("room");
            ends.push(spill.bytes as usize);
        }
        let path = spill.path(0);
        orphan(root.path(), spill);
        let path = root.path().join("4194399-1-dead").join(path.file_name().expect("named"));
        let mut bytes = std::fs::read(&path).expect("there");
        bytes.truncate(cut);
        if let Some(b) = flip.and_then(|f| bytes.get_mut(f)) {
            *b ^= 0x40;
        }
        let damage = flip.filter(|f| *f < bytes.len()).unwrap_or(usize::MAX).min(bytes.len());
        std::fs::write(&path, &bytes).expect("written");
        let (mut heir, found) = Spill::open(root.path(), 1 << 20, [2; 16]).expect("opens");
        let whole = ends.iter().filter(|e| **e <= damage).count();
        let back = texts(&mut heir);
        prop_assert!(back.len() >= whole, "{back:?} of {whole}");
        prop_assert!(back.iter().zip(["aaaa", "bbbb", "cccc"]).all(|(a, b)| a == b));
        prop_assert_eq!(found.spans as usize, 3 * back.len());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_leaves_no_half_frame() {
    // A device that has no room for anything.
    let root = tempfile::tempdir().expect("a folder");
    let (mut spill, _) = Spill::open(root.path(), 1 << 20, [1; 16]).expect("opens");
    spill.append(&mut parcel("a", 0)).expect("room");
    let full = OpenOptions::new().write(true).open("/dev/full").expect("the device");
    spill.writing = Some(full);
    assert!(matches!(spill.append(&mut parcel("b", 1)), Err(Unkept::Full)));
    spill.append(&mut parcel("c", 2)).expect("another file");
    assert_eq!(texts(&mut spill), ["a", "c"]);
}
