//! A collector of tests: OTLP over HTTP and gRPC on one port, in the mood it is told to be in.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use longpole_proto::road;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mood {
    Well,
    /// 503; with `Retry-After` in seconds.
    Busy(Option<u64>),
    /// 400.
    Refusing,
    /// 200, so many rejected.
    Partial(i64),
    /// Takes it, and never answers.
    Silent,
    /// Takes it, and says so one byte a moment.
    Dripping,
    /// Takes it, and says far too much.
    Flooding,
}

/// What came in with one request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub headers: HeaderMap,
    pub numbers: Vec<u64>,
}

impl Request {
    /// Producer, shard, sequence.
    pub fn name(&self) -> (String, Option<u32>, u64) {
        let text = |n: &str| self.headers.get(n).map(|v| v.to_str().expect("text").to_owned());
        (
            text(road::HEADER_PRODUCER).expect("a producer"),
            text(road::HEADER_SHARD).map(|s| s.parse().expect("a number")),
            text(road::HEADER_SEQUENCE).expect("a sequence").parse().expect("a number"),
        )
    }
}

#[derive(Clone)]
pub(super) struct Collector {
    pub at: SocketAddr,
    pub seen: Arc<Mutex<Vec<Request>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Collector {
    pub fn start(mood: Mood) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        Self::on(listener, mood)
    }

    pub fn on(listener: std::net::TcpListener, mood: Mood) -> Self {
        listener.set_nonblocking(true).expect("nonblocking");
        let at = listener.local_addr().expect("bound");
        let made = Self { at, seen: Arc::default(), mood: Arc::new(Mutex::new(mood)) };
        let router = made.router();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await
            })
        });
        made
    }

    pub fn router(&self) -> Router {
        let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let routes = Router::new().route("/v1/traces", post(answer)).route(path, post(grpc));
        routes.with_state(self.clone())
    }

    pub fn mood(&self, mood: Mood) {
        *self.mood.lock().expect("sound") = mood;
    }

    /// Numbers of all spans, in their order.
    pub fn numbers(&self) -> Vec<u64> {
        let seen = self.seen.lock().expect("sound");
        let mut all: Vec<u64> = seen.iter().flat_map(|r| r.numbers.clone()).collect();
        all.sort_unstable();
        all
    }

    fn see(&self, headers: HeaderMap, payload: &[u8]) -> Mood {
        let mood = *self.mood.lock().expect("sound");
        if !matches!(mood, Mood::Busy(_) | Mood::Refusing) {
            let numbers = super::numbers(payload);
            self.seen.lock().expect("sound").push(Request { headers, numbers });
        }
        mood
    }
}

async fn answer(State(c): State<Collector>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let plain = match headers.get("content-encoding") {
        Some(_) => unpacked(&body),
        None => body.to_vec(),
    };
    let mood = c.see(headers, &plain);
    let mut out = Response::new(Body::empty());
    match mood {
        Mood::Well => {}
        Mood::Busy(after) => {
            *out.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            if let Some(after) = after {
                out.headers_mut().insert("retry-after", after.into());
            }
        }
        Mood::Refusing => *out.status_mut() = StatusCode::BAD_REQUEST,
        Mood::Partial(rejected_spans) => *out.body_mut() = partial(rejected_spans).into(),
        Mood::Silent => std::future::pending().await,
        Mood::Dripping => *out.body_mut() = Body::new(Drip(tokio::time::interval(DROP))),
        Mood::Flooding => *out.body_mut() = vec![b'x'; 8 << 20].into(),
    }
    out
}

async fn grpc(State(c): State<Collector>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let plain = match body[0] {
        1 => unpacked(&body[5..]),
        _ => body[5..].to_vec(),
    };
    let mut out = Response::new(Body::empty());
    let code = match c.see(headers, &plain) {
        Mood::Busy(_) => "14",
        Mood::Refusing => "3",
        Mood::Partial(n) => {
            let message = partial(n);
            let mut framed = vec![0];
            framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
            framed.extend_from_slice(&message);
            *out.body_mut() = framed.into();
            "0"
        }
        _ => "0",
    };
    out.headers_mut().insert("grpc-status", code.parse().expect("a value"));
    out
}

fn partial(rejected_spans: i64) -> Vec<u8> {
    let error_message = "some are bad".to_owned();
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut out).expect("gzip");
    out
}

const DROP: Duration = Duration::from_millis(50);

/// A body without end, one byte a moment.
struct Drip(tokio::time::Interval);

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        self.0.poll_tick(cx).map(|_| Some(Ok(hyper::body::Frame::data(Bytes::from_static(b"x")))))
    }
}
