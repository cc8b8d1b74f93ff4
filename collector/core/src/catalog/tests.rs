//! Caps cannot be gone around by names that look like what caps fold into.

use super::*;
use crate::limits::Limits;
use crate::memo::Seed;
use longpole_model::signal::{Batch, OVERFLOW_NAME, OperationRow, Resource, SeriesRow};

#[test]
fn names_of_overflow_rows_are_capped_like_others() {
    let limits = Limits { services: 2, operations: 10, series: 10, ..Limits::default() };
    let mut interner = Interner::new(limits, Seed(0));
    for i in 0..100 {
        let sender = Arc::new(Resource {
            tenant: format!("t{i}"),
            service: format!("s{}", i % 50),
            ..Resource::default()
        });
        let name = OVERFLOW_NAME.to_owned();
        let attributes = vec![("k".to_owned(), i.to_string())];
        let batch = Batch {
            resources: vec![Arc::clone(&sender)],
            operations: vec![Arc::new(OperationRow {
                resource: sender,
                name: name.clone(),
                ..OperationRow::default()
            })],
            series: vec![SeriesRow { name, attributes, ..SeriesRow::default() }],
            ..Batch::default()
        };
        let mapped = interner.map(&batch, Timestamp(0));
        assert!(mapped.operations[0].1 && mapped.series[0].overflow, "told as overflow");
    }
    let catalog = interner.catalog();
    assert!(catalog.services().len() <= 3, "{:?}", catalog.services());
    // The overflow row of each service is beside the cap.
    assert!(catalog.operations().len() <= 13, "{}", catalog.operations().len());
    assert!(catalog.series().len() <= 13, "{}", catalog.series().len());
}
