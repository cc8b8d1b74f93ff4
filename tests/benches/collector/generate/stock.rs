//! Requests to send: a stock of templates, each in a buffer that is renewed in place and sent again
//! once its answer came.

use bytes::{Bytes, BytesMut};
use longpole_tests::load::catalog::Catalog;
use longpole_tests::load::dice::Dice;
use longpole_tests::load::template::Template;
use longpole_tests::load::traces;
use longpole_tests::spans::now;
use prost::Message;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

/// Templates at the least: too many for the processor's caches.
const FEWEST: usize = 64;
/// With many operations: so many spans for each, so that the rare ones appear, too ...
const SPANS_EACH: usize = 2;
/// ... up to this many bytes of templates.
const LARGEST: usize = 160 << 20;

/// Requests that are not under way.
pub struct Stock {
    ready: VecDeque<Request>,
    serial: u64,
    operations: usize,
    spans: usize,
    bytes: usize,
}

/// One request.
pub struct Request {
    template: Rc<Template>,
    serial: u64,
    /// As it goes out, its header before it.
    pub bytes: Bytes,
}

impl Request {
    /// Fresh ids, present times. Gives the number of spans.
    pub fn renew(&mut self) -> u64 {
        let bytes = std::mem::take(&mut self.bytes);
        // Somebody may still hold a part of it.
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|held| BytesMut::from(&held[..]));
        self.template.renew(&mut bytes, self.serial, now());
        self.bytes = bytes.freeze();
        self.template.spans() as u64
    }
}

impl Stock {
    /// Templates of `spans` spans, enough for so many in flight; `head` writes what goes before a message of so many bytes.
    pub fn new(
        operations: usize,
        spans: usize,
        in_flight: usize,
        head: fn(usize) -> Vec<u8>,
    ) -> Result<Self, String> {
        let (catalog, mut dice) = (Catalog::new(operations), Dice::new(operations as u64));
        let fewest = FEWEST.max(in_flight * 2);
        let wanted = fewest.max((operations * SPANS_EACH).div_ceil(spans));
        let (mut ready, mut seen) = (VecDeque::new(), HashSet::new());
        let mut bytes = 0;
        while ready.len() < wanted && (bytes < LARGEST || ready.len() < fewest) {
            let form = traces::request(&catalog, spans, &mut dice);
            for (service, kind, name) in distinct(&form) {
                seen.insert((service.to_owned(), kind, name.to_owned()));
            }
            let form = form.encode_to_vec();
            bytes += form.len();
            let template = Template::new(&head(form.len()), &form);
            let template = template.map_err(|_| "a template is no form".to_owned())?;
            let bytes = Bytes::copy_from_slice(template.bytes());
            ready.push_back(Request { template: Rc::new(template), serial: 0, bytes });
        }
        // Milliseconds leave room for a request a millisecond and more in each.
        let serial = now() / 1_000_000;
        let (spans, operations) = (spans * ready.len(), seen.len());
        Ok(Self { ready, serial, operations, spans, bytes })
    }

    /// What it is made of.
    pub fn describe(&self) -> serde_json::Value {
        serde_json::json!({
            "templates": self.ready.len(),
            "operations": self.operations,
            "bytes_per_span": self.bytes as f64 / self.spans.max(1) as f64,
        })
    }

    /// The request that has rested longest; `None` when all are under way.
    pub fn take(&mut self) -> Option<Request> {
        self.serial += 1;
        let serial = self.serial;
        self.ready.pop_front().map(|request| Request { serial, ..request })
    }

    /// Back after its answer.
    pub fn give_back(&mut self, request: Request) {
        self.ready.push_back(request);
    }
}

type Form = opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

/// Service, kind and name of each span.
fn distinct(form: &Form) -> impl Iterator<Item = (&str, i32, &str)> {
    form.resource_spans.iter().flat_map(|r| {
        let service = service(r.resource.iter().flat_map(|r| &r.attributes));
        let spans = r.scope_spans.iter().flat_map(|s| &s.spans);
        spans.map(move |span| (service, span.kind, span.name.as_str()))
    })
}

fn service<'a>(
    mut attributes: impl Iterator<Item = &'a opentelemetry_proto::tonic::common::v1::KeyValue>,
) -> &'a str {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let named = attributes.find(|a| a.key == "service.name");
    match named.and_then(|a| a.value.as_ref()).and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(name)) => name,
        _ => "",
    }
}
