//! Who may ask: the `Host` and `Origin` of a request must be this server's own, so that a page from
//! elsewhere cannot read or change anything through a reader's browser (DNS rebinding, cross-site
//! requests). Not authentication. Here, too, ends a request whose body does not come.

use super::Web;
use crate::door::BODY_TIMEOUT;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use hyper::{Request, StatusCode};
use std::net::{IpAddr, SocketAddr};

/// Lets a request pass, or says why not.
pub async fn check(State(web): State<Web>, request: Request<Body>, next: Next) -> Response {
    let headers = request.headers();
    let header = |name| headers.get(name).map(|v: &HeaderValue| v.to_str().unwrap_or("?"));
    let host = header(HOST).or_else(|| request.uri().authority().map(|a| a.as_str()));
    if headers.get_all(HOST).iter().count() > 1 {
        return refused("Host", "given twice");
    }
    // HTTP/1.0 clients send none; a browser always does.
    if let Some(host) = host
        && !ours(host, web.listen)
    {
        return refused("Host", host);
    }
    if let Some(origin) = header(ORIGIN) {
        let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !named.is_some_and(|n| Some(n) == host && ours(n, web.listen)) {
            return refused("Origin", origin);
        }
    }
    let answer = tokio::time::timeout(BODY_TIMEOUT, next.run(request)).await;
    let slow =
        || (StatusCode::REQUEST_TIMEOUT, "the request did not come in time\n").into_response();
    let mut response = answer.unwrap_or_else(|_| slow());
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
    response
}

fn refused(what: &str, value: &str) -> Response {
    let value = longpole_exporters::text::clean_to(value, 100).into_owned();
    let text = format!(
        "{what} {value:?} is not this server. Open it by its address, or by localhost when it \
         listens on loopback.\n"
    );
    (StatusCode::FORBIDDEN, text).into_response()
}

/// Whether a host names this server. On loopback only loopback's names do; elsewhere any address
/// literal does, since rebinding needs a name, and so does any name when all addresses are listened
/// on, where the operator has put it behind one.
fn ours(host: &str, listen: SocketAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => !listen.ip().is_loopback() || ip.is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost") || listen.ip().is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_loopback_is_ours() {
        let at = |host: &str| ours(host, SocketAddr::from(([127, 0, 0, 1], 4319)));
        for good in ["localhost:4319", "127.0.0.1:4319", "[::1]:4319", "LOCALHOST", "[::1]"] {
            assert!(at(good), "{good}");
        }
        for bad in ["evil.example:4319", "10.0.0.7:4319", "localhost.evil.example", "", "?"] {
            assert!(!at(bad), "{bad}");
        }
    }

    #[test]
    fn elsewhere_addresses_are_ours_and_names_only_when_all_are_listened_on() {
        let one = SocketAddr::from(([10, 0, 0, 7], 4319));
        assert!(ours("10.0.0.7:4319", one) && !ours("evil.example", one));
        assert!(ours("longpole.svc:4319", SocketAddr::from(([0, 0, 0, 0], 4319))));
    }
}
