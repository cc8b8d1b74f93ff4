//! Time, network and crashes of one seed: who sends what when, what of it arrives how often, and what befalls
//! collectors. What comes of it is judged in [`crate::judge`].

use crate::judge;
use crate::owner::{Life, Owner, limits};
use crate::shelf::Shelf;
use crate::traffic::{Parcel, Traffic};
use longpole_core::route::Tree;
use longpole_model::signal::SECOND;
use longpole_tests::load::dice::Dice;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const START: u64 = 1_700_000_000 * SECOND;
const MILLISECOND: u64 = 1_000_000;

/// What may be broken, to see whether it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Batches that came before are counted again.
    NoDedupe,
    /// Old tokens are good.
    NoFence,
    /// Checkpoints take a mark that does not lie far enough back.
    NearMark,
    /// A restart leaves one entry out.
    SkipsOne,
}

impl Flaw {
    pub const ALL: [Self; 4] = [Self::NoDedupe, Self::NoFence, Self::NearMark, Self::SkipsOne];
}

/// What happened, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(pub BTreeMap<&'static str, u64>);

impl Figures {
    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, n)| *self.0.entry(name).or_default() += n);
    }

    /// A run of many seeds in which something never happened shows nothing about it.
    pub fn all_kinds(&self) {
        let never: Vec<_> = self.0.iter().filter(|(_, n)| **n == 0).collect();
        assert!(never.is_empty() && self.0.len() >= 14, "never happened: {never:?}");
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<String> = self.0.iter().map(|(name, n)| format!("{n} {name}")).collect();
        f.write_str(&all.join(", "))
    }
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Emit,
    Arrive(usize),
    Acknowledge(usize),
    Retry(usize),
    Look(usize),
    Kill(usize),
    Start(usize),
    Stop(usize),
    Wake(usize),
    Jump,
}

/// The manners of one seed's network and machines.
struct Manners {
    /// Nanoseconds of emissions.
    length: u64,
    /// Between two requests.
    pause: u64,
    delay: u64,
    /// In a thousand.
    lost: u64,
    twice: u64,
    tries: u64,
    shards: u64,
    /// Mean nanoseconds between two crashes of a collector.
    calm: u64,
}

pub struct World {
    dice: Dice,
    manners: Manners,
    flaw: Option<Flaw>,
    now: u64,
    /// What the log's clock is off.
    offset: i64,
    todo: BTreeMap<(u64, u64), Do>,
    number: u64,
    traffic: Traffic,
    parcels: Vec<(Parcel, u64, bool)>,
    /// By entry of the log, which parcel it holds.
    arrived: Vec<usize>,
    owners: Vec<Owner>,
    shelf: Shelf,
    figures: Figures,
}

fn tree() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| longpole_collector::specialists::default_tree().expect("the built-in tree"))
}

impl World {
    pub fn new(seed: u64, flaw: Option<Flaw>) -> Self {
        let mut dice = Dice::new(seed.wrapping_add(1));
        let pick = |dice: &mut Dice, of: [u64; 4]| of[dice.below(4) as usize];
        let manners = Manners {
            length: (20 + dice.below(25)) * SECOND,
            pause: (60 + dice.below(120)) * MILLISECOND,
            delay: pick(&mut dice, [50, 400, 3_000, 40_000]) * MILLISECOND,
            lost: pick(&mut dice, [0, 10, 50, 200]),
            twice: pick(&mut dice, [0, 0, 30, 200]),
            tries: 2 + dice.below(6),
            shards: 1 + dice.below(3),
            calm: pick(&mut dice, [4, 8, 15, 60]) * SECOND,
        };
        let offset = match dice.below(6) {
            0 => -((dice.below(20_000) * MILLISECOND) as i64),
            1 => (dice.below(5_000) * MILLISECOND) as i64,
            _ => 0,
        };
        let owners = (0..2).map(|_| Owner { awake: true, held: None, up: true }).collect();
        let mut world = Self {
            dice,
            manners,
            flaw,
            now: START,
            offset,
            todo: BTreeMap::new(),
            number: 0,
            traffic: Traffic::new(seed),
            parcels: Vec::new(),
            arrived: Vec::new(),
            owners,
            shelf: Shelf::new(flaw != Some(Flaw::NoFence)),
            figures: Figures::default(),
        };
        world.after(0, Do::Emit);
        for who in 0..2 {
            world.after(who as u64 * 100 * MILLISECOND, Do::Look(who));
            let first = world.dice.below(2 * world.manners.calm);
            world.after(first, Do::Kill(who));
        }
        if world.dice.below(3) == 0 {
            let at = world.dice.below(world.manners.length);
            world.after(at, Do::Jump);
        }
        world
    }

    fn after(&mut self, nanos: u64, what: Do) {
        self.number += 1;
        self.todo.insert((self.now + nanos, self.number), what);
    }

    fn clock(&self) -> u64 {
        self.now.saturating_add_signed(self.offset)
    }

    pub fn count(&mut self, name: &'static str, n: u64) {
        *self.figures.0.entry(name).or_default() += n;
    }

    /// Lives through it all; gives figures and what is wrong.
    pub fn run(mut self) -> (Figures, Vec<String>) {
        let end = START + self.manners.length;
        while let Some(((at, _), what)) = self.todo.pop_first() {
            self.now = at;
            let over = at > end;
            match what {
                // Once nothing is sent any more, what is under way still arrives; nobody dies.
                Do::Emit | Do::Kill(_) | Do::Stop(_) | Do::Jump if over => {}
                Do::Look(_) if over => {}
                _ => self.happen(what),
            }
        }
        self.end()
    }

    fn happen(&mut self, what: Do) {
        match what {
            Do::Emit => self.emit(),
            Do::Arrive(n) => {
                let clock = self.clock();
                self.shelf.append(self.parcels[n].0.record.clone(), clock);
                self.arrived.push(n);
                if self.dice.below(1_000) >= self.manners.lost {
                    let delay = self.dice.below(self.manners.delay) / 4;
                    self.after(delay, Do::Acknowledge(n));
                }
            }
            Do::Acknowledge(n) => self.parcels[n].2 = true,
            Do::Retry(n) => {
                let (_, tries, done) = self.parcels[n];
                if done {
                    return;
                }
                if tries == 0 {
                    return self.count("given up", 1);
                }
                self.parcels[n].1 -= 1;
                self.send(n);
            }
            Do::Look(who) => self.look(who),
            Do::Kill(who) => self.kill(who),
            Do::Start(who) => self.owners[who].up = true,
            Do::Stop(who) => {
                self.count("stops", 1);
                self.owners[who].awake = false;
                let long = 500 * MILLISECOND + self.dice.below(9 * SECOND);
                self.after(long, Do::Wake(who));
            }
            Do::Wake(who) => self.owners[who].awake = true,
            Do::Jump => {
                self.count("clock jumps", 1);
                let most = [2, 10, 90, 3_600][self.dice.below(4) as usize];
                let far = (self.dice.below(most * 1_000) * MILLISECOND) as i64;
                self.offset += if self.dice.below(2) == 0 { far } else { -far };
            }
        }
    }

    fn emit(&mut self) {
        let mut new = self.traffic.requests(self.now);
        if self.dice.below(10) == 0 {
            new.push(self.traffic.gauge(self.now));
        }
        if self.dice.below(400) == 0 {
            // More than a window of sequences: what is missing is named, what comes late is stale.
            self.traffic.lose(self.dice.below(4) as u8, 70_000);
            self.count("great losses", 1);
        }
        for parcel in new {
            self.parcels.push((parcel, self.manners.tries, false));
            self.send(self.parcels.len() - 1);
        }
        let pause = 1 + self.dice.below(2 * self.manners.pause);
        self.after(pause, Do::Emit);
    }

    fn send(&mut self, n: usize) {
        let times = 1 + u64::from(self.dice.below(1_000) < self.manners.twice);
        for _ in 0..times {
            if self.dice.below(1_000) >= self.manners.lost {
                // Most are quick; order is lost by the rest.
                let most = self.manners.delay / if self.dice.below(4) > 0 { 10 } else { 1 };
                let delay = self.dice.below(most);
                self.after(delay, Do::Arrive(n));
            }
        }
        let patience = SECOND + self.dice.below(SECOND);
        self.after(patience, Do::Retry(n));
    }

    fn look(&mut self, who: usize) {
        let pause = (20 + self.dice.below(200)) * MILLISECOND;
        self.after(pause, Do::Look(who));
        let clock = self.clock();
        let Self { owners, shelf, dice, manners, flaw, .. } = self;
        let owner = &mut owners[who];
        if !owner.up || !owner.awake {
            return;
        }
        let Some((token, _)) = &owner.held else {
            if let Some(token) = shelf.acquire(who, clock) {
                let state = shelf.load(&limits());
                let shards = 1 + (dice.below(2) + manners.shards) as u32 % 3;
                owner.held = Some((token, Life::new(shards, tree(), state, *flaw)));
                self.count("lives", 1);
            }
            return;
        };
        let renews = dice.below(3) == 0;
        let most = 1 + dice.below(80);
        let went = match renews.then(|| shelf.renew(who, *token, clock)) {
            Some(Err(fenced)) => Err(fenced),
            _ => owner.look(shelf, clock, most, dice),
        };
        if went.is_err() {
            // Its token is old: what it has open is counted by another. It ends.
            (owner.held, owner.up) = (None, false);
            self.count("fenced", 1);
            let rest = SECOND + self.dice.below(2 * SECOND);
            self.after(rest, Do::Start(who));
        }
    }

    fn kill(&mut self, who: usize) {
        let next = self.dice.below(2 * self.manners.calm);
        self.after(next + SECOND, Do::Kill(who));
        if self.dice.below(3) == 0 {
            self.after(0, Do::Stop(who));
            return;
        }
        let Self { owners, shelf, dice, .. } = self;
        let owner = &mut owners[who];
        if let Some((token, life)) = owner.held.take()
            && dice.below(2) == 0
            && let Some((body, low)) = life.draft()
        {
            // It dies writing; refused or not, nobody hears.
            let _ = shelf.checkpoint(token, &body, low, Some(dice));
        }
        owner.up = false;
        self.count("kills", 1);
        let rest = self.dice.below(3 * SECOND);
        self.after(rest, Do::Start(who));
    }

    /// A third collector takes over, reads to the end, and is judged; the ones before wake once more.
    fn end(mut self) -> (Figures, Vec<String>) {
        self.now += 20 * SECOND;
        let clock = self.clock();
        let Self { shelf, owners, dice, manners, flaw, .. } = &mut self;
        let last = shelf.now(clock).plus(20 * SECOND);
        let token = shelf.acquire(2, last.0).expect("no lease lasts that long");
        let shards = manners.shards as u32;
        let life = Life::new(shards, tree(), shelf.load(&limits()), *flaw);
        let mut third = Owner { awake: true, held: Some((token, life)), up: true };
        for owner in owners.iter_mut() {
            // Whether it had something to write or not: nothing of it may be taken.
            let _ = owner.look(shelf, last.0, 10, dice);
        }
        let told = third.look(shelf, last.0, u64::MAX, dice).and_then(|()| {
            let Some((_, life)) = &mut third.held else { return Ok(()) };
            let all = life.tick(last.plus(60 * SECOND));
            third.tell(shelf, all)
        });
        let Some((_, life)) = third.held.take().filter(|_| told.is_ok()) else {
            return (self.figures, vec!["the last owner was fenced".into()]);
        };
        let again = Life::new(shards, tree(), None, None);
        let end = last.plus(60 * SECOND);
        let parcels: Vec<&Parcel> = self.parcels.iter().map(|(p, _, _)| p).collect();
        let arrived: Vec<&Parcel> = self.arrived.iter().map(|n| parcels[*n]).collect();
        let scene = judge::Scene { shelf: &self.shelf, arrived: &arrived, numbers: &self.arrived };
        let (figures, wrong) = judge::judge(&scene, &life, again, end);
        let (torn, refused, taken) = (self.shelf.torn, self.shelf.refused, self.shelf.taken_over);
        self.figures.add(&figures);
        self.count("torn checkpoints", torn);
        self.count("refused writes", refused);
        self.count("takeovers", taken);
        (self.figures, wrong)
    }
}
