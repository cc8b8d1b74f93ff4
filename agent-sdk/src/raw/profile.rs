//! What a profile needs of the system: a signal by the processor time of a thread, the registers it came upon, and
//! memory that may not be there.
//!
//! What runs inside a signal handler here and in `profile/run/slots`: atomics, a `const` thread-local that has nothing
//! to drop, and two system calls. No lock, no allocation, no unwinder, no loader.

use libc::{c_int, c_void, siginfo_t};
use std::io::Error;

/// Where a thread was when its signal came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caught {
    /// The instruction.
    pub(crate) at: u64,
    /// The end of the stack.
    pub(crate) stack: u64,
    /// The frame pointer, in programs that keep one; else anything.
    pub(crate) frame: u64,
    /// How many samples it stands for.
    pub(crate) weight: u64,
}

/// Takes the signal for as long as the process lives. The error says why not.
pub(crate) fn catch() -> Result<(), String> {
    let was = handler()?;
    if was == ours() {
        return Ok(());
    }
    if was != libc::SIG_DFL && was != libc::SIG_IGN {
        return Err("another profiler of the program has taken SIGPROF".to_owned());
    }
    // SAFETY: all zeroes is a valid `sigaction`: no flags, an empty mask, the default handler. It is filled in
    // before use. `sigaction` reads one struct and writes none. The handler has the three arguments that
    // SA_SIGINFO promises, lives as long as the program and cannot unwind (`extern "C"` aborts instead; there
    // is nothing in it that panics). SA_RESTART, so that system calls of the host go on. Not SA_ONSTACK: the
    // alternate stacks that exist are made for stack overflows and may have no room beside the registers.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ours();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(format!("SIGPROF: {}", Error::last_os_error())) }
}

/// Whether nobody has taken the signal since. It is never given back: a signal that is late would end the process.
pub(crate) fn caught() -> bool {
    handler().is_ok_and(|h| h == ours())
}

fn ours() -> usize {
    heard as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

fn handler() -> Result<usize, String> {
    // SAFETY: as above; with no new action `sigaction` only writes the present one to a struct that is ours.
    let (done, now) = unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut now), now)
    };
    if done == 0 { Ok(now.sa_sigaction) } else { Err(Error::last_os_error().to_string()) }
}

extern "C" fn heard(_: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO two valid pointers, to a `siginfo_t` and a `ucontext_t`,
    // that nobody else uses before it returns. Of a timer's signal the sixth number in the first is how many
    // more it stands for (its 128 bytes are more than six numbers). The C library's errno belongs to the thread that is interrupted, always exists,
    // and is put back, since the calls below may change it.
    unsafe {
        let errno = libc::__errno_location();
        let was = *errno;
        let timer = (*info).si_code == libc::SI_TIMER;
        let overrun = if timer { (*info.cast::<[i32; 6]>())[5] } else { 0 };
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        crate::profile::run::slots::note(Caught {
            at: registers[libc::REG_RIP as usize] as u64,
            stack: registers[libc::REG_RSP as usize] as u64,
            frame: registers[libc::REG_RBP as usize] as u64,
            weight: 1 + u64::try_from(overrun).unwrap_or(0).min(1_000),
        });
        *errno = was;
    }
}

/// Two words of this process's memory; `None` where there is none.
pub(crate) fn peek(address: u64) -> Option<[u64; 2]> {
    let mut words = [0u64; 2];
    let size = std::mem::size_of_val(&words);
    let to = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size };
    let from = libc::iovec { iov_base: address as usize as *mut c_void, iov_len: size };
    // SAFETY: a bare system call, allowed in a signal handler. The kernel writes at most `size` bytes to `words`,
    // whose every bit pattern is a number, and checks `from` itself: it answers EFAULT instead of faulting.
    // What it reads may be written by nobody meanwhile but this very thread, which stands still.
    let read = unsafe { libc::process_vm_readv(std::process::id() as i32, &to, 1, &from, 1, 0) };
    (read == size as isize).then_some(words)
}

/// A timer over the processor time of a thread; it is gone when dropped.
#[derive(Debug)]
pub(crate) struct Timer(libc::timer_t);

impl Timer {
    /// Sends the signal to `thread` of this process each time it has used so many nanoseconds, fewer than a second's
    /// or a second. `None` when the system gives no timer, or the thread has ended.
    pub(crate) fn new(thread: i32, nanos: u32) -> Option<Self> {
        // The clock of a thread's processor time, as the kernel names it (CPUCLOCK_PERTHREAD, CPUCLOCK_SCHED).
        let clock = (!thread) << 3 | 6;
        let part = libc::timespec {
            tv_sec: i64::from(nanos / 1_000_000_000),
            tv_nsec: i64::from(nanos % 1_000_000_000),
        };
        let period = libc::itimerspec { it_interval: part, it_value: part };
        // SAFETY: all zeroes is a valid `sigevent` and `timer_t`. `timer_create` reads the one and writes the other;
        // `timer_settime` reads `period`. A number that is no thread of this process, or no more, makes
        // the first fail; the kernel holds on to the thread it found, so that its number's next owner gets nothing.
        unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGPROF;
            event.sigev_notify_thread_id = thread;
            let mut timer: libc::timer_t = std::mem::zeroed();
            if libc::timer_create(clock, &mut event, &mut timer) != 0 {
                return None;
            }
            let made = Self(timer);
            (libc::timer_settime(timer, 0, &period, std::ptr::null_mut()) == 0).then_some(made)
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: it was made by `timer_create` and is deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}
