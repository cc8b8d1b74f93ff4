//! A profile of where this process's processor time goes, taken because a collector asked for it and the program
//! allows it: how one begins, and what bounds it. Taking it is `profile/run`; who may ask is `transport/remote`.
//!
//! One at a time, a minute at most, a minute between two. Each thread that uses the processor is interrupted by the
//! time it uses, at most 199 times a second of it (some ten microseconds each); threads that sleep are not. Stacks
//! are those of frame pointers: a program built without them (`-C force-frame-pointers=yes` keeps them)
//! shows the innermost function and what was inlined into it.

#[cfg(all(feature = "profile", target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
pub(crate) mod run;

use std::time::Duration;

/// Between two profiles.
pub(crate) const PAUSE: Duration = Duration::from_secs(60);

/// What one takes.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // read where one can be taken
pub(crate) struct Plan {
    /// How long.
    pub(crate) length: Duration,
    /// Samples a second of processor time of each thread.
    pub(crate) rate: u32,
}

/// What became of it: pprof, packed; or why there is none.
pub(crate) type Taken = Result<Vec<u8>, String>;

/// Whether this build can take one.
pub(crate) const fn possible() -> bool {
    cfg!(all(feature = "profile", target_os = "linux", target_env = "gnu", target_arch = "x86_64"))
}

/// Begins one on a thread of its own, which says in the end what became of it. The error says why it does not begin.
#[cfg(all(feature = "profile", target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
pub(crate) fn begin(plan: Plan, done: impl FnOnce(Taken) + Send + 'static) -> Result<(), String> {
    run::begin(plan, done)
}

/// There is nothing here that could begin.
#[cfg(not(all(
    feature = "profile",
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64"
)))]
pub(crate) fn begin(_: Plan, _: impl FnOnce(Taken) + Send + 'static) -> Result<(), String> {
    Err("profiles need the feature `profile`, on Linux on x86-64".to_owned())
}
