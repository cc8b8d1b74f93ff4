//! OTLP over HTTP: protobuf and JSON on one port, told apart by `Content-Type`.

use super::buffer::Buffer;
use super::room::{NoRoom, Room};
use super::{
    Accepted, Denied, Door, Encoding, InflateError, NotUnpacked, RETRY_AFTER, Transport, too_large,
    unpack,
};
use crate::ingest::otlp::{Signal, json};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use http_body_util::BodyExt;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER as RETRY,
};
use hyper::{HeaderMap, Request, Response, StatusCode};
use longpole_model::signal::Reason;
use longpole_proto::order::PATH_PROFILE;
use prost::Message;

/// The HTTP port's routes.
pub fn routes(door: &Door) -> Router {
    let mut router = Router::new();
    let paths = [
        ("/v1/traces", Signal::Traces),
        ("/v1/metrics", Signal::Metrics),
        ("/v1/logs", Signal::Logs),
    ];
    for (path, signal) in paths {
        let handler = move |State(door): State<Door>, request: Request<Body>| async move {
            let order = door.control.answer(request.headers(), || door.pipeline.now());
            let mut response = export(door, signal, request).await;
            response
                .headers_mut()
                .extend(order.map(|(name, text)| (HeaderName::from_static(name), text)));
            response
        };
        router = router.route(path, post(handler));
    }
    let router = router.route(PATH_PROFILE, post(super::profile::by_http));
    router.fallback(unknown).with_state(door.clone())
}

async fn unknown() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "this is the OTLP/HTTP port: POST /v1/traces, /v1/metrics or /v1/logs. OTLP/gRPC is served on \
         the port beside it, 4317 unless configured.\n",
    )
}

/// The two forms of a body. The answer comes in the form of the question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

async fn export(door: Door, signal: Signal, request: Request<Body>) -> Response<Body> {
    let Some(form) = Form::of(request.headers()) else {
        door.refuse(Transport::Http, Reason::BadEncoding);
        let text = "Content-Type must be application/x-protobuf or application/json";
        return failure(Form::Json, StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    };
    match taken(&door, signal, form, request).await {
        Ok(accepted) => success(form, signal, accepted),
        Err((code, message)) => failure(form, code, &message),
    }
}

type Failure = (StatusCode, String);

async fn taken(
    door: &Door,
    signal: Signal,
    form: Form,
    request: Request<Body>,
) -> Result<Accepted, Failure> {
    let refused = |reason: Reason, code: StatusCode, message: String| {
        door.refuse(Transport::Http, reason);
        (code, message)
    };
    let producer = door.producer(request.headers());
    let encoding = Encoding::of(request.headers(), CONTENT_ENCODING).ok_or_else(|| {
        refused(
            Reason::BadEncoding,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding must be gzip, deflate, zstd or none".into(),
        )
    })?;
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let (rooms, cap, mut room) = (&door.rooms, door.limits.bytes, door.rooms.enter());
    let body = collect(request.into_body(), announced.unwrap_or(usize::MAX), cap, &mut room);
    let body = match rooms.in_time(body).await {
        Some(Ok(body)) => body,
        Some(Err(Broken::TooLarge(most))) => return Err(larger(door, most)),
        Some(Err(Broken::Full)) => return Err(full(door)),
        Some(Err(Broken::Cut(why))) => {
            return Err(refused(Reason::Malformed, StatusCode::BAD_REQUEST, why));
        }
        None => {
            let text = "the body did not come in time";
            return Err(refused(Reason::Malformed, StatusCode::REQUEST_TIMEOUT, text.into()));
        }
    };
    let body = unpack(rooms, &mut room, body, encoding, cap).await.map_err(|e| match e {
        NotUnpacked::Full => full(door),
        NotUnpacked::Bad(InflateError::TooLarge(most)) => larger(door, most),
        NotUnpacked::Bad(e) => refused(Reason::BadEncoding, StatusCode::BAD_REQUEST, e.to_string()),
    })?;
    let payload = match form {
        Form::Protobuf => body,
        Form::Json => {
            // As protobuf it is no longer.
            room.take(body.len()).map_err(|e| match e {
                NoRoom::Full => full(door),
                NoRoom::TooLarge(most) => larger(door, most),
            })?;
            let (_, payload) =
                json::to_protobuf(&body, &door.limits, Some(signal)).map_err(|e| {
                    let code = match e.reason {
                        Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                        _ => StatusCode::BAD_REQUEST,
                    };
                    refused(e.reason, code, e.message)
                })?;
            payload
        }
    };
    let taken = door.take(signal, Transport::Http, payload.into(), producer).await;
    taken.map_err(failed)
}

fn failed(denied: Denied) -> Failure {
    match denied {
        Denied::Later(message) => (StatusCode::SERVICE_UNAVAILABLE, message),
        Denied::Unreadable(Reason::TooLarge, message) => (StatusCode::PAYLOAD_TOO_LARGE, message),
        Denied::Unreadable(_, message) => (StatusCode::BAD_REQUEST, message),
    }
}

fn full(door: &Door) -> Failure {
    failed(door.full(Transport::Http))
}

fn larger(door: &Door, most: usize) -> Failure {
    door.refuse(Transport::Http, Reason::TooLarge);
    (StatusCode::PAYLOAD_TOO_LARGE, too_large(most))
}

pub(super) enum Broken {
    /// Larger than so many bytes.
    TooLarge(usize),
    /// There is no room for it.
    Full,
    Cut(String),
}

impl From<NoRoom> for Broken {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Full => Self::Full,
            NoRoom::TooLarge(most) => Self::TooLarge(most),
        }
    }
}

/// The whole body, up to a cap, in a request's room.
pub(super) async fn collect(
    mut body: Body,
    expected: usize,
    cap: usize,
    room: &mut Room,
) -> Result<Vec<u8>, Broken> {
    let expected = expected.min(cap);
    let mut out = Buffer::up_to(expected);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Broken::Cut(format!("the body broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if out.len() + data.len() > cap {
            return Err(Broken::TooLarge(cap));
        }
        room.make(&mut out, data.len(), expected)?;
        out.extend(&data);
    }
    Ok(out.into_bytes())
}

fn success(form: Form, signal: Signal, accepted: Accepted) -> Response<Body> {
    let body = match form {
        Form::Protobuf => super::grpc::reply(signal, accepted),
        Form::Json => match accepted.message {
            None => b"{}".to_vec(),
            Some(message) => {
                let rejected = match signal {
                    Signal::Traces => "rejectedSpans",
                    Signal::Metrics => "rejectedDataPoints",
                    Signal::Logs => "rejectedLogRecords",
                };
                // 64-bit numbers are text in protobuf's JSON.
                let count = accepted.rejected.to_string();
                let partial = serde_json::json!({ rejected: count, "errorMessage": message });
                serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
            }
        },
    };
    answer(form, StatusCode::OK, body)
}

/// A `google.rpc.Status` in the form of the question.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn failure(form: Form, code: StatusCode, message: &str) -> Response<Body> {
    let rpc = match code {
        StatusCode::SERVICE_UNAVAILABLE => tonic::Code::Unavailable,
        StatusCode::PAYLOAD_TOO_LARGE => tonic::Code::ResourceExhausted,
        _ => tonic::Code::InvalidArgument,
    } as i32;
    let body = match form {
        Form::Protobuf => RpcStatus { code: rpc, message: message.to_owned() }.encode_to_vec(),
        Form::Json => {
            serde_json::json!({ "code": rpc, "message": message }).to_string().into_bytes()
        }
    };
    let mut response = answer(form, code, body);
    if code == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY, RETRY_AFTER.as_secs().into());
    }
    response
}

fn answer(form: Form, code: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    let value = hyper::header::HeaderValue::from_static(form.content_type());
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}
