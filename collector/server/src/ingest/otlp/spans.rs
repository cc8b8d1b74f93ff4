//! The walk over an `ExportTraceServiceRequest`: every span is read once, and what it adds to the
//! batch is one fixed-size record.
//!
//! No allocation per span; names and resources are filed by [`super::dictionary`].

use super::DecodeLimits;
use super::content::content;
use super::dictionary::{Dictionary, OperationKey};
use super::event::{Told, event};
use super::filed::Texts;
use super::known::{Key, Known, find, is_parameter};
use super::naming::{self, Name};
use super::sender::Sender;
use super::status::status;
use super::tracestate::{unweighted, weight};
use super::validity::{horizon, span_times};
use super::value::{Budget, Scalar, key_value_closely, plain};
use super::wire::{Fault, Fields, Flaw, Value, address};
use longpole_model::signal::{
    AttributeKey, Batch, KnownAttribute, Reason, Rejections, SpanId, SpanKind, SpanRecord,
    StatusCode, Timestamp, TraceId, Weight, span_flags,
};

/// Tag of a span's attributes.
const ATTRIBUTE: u8 = 9 << 3 | 2;
/// OTLP span flags: whether `is_remote` is known, and what it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Walks `payload` into `batch`.
pub(super) fn walk(
    payload: &[u8],
    limits: &DecodeLimits,
    now: Option<Timestamp>,
    dictionary: &mut Dictionary,
    batch: &mut Batch,
    rejections: &mut Rejections,
) -> Result<(), Fault> {
    let mut walk = Walk {
        base: address(payload),
        most: limits.attributes_per_item,
        horizon: horizon(now),
        budget: Budget::new(limits),
        dictionary,
        texts: Texts::new(limits.text),
        known: Known::new(),
        batch,
        rejections,
    };
    let mut request = Fields::of(payload);
    while let Some(field) = request.next()? {
        match field {
            (1, Value::Bytes(message)) => walk.resource_spans(message)?,
            (1, _) => return Err(request.fault(Flaw::WireType)),
            _ => {}
        }
    }
    Ok(())
}

/// What one span said, before it is judged.
#[derive(Default)]
struct Said<'a> {
    trace: &'a [u8],
    span: &'a [u8],
    parent: &'a [u8],
    state: &'a [u8],
    name: &'a [u8],
    kind: SpanKind,
    start: u64,
    end: u64,
    flags: u32,
    linked: bool,
    status: StatusCode,
    events: Told<'a>,
}

impl<'a> Said<'a> {
    /// Reads what encoders write first and in this order; whatever comes otherwise is read field by field.
    #[inline(always)]
    fn begin(&mut self, fields: &mut Fields<'a>) {
        self.trace = fields.short(1 << 3 | 2).unwrap_or_default();
        self.span = fields.short(2 << 3 | 2).unwrap_or_default();
        self.state = fields.short(3 << 3 | 2).unwrap_or_default();
        self.parent = fields.short(4 << 3 | 2).unwrap_or_default();
        self.name = fields.short(5 << 3 | 2).unwrap_or_default();
        self.kind = fields.plain_varint(6 << 3).map(SpanKind::from_wire).unwrap_or_default();
        self.start = fields.plain_fixed64(7 << 3 | 1).unwrap_or_default();
        self.end = fields.plain_fixed64(8 << 3 | 1).unwrap_or_default();
    }
}

struct Walk<'a, 'b> {
    base: usize,
    /// Attributes of one span that are looked at.
    most: usize,
    horizon: Timestamp,
    budget: Budget,
    dictionary: &'b mut Dictionary,
    texts: Texts<'a>,
    known: Known<'a>,
    batch: &'b mut Batch,
    rejections: &'b mut Rejections,
}

impl<'a> Walk<'a, '_> {
    fn resource_spans(&mut self, message: &'a [u8]) -> Result<(), Fault> {
        let mut sender = Sender::of(message)?;
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Bytes(scope)) => self.scope_spans(scope, &mut sender)?,
                (2, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, message: &'a [u8], sender: &mut Sender<'_>) -> Result<(), Fault> {
        let mut fields = Fields::of(message);
        loop {
            let at = fields.at();
            match fields.next()? {
                Some((2, Value::Bytes(span))) => {
                    self.budget.item(span)?;
                    let said = self.read(span)?;
                    self.judge(&said, (at - self.base) as u32, sender)?;
                }
                Some((2, _)) => return Err(fields.fault(Flaw::WireType)),
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }

    #[inline(always)]
    fn read(&mut self, message: &'a [u8]) -> Result<Said<'a>, Fault> {
        self.known.clear();
        let mut seen = 0;
        let mut said = Said::default();
        let mut fields = Fields::of(message);
        said.begin(&mut fields);
        loop {
            while let Some(attribute) = fields.short(ATTRIBUTE) {
                self.look(attribute, &mut seen)?;
            }
            let Some(field) = fields.next()? else { break };
            match field {
                (9, Value::Bytes(attribute)) => self.look(attribute, &mut seen)?,
                (1, Value::Bytes(id)) => said.trace = id,
                (2, Value::Bytes(id)) => said.span = id,
                (3, Value::Bytes(text)) => said.state = text,
                (4, Value::Bytes(id)) => said.parent = id,
                (5, Value::Bytes(text)) => said.name = text,
                (6, Value::Varint(n)) => said.kind = SpanKind::from_wire(n & 0xffff_ffff),
                (7, Value::Fixed64(t)) => said.start = t,
                (8, Value::Fixed64(t)) => said.end = t,
                (11, Value::Bytes(message)) => {
                    event(message, &mut self.budget, &mut said.events)?;
                }
                (13, Value::Bytes(_)) => said.linked = true,
                (15, Value::Bytes(message)) => read_status(message, &mut said.status)?,
                (16, Value::Fixed32(bits)) => said.flags = bits,
                (1..=9 | 11 | 13 | 15 | 16, value) if !matches!(value, Value::Bytes(_)) => {
                    return Err(fields.fault(Flaw::WireType));
                }
                (6 | 7 | 8 | 16, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        self.rejections.truncated += u64::from(seen > self.most);
        Ok(said)
    }

    /// Looks at one attribute, the `seen`th.
    #[inline(always)]
    fn look(&mut self, attribute: &'a [u8], seen: &mut usize) -> Result<(), Fault> {
        let Some((key, value)) = plain(attribute) else {
            return self.look_closely(attribute, seen);
        };
        self.budget.attribute(attribute)?;
        self.note(key, value, seen);
        Ok(())
    }

    #[inline(never)]
    fn look_closely(&mut self, attribute: &'a [u8], seen: &mut usize) -> Result<(), Fault> {
        let (key, value) = key_value_closely(attribute, &mut self.budget)?;
        self.note(key, value, seen);
        Ok(())
    }

    #[inline(always)]
    fn note(&mut self, key: &[u8], value: Scalar<'a>, seen: &mut usize) {
        *seen += 1;
        match find(key) {
            _ if *seen > self.most => {}
            Some(key) => self.known.set(key, value),
            None if is_parameter(key) => self.known.parameter(value),
            None => {}
        }
    }

    #[inline(always)]
    fn judge(
        &mut self,
        said: &Said<'a>,
        offset: u32,
        sender: &mut Sender<'_>,
    ) -> Result<(), Fault> {
        let (start, end) = (Timestamp(said.start), Timestamp(said.end));
        let (trace, span, parent) = match ids(said) {
            Ok(ids) => ids,
            Err(why) => return self.refuse(Reason::BadId, why, said, offset),
        };
        if let Some((reason, why)) = span_times(start, end, self.horizon) {
            return self.refuse(reason, why, said, offset);
        }
        let resource = sender.filed(self.dictionary, &mut self.budget, self.rejections)?;
        self.rejections.unnamed += u64::from(!resource.named);

        let category = naming::category(said.kind, &self.known);
        let key = OperationKey {
            sender: resource.number,
            kind: said.kind,
            category,
            name: naming::operation(said.kind, category, said.name, &self.known),
            peer: naming::peer(said.kind, category, &self.known),
        };
        let remote = said.flags & (HAS_IS_REMOTE | IS_REMOTE) == HAS_IS_REMOTE | IS_REMOTE;
        let (weight, unweighted) = match said.state {
            [] => (Weight::ONE, false),
            state => (weight(state), unweighted(state)),
        };
        let record = SpanRecord {
            trace,
            span,
            parent,
            start,
            end,
            operation: self.dictionary.operation(key, &mut self.batch.operations, self.rejections),
            offset,
            weight,
            kind: said.kind,
            status: status(said.status, said.kind, &self.known),
            category,
            flags: if remote { span_flags::REMOTE_PARENT } else { 0 }
                | if unweighted { span_flags::NO_WEIGHT } else { 0 }
                | if said.linked { span_flags::LINKED } else { 0 },
        };
        self.attributes(said);
        let place = self.batch.spans.len() as u32;
        self.batch.contents.extend(content(place, category, &self.known));
        self.batch.spans.push(record);
        Ok(())
    }

    /// Files the known attributes of the span that is about to be pushed.
    #[inline(always)]
    fn attributes(&mut self, said: &Said<'a>) {
        if let Some(error) = said.events.exception {
            self.attribute(AttributeKey::ErrorType, Name::one(error));
        } else if let Some(error) = self.known.text([Key::ErrorType]) {
            self.attribute(AttributeKey::ErrorType, Name::one(error));
        } else if said.events.threw {
            self.attribute(AttributeKey::ErrorType, Name::one(b"exception"));
        }
        let code = [
            Key::CodeFunction,
            Key::CodeFunctionOld,
            Key::CodeNamespace,
            Key::CodeFile,
            Key::CodeFileOld,
        ];
        if self.known.any(code) {
            self.code();
        }
        if let Some(finding) = said.events.plan {
            self.attribute(AttributeKey::QueryPlan, Name::one(finding));
        }
    }

    fn code(&mut self) {
        let old = self.known.text([Key::CodeFunctionOld]).map(|function| {
            match self.known.text([Key::CodeNamespace]) {
                Some(namespace) => Name::two(namespace, b'.', function),
                None => Name::one(function),
            }
        });
        if let Some(name) = self.known.text([Key::CodeFunction]).map(Name::one).or(old) {
            self.attribute(AttributeKey::CodeFunction, name);
        }
        if let Some(file) = self.known.text([Key::CodeFile, Key::CodeFileOld]) {
            self.attribute(AttributeKey::CodeFile, Name::one(file));
        }
    }

    fn attribute(&mut self, key: AttributeKey, text: Name<'a>) {
        let text = self.texts.text(self.dictionary.seed(), text, self.batch, self.rejections);
        let span = self.batch.spans.len() as u32;
        self.batch.attributes.push(KnownAttribute { span, key, text });
    }

    #[cold]
    fn refuse(
        &mut self,
        reason: Reason,
        why: &str,
        said: &Said<'_>,
        offset: u32,
    ) -> Result<(), Fault> {
        self.rejections.spans.add(reason, 1);
        if self.rejections.message.is_none() {
            let mut unused = Rejections::default();
            let name = super::text::clean(said.name, 100, &mut unused);
            let reason = reason.as_str();
            self.rejections.message =
                Some(format!("{reason}: span {name:?} (byte {offset}) {why}"));
        }
        Ok(())
    }
}

#[inline(always)]
fn ids(said: &Said<'_>) -> Result<(TraceId, SpanId, SpanId), &'static str> {
    let trace = TraceId(said.trace.try_into().map_err(|_| "has a trace id that is not 16 bytes")?);
    let span = SpanId(said.span.try_into().map_err(|_| "has a span id that is not 8 bytes")?);
    let parent = match said.parent {
        [] => SpanId::default(),
        id => SpanId(id.try_into().map_err(|_| "has a parent id that is not 0 or 8 bytes")?),
    };
    if trace.is_zero() {
        return Err("has a trace id of zeros");
    }
    if span.is_zero() {
        return Err("has a span id of zeros");
    }
    Ok((trace, span, parent))
}

fn read_status(message: &[u8], status: &mut StatusCode) -> Result<(), Fault> {
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        match field {
            (3, Value::Varint(code)) => *status = StatusCode::from_wire(code & 0xffff_ffff),
            (3, _) => return Err(fields.fault(Flaw::WireType)),
            _ => {}
        }
    }
    Ok(())
}
