//! An investigation's event as a CloudEvents 1.0 document in structured mode.
//!
//! Does not render the investigation itself: its data are those of [`crate::json`], hand-off and all.
//! The form's version stands in `type` (`.v1`) and in `dataschema`; a form that today's readers cannot
//! read gets another number in both.

use crate::json::document;
use crate::text::time::rfc3339;
use longpole_model::finding::{Event, EventKind, Investigation};
use serde::Serialize;

/// What the body is (JSON is UTF-8), for the header `content-type`.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The name of the form of `data`. A name and no address: nothing is to be fetched there.
pub const DATA_SCHEMA: &str = "urn:longpole:investigation:v1";

/// Attributes in the order of the specification's own examples.
#[derive(Serialize)]
struct Document<'a> {
    specversion: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    source: &'a str,
    id: &'a str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    dataschema: &'static str,
    data: &'a Investigation,
}

fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Opened => "dev.longpole.investigation.opened.v1",
        EventKind::Updated => "dev.longpole.investigation.updated.v1",
        EventKind::Resolved => "dev.longpole.investigation.resolved.v1",
    }
}

/// The event with its investigation as it stood then. `source` is a URI reference that names this
/// collector; (`source`, `id`) are one event for ever, so it must not change between retries.
pub fn event(event: &Event, investigation: &Investigation, source: &str) -> String {
    document(&Document {
        specversion: "1.0",
        kind: kind(event.kind),
        // The specification refuses an empty one.
        source: if source.is_empty() { "/longpole" } else { source },
        id: &event.idempotency_key,
        subject: &event.investigation,
        time: rfc3339(event.at),
        datacontenttype: "application/json",
        dataschema: DATA_SCHEMA,
        data: investigation,
    })
}
