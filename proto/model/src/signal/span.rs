//! One recorded span: 64 bytes, fixed size, no text.
//!
//! Names, resources and known attributes live in the dictionary of the [`super::Batch`].

use super::{SpanId, Timestamp, TraceId, Weight};
use serde::{Deserialize, Serialize};

/// OTLP span kind. The numbers are the wire's.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SpanKind {
    /// Not said; treated as internal.
    #[default]
    Unspecified = 0,
    /// Inside one process.
    Internal = 1,
    /// Answers a remote request.
    Server = 2,
    /// Asks a remote service and waits.
    Client = 3,
    /// Hands a message over without waiting.
    Producer = 4,
    /// Takes a message.
    Consumer = 5,
}

impl SpanKind {
    /// All kinds, in wire order.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::Internal,
        Self::Server,
        Self::Client,
        Self::Producer,
        Self::Consumer,
    ];

    /// From the wire's enum number; unknown numbers are unspecified.
    pub fn from_wire(n: u64) -> Self {
        usize::try_from(n).ok().and_then(|i| Self::ALL.get(i)).copied().unwrap_or_default()
    }

    /// OTLP name as derived metrics carry it (`SPAN_KIND_SERVER`).
    pub fn otlp_name(self) -> &'static str {
        match self {
            Self::Unspecified => "SPAN_KIND_UNSPECIFIED",
            Self::Internal => "SPAN_KIND_INTERNAL",
            Self::Server => "SPAN_KIND_SERVER",
            Self::Client => "SPAN_KIND_CLIENT",
            Self::Producer => "SPAN_KIND_PRODUCER",
            Self::Consumer => "SPAN_KIND_CONSUMER",
        }
    }

    /// Whether such a span begins a segment even when it has a parent.
    pub fn enters(self) -> bool {
        matches!(self, Self::Server | Self::Consumer)
    }
}

/// OTLP status code. The numbers are the wire's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StatusCode {
    /// Not said.
    #[default]
    Unset = 0,
    /// Declared fine.
    Ok = 1,
    /// Failed.
    Error = 2,
}

impl StatusCode {
    /// From the wire's enum number; unknown numbers are unset.
    pub fn from_wire(n: u64) -> Self {
        match n {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}

/// What a span by itself shows about where its own time goes. Kinds of bottleneck are decided much
/// later, with evidence; this is only what semantic conventions say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SpanCategory {
    /// The process's own work.
    #[default]
    Own = 0,
    /// A call to a data store (`db.*`).
    Store = 1,
    /// A call to another service (client or producer without `db.*`).
    Call = 2,
    /// A wait that the program itself declared (lock, pool or queue).
    Wait = 3,
}

impl SpanCategory {
    /// All categories, by number.
    pub const ALL: [Self; 4] = [Self::Own, Self::Store, Self::Call, Self::Wait];
}

/// Bits of [`SpanRecord::flags`].
pub mod span_flags {
    /// The parent is known to live in another process (OTLP `is_remote`).
    pub const REMOTE_PARENT: u8 = 1;
    /// The sender said "sampled" but gave no weight although the service samples.
    pub const NO_WEIGHT: u8 = 2;
    /// It links to other spans.
    pub const LINKED: u8 = 4;
}

/// One span as the road carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SpanRecord {
    /// Trace.
    pub trace: TraceId,
    /// Span.
    pub span: SpanId,
    /// Parent span; all zero for a root.
    pub parent: SpanId,
    /// Start of the span.
    pub start: Timestamp,
    /// End of the span, never before `start`.
    pub end: Timestamp,
    /// Index into [`super::Batch::operations`].
    pub operation: u32,
    /// Where the span's bytes begin in the payload.
    pub offset: u32,
    /// How many spans this one stands for.
    pub weight: Weight,
    /// Kind.
    pub kind: SpanKind,
    /// Status.
    pub status: StatusCode,
    /// What it shows by itself.
    pub category: SpanCategory,
    /// See [`span_flags`].
    pub flags: u8,
}

const _: () = assert!(size_of::<SpanRecord>() == 64);

impl SpanRecord {
    /// Duration in nanoseconds.
    pub fn duration(&self) -> u64 {
        self.end.since(self.start)
    }
}
