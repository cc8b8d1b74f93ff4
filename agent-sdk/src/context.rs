//! Where in a trace a thread or a message is: W3C Trace Context, level 2. What a thread holds of it is `local`'s.

use crate::local::{self, Local, Place, Scope};
use crate::record::flag;
use crate::sampler::states;
use std::fmt::Write;
use std::sync::Arc;

/// Bytes of a `tracestate` that are carried on (the specification's minimum).
const TRACESTATE: usize = 512;

/// A place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Trace id; never all zero.
    pub trace_id: [u8; 16],
    /// Id of the span that is the parent of what follows; never all zero.
    pub span_id: [u8; 8],
    /// Whether the trace is recorded.
    pub sampled: bool,
    /// `tracestate`, carried on as it came.
    pub trace_state: Option<Arc<str>>,
    /// Whether it came from another process.
    pub remote: bool,
}

impl Context {
    /// Reads `traceparent` and `tracestate`. Anything that is not to the letter is no context.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let text = traceparent.trim();
        let bytes = text.as_bytes();
        // version-trace-parent-flags; later versions may have more behind them.
        if bytes.len() < 55 || bytes[2] != b'-' || bytes[35] != b'-' || bytes[52] != b'-' {
            return None;
        }
        let version = hex::<1>(bytes.get(..2)?)?[0];
        let fits = match version {
            0xff => false,
            0 => bytes.len() == 55,
            _ => bytes.len() == 55 || bytes[55] == b'-',
        };
        let trace_id = hex::<16>(bytes.get(3..35)?)?;
        let span_id = hex::<8>(bytes.get(36..52)?)?;
        let flags = hex::<1>(bytes.get(53..55)?)?[0];
        if !fits || trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        let plain = |s: &&str| {
            !s.is_empty() && s.len() <= TRACESTATE && s.bytes().all(|b| (0x20..0x7f).contains(&b))
        };
        Some(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
            trace_state: tracestate.map(str::trim).filter(plain).map(Arc::from),
            remote: true,
        })
    }

    /// The `traceparent` header.
    pub fn traceparent(&self) -> String {
        let mut out = String::with_capacity(55);
        out.push_str("00-");
        // Writing to a String cannot fail.
        self.trace_id.iter().for_each(|b| {
            let _ = write!(out, "{b:02x}");
        });
        out.push('-');
        self.span_id.iter().for_each(|b| {
            let _ = write!(out, "{b:02x}");
        });
        out.push_str(if self.sampled { "-01" } else { "-00" });
        out
    }

    /// The public form of a scope.
    pub(crate) fn of(scope: &Scope) -> Self {
        let Place { trace, span, flags } = scope.place;
        let known = || states::text((flags & flag::STATE) >> flag::STATE.trailing_zeros());
        Self {
            trace_id: trace.to_be_bytes(),
            span_id: span.to_be_bytes(),
            sampled: flags & flag::SAMPLED != 0,
            trace_state: scope.text.clone().or_else(|| known().map(Arc::from)),
            remote: flags & flag::REMOTE != 0,
        }
    }

    /// The form that threads hold.
    pub(crate) fn scope(&self) -> Scope {
        let mut flags = flag::PRESENT;
        for (on, bit) in [(self.sampled, flag::SAMPLED), (self.remote, flag::REMOTE)] {
            flags |= if on { bit } else { 0 };
        }
        let mut text = None;
        if let Some(state) = &self.trace_state {
            match states::find(state) {
                Some(known) => flags |= known << flag::STATE.trailing_zeros(),
                None => (flags, text) = (flags | flag::TEXT, Some(Arc::clone(state))),
            }
        }
        let trace = u128::from_be_bytes(self.trace_id);
        Scope { place: Place { trace, span: u64::from_be_bytes(self.span_id), flags }, text }
    }

    /// The trace id in hex, for log lines.
    pub fn trace_id_hex(&self) -> String {
        self.trace_id.iter().fold(String::with_capacity(32), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
    }
}

/// Lower-case hex only, as the specification demands.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// The context of the innermost span that is entered on this thread, whether it is recorded or not.
pub fn current() -> Option<Context> {
    let scope = local::with(Local::scope);
    // The SDK's own threads are in no trace, and yet not to begin one.
    let place = &scope.place;
    (place.flags & flag::PRESENT != 0 && place.trace != 0).then(|| Context::of(&scope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_specifications_example() {
        let c = Context::parse(GOOD, Some("rojo=00f067aa0ba902b7")).expect("valid");
        assert!(c.sampled && c.remote);
        assert_eq!(c.traceparent(), GOOD);
        assert_eq!(c.trace_state.as_deref(), Some("rojo=00f067aa0ba902b7"));
    }

    #[test]
    fn what_is_not_to_the_letter_is_no_context() {
        let bad = [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ];
        for text in bad {
            assert_eq!(Context::parse(text, None), None, "{text}");
        }
        let later = GOOD.replacen("00", "01", 1) + "-more";
        assert!(Context::parse(&later, None).is_some(), "a later version may say more");
        assert_eq!(Context::parse(GOOD, Some("a=\u{1}")).expect("valid").trace_state, None);
    }

    proptest! {
        #[test]
        fn contexts_come_back(trace: [u8; 16], span: [u8; 8], sampled: bool) {
            prop_assume!(trace != [0; 16] && span != [0; 8]);
            let c = Context { trace_id: trace, span_id: span, sampled, trace_state: None, remote: true };
            prop_assert_eq!(Context::parse(&c.traceparent(), None), Some(c));
        }

        #[test]
        fn threads_hold_contexts_without_loss(
            trace in 1u128.., span in 1u64.., sampled: bool, remote: bool, state in "(a=b|ot=th:[1-9])?",
        ) {
            let trace_state = (!state.is_empty()).then(|| Arc::from(state));
            let (trace_id, span_id) = (trace.to_be_bytes(), span.to_be_bytes());
            let c = Context { trace_id, span_id, sampled, trace_state, remote };
            prop_assert_eq!(Context::of(&c.scope()), c);
        }

        #[test]
        fn hostile_headers_never_panic(text in ".{0,80}", state in ".{0,600}") {
            let _ = Context::parse(&text, Some(&state));
        }
    }
}
