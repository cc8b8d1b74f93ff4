//! `ExportTraceServiceRequest` to a batch.

use super::attributes::Budget;
use super::name::Name;
use super::resource::Resources;
use super::span::{Walked, judge, walk};
use super::text::clean;
use super::wire::{Fields, Value};
use super::{DecodeLimits, Refusal};
use longpole_model::signal::{
    AttributeKey, Batch, KnownAttribute, OperationRow, Reason, Rejections, SpanCategory, SpanId,
    SpanKind, SpanRecord, Timestamp, TraceId,
};
use std::collections::HashMap;

/// What makes an operation distinct within a request, as slices of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key<'a> {
    resource: u32,
    kind: SpanKind,
    category: SpanCategory,
    name: Name<'a>,
    peer: &'a [u8],
}

/// The batch while the payload is still borrowed.
struct Builder<'a, 'l> {
    payload: &'a [u8],
    budget: Budget<'l>,
    now: Option<Timestamp>,
    resources: Resources,
    operations: HashMap<Key<'a>, u32>,
    operation_rows: Vec<OperationRow>,
    texts: HashMap<&'a [u8], u32>,
    text_rows: Vec<String>,
    spans: Vec<SpanRecord>,
    attributes: Vec<KnownAttribute>,
    rejections: Rejections,
}

/// Walks a trace request.
///
/// # Errors
/// Only what makes the whole request unreadable or too large; a bad span is refused alone and
/// counted in the [`Rejections`].
pub fn traces(
    payload: Vec<u8>,
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    if payload.len() > limits.bytes {
        let message = format!("{} bytes; at most {} are taken", payload.len(), limits.bytes);
        return Err(Refusal::new(Reason::TooLarge, message));
    }
    let mut b = Builder {
        payload: &payload,
        budget: Budget::new(limits),
        now,
        resources: Resources::default(),
        operations: HashMap::new(),
        operation_rows: Vec::new(),
        texts: HashMap::new(),
        text_rows: Vec::new(),
        spans: Vec::with_capacity((payload.len() / 256).min(limits.items)),
        attributes: Vec::new(),
        rejections: Rejections::default(),
    };
    for field in Fields::new(&payload) {
        if let (1, v) = field? {
            b.resource_spans(v.bytes()?)?;
        }
    }
    let Builder { resources, operation_rows, text_rows, spans, attributes, rejections, .. } = b;
    let batch = Batch {
        resources: resources.rows,
        operations: operation_rows,
        texts: text_rows,
        spans,
        attributes,
        payload,
        ..Batch::default()
    };
    Ok((batch, rejections))
}

impl<'a> Builder<'a, '_> {
    fn resource_spans(&mut self, message: &'a [u8]) -> Result<(), Refusal> {
        // The resource may stand behind its spans: look for it first.
        let mut resource = &[][..];
        for field in Fields::new(message) {
            if let (1, v) = field? {
                resource = v.bytes()?;
            }
        }
        let resource = self.resources.intern(resource, &mut self.budget, &mut self.rejections)?;
        for field in Fields::new(message) {
            let (2, Value::Bytes(scope)) = field? else { continue };
            for field in Fields::new(scope) {
                let (2, v) = field? else { continue };
                self.span(resource, v.bytes()?)?;
            }
        }
        Ok(())
    }

    fn span(&mut self, resource: u32, message: &'a [u8]) -> Result<(), Refusal> {
        self.budget.item("spans")?;
        let s = walk(message, &mut self.budget)?;
        self.rejections.truncated += u64::from(s.unseen);
        if let Some(reason) = judge(&s, self.now) {
            self.reject(reason, &s);
            return Ok(());
        }
        let category = s.known.category(s.kind);
        let key = Key {
            resource,
            kind: s.kind,
            category,
            name: s.known.name(s.kind, s.name),
            peer: s.known.peer(s.kind),
        };
        let operation = self.operation(key);
        if !self.resources.rows[resource as usize].named {
            self.rejections.unnamed += 1;
        }
        let index = self.spans.len() as u32;
        let error = if s.known.error_type.is_empty() { s.exception } else { s.known.error_type };
        for (key, text) in [
            (AttributeKey::ErrorType, error),
            (AttributeKey::CodeFunction, s.known.code_function),
            (AttributeKey::CodeFile, s.known.code_file),
            (AttributeKey::QueryPlan, s.plan),
        ] {
            if !text.is_empty() {
                let text = self.text(text);
                self.attributes.push(KnownAttribute { span: index, key, text });
            }
        }
        self.spans.push(SpanRecord {
            trace: TraceId(s.trace.try_into().unwrap_or_default()),
            span: SpanId(s.span.try_into().unwrap_or_default()),
            parent: SpanId(s.parent.try_into().unwrap_or_default()),
            start: Timestamp(s.start),
            end: Timestamp(s.end),
            operation,
            // The slice lies inside the payload, so the difference is its offset (below 4 GiB).
            offset: (message.as_ptr() as usize).wrapping_sub(self.payload.as_ptr() as usize) as u32,
            weight: s.weight,
            kind: s.kind,
            status: s.known.status(s.status, s.kind),
            category,
            flags: s.flags,
        });
        Ok(())
    }

    fn operation(&mut self, key: Key<'a>) -> u32 {
        if let Some(&at) = self.operations.get(&key) {
            return at;
        }
        let limit = self.budget.limits.text;
        let row = OperationRow {
            resource: key.resource,
            kind: key.kind,
            category: key.category,
            name: clean(&key.name.bytes(), limit, &mut self.rejections),
            peer: clean(key.peer, limit, &mut self.rejections),
        };
        let at = self.operation_rows.len() as u32;
        self.operation_rows.push(row);
        self.operations.insert(key, at);
        at
    }

    fn text(&mut self, bytes: &'a [u8]) -> u32 {
        if let Some(&at) = self.texts.get(bytes) {
            return at;
        }
        let at = self.text_rows.len() as u32;
        self.text_rows.push(clean(bytes, self.budget.limits.text, &mut self.rejections));
        self.texts.insert(bytes, at);
        at
    }

    fn reject(&mut self, reason: Reason, s: &Walked<'_>) {
        self.rejections.spans.add(reason, 1);
        if self.rejections.message.is_none() {
            let name = clean(s.name, 80, &mut Rejections::default());
            let (start, end) = (s.start, s.end);
            self.rejections.message = Some(match reason {
                Reason::BadId => format!(
                    "span {name:?}: trace id must be 16 bytes, span id 8, neither all zero; parent id 0 or 8 bytes"
                ),
                Reason::NegativeDuration => {
                    format!("span {name:?} ends at {end} ns before it starts at {start} ns")
                }
                _ => format!(
                    "span {name:?}: start {start} ns, end {end} ns cannot be (1980 to 2200, at most a day long, at most an hour ahead)"
                ),
            });
        }
    }
}
