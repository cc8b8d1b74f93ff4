//! The dictionary of series: what tells two series apart, by raw bytes and cleaned.
//!
//! Attributes are compared on the wire; they are sorted, deduplicated and made text once per
//! distinct series.

use super::super::DecodeLimits;
use super::super::resource::written;
use super::super::text::clean;
use super::super::value::{Budget, Scalar, key_value};
use super::super::wire::{Fault, Fields, Value};
use longpole_core::memo::Seed;
use longpole_model::signal::{Rejections, SeriesRow, Temporality};
use std::collections::BTreeMap;
use std::hash::Hasher;

/// Which series of its metric a point belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The only one.
    Whole,
    /// How many observations a summary saw.
    Count,
    /// The sum of what a summary saw.
    Sum,
    /// A summary's quantile, as bits.
    Quantile(u64),
}

/// The attributes of a point where they stand on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawAttributes<'a> {
    /// The point's message.
    pub(super) point: &'a [u8],
    /// The field in which its attributes stand.
    pub(super) number: u32,
}

impl<'a> RawAttributes<'a> {
    fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut fields = Fields::of(self.point);
        // The point was walked before: there is no fault left to be found.
        std::iter::from_fn(move || fields.next().ok().flatten()).filter_map(
            move |field| match field {
                (n, Value::Bytes(attribute)) if n == self.number => Some(attribute),
                _ => None,
            },
        )
    }
}

impl PartialEq for RawAttributes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// What a series is told apart by, as raw bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SeriesKey<'a> {
    pub(super) resource: u32,
    pub(super) name: &'a [u8],
    pub(super) unit: &'a [u8],
    pub(super) part: Part,
    pub(super) temporality: Temporality,
    pub(super) monotonic: bool,
    pub(super) attributes: RawAttributes<'a>,
}

impl SeriesKey<'_> {
    pub(super) fn hash(&self, seed: Seed) -> Result<u64, Fault> {
        let part = match self.part {
            Part::Whole => 0,
            Part::Count => 1,
            Part::Sum => 2,
            Part::Quantile(bits) => bits | 3,
        };
        let small = u64::from(self.resource) << 8
            | (self.temporality as u64) << 1
            | u64::from(self.monotonic);
        let mut mix = seed.begin().number(small).number(part).bytes(self.name).bytes(self.unit);
        for attribute in self.attributes.iter() {
            mix = mix.bytes(attribute);
        }
        Ok(mix.finish())
    }

    /// The row of this series.
    pub(super) fn row(
        &self,
        limits: &DecodeLimits,
        rejections: &mut Rejections,
    ) -> Result<SeriesRow, Fault> {
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        let mut cut = false;
        // Counted when the point was read.
        let mut budget = Budget::new(limits);
        for attribute in self.attributes.iter() {
            let (key, value) = key_value(attribute, &mut budget)?;
            let key = clean(key, limits.text, rejections);
            if key.is_empty() || value == Scalar::Empty {
                cut |= key.is_empty();
            } else if kept.len() < limits.attributes_per_item || kept.contains_key(&key) {
                kept.insert(key, written(value, limits.text, rejections));
            } else {
                cut = true;
            }
        }
        if let Part::Quantile(bits) = self.part {
            kept.insert("quantile".into(), f64::from_bits(bits).to_string());
        }
        rejections.truncated += u64::from(cut);
        let mut name = clean(self.name, limits.text, rejections);
        name.push_str(match self.part {
            Part::Count => ".count",
            Part::Sum => ".sum",
            Part::Whole | Part::Quantile(_) => "",
        });
        let unit = match self.part {
            Part::Count => "1".into(),
            _ => clean(self.unit, limits.text, rejections),
        };
        Ok(SeriesRow {
            resource: self.resource,
            name,
            unit,
            attributes: kept.into_iter().collect(),
            temporality: self.temporality,
            monotonic: self.monotonic,
        })
    }
}
