//! Rate, errors and durations from the bytes: what a receiver can hardly do without, and no more.
//!
//! A floor, not a product: nothing is limited, checked or forgotten.

use hdrhistogram::Histogram;
use longpole_tests::load::dice::mix;
use longpole_tests::load::wire::{Fields, Malformed, Value};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// One minute, nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// A cheap hash, so that the floor is low. Strangers could choose names that collide.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(*word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let last = rest.iter().fold(0, |last, b| last << 8 | u64::from(*b));
        self.0 = (self.0.rotate_left(5) ^ last).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        mix(self.0)
    }
}

type Map<T> = HashMap<Box<[u8]>, T, BuildHasherDefault<Fold>>;

struct Series {
    errors: u64,
    /// Its count is the rate's.
    durations: Histogram<u64>,
}

/// Series by service, kind and span name.
#[derive(Default)]
pub struct Red {
    services: Map<[Map<Series>; 6]>,
    /// Something of every attribute, so that none may be left out.
    sum: u64,
}

/// What is wanted of a span.
#[derive(Default)]
struct Span<'a> {
    name: &'a [u8],
    kind: u64,
    start: u64,
    end: u64,
    failed: bool,
}

impl Red {
    /// Takes an encoded request.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn take(&mut self, request: &[u8]) -> Result<(), Malformed> {
        let mut sum = self.sum;
        each(request, 1, |resource_spans| {
            let mut service: &[u8] = b"";
            each(resource_spans, 1, |resource| {
                each(resource, 1, |attribute| {
                    let (key, value) = pair(attribute, &mut sum)?;
                    if key == b"service.name" {
                        service = value;
                    }
                    Ok(())
                })
            })?;
            if !self.services.contains_key(service) {
                self.services.insert(service.into(), Default::default());
            }
            let Some(kinds) = self.services.get_mut(service) else { return Err(Malformed) };
            each(resource_spans, 2, |scope_spans| {
                each(scope_spans, 2, |span| {
                    let span = read(span, &mut sum)?;
                    record(kinds, &span);
                    Ok(())
                })
            })
        })?;
        self.sum = std::hint::black_box(sum);
        Ok(())
    }
}

fn record(kinds: &mut [Map<Series>; 6], span: &Span<'_>) {
    let names = &mut kinds[span.kind.min(5) as usize];
    let series = match names.get_mut(span.name) {
        Some(series) => series,
        None => {
            let Ok(durations) = Histogram::new_with_bounds(1_000, LONGEST, 2) else { return };
            names.entry(span.name.into()).or_insert(Series { errors: 0, durations })
        }
    };
    series.errors += u64::from(span.failed);
    series.durations.saturating_record(span.end.saturating_sub(span.start));
}

/// Every message of a field.
#[inline(always)]
fn each<'a>(
    message: &'a [u8],
    field: u32,
    mut found: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.field()? {
        if let (true, Value::Bytes(inner)) = (number == field, value) {
            found(inner)?;
        }
    }
    Ok(())
}

#[inline]
fn read<'a>(message: &'a [u8], sum: &mut u64) -> Result<Span<'a>, Malformed> {
    let mut span = Span::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.field()? {
        match (number, value) {
            (5, Value::Bytes(name)) => span.name = name,
            (6, Value::Varint(kind)) => span.kind = kind,
            (7, Value::Fixed64(start)) => span.start = start,
            (8, Value::Fixed64(end)) => span.end = end,
            (9, Value::Bytes(attribute)) => {
                pair(attribute, sum)?;
            }
            (15, Value::Bytes(status)) => {
                let mut fields = Fields::new(status);
                while let Some((number, value)) = fields.field()? {
                    span.failed |= (number, value) == (3, Value::Varint(2));
                }
            }
            _ => {}
        }
    }
    Ok(span)
}

/// Key and, of texts, value of an attribute.
#[inline(always)]
fn pair<'a>(attribute: &'a [u8], sum: &mut u64) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let (mut key, mut text): (&[u8], &[u8]) = (b"", b"");
    let mut fields = Fields::new(attribute);
    while let Some((number, value)) = fields.field()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(value)) => {
                let mut inner = Fields::new(value);
                while let Some((_, value)) = inner.field()? {
                    match value {
                        Value::Bytes(bytes) => text = bytes,
                        Value::Varint(n) | Value::Fixed64(n) => *sum = sum.wrapping_add(n),
                        Value::Fixed32(n) => *sum = sum.wrapping_add(u64::from(n)),
                    }
                }
            }
            _ => {}
        }
    }
    let first = |of: &[u8]| of.first().map_or(0, |b| u64::from(*b));
    *sum = sum.wrapping_add(first(key) + first(text));
    Ok((key, text))
}
