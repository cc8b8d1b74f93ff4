//! What a span is called and what it shows: semantic conventions first, the span's name last.
//!
//! Only slices of the request; a text is made once per distinct operation.

use super::attributes::Scalar;
use longpole_model::signal::{SpanCategory, SpanKind, StatusCode};

/// The closed set of span attributes that names, categories and status are read from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) route: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) http_status: Option<i64>,
    pub(super) rpc: bool,
    pub(super) rpc_service: &'a [u8],
    pub(super) rpc_method: &'a [u8],
    pub(super) rpc_status: Option<i64>,
    pub(super) db_system: &'a [u8],
    pub(super) db_summary: &'a [u8],
    pub(super) db_operation: &'a [u8],
    pub(super) db_collection: &'a [u8],
    pub(super) db_namespace: &'a [u8],
    pub(super) messaging_operation: &'a [u8],
    pub(super) messaging_destination: &'a [u8],
    pub(super) peer_service: &'a [u8],
    pub(super) server_address: &'a [u8],
    pub(super) wait: &'a [u8],
    pub(super) error_type: &'a [u8],
    pub(super) code_function: &'a [u8],
    pub(super) code_file: &'a [u8],
}

impl<'a> Known<'a> {
    /// Takes an attribute if it belongs to the set; new names win over old ones.
    #[inline]
    pub(super) fn take(&mut self, key: &[u8], value: Scalar<'a>) {
        fn old<'a>(slot: &mut &'a [u8], value: Scalar<'a>) {
            if slot.is_empty() {
                *slot = value.text();
            }
        }
        // Most attributes of most spans are none of these: two bytes tell.
        match key {
            [b'h', b't', ..] => match key {
                b"http.route" => self.route = value.text(),
                b"http.request.method" => self.method = value.text(),
                b"http.method" => old(&mut self.method, value),
                b"http.response.status_code" => self.http_status = value.int(),
                b"http.status_code" => self.http_status = self.http_status.or(value.int()),
                _ => {}
            },
            [b'r', b'p', ..] => match key {
                b"rpc.system" | b"rpc.system.name" => self.rpc = true,
                b"rpc.service" => self.rpc_service = value.text(),
                b"rpc.method" => self.rpc_method = value.text(),
                b"rpc.grpc.status_code" | b"rpc.response.status_code" | b"rpc.status_code" => {
                    self.rpc_status = value.int();
                }
                _ => {}
            },
            [b'd', b'b', ..] => match key {
                b"db.system.name" => self.db_system = value.text(),
                b"db.system" => old(&mut self.db_system, value),
                b"db.query.summary" => self.db_summary = value.text(),
                b"db.operation.name" => self.db_operation = value.text(),
                b"db.operation" => old(&mut self.db_operation, value),
                b"db.collection.name" => self.db_collection = value.text(),
                b"db.sql.table" => old(&mut self.db_collection, value),
                b"db.namespace" => self.db_namespace = value.text(),
                b"db.name" => old(&mut self.db_namespace, value),
                _ => {}
            },
            [b'm', b'e', ..] => match key {
                b"messaging.operation.name" => self.messaging_operation = value.text(),
                b"messaging.operation.type" | b"messaging.operation" => {
                    old(&mut self.messaging_operation, value);
                }
                b"messaging.destination.name" => self.messaging_destination = value.text(),
                b"messaging.destination" => old(&mut self.messaging_destination, value),
                _ => {}
            },
            b"service.peer.name" => self.peer_service = value.text(),
            b"peer.service" => old(&mut self.peer_service, value),
            b"server.address" => self.server_address = value.text(),
            b"net.peer.name" => old(&mut self.server_address, value),
            b"longpole.wait" => self.wait = value.text(),
            b"error.type" => self.error_type = value.text(),
            b"code.function.name" => self.code_function = value.text(),
            b"code.function" => old(&mut self.code_function, value),
            b"code.file.path" => self.code_file = value.text(),
            b"code.filepath" => old(&mut self.code_file, value),
            _ => {}
        }
    }

    /// The parts of the operation's name and what joins them.
    pub(super) fn name(&self, kind: SpanKind, span_name: &'a [u8]) -> Name<'a> {
        let pair = |a, joint, b| Name { parts: [a, b], joint };
        let target =
            if self.db_collection.is_empty() { self.db_namespace } else { self.db_collection };
        if !self.db_summary.is_empty() {
            Name::whole(self.db_summary)
        } else if !self.db_operation.is_empty() && !target.is_empty() {
            pair(self.db_operation, b' ', target)
        } else if kind == SpanKind::Server && !self.route.is_empty() {
            if self.method.is_empty() {
                Name::whole(self.route)
            } else {
                pair(self.method, b' ', self.route)
            }
        } else if !self.rpc_method.is_empty() {
            if self.rpc_service.is_empty() || self.rpc_method.contains(&b'/') {
                Name::whole(self.rpc_method)
            } else {
                pair(self.rpc_service, b'/', self.rpc_method)
            }
        } else if !self.messaging_operation.is_empty() && !self.messaging_destination.is_empty() {
            pair(self.messaging_operation, b' ', self.messaging_destination)
        } else {
            Name::whole(span_name)
        }
    }

    /// What the span shows by itself.
    pub(super) fn category(&self, kind: SpanKind) -> SpanCategory {
        if matches!(self.wait, b"lock" | b"pool" | b"queue") {
            SpanCategory::Wait
        } else if !self.db_system.is_empty() && kind != SpanKind::Server {
            SpanCategory::Store
        } else if matches!(kind, SpanKind::Client | SpanKind::Producer) {
            SpanCategory::Call
        } else {
            SpanCategory::Own
        }
    }

    /// Whom a client or producer span addresses.
    pub(super) fn peer(&self, kind: SpanKind) -> &'a [u8] {
        let store = [self.peer_service, self.db_namespace, self.db_system];
        let call = [self.peer_service, self.messaging_destination, self.server_address];
        let list = match (self.category(kind), kind) {
            (SpanCategory::Store, _) => store,
            (_, SpanKind::Client | SpanKind::Producer) => call,
            _ => return &[],
        };
        list.into_iter().find(|s| !s.is_empty()).unwrap_or(&[])
    }

    /// The status: as declared, else as the protocol's own code says (semantic conventions: 5xx is
    /// an error for servers, 4xx and 5xx for clients; of gRPC's codes UNKNOWN, DEADLINE_EXCEEDED,
    /// UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS for servers, all but OK for clients).
    pub(super) fn status(&self, declared: StatusCode, kind: SpanKind) -> StatusCode {
        if declared != StatusCode::Unset {
            return declared;
        }
        let client = kind == SpanKind::Client;
        let http = self.http_status.is_some_and(|s| s >= 500 || (client && s >= 400));
        let rpc = self
            .rpc_status
            .is_some_and(|s| if client { s != 0 } else { matches!(s, 2 | 4 | 12 | 13 | 14 | 15) });
        if http || rpc { StatusCode::Error } else { StatusCode::Unset }
    }
}

/// A name in one or two slices of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name<'a> {
    parts: [&'a [u8]; 2],
    joint: u8,
}

impl<'a> Name<'a> {
    fn whole(name: &'a [u8]) -> Self {
        Self { parts: [name, &[]], joint: b' ' }
    }

    /// The name as bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let [a, b] = self.parts;
        let mut out = a.to_vec();
        if !b.is_empty() {
            out.push(self.joint);
            out.extend_from_slice(b);
        }
        out
    }
}
