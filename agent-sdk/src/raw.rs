//! Everything in this crate that needs `unsafe`: reading the processor's time stamp counter, being told
//! of a fork, and what a profile needs of the system (`raw/profile`, only with that feature). The ring, the
//! records and their decoding need none.
//!
//! What the readings mean is `clock`'s; what a fork changes is `local`'s.

#![allow(unsafe_code)]

#[cfg(all(feature = "profile", target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
pub(crate) mod profile;

/// The time stamp counter, in ticks of a constant but unknown rate. `clock` decides whether it may be
/// trusted.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn time_stamp() -> u64 {
    // SAFETY: RDTSC reads a register into two others; it takes no pointer and touches no memory. Every
    // x86-64 processor has it. It traps only where the process has forbidden it to itself
    // (PR_SET_TSC), and then the C library's own clock would trap the same way.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Has `child` called in the new process after every fork, on the thread that forked. It must do no more
/// than a signal handler may: no lock, no allocation.
#[cfg(unix)]
pub(crate) fn after_fork(child: unsafe extern "C" fn()) {
    // SAFETY: the C library keeps the address of a function that lives as long as the program. It cannot
    // unwind into C: an `extern "C"` function aborts instead, and this one does not panic. When there is
    // no memory for the entry (ENOMEM), forks go unnoticed, which is no unsoundness.
    let _ = unsafe { libc::pthread_atfork(None, None, Some(child)) };
}
