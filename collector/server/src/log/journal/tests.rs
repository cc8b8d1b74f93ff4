//! The journal on a disk that fails: any order of appends, commits, failures, crashes and trims.

mod damage;

use super::*;
use crate::disk::fake::Fake;
use crate::ingest::otlp::Signal;
use bytes::Bytes;
use proptest::prelude::*;

const CAPS: Caps = Caps { bytes: 1 << 20, segment: 400 };

fn record(id: u64, bytes: usize) -> Record {
    let mut payload = id.to_le_bytes().to_vec();
    payload.resize(8 + bytes, 7);
    Record { signal: Signal::Traces, producer: None, payload: Bytes::from(payload) }
}

fn open(disk: &Fake, from: u64) -> Opened<Fake> {
    Journal::open(disk.clone(), CAPS, from).expect("opens, whatever is there")
}

/// Position and number of every entry from `from` on.
fn entries<D: Disk>(journal: &Journal<D>, from: u64) -> Vec<(u64, u64)> {
    let mut replay = journal.replay(from);
    let mut out = Vec::new();
    while let Some(e) = replay.next_entry().expect("readable") {
        let id = e.record.payload.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        out.push((e.receipt.position.0, id));
    }
    out
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Commit,
    /// Room for so many bytes more, until a crash or another step says otherwise.
    Room(Option<usize>),
    Broken(bool),
    /// A crash that keeps this share, of 255, of what was not durable.
    Crash(u8),
    /// Gives up so many of the acknowledged entries.
    Trim(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0usize..150).prop_map(Step::Append),
        6 => Just(Step::Commit),
        2 => prop::option::of(0usize..300).prop_map(Step::Room),
        2 => any::<bool>().prop_map(Step::Broken),
        2 => any::<u8>().prop_map(Step::Crash),
        1 => (1usize..20).prop_map(Step::Trim),
    ];
    prop::collection::vec(step, 1..80)
}

/// The journal, and what was said of it.
struct Model {
    disk: Fake,
    opened: Opened<Fake>,
    /// Acknowledged: position and number.
    acked: Vec<(u64, u64)>,
    appended: Vec<(u64, u64)>,
    low: u64,
    next: u64,
}

impl Model {
    fn new() -> Self {
        let disk = Fake::default();
        let opened = open(&disk, 0);
        Self { disk, opened, acked: Vec::new(), appended: Vec::new(), low: 0, next: 1 }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(bytes) => {
                let id = self.next;
                self.next += 1;
                let now = Timestamp(id / 2);
                let receipt = self.opened.journal.append(record(id, *bytes), now).expect("small");
                self.appended.push((receipt.position.0, id));
            }
            Step::Commit => {
                let group = self.opened.journal.take_tail();
                match self.opened.committer.commit(&group) {
                    Ok(end) => {
                        prop_assert_eq!(Position(end), self.opened.journal.end());
                        self.acked.append(&mut self.appended);
                    }
                    Err(_) => {
                        self.opened.journal.roll_back();
                        self.appended.clear();
                        // It writes again as soon as the disk does.
                        self.disk.room(None);
                        self.disk.broken(false);
                        let again = self.opened.committer.probe(Timestamp(self.next));
                        prop_assert!(again.is_ok());
                    }
                }
            }
            Step::Room(room) => self.disk.room(*room),
            Step::Broken(broken) => self.disk.broken(*broken),
            Step::Crash(share) => {
                self.disk.crash(|loose| loose * usize::from(*share) / 255);
                self.appended.clear();
                self.opened = open(&self.disk, self.low);
                self.check()?;
                // What survived without being acknowledged is in the log for good.
                self.acked = entries(&self.opened.journal, self.low);
            }
            Step::Trim(many) => {
                let at = (*many).min(self.acked.len().saturating_sub(1));
                self.acked.drain(..at);
                self.low = self.acked.first().map_or(self.low, |(position, _)| *position);
                self.opened.journal.trim(Position(self.low));
            }
        }
        Ok(())
    }

    /// Every acknowledged entry is there once, where it was said to be, and before all that was not.
    fn check(&self) -> Result<(), TestCaseError> {
        let found = entries(&self.opened.journal, self.low);
        prop_assert!(found.len() >= self.acked.len(), "{:?} of {:?}", found, self.acked);
        prop_assert_eq!(&found[..self.acked.len()], &self.acked[..]);
        prop_assert!(found.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
        for (position, id) in &self.acked {
            let entry = self.opened.journal.read(Position(*position)).expect("acknowledged");
            prop_assert_eq!(&entry.record.payload[..8], &id.to_le_bytes()[..]);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_acknowledged_is_lost(steps in steps()) {
        let mut model = Model::new();
        for step in steps.iter().chain([&Step::Crash(128), &Step::Append(9), &Step::Commit]) {
            model.step(step)?;
        }
        model.check()?;
    }
}
