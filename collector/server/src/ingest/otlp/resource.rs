//! Resource attributes on the wire to the closed set of a [`Resource`].
//!
//! Done once per distinct resource of a request.

use super::DecodeLimits;
use super::text::clean;
use super::value::{Budget, Scalar, key_value};
use super::wire::{Fault, Fields, Flaw, Value};
use longpole_model::signal::{Placement, Rejections, Resource, UNKNOWN_SERVICE};

/// The known resource attributes; the first of a list that was sent wins.
const ENVIRONMENT: [&[u8]; 2] = [b"deployment.environment.name", b"deployment.environment"];
const POD: [&[u8]; 3] = [b"k8s.pod.name", b"container.name", b"container.id"];
const NODE: [&[u8]; 2] = [b"k8s.node.name", b"host.name"];
const REVISION: [&[u8]; 2] = [b"vcs.ref.head.revision", b"vcs.repository.ref.revision"];

/// Reads a `Resource` message.
pub(crate) fn resource(
    message: &[u8],
    limits: &DecodeLimits,
    budget: &mut Budget,
    rejections: &mut Rejections,
) -> Result<Resource, Fault> {
    let mut environment = [Scalar::Empty; 2];
    let mut pod = [Scalar::Empty; 3];
    let mut node = [Scalar::Empty; 2];
    let mut revision = [Scalar::Empty; 2];
    let [mut namespace, mut service, mut version, mut language, mut instance] = [Scalar::Empty; 5];
    let [mut hardware, mut hardware_type] = [Scalar::Empty; 2];

    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        let (key, value) = match field {
            (1, Value::Bytes(attribute)) => key_value(attribute, budget)?,
            (1, _) => return Err(fields.fault(Flaw::WireType)),
            _ => continue,
        };
        match key {
            b"service.name" => service = value,
            b"service.namespace" => namespace = value,
            b"service.version" => version = value,
            b"service.instance.id" => instance = value,
            b"telemetry.sdk.language" => language = value,
            b"hw.id" => hardware = value,
            b"hw.type" => hardware_type = value,
            _ => {
                keep(&ENVIRONMENT, &mut environment, key, value);
                keep(&POD, &mut pod, key, value);
                keep(&NODE, &mut node, key, value);
                keep(&REVISION, &mut revision, key, value);
            }
        }
    }

    let mut text = |value: Scalar<'_>| written(value, limits.text, rejections);
    let service = text(service);
    // Hardware that does not say what it is counts as a GPU: hosts are named by `host.name`.
    let is_gpu = hardware_type.text().is_none_or(|t| t == b"gpu");
    Ok(Resource {
        tenant: String::new(),
        environment: text(first(environment)),
        namespace: text(namespace),
        // SDKs that were told no name send `unknown_service:<process>`.
        named: !service.is_empty() && !service.starts_with(UNKNOWN_SERVICE),
        service: if service.is_empty() { UNKNOWN_SERVICE.into() } else { service },
        version: text(version),
        language: text(language),
        revision: text(first(revision)),
        placement: Placement {
            instance: text(instance),
            pod: text(first(pod)),
            node: text(first(node)),
            gpu: if is_gpu { text(hardware) } else { String::new() },
        },
    })
}

fn keep<'a, const N: usize>(
    keys: &[&[u8]; N],
    values: &mut [Scalar<'a>; N],
    key: &[u8],
    value: Scalar<'a>,
) {
    if let Some((_, cell)) = keys.iter().zip(values).find(|(k, _)| **k == key) {
        *cell = value;
    }
}

fn first<const N: usize>(values: [Scalar<'_>; N]) -> Scalar<'_> {
    let said = |v: &Scalar<'_>| !matches!(v, Scalar::Empty | Scalar::Other | Scalar::Text(b""));
    values.into_iter().find(said).unwrap_or_default()
}

/// A scalar as text; lists, maps and bytes are none.
pub(crate) fn written(value: Scalar<'_>, cap: usize, rejections: &mut Rejections) -> String {
    match value {
        Scalar::Empty | Scalar::Other => String::new(),
        Scalar::Text(raw) => clean(raw, cap, rejections),
        Scalar::Bool(b) => b.to_string(),
        Scalar::Int(n) => n.to_string(),
        // In full, 1e308 has 309 digits: a number may not become much longer than it was sent.
        Scalar::Double(x) if x != 0.0 && !(1e-5..1e16).contains(&x.abs()) => format!("{x:e}"),
        Scalar::Double(x) => x.to_string(),
    }
}
