//! `/api/v1/profiles`: what came of asking for profiles, as a list, as files for pprof, as tables of self time.

use super::{Web, document, problem};
use crate::control::profiles::Profile;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

/// All that are kept, the latest last.
pub async fn list(State(web): State<Web>) -> Response {
    let body = web.control.profiles(web.pipeline.now(), |profiles| {
        let all: Vec<&Profile> = profiles.all().collect();
        serde_json::json!({ "profiles": all, "count": profiles.count }).to_string()
    });
    document(body)
}

/// The profile of a number, if it is one and the profile is still here.
fn find<R>(web: &Web, id: &str, look: impl FnOnce(&Profile) -> R) -> Result<R, Response> {
    let number = id.parse::<u64>().ok();
    let found = web.control.profiles(web.pipeline.now(), |profiles| {
        profiles.all().find(|p| Some(p.id) == number).map(look)
    });
    found.ok_or_else(|| {
        problem(StatusCode::NOT_FOUND, "no profile has this number, or it is not kept any more")
    })
}

/// One, as it came: pprof, packed with gzip, as its tools read it.
pub async fn fetch(State(web): State<Web>, Path(id): Path<String>) -> Response {
    match find(&web, &id, |p| (p.id, p.packed.clone())) {
        Ok((id, packed)) => {
            let name = format!("attachment; filename=\"profile-{id}.pb.gz\"");
            let kind = "application/octet-stream".to_owned();
            ([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], packed).into_response()
        }
        Err(problem) => problem,
    }
}

/// Where time went in one.
pub async fn top(State(web): State<Web>, Path(id): Path<String>) -> Response {
    match find(&web, &id, |p| serde_json::json!({ "profile": p, "top": p.top }).to_string()) {
        Ok(body) => document(body),
        Err(problem) => problem,
    }
}
