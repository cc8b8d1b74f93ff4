//! What a collector may ask of a service that takes orders, and what is said back, as texts of headers: the share of
//! traces that are recorded of an operation, for a while. Nothing else can be asked.
//!
//! `key=value,key=value`, values percent-encoded. Unknown keys are skipped, so that later versions may say more.

use crate::percent::{decode_to, encode};

/// Header of a request: who takes orders ([`Taker`]).
pub const HEADER_TAKER: &str = "longpole-taker";
/// Header of an answer: what is asked ([`Order`]).
pub const HEADER_ORDER: &str = "longpole-order";
/// Header of the next request: what became of it ([`Report`]).
pub const HEADER_REPORT: &str = "longpole-report";

/// No order holds longer, seconds.
pub const LONGEST: u32 = 3_600;
/// Bytes of a name or a reason.
const TEXT: usize = 256;

/// A process that takes orders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taker {
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`.
    pub instance: String,
}

/// Record this share of the traces that begin with an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// By which the report names it.
    pub id: u64,
    /// Name of the root span.
    pub operation: String,
    /// 0 to 1.
    pub share: f64,
    /// How long from now, at most [`LONGEST`]; then everything is as it was.
    pub seconds: u32,
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
        out
    }

    /// Reads a header; `None` when it names no service or no instance.
    pub fn read(text: &str) -> Option<Self> {
        let (mut service, mut instance) = (String::new(), String::new());
        for (key, value) in pairs(text) {
            match key {
                "service" => service = value,
                "instance" => instance = value,
                _ => {}
            }
        }
        (!service.is_empty() && !instance.is_empty()).then_some(Self { service, instance })
    }
}

impl Order {
    /// As a header's text.
    pub fn write(&self) -> String {
        let mut out = String::new();
        put(&mut out, "id", &self.id.to_string());
        put(&mut out, "operation", &self.operation);
        put(&mut out, "share", &self.share.to_string());
        put(&mut out, "seconds", &self.seconds.to_string());
        out
    }

    /// Reads a header; `None` when anything is missing or out of its bounds.
    pub fn read(text: &str) -> Option<Self> {
        let (mut id, mut operation, mut share, mut seconds) = (None, String::new(), None, None);
        for (key, value) in pairs(text) {
            match key {
                "id" => id = value.parse().ok(),
                "operation" => operation = value,
                "share" => share = value.parse::<f64>().ok(),
                "seconds" => seconds = value.parse().ok(),
                _ => {}
            }
        }
        let share = share.filter(|s| (0.0..=1.0).contains(s))?;
        let seconds = seconds.filter(|s| (1..=LONGEST).contains(s))?;
        (!operation.is_empty()).then_some(Self { id: id?, operation, share, seconds })
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
            let order = Order { id, operation: name.clone(), share, seconds };
            let text = order.write();
            prop_assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{}", text);
            prop_assert_eq!(Order::read(&text), Some(order));
            let report = Report { id, refused: Some(name.clone()) };
            prop_assert_eq!(Report::read(&report.write()), Some(report));
            let taker = Taker { service: name.clone(), instance: name };
            prop_assert_eq!(Taker::read(&taker.write()), Some(taker));
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
            "",
        ] {
            assert_eq!(Order::read(bad), None, "{bad}");
        }
        assert_eq!(Taker::read("service=x"), None);
    }
}
