//! Requests by `reqwest` under a client span.

use crate::Span;

/// Sends a request under a client span, with the context in its headers.
///
/// # Errors
/// Those of [`reqwest::Client::execute`](::reqwest::Client::execute).
pub async fn execute(
    client: &::reqwest::Client,
    mut request: ::reqwest::Request,
) -> Result<::reqwest::Response, ::reqwest::Error> {
    let mut span = client_span(&request);
    span.run(|| {
        crate::inject(|key, value| {
            if let Ok(value) = ::reqwest::header::HeaderValue::from_str(value) {
                request.headers_mut().insert(key, value);
            }
        });
    });
    // Below the span, which is ended here, when it is known how the request went.
    let answer = span.around(client.execute(request)).await;
    match &answer {
        Ok(answer) => {
            let status = answer.status();
            span.set("http.response.status_code", status.as_u16());
            if status.as_u16() >= 400 {
                span.set("error.type", status.as_str());
                span.fail("");
            }
        }
        Err(e) => {
            let kind = match e {
                e if e.is_timeout() => "timeout",
                e if e.is_connect() => "connection_refused",
                _ => "request_error",
            };
            span.set("error.type", kind);
            span.fail("");
        }
    }
    answer
}

fn client_span(request: &::reqwest::Request) -> Span {
    let (url, method) = (request.url(), request.method().as_str());
    let mut span = crate::span!(
        kind: Client,
        "request",
        http.request.method = method,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        url.full = shown(url),
    )
    .detach();
    span.rename(method);
    span
}

/// The address without what may be secret: user information, and the values of the query.
fn shown(url: &::reqwest::Url) -> String {
    let mut url = url.clone();
    // Addresses that cannot have user information have none to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.query().is_some() {
        let keys: Vec<String> = url.query_pairs().map(|(k, _)| format!("{k}=REDACTED")).collect();
        url.set_query(Some(&keys.join("&")));
    }
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_secrets() {
        let url = "http://me:secret@shop.example:81/cart?token=abc&x=1#y".parse().expect("a URL");
        assert_eq!(shown(&url), "http://shop.example:81/cart?token=REDACTED&x=REDACTED");
    }
}
