//! Resident memory of this process, as Linux tells it.

/// Bytes of a mebibyte.
pub const MIB: f64 = 1_048_576.0;

/// Resident memory from here on.
#[derive(Clone, Copy, Debug)]
pub struct Since(f64);

impl Since {
    /// From now; the peak begins anew, too. What the allocator has kept of what was freed is filled
    /// first, large pieces before small ones, for what is made of it would not show.
    pub fn now() -> Self {
        for (bytes, times) in [(64 << 10, 8), (4 << 10, 128), (512, 1_024), (56, 10_000)] {
            let full = field("VmRSS:") + 4.0;
            while field("VmRSS:") < full {
                let piece = |_| std::mem::forget(std::hint::black_box(vec![1u8; bytes]));
                (0..times).for_each(piece);
            }
        }
        // "5" resets the peak (Linux, proc(5)); where it may not be written, the peak is that of all.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self(field("VmRSS:"))
    }

    /// Growth until now, MiB.
    pub fn grown(self) -> f64 {
        field("VmRSS:") - self.0
    }

    /// Growth to the peak, MiB.
    pub fn peak(self) -> f64 {
        field("VmHWM:") - self.0
    }
}

/// A field of `/proc/self/status` in MiB; not a number where there is none.
fn field(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    let kib = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
