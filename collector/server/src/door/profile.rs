//! Profiles that were asked for, by HTTP, by gRPC and by a stream: beside the OTLP doors, since they come from the same
//! programs by the same way. Who was not asked is told so before anything is read.

use super::grpc::frame;
use super::{Door, Encoding, FULL, http};
use crate::control::top::{self, Unreadable};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::{HeaderMap, Request, StatusCode};
use longpole_proto::order::{HEADER_REPORT, HEADER_TAKER, PROFILE_PACKED, Report, Taker};
use tonic::Status;

/// Why a profile was not taken. Whoever sends profiles takes each of these as for good: another can be asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    /// No order of ours.
    #[error("{0}")]
    Unasked(String),
    /// Too large in some way.
    #[error("{0}")]
    TooLarge(String),
    /// Not to be read.
    #[error("{0}")]
    Malformed(String),
    /// It did not come.
    #[error("the profile did not come in time")]
    Slow,
    /// There is no room for it.
    #[error("{FULL}")]
    Full,
}

impl From<Unreadable> for NotTaken {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::TooLarge | Unreadable::TooMany => Self::TooLarge(why.to_string()),
            Unreadable::Broken(_) => Self::Malformed(why.to_string()),
        }
    }
}

/// A profile by HTTP.
pub(super) async fn by_http(State(door): State<Door>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let mut room = door.rooms.enter();
    let body = async {
        let read = http::collect(body, usize::MAX, PROFILE_PACKED, &mut room).await;
        read.map(Bytes::from).map_err(|broken| match broken {
            http::Broken::TooLarge(_) => Unreadable::TooLarge.into(),
            http::Broken::Full => NotTaken::Full,
            http::Broken::Cut(why) => NotTaken::Malformed(why),
        })
    };
    match take(&door, &head.headers, body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(NotTaken::Unasked(why)) => (StatusCode::CONFLICT, why).into_response(),
        Err(NotTaken::TooLarge(why)) => (StatusCode::PAYLOAD_TOO_LARGE, why).into_response(),
        Err(NotTaken::Malformed(why)) => (StatusCode::BAD_REQUEST, why).into_response(),
        Err(NotTaken::Slow) => StatusCode::REQUEST_TIMEOUT.into_response(),
        Err(NotTaken::Full) => (StatusCode::SERVICE_UNAVAILABLE, FULL).into_response(),
    }
}

/// A profile by gRPC; the answer is empty.
pub(super) async fn by_grpc(door: &Door, request: Request<Body>) -> Result<Vec<u8>, Status> {
    let (head, body) = request.into_parts();
    let (rooms, mut room) = (&door.rooms, door.rooms.enter());
    let body = async {
        let read = frame::message(body, Encoding::Identity, PROFILE_PACKED, rooms, &mut room).await;
        read.map_err(|broken| match broken {
            frame::Broken::TooLarge(_) => Unreadable::TooLarge.into(),
            frame::Broken::Full => NotTaken::Full,
            frame::Broken::Encoding(why) => NotTaken::Malformed(why),
        })
    };
    let taken = take(door, &head.headers, body).await.map(|()| Vec::new());
    taken.map_err(|why| match why {
        NotTaken::Unasked(why) => Status::failed_precondition(why),
        NotTaken::TooLarge(why) => Status::resource_exhausted(why),
        NotTaken::Malformed(why) => Status::invalid_argument(why),
        slow @ NotTaken::Slow => Status::invalid_argument(slow.to_string()),
        full @ NotTaken::Full => Status::unavailable(full.to_string()),
    })
}

/// A profile by a stream.
pub async fn by_stream(door: &Door, taker: &Taker, order: u64, packed: Bytes) {
    // Other collectors hear it, too: one that did not ask for it has refused nothing.
    if door.control.expects(taker, order, door.pipeline.now()).is_err() {
        return;
    }
    if let Err(why) = taken(door, taker, order, async { Ok(packed) }).await {
        door.control.refused();
        tracing::warn!(order, instance = taker.instance, "a profile was not taken: {why}");
    }
}

async fn take(
    door: &Door,
    headers: &HeaderMap,
    body: impl Future<Output = Result<Bytes, NotTaken>>,
) -> Result<(), NotTaken> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let taker = text(HEADER_TAKER).and_then(Taker::read);
    let taken = match (taker, text(HEADER_REPORT).and_then(Report::read)) {
        (Some(taker), Some(report)) => taken(door, &taker, report.id, body).await,
        _ => {
            Err(NotTaken::Malformed(format!("{HEADER_TAKER} and {HEADER_REPORT} say whose it is")))
        }
    };
    if taken.is_err() {
        door.control.refused();
    }
    taken
}

async fn taken(
    door: &Door,
    taker: &Taker,
    order: u64,
    body: impl Future<Output = Result<Bytes, NotTaken>>,
) -> Result<(), NotTaken> {
    let unasked = |e: crate::control::NotAsked| NotTaken::Unasked(e.to_string());
    door.control.expects(taker, order, door.pipeline.now()).map_err(unasked)?;
    let packed = door.rooms.in_time(body).await.unwrap_or(Err(NotTaken::Slow))?;
    // One at a time: what a hostile one takes while it is read is taken once.
    let _turn = READING.acquire().await;
    let bytes = packed.clone();
    let read = tokio::task::spawn_blocking(move || top::read(&bytes)).await;
    let top = read.unwrap_or_else(|e| Err(Unreadable::Broken(e.to_string())))?;
    door.control.put(taker, order, packed, top, door.pipeline.now()).map_err(unasked)
}

/// Profiles that are read at once.
static READING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);
