//! The closed set of span attributes that are looked at, and how their keys are found among
//! strangers' keys: one multiplication, one table load, one comparison.
//!
//! What they mean together is decided in [`super::naming`] and [`super::status`].

use super::content::hash;
use super::value::Scalar;
use longpole_core::memo::same;

macro_rules! known {
    ($($slot:ident = $key:literal,)*) => {
        /// A known attribute of a span.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Key { $(#[doc = $key] $slot,)* }

        /// Each key with its text, in order.
        const KEYS: &[(Key, &[u8])] = &[$((Key::$slot, $key.as_bytes()),)*];
    };
}

known! {
    HttpMethod = "http.request.method",
    HttpMethodOld = "http.method",
    HttpRoute = "http.route",
    UrlTemplate = "url.template",
    HttpStatus = "http.response.status_code",
    HttpStatusOld = "http.status_code",
    RpcMethod = "rpc.method",
    RpcService = "rpc.service",
    RpcStatus = "rpc.response.status_code",
    RpcStatusNew = "rpc.status_code",
    RpcStatusGrpc = "rpc.grpc.status_code",
    DbSystem = "db.system.name",
    DbSystemOld = "db.system",
    DbNamespace = "db.namespace",
    DbName = "db.name",
    DbCollection = "db.collection.name",
    DbTable = "db.sql.table",
    DbOperation = "db.operation.name",
    DbOperationOld = "db.operation",
    DbSummary = "db.query.summary",
    DbText = "db.query.text",
    DbTextOld = "db.statement",
    Rows = "db.response.returned_rows",
    RequestSize = "http.request.body.size",
    RequestSizeOld = "http.request_content_length",
    ResponseSize = "http.response.body.size",
    ResponseSizeOld = "http.response_content_length",
    MessageSize = "messaging.message.body.size",
    Destination = "messaging.destination.name",
    DestinationTemplate = "messaging.destination.template",
    DestinationOld = "messaging.destination",
    MessagingOperation = "messaging.operation.name",
    MessagingOperationType = "messaging.operation.type",
    MessagingOperationOld = "messaging.operation",
    PeerName = "service.peer.name",
    PeerService = "peer.service",
    ServerAddress = "server.address",
    NetPeerName = "net.peer.name",
    ErrorType = "error.type",
    CodeFunction = "code.function.name",
    CodeFunctionOld = "code.function",
    CodeNamespace = "code.namespace",
    CodeFile = "code.file.path",
    CodeFileOld = "code.filepath",
    Wait = "longpole.wait",
}

const COUNT: usize = KEYS.len();
const EMPTY: u8 = u8::MAX;
/// What a byte more of a key changes.
const LENGTH: u64 = 0xbf58_476d_1ce4_e5b9;
/// The multiplier that gives every known key a cell of its own; found while compiling.
const MULTIPLIER: u64 = find_multiplier();
const TABLE: [u8; 256] = match table(MULTIPLIER) {
    Some(table) => table,
    None => panic!("two known keys share a cell"),
};

/// Length, first and last four bytes of a key, mixed down to a cell. Known keys have 7 to 30 bytes; others
/// never get here.
#[inline(always)]
const fn cell(key: &[u8], multiplier: u64) -> usize {
    let n = key.len();
    let head = u32::from_le_bytes([key[0], key[1], key[2], key[3]]) as u64;
    let tail = u32::from_le_bytes([key[n - 4], key[n - 3], key[n - 2], key[n - 1]]) as u64;
    let x = (head | tail << 32).wrapping_add((n as u64).wrapping_mul(LENGTH));
    (x.wrapping_mul(multiplier) >> 56) as usize
}

const fn table(multiplier: u64) -> Option<[u8; 256]> {
    let mut table = [EMPTY; 256];
    let mut i = 0;
    while i < COUNT {
        let at = cell(KEYS[i].1, multiplier);
        if table[at] != EMPTY {
            return None;
        }
        table[at] = i as u8;
        i += 1;
    }
    Some(table)
}

const fn find_multiplier() -> u64 {
    let mut multiplier = 0x9e37_79b9_7f4a_7c15u64;
    while table(multiplier).is_none() {
        multiplier = multiplier.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(2);
    }
    multiplier
}

/// The known key that `text` is.
#[inline(always)]
pub(crate) fn find(text: &[u8]) -> Option<Key> {
    if !(7..=30).contains(&text.len()) {
        return None;
    }
    let at = *TABLE.get(cell(text, MULTIPLIER))?;
    let (key, known) = KEYS.get(usize::from(at))?;
    same(known, text).then_some(*key)
}

/// What the keys of a query's values begin with.
const PARAMETER: &[u8] = b"db.query.parameter.";

/// Whether `text` is the key of one of a query's values.
#[inline(always)]
pub(crate) fn is_parameter(text: &[u8]) -> bool {
    text.len() > PARAMETER.len() && text.starts_with(PARAMETER)
}

/// The known attributes of one span. Clearing it costs two stores.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    values: [Scalar<'a>; COUNT],
    present: u64,
    parameters: u64,
}

impl<'a> Known<'a> {
    pub(crate) fn new() -> Self {
        Self { values: [Scalar::Empty; COUNT], present: 0, parameters: 0 }
    }

    /// Forgets all values.
    #[inline]
    pub(crate) fn clear(&mut self) {
        (self.present, self.parameters) = (0, 0);
    }

    /// Takes one of a query's values.
    #[cold]
    pub(crate) fn parameter(&mut self, value: Scalar<'_>) {
        let value = match value {
            Scalar::Text(t) => hash(t),
            Scalar::Int(n) => n.cast_unsigned(),
            Scalar::Double(x) => x.to_bits(),
            Scalar::Bool(b) => u64::from(b),
            Scalar::Empty | Scalar::Other => 0,
        };
        self.parameters = hash(&(self.parameters ^ value).to_le_bytes()).max(1);
    }

    /// All of a query's values in one number; 0 = none were told.
    #[inline]
    pub(crate) fn parameters(&self) -> u64 {
        self.parameters
    }

    /// Whether no known attribute was seen.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Keeps a value; the last of equal keys wins.
    #[inline]
    pub(crate) fn set(&mut self, key: Key, value: Scalar<'a>) {
        if let Some(cell) = self.values.get_mut(key as usize) {
            *cell = value;
            self.present |= 1 << key as u32;
        }
    }

    /// The value of `key`.
    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<Scalar<'a>> {
        let present = self.present >> (key as u32) & 1 == 1;
        if present { self.values.get(key as usize).copied() } else { None }
    }

    /// The first of `keys` that holds a text that is not empty.
    #[inline]
    pub(crate) fn text<const N: usize>(&self, keys: [Key; N]) -> Option<&'a [u8]> {
        keys.into_iter().find_map(|key| self.get(key)?.text())
    }

    /// Whether any of `keys` was sent.
    #[inline]
    pub(crate) fn any<const N: usize>(&self, keys: [Key; N]) -> bool {
        self.present & mask(keys) != 0
    }
}

const fn mask<const N: usize>(keys: [Key; N]) -> u64 {
    let mut mask = 0;
    let mut i = 0;
    while i < N {
        mask |= 1 << keys[i] as u32;
        i += 1;
    }
    mask
}

const _: () = assert!(COUNT <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_no_other() {
        for (key, text) in KEYS {
            assert_eq!(find(text), Some(*key));
            let mut other = text.to_vec();
            for i in 0..other.len() {
                other[i] ^= 1;
                assert_eq!(find(&other), None);
                other[i] ^= 1;
            }
            assert_eq!(find(&text[..text.len() - 1]).filter(|k| k == key), None);
        }
        assert_eq!(find(b""), None);
        assert_eq!(find(&[0; 40]), None);
    }
}
