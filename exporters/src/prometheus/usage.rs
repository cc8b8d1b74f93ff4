//! Utilization, saturation, errors: the latest value of each series.

use super::family::{Family, Kind, Labels};
use longpole_model::finding::UseRow;
use longpole_model::signal::Role;
use std::collections::BTreeSet;

pub(super) fn families(rows: &[UseRow]) -> Vec<Family<'_>> {
    let family = |role: Role, name: &'static str, help: &'static str| {
        let mut family = Family::new(name, help, Kind::Gauge);
        let mut seen = BTreeSet::new();
        for row in rows.iter().filter(|r| r.role == role) {
            let labels: Labels<'_> = vec![
                ("service_name", row.service.as_str().into()),
                ("instance_id", row.pod.as_str().into()),
                ("resource", facility(row).into()),
                ("series", row.series.as_str().into()),
                ("unit", row.unit.as_str().into()),
            ];
            if seen.insert(labels.clone()) {
                family.number(labels, row.last);
            }
        }
        family
    };
    vec![
        family(
            Role::Utilization,
            "longpole_resource_utilization",
            "How much of a resource is in use; counters as gain per second.",
        ),
        family(
            Role::Saturation,
            "longpole_resource_saturation",
            "Work that waits for a resource; counters as gain per second.",
        ),
        family(
            Role::Errors,
            "longpole_resource_errors",
            "Errors of a resource; counters as gain per second.",
        ),
    ]
}

/// The name that JSON gives it.
fn facility(row: &UseRow) -> String {
    match serde_json::to_value(row.facility) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
