//! What is measured: the same traces, recorded by each SDK. A trace is a root and ten children (`unsampled`: a
//! hundred). Functions are never inlined, so that callgrind can count them by name.

use fastrace::prelude::{LocalSpan, Span as FastSpan, SpanContext};
use longpole_sdk::{Context, span, with_context};
use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt, Tracer};
use std::hint::black_box;

/// Children of a trace.
const CHILDREN: usize = 10;
/// Spans of a trace with its root.
pub const SPANS: usize = CHILDREN + 1;
/// Spans of an unsampled trace.
pub const UNSAMPLED: usize = 101;

/// Texts that the compiler cannot know.
fn texts() -> [&'static str; 4] {
    black_box(["GET", "/cart/{id}", "shop.example", "1.1"])
}

/// What differs from span to span.
pub struct Mixed {
    route: &'static str,
    user: String,
    count: i64,
    share: f64,
    cached: bool,
    region: &'static str,
}

fn mixed() -> &'static Mixed {
    static MIXED: std::sync::LazyLock<Mixed> = std::sync::LazyLock::new(|| Mixed {
        route: "/cart/{id}",
        user: "user-8341".to_owned(),
        count: 17,
        share: 0.25,
        cached: true,
        region: "eu-central",
    });
    black_box(&MIXED)
}

#[inline(never)]
pub fn longpole_bare(traces: usize) {
    for _ in 0..traces {
        let _root = span!("root");
        for _ in 0..CHILDREN {
            let _child = span!("child");
        }
    }
}

#[inline(never)]
pub fn longpole_static(traces: usize) {
    let [method, route, host, version] = texts();
    for _ in 0..traces {
        let _root = span!("root");
        for _ in 0..CHILDREN {
            let _child =
                span!("child", method = method, route = route, host = host, version = version);
        }
    }
}

#[inline(never)]
pub fn longpole_literal(traces: usize) {
    for _ in 0..traces {
        let _root = span!("root");
        for _ in 0..CHILDREN {
            let _child = span!(
                "child",
                method = "GET",
                route = "/cart/{id}",
                host = "shop.example",
                version = "1.1"
            );
        }
    }
}

#[inline(never)]
pub fn longpole_mixed(traces: usize) {
    let m = mixed();
    for _ in 0..traces {
        let _root = span!("root");
        for _ in 0..CHILDREN {
            let _child = span!(
                "child",
                route = m.route,
                user = m.user,
                count = m.count,
                share = m.share,
                cached = m.cached,
                region = m.region,
            );
        }
    }
}

#[inline(never)]
pub fn longpole_root(traces: usize) {
    for _ in 0..traces {
        let _root = span!("root");
    }
}

#[inline(never)]
pub fn longpole_unsampled(traces: usize) {
    let [method, route, host, version] = texts();
    let context = Context {
        trace_id: [1; 16],
        span_id: [1; 8],
        sampled: false,
        trace_state: None,
        remote: true,
    };
    for _ in 0..traces {
        with_context(&context, || {
            let _root = span!("root");
            for _ in 1..UNSAMPLED {
                let _child =
                    span!("child", method = method, route = route, host = host, version = version);
            }
        });
    }
}

fn fast_trace(sampled: bool, children: impl Fn()) {
    let root = FastSpan::root("root", SpanContext::random().sampled(sampled));
    let _here = root.set_local_parent();
    children();
}

#[inline(never)]
pub fn fastrace_bare(traces: usize) {
    for _ in 0..traces {
        fast_trace(true, || {
            for _ in 0..CHILDREN {
                let _child = LocalSpan::enter_with_local_parent("child");
            }
        });
    }
}

#[inline(never)]
pub fn fastrace_static(traces: usize) {
    let [method, route, host, version] = texts();
    for _ in 0..traces {
        fast_trace(true, || {
            for _ in 0..CHILDREN {
                let _child = LocalSpan::enter_with_local_parent("child").with_properties(|| {
                    [("method", method), ("route", route), ("host", host), ("version", version)]
                });
            }
        });
    }
}

#[inline(never)]
pub fn fastrace_mixed(traces: usize) {
    let m = mixed();
    for _ in 0..traces {
        fast_trace(true, || {
            for _ in 0..CHILDREN {
                let _child = LocalSpan::enter_with_local_parent("child").with_properties(|| {
                    [
                        ("route", std::borrow::Cow::Borrowed(m.route)),
                        ("user", m.user.clone().into()),
                        ("count", m.count.to_string().into()),
                        ("share", m.share.to_string().into()),
                        ("cached", m.cached.to_string().into()),
                        ("region", m.region.into()),
                    ]
                });
            }
        });
    }
}

#[inline(never)]
pub fn fastrace_root(traces: usize) {
    for _ in 0..traces {
        fast_trace(true, || ());
    }
}

#[inline(never)]
pub fn fastrace_unsampled(traces: usize) {
    let [method, route, host, version] = texts();
    for _ in 0..traces {
        fast_trace(false, || {
            for _ in 1..UNSAMPLED {
                let _child = LocalSpan::enter_with_local_parent("child").with_properties(|| {
                    [("method", method), ("route", route), ("host", host), ("version", version)]
                });
            }
        });
    }
}

#[inline(never)]
pub fn otel_static(traces: usize) {
    let tracer = opentelemetry::global::tracer("bench");
    let [method, route, host, version] = texts();
    for _ in 0..traces {
        tracer.in_span("root", |_| {
            for _ in 0..CHILDREN {
                tracer.in_span("child", |cx| {
                    cx.span().set_attributes([
                        KeyValue::new("method", method),
                        KeyValue::new("route", route),
                        KeyValue::new("host", host),
                        KeyValue::new("version", version),
                    ]);
                });
            }
        });
    }
}

/// With whichever subscriber is the thread's.
#[inline(never)]
pub fn tracing_static(traces: usize) {
    let [method, route, host, version] = texts();
    for _ in 0..traces {
        let _root = tracing::info_span!("root").entered();
        for _ in 0..CHILDREN {
            let _child = tracing::info_span!("child", method, route, host, version).entered();
        }
    }
}
