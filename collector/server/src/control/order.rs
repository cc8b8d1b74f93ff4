//! What may be asked, by whom it was asked, and what became of it, as the API shows it.

use longpole_proto::order::{FASTEST_PROFILE, LONGEST, LONGEST_PROFILE, USUAL_RATE};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Another share of an operation's traces.
    Sampling(SamplingWish),
    /// A profile.
    Profile(ProfileWish),
}

/// Another share of an operation's traces, for a while.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingWish {
    /// `service.name`.
    pub service: String,
    /// Name of the root span.
    pub operation: String,
    /// 0 to 1.
    pub share: f64,
    /// How long, 1 to 3,600.
    pub seconds: u32,
}

/// A profile of one process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileWish {
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`; whoever comes by first when missing.
    pub instance: Option<String>,
    /// How long, 1 to 60.
    pub seconds: u32,
    /// Samples a second of processor time of a thread, 1 to 199.
    #[serde(default = "usual")]
    pub rate: u32,
}

fn usual() -> u32 {
    USUAL_RATE
}

impl Wish {
    /// Reads one as it is posted; `kind` says which it is.
    ///
    /// # Errors
    /// What is missing, or too much.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let mut value: serde_json::Value = serde_json::from_slice(body)?;
        let kind = value.as_object_mut().and_then(|fields| fields.remove("kind"));
        match kind.as_ref().map(|k| k.as_str()) {
            None | Some(Some("sampling")) => Ok(Self::Sampling(serde_json::from_value(value)?)),
            Some(Some("profile")) => Ok(Self::Profile(serde_json::from_value(value)?)),
            Some(_) => Err(serde::de::Error::custom("kind is \"sampling\" or \"profile\"")),
        }
    }
}

/// Why nothing was asked of anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// Out of bounds.
    #[error("share is 0 to 1, seconds 1 to {LONGEST}, service and operation are not empty")]
    Bounds,
    /// A profile out of bounds.
    #[error(
        "seconds are 1 to {LONGEST_PROFILE}, rate is 1 to {FASTEST_PROFILE}, service is not empty"
    )]
    ProfileBounds,
    /// Nobody takes orders.
    #[error(
        "no process of service {0:?} takes orders: it must send spans by OTLP, with Longpole's SDK and \
         LONGPOLE_CONTROL=sampling"
    )]
    Nobody(String),
    /// Nobody lets itself be profiled.
    #[error(
        "no such process of service {0:?} lets itself be profiled: it must send spans by OTLP, with Longpole's \
         SDK, its feature `profile` and LONGPOLE_CONTROL=profile"
    )]
    NoProfiles(String),
}

/// What a process said to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was sent; nothing was said yet.
    Sent,
    /// It is followed.
    Followed,
    /// It is not, and why.
    Refused(String),
    /// The profile that came of it, by its number.
    Profile(u64),
}

/// What an order asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asked {
    /// See [`SamplingWish`].
    Sampling {
        /// Name of the root span.
        operation: String,
        /// 0 to 1.
        share: f64,
    },
    /// See [`ProfileWish`].
    Profile {
        /// `service.instance.id`, where one was named.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// How long it is to take.
        seconds: u32,
        /// Samples a second.
        rate: u32,
    },
}

/// An order and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Order {
    /// Number.
    pub id: u64,
    /// `service.name`.
    pub service: String,
    /// What.
    #[serde(flatten)]
    pub what: Asked,
    /// Unix nanoseconds.
    pub asked: u64,
    /// Unix nanoseconds; everything is as it was from then on, or nobody is asked any more.
    pub until: u64,
    /// By `service.instance.id`.
    pub instances: BTreeMap<String, Outcome>,
}
