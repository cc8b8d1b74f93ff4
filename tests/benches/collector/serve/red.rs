//! Rate, errors and durations from the bytes: what a receiver can hardly do without, and no more.
//!
//! A floor, not a product: nothing is limited, checked or forgotten.

use hdrhistogram::Histogram;
use longpole_tests::load::dice::mix;
use longpole_tests::load::wire::{Fields, Malformed};
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

/// The tag of a message, text or bytes.
const fn bytes(number: u64) -> u64 {
    number << 3 | 2
}

/// Every message of a field.
#[inline(always)]
fn each<'a>(
    message: &'a [u8],
    field: u64,
    mut found: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    while let Some(tag) = fields.tag()? {
        if tag == bytes(field) {
            found(fields.bytes()?)?;
        } else {
            fields.skip(tag)?;
        }
    }
    Ok(())
}

#[inline(always)]
fn read<'a>(message: &'a [u8], sum: &mut u64) -> Result<Span<'a>, Malformed> {
    let mut span = Span::default();
    let mut fields = Fields::new(message);
    while let Some(tag) = fields.tag()? {
        // In the order of how often they come: tests that are foreseen are cheaper than a jump.
        if tag == bytes(9) {
            pair(fields.bytes()?, sum)?;
        } else if tag == bytes(5) {
            span.name = fields.bytes()?;
        } else if tag == 6 << 3 {
            span.kind = fields.varint()?;
        } else if tag == 7 << 3 | 1 {
            span.start = fields.fixed64()?;
        } else if tag == 8 << 3 | 1 {
            span.end = fields.fixed64()?;
        } else if tag == bytes(15) {
            let mut fields = Fields::new(fields.bytes()?);
            while let Some(tag) = fields.tag()? {
                if tag == 3 << 3 {
                    span.failed = fields.varint()? == 2;
                } else {
                    fields.skip(tag)?;
                }
            }
        } else {
            fields.skip(tag)?;
        }
    }
    Ok(span)
}

/// Key and, of texts, value of an attribute.
#[inline(always)]
fn pair<'a>(attribute: &'a [u8], sum: &mut u64) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let (mut key, mut text): (&[u8], &[u8]) = (b"", b"");
    let mut fields = Fields::new(attribute);
    while let Some(tag) = fields.tag()? {
        if tag == bytes(1) {
            key = fields.bytes()?;
        } else if tag == bytes(2) {
            let mut value = Fields::new(fields.bytes()?);
            while let Some(tag) = value.tag()? {
                if tag == bytes(1) {
                    text = value.bytes()?;
                } else if tag == 2 << 3 || tag == 3 << 3 {
                    *sum = sum.wrapping_add(value.varint()?);
                } else {
                    value.skip(tag)?;
                }
            }
        } else {
            fields.skip(tag)?;
        }
    }
    let first = |of: &[u8]| of.first().map_or(0, |b| u64::from(*b));
    *sum = sum.wrapping_add(first(key) + first(text));
    Ok((key, text))
}
