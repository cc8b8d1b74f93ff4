//! Span events that are looked at: exceptions and query plans. All others are passed over.

use super::value::{Budget, key_value};
use super::wire::{Fault, Fields, Flaw, Value};

/// Names of the event that says what a query's plan showed: ours, and how conventions would name it.
const QUERY_PLAN_EVENTS: [&[u8]; 2] = [b"longpole.query_plan", b"db.query.plan"];
/// Their attribute with the finding, e.g. `full_scan orders`.
const QUERY_PLAN_FINDINGS: [&[u8]; 2] = [b"longpole.query_plan.finding", b"db.query.plan.finding"];

/// What a span's events said. The last of a sort wins: it is the one that left the span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    /// Whether there was an exception.
    pub(crate) threw: bool,
    /// `exception.type` of an exception.
    pub(crate) exception: Option<&'a [u8]>,
    /// A query plan's finding.
    pub(crate) plan: Option<&'a [u8]>,
}

/// Reads an `Event` message.
pub(crate) fn event<'a>(
    message: &'a [u8],
    budget: &mut Budget,
    told: &mut Told<'a>,
) -> Result<(), Fault> {
    let mut name: &[u8] = &[];
    let mut exception = None;
    let mut plan = None;
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        match field {
            (2, Value::Bytes(text)) => name = text,
            (3, Value::Bytes(attribute)) => {
                let (key, value) = key_value(attribute, budget)?;
                if key == b"exception.type" {
                    exception = value.text();
                } else if QUERY_PLAN_FINDINGS.contains(&key) {
                    plan = value.text();
                }
            }
            (2 | 3, _) => return Err(fields.fault(Flaw::WireType)),
            _ => {}
        }
    }
    if name == b"exception" {
        told.threw = true;
        told.exception = exception.or(told.exception);
    } else if QUERY_PLAN_EVENTS.contains(&name) {
        told.plan = plan.or(told.plan);
    }
    Ok(())
}
