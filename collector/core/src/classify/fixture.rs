//! Made-up facts for the tests of rules.

use crate::facts::{SeriesFact, Shift};
use longpole_model::signal::{Facility, Role, SeriesIdentity};

/// A series of the service `shop` that went from one level to another and stayed there.
pub(super) fn series(
    name: &str,
    (role, facility): (Role, Facility),
    unit: &str,
    [before, after]: [f64; 2],
) -> SeriesFact {
    let identity = SeriesIdentity {
        service: "shop".to_owned(),
        name: name.to_owned(),
        unit: unit.to_owned(),
        role,
        facility,
        ..SeriesIdentity::default()
    };
    let sigma = ((after - before).abs() / 10.0).max(1e-3);
    let shift = Shift { before, after, sigma, samples: [18, 9] };
    SeriesFact {
        identity,
        up: shift,
        down: shift,
        medians: [before, after],
        reach: before,
        baseline_max: before,
        baseline_min: before,
        growth_per_minute: 0.0,
        ends: [after; 2],
        end: after,
    }
}
