//! Utilization, saturation, errors: the latest value of each series.

use super::family::{Family, Kind};
use longpole_model::finding::UseRow;
use longpole_model::signal::Role;
use std::collections::BTreeSet;

pub(super) fn families(rows: &[UseRow]) -> Vec<Family> {
    let family = |role: Role, name: &str, help: &str| {
        let mut family = Family::new(name, help, Kind::Gauge);
        let mut seen = BTreeSet::new();
        for row in rows.iter().filter(|r| r.role == role) {
            let labels = vec![
                ("service_name", row.service.clone()),
                ("instance_id", row.pod.clone()),
                ("resource", facility(row)),
                ("series", row.series.clone()),
                ("unit", row.unit.clone()),
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
