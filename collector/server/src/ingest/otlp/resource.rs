//! Resource attributes to a [`Resource`]: semantic conventions, new names and old.

use super::Refusal;
use super::attributes::{Budget, Scalar};
use super::text::clean;
use super::wire::Fields;
use longpole_model::signal::{Rejections, Resource, UNKNOWN_SERVICE};
use std::collections::HashMap;

/// Distinct resources of a request.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) rows: Vec<Resource>,
    index: HashMap<Resource, u32>,
}

impl Resources {
    /// The index of a `Resource` message, appended when it is new.
    pub(super) fn intern(
        &mut self,
        message: &[u8],
        budget: &mut Budget<'_>,
        rejections: &mut Rejections,
    ) -> Result<u32, Refusal> {
        let row = read(message, budget, rejections)?;
        let next = self.rows.len() as u32;
        let at = *self.index.entry(row.clone()).or_insert(next);
        if at == next {
            self.rows.push(row);
        }
        Ok(at)
    }
}

fn read(
    message: &[u8],
    budget: &mut Budget<'_>,
    rejections: &mut Rejections,
) -> Result<Resource, Refusal> {
    let mut r = Resource::default();
    let (mut container, mut host) = (String::new(), String::new());
    let limit = budget.limits.text;
    for field in Fields::new(message) {
        let (1, value) = field? else { continue };
        let (key, value) = budget.attribute(value.bytes()?)?;
        let slot = match key {
            b"service.name" => &mut r.service,
            b"service.namespace" => &mut r.namespace,
            b"service.version" => &mut r.version,
            b"service.instance.id" => &mut r.placement.instance,
            b"deployment.environment.name" => &mut r.environment,
            b"deployment.environment" if r.environment.is_empty() => &mut r.environment,
            b"telemetry.sdk.language" => &mut r.language,
            b"vcs.ref.head.revision" => &mut r.revision,
            b"k8s.pod.name" => &mut r.placement.pod,
            b"k8s.node.name" => &mut r.placement.node,
            b"host.name" => &mut host,
            b"container.name" => &mut container,
            b"container.id" if container.is_empty() => &mut container,
            b"hw.id" => &mut r.placement.gpu,
            _ => continue,
        };
        *slot = match value {
            Scalar::Text(t) => clean(t, limit, rejections),
            other => clean(&other.to_text(), limit, rejections),
        };
    }
    if r.placement.pod.is_empty() {
        r.placement.pod = container;
    }
    if r.placement.node.is_empty() {
        r.placement.node = host;
    }
    r.named = !r.service.is_empty();
    if !r.named {
        r.service = UNKNOWN_SERVICE.to_owned();
    }
    Ok(r)
}
