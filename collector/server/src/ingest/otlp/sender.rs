//! The resource of the part of a request that is being walked.
//!
//! Filed when the first span or point that is kept refers to it: resources that nothing refers to
//! cost nothing.

use super::dictionary::Dictionary;
use super::value::Budget;
use super::wire::{Fault, Fields, Flaw, Value};
use longpole_model::signal::Rejections;
use std::borrow::Cow;

/// A resource's bytes, and where it was filed.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    message: Cow<'a, [u8]>,
    filed: Option<Filed>,
}

/// Where a resource was filed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filed {
    /// Its number in the dictionary.
    pub(super) number: u32,
    /// Whether it names its service.
    pub(super) named: bool,
}

impl<'a> Sender<'a> {
    /// The resource in a `ResourceSpans` or `ResourceMetrics` message. It may come after what it
    /// sent, and in pieces: messages that follow one another on the wire are one message.
    pub(super) fn of(message: &'a [u8]) -> Result<Self, Fault> {
        let mut whole = Cow::Borrowed(&[] as &[u8]);
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(part)) if whole.is_empty() => whole = Cow::Borrowed(part),
                (1, Value::Bytes(part)) => whole.to_mut().extend_from_slice(part),
                (1, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        Ok(Self { message: whole, filed: None })
    }

    /// Where it is filed.
    #[inline]
    pub(super) fn filed(
        &mut self,
        dictionary: &mut Dictionary,
        budget: &mut Budget,
        rejections: &mut Rejections,
    ) -> Result<Filed, Fault> {
        if let Some(filed) = self.filed {
            return Ok(filed);
        }
        let number = dictionary.sender(&self.message, budget, rejections)?;
        let named = dictionary.resource(number).is_some_and(|r| r.named);
        Ok(*self.filed.insert(Filed { number, named }))
    }
}
