//! Log requests: their records are counted and dropped. Longpole keeps no logs.

use super::DecodeLimits;
use super::value::Budget;
use super::wire::{Fault, Fields, Flaw, Value};
use longpole_model::signal::Rejections;

/// Counts the records of an `ExportLogsServiceRequest`.
pub(super) fn walk(
    payload: &[u8],
    limits: &DecodeLimits,
    rejections: &mut Rejections,
) -> Result<(), Fault> {
    let mut budget = Budget::new(limits);
    let mut request = Fields::of(payload);
    while let Some(field) = request.next()? {
        let resource = match field {
            (1, Value::Bytes(message)) => message,
            (1, _) => return Err(request.fault(Flaw::WireType)),
            _ => continue,
        };
        let mut fields = Fields::of(resource);
        while let Some(field) = fields.next()? {
            if let (2, Value::Bytes(scope)) = field {
                rejections.logs += records(scope, &mut budget)?;
            }
        }
    }
    Ok(())
}

fn records(scope: &[u8], budget: &mut Budget) -> Result<u64, Fault> {
    let mut count = 0;
    let mut fields = Fields::of(scope);
    while let Some(field) = fields.next()? {
        if let (2, Value::Bytes(record)) = field {
            budget.item(record)?;
            count += 1;
        }
    }
    Ok(count)
}
