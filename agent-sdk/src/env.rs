//! The `OTEL_*` variables. Empty = unset; an unknown value is warned about and ignored.

use longpole_proto::percent::decode;
use std::io::Write;
use std::sync::OnceLock;

/// Reads variables through a function, so that tests need no process of their own.
pub(crate) struct Env<'a>(pub(crate) &'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    /// The value, unless empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    /// The signal's own variable, else the general one: `OTEL_EXPORTER_OTLP[_TRACES]_{name}`.
    pub(crate) fn otlp(&self, signal: &str, name: &str) -> Option<String> {
        self.text(&format!("OTEL_EXPORTER_OTLP_{signal}_{name}"))
            .or_else(|| self.text(&format!("OTEL_EXPORTER_OTLP_{name}")))
    }

    /// A number, with a word when it is none.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            warn(&format!("{name}={text:?} is not a number; ignored"));
        }
        parsed
    }

    /// True only for "true".
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }
}

/// One line on standard error. Not `eprintln!`: that panics where standard error is closed.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "longpole: {text}");
}

/// `key=value,key=value` with percent-encoded values, as in `OTEL_RESOURCE_ATTRIBUTES` and headers.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |p: &str| {
        let (k, v) = p.split_once('=')?;
        let (k, v) = (k.trim(), v.trim());
        (!k.is_empty()).then(|| (k.to_owned(), decode(v)))
    };
    text.split(',').filter_map(pair).collect()
}

static PROPAGATORS: OnceLock<Vec<String>> = OnceLock::new();

/// Sets the propagators once.
pub(crate) fn set_propagators(list: &str) {
    let known = |p: &&str| {
        let known = matches!(*p, "tracecontext" | "baggage" | "none");
        if !known {
            warn(&format!("OTEL_PROPAGATORS: {p:?} is not known here; ignored"));
        }
        known
    };
    let names = list.split(',').map(str::trim).filter(|p| !p.is_empty()).filter(known);
    let _ = PROPAGATORS.set(names.map(str::to_owned).collect());
}

/// Whether a propagator is on; both are unless told otherwise.
pub(crate) fn propagates(name: &str) -> bool {
    PROPAGATORS.get().is_none_or(|on| on.iter().any(|p| p == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_specification_says() {
        let get = |name: &str| match name {
            "EMPTY" => Some("  ".to_owned()),
            "FLAG" => Some("True".to_owned()),
            "ONE" => Some("1".to_owned()),
            "OTEL_EXPORTER_OTLP_TIMEOUT" => Some("100".to_owned()),
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" => Some("200".to_owned()),
            _ => None,
        };
        let env = Env(&get);
        assert_eq!(env.text("EMPTY"), None);
        assert!(env.flag("FLAG") && !env.flag("ONE") && !env.flag("NONE"));
        assert_eq!(env.otlp("TRACES", "TIMEOUT").as_deref(), Some("200"));
        assert_eq!(env.otlp("METRICS", "TIMEOUT").as_deref(), Some("100"));
        assert_eq!(env.number("FLAG"), None);
        let read = pairs("a=b%20c, key = x=y ,broken,=v,d=%zz");
        let want = [("a", "b c"), ("key", "x=y"), ("d", "%zz")];
        assert_eq!(read, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
