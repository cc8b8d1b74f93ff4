//! What the process and the machine under it use: utilisation, saturation, errors, by itself. Names are
//! those of the semantic conventions where there are some.
//!
//! Sources read text of the kernel; parsing it is pure (`usage/*`), reading it is `read`. Where a file is
//! missing its metrics are not there: other systems than Linux have the process's uptime and no more.

mod cgroup;
#[cfg(feature = "gpu")]
mod gpu;
mod host;
mod pool;
mod process;
#[cfg(feature = "tokio-metrics")]
mod runtime;

pub use pool::{Pool, watch_pool, watch_queue};
#[cfg(feature = "tokio-metrics")]
pub use runtime::{watch_runtime, watch_tasks};

/// What is to be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    /// The whole host, beside the process and its control group (`LONGPOLE_HOST_METRICS=true`): one
    /// process of a host is enough.
    pub host: bool,
}

/// Registers the sources.
pub(crate) fn register(what: Watched) {
    process::register();
    cgroup::register();
    if what.host {
        host::register();
    }
    #[cfg(feature = "gpu")]
    gpu::register();
    #[cfg(feature = "tokio-metrics")]
    if let Ok(handle) = tokio::runtime::Handle::try_current() {
        watch_runtime("main", &handle);
    }
}

/// A file as text, while it can be read.
fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The value behind `key` on its line: `key value`, `key: value kB`.
fn value(text: &str, key: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?;
        rest.starts_with([' ', '\t', ':']).then_some(rest)
    })?;
    rest.trim_start_matches(':').split_ascii_whitespace().next()?.parse().ok()
}

/// Clock ticks a second and bytes of a page, from the auxiliary vector (`/proc/self/auxv`: pairs of
/// words); the usual values where it cannot be read.
fn system() -> (f64, f64) {
    let bytes = std::fs::read("/proc/self/auxv").unwrap_or_default();
    let found = |key: u64| {
        let word = |b: &[u8]| b.try_into().map(u64::from_ne_bytes).unwrap_or(0);
        bytes.chunks_exact(16).find(|p| word(&p[..8]) == key).map(|p| word(&p[8..]) as f64)
    };
    // AT_CLKTCK and AT_PAGESZ (elf.h).
    (found(17).unwrap_or(100.0), found(6).unwrap_or(4096.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_words() {
        let text = "MemTotal:  100 kB\nMem: 7 kB\nusage_usec 5\n";
        assert_eq!((value(text, "Mem"), value(text, "MemTotal")), (Some(7.0), Some(100.0)));
        assert_eq!((value(text, "usage_usec"), value(text, "usage")), (Some(5.0), None));
    }

    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    #[test]
    fn the_system_says_its_units() {
        let (ticks, page) = system();
        assert!(ticks >= 100.0 && page >= 4096.0);
    }
}
