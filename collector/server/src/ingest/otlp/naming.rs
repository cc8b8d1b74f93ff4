//! What a span is called, whom it addresses and what it shows, by semantic conventions old and new
//! (CONVENTIONS 2.3).
//!
//! Works on raw bytes and builds no text; too many names are folded by the core, not here.

use super::known::{Key, Known};
use longpole_model::signal::{SpanCategory, SpanKind};

/// A name of up to two parts, not yet joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// First part.
    pub(crate) head: &'a [u8],
    /// What stands between the parts; 0 where there is one part only.
    pub(crate) separator: u8,
    /// Second part.
    pub(crate) tail: &'a [u8],
}

impl<'a> Name<'a> {
    /// A name of one part.
    pub(crate) fn one(head: &'a [u8]) -> Self {
        Self { head, separator: 0, tail: &[] }
    }

    /// A name of two parts.
    pub(crate) fn two(head: &'a [u8], separator: u8, tail: &'a [u8]) -> Self {
        Self { head, separator, tail }
    }

    /// Joins the parts.
    pub(crate) fn join(self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.head);
        if self.separator != 0 {
            out.push(self.separator);
            out.extend_from_slice(self.tail);
        }
    }
}

/// What a span by itself shows about its time.
#[inline]
pub(crate) fn category(kind: SpanKind, known: &Known<'_>) -> SpanCategory {
    if known.is_empty() {
        return match kind {
            SpanKind::Client | SpanKind::Producer => SpanCategory::Call,
            _ => SpanCategory::Own,
        };
    }
    if wait(known).is_some() {
        return SpanCategory::Wait;
    }
    let store = known.any([
        Key::DbSystem,
        Key::DbSystemOld,
        Key::DbNamespace,
        Key::DbName,
        Key::DbCollection,
        Key::DbTable,
        Key::DbOperation,
        Key::DbOperationOld,
        Key::DbSummary,
    ]);
    match kind {
        // A store's own server span is its own work.
        SpanKind::Server | SpanKind::Consumer => SpanCategory::Own,
        _ if store => SpanCategory::Store,
        SpanKind::Client | SpanKind::Producer => SpanCategory::Call,
        SpanKind::Internal | SpanKind::Unspecified => SpanCategory::Own,
    }
}

/// The wait that a span declares.
fn wait<'a>(known: &Known<'a>) -> Option<&'a [u8]> {
    known.text([Key::Wait]).filter(|w| matches!(*w, b"lock" | b"pool" | b"queue"))
}

/// Name of the operation: route, rpc method, query, destination, and the span's own name last.
#[inline]
pub(crate) fn operation<'a>(
    kind: SpanKind,
    category: SpanCategory,
    span_name: &'a [u8],
    known: &Known<'a>,
) -> Name<'a> {
    if known.is_empty() || category == SpanCategory::Wait {
        return Name::one(span_name);
    }
    let http = || route(kind, known);
    let rpc = || rpc_method(known);
    let store = || (category == SpanCategory::Store).then(|| query(known)).flatten();
    let messaging = || destination(known);
    let named = http().or_else(rpc).or_else(store).or_else(messaging);
    named.unwrap_or_else(|| {
        let own = if span_name.is_empty() { method(known) } else { None };
        Name::one(own.unwrap_or(span_name))
    })
}

fn method<'a>(known: &Known<'a>) -> Option<&'a [u8]> {
    let method = known.text([Key::HttpMethod, Key::HttpMethodOld])?;
    Some(if method == b"_OTHER" { b"HTTP" } else { method })
}

fn route<'a>(kind: SpanKind, known: &Known<'a>) -> Option<Name<'a>> {
    let route = match kind {
        SpanKind::Server => known.text([Key::HttpRoute]),
        SpanKind::Client => known.text([Key::UrlTemplate]),
        _ => None,
    }?;
    Some(match method(known) {
        Some(method) => Name::two(method, b' ', route),
        None => Name::one(route),
    })
}

fn rpc_method<'a>(known: &Known<'a>) -> Option<Name<'a>> {
    let method = known.text([Key::RpcMethod])?;
    let method = method.strip_prefix(b"/").unwrap_or(method);
    match known.text([Key::RpcService]) {
        Some(service) if !method.contains(&b'/') => Some(Name::two(service, b'/', method)),
        _ => Some(Name::one(method)),
    }
}

fn query<'a>(known: &Known<'a>) -> Option<Name<'a>> {
    if let Some(summary) = known.text([Key::DbSummary]) {
        return Some(Name::one(summary));
    }
    let operation = known.text([Key::DbOperation, Key::DbOperationOld])?;
    let target = known.text([Key::DbCollection, Key::DbTable, Key::DbNamespace, Key::DbName])?;
    Some(Name::two(operation, b' ', target))
}

fn destination<'a>(known: &Known<'a>) -> Option<Name<'a>> {
    let destination =
        known.text([Key::DestinationTemplate, Key::Destination, Key::DestinationOld])?;
    let operation = known.text([
        Key::MessagingOperation,
        Key::MessagingOperationType,
        Key::MessagingOperationOld,
    ])?;
    Some(Name::two(operation, b' ', destination))
}

/// Whom a span addresses; what a declared wait waits for (`lock`, `pool`, `queue`).
#[inline]
pub(crate) fn peer<'a>(kind: SpanKind, category: SpanCategory, known: &Known<'a>) -> &'a [u8] {
    if known.is_empty() {
        return &[];
    }
    let addressed = match (category, kind) {
        (SpanCategory::Wait, _) => wait(known),
        (SpanCategory::Store, _) => known
            .text([Key::PeerName, Key::PeerService])
            .or_else(|| known.text([Key::DbNamespace, Key::DbName]))
            .or_else(|| known.text([Key::DbSystem, Key::DbSystemOld, Key::ServerAddress])),
        (_, SpanKind::Client | SpanKind::Producer) => known
            .text([Key::PeerName, Key::PeerService])
            .or_else(|| known.text([Key::DestinationTemplate, Key::Destination]))
            .or_else(|| known.text([Key::DestinationOld, Key::ServerAddress, Key::NetPeerName])),
        _ => None,
    };
    addressed.unwrap_or_default()
}
