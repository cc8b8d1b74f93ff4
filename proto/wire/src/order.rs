//! What a collector may ask of a service that takes orders, and what is said back, as texts of headers and of entries
//! of streams: the share of traces that are recorded of an operation, for a while, or one profile of its processor
//! time. Nothing else can be asked. What a profile looks like is [`crate::pprof`].
//!
//! `key=value,key=value`, values percent-encoded. Unknown keys are skipped, so that later versions may say more.

use crate::percent::{decode_to, encode};

/// Header of a request: who takes orders ([`Taker`]).
pub const HEADER_TAKER: &str = "longpole-taker";
/// Header of an answer: what is asked ([`Order`]).
pub const HEADER_ORDER: &str = "longpole-order";
/// Header of the next request: what became of it ([`Report`]).
pub const HEADER_REPORT: &str = "longpole-report";

/// Where a profile is put by HTTP, instead of an endpoint's `/v1/traces`.
pub const PATH_PROFILE: &str = "/longpole/v1/profiles";
/// The method that takes a profile by gRPC: a message is a profile, not compressed by gRPC.
pub const METHOD_PROFILE: &str = "/longpole.v1.Control/PutProfile";

/// Stream of a Redis: what processes that write there say, as [`FIELD_TAKER`] and, where there is one,
/// [`FIELD_REPORT`].
pub const KEY_SAID: &str = "lp:ctl:said";
/// Stream of a Redis: what is asked of them, as [`FIELD_TAKER`], which says of whom, and [`FIELD_ORDER`].
pub const KEY_ORDERS: &str = "lp:ctl:orders";
/// Stream of a Redis: profiles, as [`FIELD_TAKER`], [`FIELD_REPORT`] and [`FIELD_PROFILE`].
pub const KEY_PROFILES: &str = "lp:ctl:profiles";
/// Field: a [`Taker`].
pub const FIELD_TAKER: &str = "taker";
/// Field: a [`Report`].
pub const FIELD_REPORT: &str = "report";
/// Field: an [`Order`].
pub const FIELD_ORDER: &str = "order";
/// Field: a profile, packed by gzip.
pub const FIELD_PROFILE: &str = "profile";
/// Entries that [`KEY_SAID`] and [`KEY_ORDERS`] keep, about. Whoever writes trims.
pub const SAID_KEPT: usize = 4_096;
/// Entries that [`KEY_PROFILES`] keeps.
pub const PROFILES_KEPT: usize = 8;

/// No order about sampling holds longer, seconds.
pub const LONGEST: u32 = 3_600;
/// No profile takes longer, seconds.
pub const LONGEST_PROFILE: u32 = 60;
/// Samples a second of processor time of a thread, at most.
pub const FASTEST_PROFILE: u32 = 199;
/// When nobody says how often: not in step with what happens every hundredth of a second.
pub const USUAL_RATE: u32 = 99;
/// Bytes of a profile as it is sent, packed.
pub const PROFILE_PACKED: usize = 1 << 20;
/// And unpacked.
pub const PROFILE_BYTES: usize = 8 << 20;
/// Bytes of a name or a reason.
const TEXT: usize = 256;

/// A process that takes orders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taker {
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`.
    pub instance: String,
    /// Its sampling may be changed.
    pub sampling: bool,
    /// It may be asked for a profile.
    pub profile: bool,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Record this share of the traces that begin with an operation.
    Sampling {
        /// Name of the root span.
        operation: String,
        /// 0 to 1.
        share: f64,
    },
    /// Look where processor time goes, and send that as a profile.
    Profile {
        /// Samples a second of processor time of each thread, 1 to [`FASTEST_PROFILE`].
        rate: u32,
    },
}

/// One thing that is asked of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// By which the report names it.
    pub id: u64,
    /// How long from now, at most [`LONGEST`], or [`LONGEST_PROFILE`]; then everything is as it was.
    pub seconds: u32,
    /// What.
    pub ask: Ask,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: u64,
    /// Why it is not followed; `None` when it is.
    pub refused: Option<String>,
}

impl Taker {
    /// As a header's text.
    pub fn write(&self) -> String {
        let mut out = String::new();
        put(&mut out, "service", &self.service);
        put(&mut out, "instance", &self.instance);
        let takes: Vec<&str> = [("sampling", self.sampling), ("profile", self.profile)]
            .into_iter()
            .filter_map(|(what, takes)| takes.then_some(what))
            .collect();
        put(&mut out, "takes", &takes.join(" "));
        out
    }

    /// Reads a header; `None` when it names no service or no instance. Who does not say what it takes is of the
    /// first version, and that took orders about sampling.
    pub fn read(text: &str) -> Option<Self> {
        let (mut service, mut instance) = (String::new(), String::new());
        let mut takes = "sampling".to_owned();
        for (key, value) in pairs(text) {
            match key {
                "service" => service = value,
                "instance" => instance = value,
                "takes" => takes = value,
                _ => {}
            }
        }
        let named = !service.is_empty() && !instance.is_empty();
        let takes = |what: &str| takes.split(' ').any(|t| t == what);
        let (sampling, profile) = (takes("sampling"), takes("profile"));
        named.then_some(Self { service, instance, sampling, profile })
    }
}

impl Order {
    /// As a header's text.
    pub fn write(&self) -> String {
        let mut out = String::new();
        put(&mut out, "id", &self.id.to_string());
        match &self.ask {
            Ask::Sampling { operation, share } => {
                put(&mut out, "operation", operation);
                put(&mut out, "share", &share.to_string());
            }
            Ask::Profile { rate } => put(&mut out, "profile", &rate.to_string()),
        }
        put(&mut out, "seconds", &self.seconds.to_string());
        out
    }

    /// Reads a header; `None` when anything is missing or out of its bounds.
    pub fn read(text: &str) -> Option<Self> {
        let (mut id, mut operation, mut share, mut seconds) = (None, String::new(), None, None);
        let mut profile = None;
        for (key, value) in pairs(text) {
            match key {
                "id" => id = value.parse().ok(),
                "operation" => operation = value,
                "share" => share = value.parse::<f64>().ok(),
                "profile" => profile = Some(value.parse().ok()),
                "seconds" => seconds = value.parse().ok(),
                _ => {}
            }
        }
        let (ask, longest) = match profile {
            Some(rate) => (Ask::Profile { rate: rate? }, LONGEST_PROFILE),
            None => (Ask::Sampling { operation, share: share? }, LONGEST),
        };
        let within = match &ask {
            Ask::Sampling { operation, share } => {
                !operation.is_empty() && (0.0..=1.0).contains(share)
            }
            Ask::Profile { rate } => (1..=FASTEST_PROFILE).contains(rate),
        };
        let seconds = seconds.filter(|s| within && (1..=longest).contains(s))?;
        Some(Self { id: id?, seconds, ask })
    }
}

impl Report {
    /// As a header's text.
    pub fn write(&self) -> String {
        let mut out = String::new();
        put(&mut out, "id", &self.id.to_string());
        if let Some(why) = &self.refused {
            put(&mut out, "refused", why);
        }
        out
    }

    /// Reads a header; `None` when it names no order.
    pub fn read(text: &str) -> Option<Self> {
        let (mut id, mut refused) = (None, None);
        for (key, value) in pairs(text) {
            match key {
                "id" => id = value.parse().ok(),
                "refused" => refused = Some(value),
                _ => {}
            }
        }
        Some(Self { id: id?, refused })
    }
}

fn put(out: &mut String, key: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(key);
    out.push('=');
    let end = (0..=TEXT.min(value.len())).rev().find(|i| value.is_char_boundary(*i)).unwrap_or(0);
    encode(out, &value[..end], |b| b.is_ascii_alphanumeric() || b"-._~/{}: ".contains(&b));
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.split(',').take(16).filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((key.trim(), decode_to(value, TEXT)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = (Taker::read(&text), Order::read(&text), Report::read(&text));
        }

        #[test]
        fn what_is_written_is_read(id: u64, name in ".{1,40}", share in 0.0f64..=1.0, seconds in 1u32..=LONGEST) {
            let order = Order { id, seconds, ask: Ask::Sampling { operation: name.clone(), share } };
            let text = order.write();
            prop_assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{}", text);
            prop_assert_eq!(Order::read(&text), Some(order));
            let report = Report { id, refused: Some(name.clone()) };
            prop_assert_eq!(Report::read(&report.write()), Some(report));
            let (sampling, profile) = (id & 1 == 1, id & 2 == 2);
            let taker = Taker { service: name.clone(), instance: name, sampling, profile };
            prop_assert_eq!(Taker::read(&taker.write()), Some(taker));
            let (rate, seconds) = (1 + seconds % FASTEST_PROFILE, 1 + seconds % LONGEST_PROFILE);
            let order = Order { id, seconds, ask: Ask::Profile { rate } };
            prop_assert_eq!(Order::read(&order.write()), Some(order));
        }
    }

    #[test]
    fn orders_out_of_bounds_are_none() {
        let good = "id=7,operation=GET /cart,share=0.5,seconds=60,later=x";
        assert_eq!(Order::read(good).map(|o| (o.id, o.seconds)), Some((7, 60)));
        for bad in [
            "operation=x,share=0.5,seconds=60",
            "id=7,share=0.5,seconds=60",
            "id=7,operation=x,share=1.5,seconds=60",
            "id=7,operation=x,share=NaN,seconds=60",
            "id=7,operation=x,share=0.5,seconds=3601",
            "id=7,operation=x,share=0.5,seconds=0",
            "id=7,profile=0,seconds=10",
            "id=7,profile=200,seconds=10",
            "id=7,profile=99,seconds=61",
            "id=7,profile=x,operation=x,share=0.5,seconds=10",
            "",
        ] {
            assert_eq!(Order::read(bad), None, "{bad}");
        }
        assert_eq!(Taker::read("service=x"), None);
        let first = Taker::read("service=x,instance=y").expect("of the first version");
        assert!(first.sampling && !first.profile);
    }
}
