//! What setting up reads from variables: sizes, limits, the sampler, the resource. Where spans go is
//! `transport/settings`.

use super::Builder;
use crate::drain::encode::Limits;
use crate::env::{Env, pairs, warn};
use crate::sampler::Sampler;
use crate::transport::settings::Chosen;
use longpole_proto::order::Taker;

/// Sizes and limits.
pub(super) struct Sizes {
    /// Spans that may wait in a thread's ring.
    pub(super) queue: usize,
    /// Spans of a batch.
    pub(super) batch: u32,
    pub(super) limits: Limits,
    /// Bytes of a text.
    pub(super) text: usize,
}

/// `OTEL_BSP_*`, `OTEL_SPAN_*`, `OTEL_ATTRIBUTE_*`.
pub(super) fn sizes(env: &Env<'_>) -> Sizes {
    let number = |name: &str, default: usize| {
        env.number(name).map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    let queue = number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048).max(1);
    let batch = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512).clamp(1, queue);
    let defaults = Limits::default();
    let attributes = number("OTEL_ATTRIBUTE_COUNT_LIMIT", defaults.attributes);
    let text = number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 16 << 10);
    Sizes {
        queue,
        batch: u32::try_from(batch).unwrap_or(u32::MAX),
        limits: Limits {
            attributes: number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", attributes),
            events: number("OTEL_SPAN_EVENT_COUNT_LIMIT", defaults.events),
            links: number("OTEL_SPAN_LINK_COUNT_LIMIT", defaults.links),
        },
        text: number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", text),
    }
}

/// As whom orders are taken, where the program or `LONGPOLE_CONTROL` allows any.
pub(super) fn taker(
    chosen: &Chosen,
    env: &Env<'_>,
    resource: &[(String, String)],
) -> Option<Taker> {
    let (mut sampling, mut profile) = (chosen.controllable, chosen.profilable);
    if let Some(asked) = env.text("LONGPOLE_CONTROL") {
        (sampling, profile) = (false, false);
        for what in asked.split(',').map(str::trim) {
            match what {
                "sampling" => sampling = true,
                "profile" => profile = true,
                "none" | "" => {}
                other => warn(&format!(
                    "LONGPOLE_CONTROL: {other:?} is not known (sampling, profile, none); ignored"
                )),
            }
        }
    }
    if profile && !crate::profile::possible() {
        warn("a profile cannot be asked for: that needs the feature `profile`, on Linux on x86-64");
        profile = false;
    }
    let text = |key: &str| resource.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    let (service, instance) = (text("service.name")?, text("service.instance.id")?);
    (sampling || profile).then_some(Taker { service, instance, sampling, profile })
}

impl Builder {
    /// Who it is that sends; the last of equal keys stays.
    pub(super) fn resource(&self, env: &Env<'_>) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = vec![
            ("telemetry.sdk.name".into(), "longpole".into()),
            ("telemetry.sdk.language".into(), "rust".into()),
            ("telemetry.sdk.version".into(), env!("CARGO_PKG_VERSION").into()),
            ("service.instance.id".into(), format!("{:016x}", crate::id::seed())),
            ("process.pid".into(), std::process::id().to_string()),
        ];
        if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
            all.push(("host.name".into(), host.trim().to_owned()));
        }
        all.push(("service.name".into(), self.service.clone()));
        all.extend(self.version.iter().map(|v| ("service.version".to_owned(), v.clone())));
        all.extend(self.attributes.iter().cloned());
        all.extend(pairs(&env.text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()));
        all.extend(env.text("OTEL_SERVICE_NAME").map(|n| ("service.name".to_owned(), n)));
        // The last of equal keys stays.
        let mut out: Vec<(String, String)> = Vec::new();
        for (key, value) in all {
            match out.iter_mut().find(|(k, _)| *k == key) {
                Some(known) => known.1 = value,
                None => out.push((key, value)),
            }
        }
        out
    }
}

/// `OTEL_TRACES_SAMPLER`.
pub(super) fn sampler(env: &Env<'_>) -> Sampler {
    let Some(name) = env.text("OTEL_TRACES_SAMPLER") else { return Sampler::ParentAlwaysOn };
    Sampler::named(&name, env.text("OTEL_TRACES_SAMPLER_ARG").as_deref()).unwrap_or_else(|| {
        warn(&format!("OTEL_TRACES_SAMPLER={name:?} is not known here; ignored"));
        Sampler::ParentAlwaysOn
    })
}
