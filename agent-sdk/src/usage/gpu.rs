//! NVIDIA processors through NVML, which is loaded when the program runs; without the library or a device
//! nothing is registered and nothing is said.

use crate::metrics::{observe_many, observe_sums};
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError};
use nvml_wrapper::{Device, Nvml};
use std::sync::OnceLock;

/// The library, loaded once for the process and never unloaded.
fn nvml() -> Option<&'static Nvml> {
    static NVML: OnceLock<Option<Nvml>> = OnceLock::new();
    NVML.get_or_init(|| Nvml::init().ok()).as_ref()
}

/// Runs on each device with its labels.
fn each(nvml: &'static Nvml, mut run: impl FnMut(&Device<'static>, &str, &str)) {
    for index in 0..nvml.device_count().unwrap_or(0) {
        let Ok(device) = nvml.device_by_index(index) else { continue };
        let (id, name) = (device.uuid().unwrap_or_else(|_| index.to_string()), device.name());
        run(&device, &id, name.as_deref().unwrap_or(""));
    }
}

type Numbers = fn(&Device<'static>) -> Vec<(f64, &'static str, &'static str)>;

pub(super) fn register() {
    let Some(nvml) = nvml() else { return };
    let gauges: [(&str, &str, Numbers); 3] = [
        ("hw.gpu.utilization", "1", |d| {
            let used = d.utilization_rates().map(|u| f64::from(u.gpu) / 100.0);
            used.into_iter().map(|v| (v, "hw.gpu.task", "general")).collect()
        }),
        ("hw.gpu.memory.utilization", "1", |d| {
            let used = d.memory_info().map(|m| m.used as f64 / (m.total as f64).max(1.0));
            used.into_iter().map(|v| (v, "hw.type", "gpu")).collect()
        }),
        ("hw.gpu.memory.limit", "By", |d| {
            let all = d.memory_info().map(|m| m.total as f64);
            all.into_iter().map(|v| (v, "hw.type", "gpu")).collect()
        }),
    ];
    for (name, unit, read) in gauges {
        observe_many(name, unit, move |tell| {
            each(nvml, |device, id, model| {
                for (value, key, what) in read(device) {
                    tell(value, &[("hw.id", id), ("hw.name", model), (key, what)]);
                }
            });
        });
    }
    observe_sums("hw.gpu.memory.usage", "By", false, move |tell| {
        each(nvml, |device, id, model| {
            let Ok(m) = device.memory_info() else { return };
            for (bytes, state) in [(m.used, "used"), (m.reserved, "reserved"), (m.free, "free")] {
                let labels = [("hw.id", id), ("hw.name", model), ("hw.gpu.memory.state", state)];
                tell(bytes as f64, &labels);
            }
        });
    });
    observe_sums("hw.errors", "{error}", true, move |tell| {
        each(nvml, |device, id, model| {
            for (kind, text) in [
                (MemoryError::Corrected, "ecc_corrected"),
                (MemoryError::Uncorrected, "ecc_uncorrected"),
            ] {
                // Devices without error correction have none to tell.
                if let Ok(n) = device.total_ecc_errors(kind, EccCounter::Aggregate) {
                    let labels = [
                        ("hw.id", id),
                        ("hw.name", model),
                        ("hw.type", "gpu"),
                        ("error.type", text),
                    ];
                    tell(n as f64, &labels);
                }
            }
        });
    });
    xid(nvml);
}

/// Critical driver errors (XID), which only come as events: those since the start are counted.
fn xid(nvml: &'static Nvml) {
    use nvml_wrapper::bitmasks::event::EventTypes;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    let Ok(mut set) = nvml.create_event_set() else { return };
    let mut some = false;
    for index in 0..nvml.device_count().unwrap_or(0) {
        let Ok(device) = nvml.device_by_index(index) else { return };
        match device.register_events(EventTypes::CRITICAL_XID_ERROR, set) {
            Ok(back) => (set, some) = (back, true),
            // The set is gone with the error.
            Err(_) => return,
        }
    }
    if !some {
        return;
    }
    let state = Mutex::new((set, BTreeMap::<String, u64>::new()));
    observe_sums("hw.errors", "{error}", true, move |tell| {
        let Ok(mut state) = state.lock() else { return };
        let (set, seen) = &mut *state;
        // Whatever happened since the last reading, without waiting.
        for _ in 0..64 {
            let Ok(event) = set.wait(0) else { break };
            let id = event.device.uuid().unwrap_or_default();
            *seen.entry(id).or_default() += 1;
        }
        for (id, count) in seen {
            tell(*count as f64, &[("hw.id", id), ("hw.type", "gpu"), ("error.type", "xid")]);
        }
    });
}
