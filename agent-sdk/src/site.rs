//! Call sites: what is known of a span before the program runs. In a ring a span says a number; here the
//! drain finds what it stands for.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// OTLP span kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Work inside of a service (the default).
    #[default]
    Internal = 1,
    /// A request that is answered.
    Server = 2,
    /// A request that is made.
    Client = 3,
    /// A message that is sent.
    Producer = 4,
    /// A message that is worked on.
    Consumer = 5,
}

impl Kind {
    /// By its name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "internal" => Self::Internal,
            "server" => Self::Server,
            "client" => Self::Client,
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            _ => return None,
        })
    }
}

/// An attribute that is the same whenever the call site is reached. It costs nothing there.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// Its name.
    pub key: &'static str,
    /// The literal as it stands in the program, which tells its type.
    pub source: &'static str,
    /// The literal's value as text.
    pub text: &'static str,
}

/// One place in the program that makes spans. Written by [`span!`](crate::span!), never by hand.
#[derive(Debug)]
pub struct Site {
    /// Its number; 0 until it is reached first.
    id: AtomicU32,
    /// The rate of traces that begin here (`sampler`), where it has one of its own.
    rate: AtomicU64,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) file: Option<&'static str>,
    pub(crate) line: u32,
    pub(crate) keys: &'static [&'static str],
    pub(crate) fixed: &'static [Fixed],
    /// Its spans may be renamed, or turned to another kind, from the start.
    pub(crate) renamed: bool,
}

/// "No rate of its own".
pub(crate) const NO_RATE: u64 = u64::MAX;

impl Site {
    /// A call site of native spans.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        file: &'static str,
        line: u32,
        keys: &'static [&'static str],
        fixed: &'static [Fixed],
    ) -> Self {
        Self {
            id: AtomicU32::new(0),
            rate: AtomicU64::new(NO_RATE),
            name,
            kind,
            file: Some(file),
            line,
            keys,
            fixed,
            renamed: false,
        }
    }

    /// A call site of `tracing` spans.
    pub(crate) fn foreign(
        name: &'static str,
        place: Option<(&'static str, u32)>,
        keys: &'static [&'static str],
    ) -> &'static Self {
        let line = place.map_or(0, |(_, line)| line);
        let site = Self {
            file: place.map(|p| p.0),
            renamed: true,
            ..Self::new(name, Kind::Internal, "", line, keys, &[])
        };
        // One for each call site of the program, as its other static parts.
        Box::leak(Box::new(site))
    }

    /// Its number.
    #[inline(always)]
    pub(crate) fn id(&'static self) -> u32 {
        match self.id.load(Ordering::Relaxed) {
            0 => self.register(),
            id => id,
        }
    }

    #[cold]
    fn register(&'static self) -> u32 {
        let mut sites = sites();
        let known = self.id.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        sites.push(self);
        let id = u32::try_from(sites.len()).unwrap_or(u32::MAX);
        self.rate.store(crate::sampler::rates::of(self.name).unwrap_or(NO_RATE), Ordering::Relaxed);
        // Everything else about it never changes.
        self.id.store(id, Ordering::Relaxed);
        id
    }

    /// The rate that was set for this operation.
    #[inline]
    pub(crate) fn rate(&'static self) -> u64 {
        self.id();
        self.rate.load(Ordering::Relaxed)
    }

    pub(crate) fn set_rate(&self, rate: u64) {
        self.rate.store(rate, Ordering::Relaxed);
    }
}

static SITES: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());

fn sites() -> MutexGuard<'static, Vec<&'static Site>> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The site of a number.
pub(crate) fn get(id: u32) -> Option<&'static Site> {
    sites().get((id as usize).checked_sub(1)?).copied()
}

/// Does something to every site that was reached under a name.
pub(crate) fn each_named(name: &str, apply: impl Fn(&Site)) {
    sites().iter().filter(|s| s.name == name).for_each(|s| apply(s));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_back_to_its_site() {
        static SITE: Site = Site::new("work", Kind::Client, "x.rs", 7, &["a"], &[]);
        let id = SITE.id();
        assert_eq!((SITE.id(), get(id).map(|s| (s.name, s.line))), (id, Some(("work", 7))));
        assert!(get(0).is_none() && get(u32::MAX).is_none());
    }
}
