//! One decoded OTLP request: its bytes, a dictionary, and one fixed-size record per span and point.
//!
//! No protobuf or JSON type lives here; the doors resolve everything that the core may look at.

use std::sync::Arc;

use super::{HistogramPoint, MetricPoint, Resource, SeriesRow, SpanCategory, SpanKind, SpanRecord};

/// One distinct (resource, kind, category, name, peer) of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationRow {
    /// Who sent it.
    pub resource: Arc<Resource>,
    /// Span kind.
    pub kind: SpanKind,
    /// What such a span shows by itself.
    pub category: SpanCategory,
    /// Operation name: semantic conventions first, span name last.
    pub name: String,
    /// Whom a client or producer span addresses (`service.peer.name`, database, destination,
    /// `server.address`); empty = not said.
    pub peer: String,
}

/// The closed set of span attributes that are carried beside the fixed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeKey {
    /// `exception.type` of an exception event, else `error.type`.
    ErrorType,
    /// `code.function.name` (old: `code.namespace` + `code.function`).
    CodeFunction,
    /// `code.file.path` (old: `code.filepath`).
    CodeFile,
    /// A query plan event's finding, e.g. `full_scan orders`.
    QueryPlan,
}

/// A known attribute of one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KnownAttribute {
    /// Index into [`Batch::spans`].
    pub span: u32,
    /// Which attribute.
    pub key: AttributeKey,
    /// Index into [`Batch::texts`].
    pub text: u32,
}

/// What a span says of the content of its call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Content {
    /// Index into [`Batch::spans`].
    pub span: u32,
    /// Fingerprint of a query's text and values, 1 to [`Content::QUERIES`]; 0 where the values are not told.
    pub query: u16,
    /// Bytes of the bodies, or rows of a query's answer; 0 = not said.
    pub amount: u64,
}

impl Content {
    /// Fingerprints of queries are at most this: an open span has ten bits for them.
    pub const QUERIES: u16 = 1023;
}

/// A decoded request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Distinct resources of series, in order of appearance.
    pub resources: Vec<Arc<Resource>>,
    /// Distinct operations, in order of appearance.
    pub operations: Vec<Arc<OperationRow>>,
    /// Distinct attribute texts, in order of appearance.
    pub texts: Vec<String>,
    /// Accepted spans, in order of appearance.
    pub spans: Vec<SpanRecord>,
    /// Known attributes, ascending by span.
    pub attributes: Vec<KnownAttribute>,
    /// What spans say of their content, ascending by span.
    pub contents: Vec<Content>,
    /// Distinct metric series, in order of appearance.
    pub series: Vec<SeriesRow>,
    /// Accepted metric points, in order of appearance.
    pub points: Vec<MetricPoint>,
    /// Histogram values of points.
    pub histograms: Vec<HistogramPoint>,
}

impl Batch {
    /// The latest end or measuring time of what it holds; `None` when it holds nothing.
    pub fn latest(&self) -> Option<super::Timestamp> {
        let spans = self.spans.iter().map(|s| s.end).max();
        spans.max(self.points.iter().map(|p| p.time).max())
    }
}
