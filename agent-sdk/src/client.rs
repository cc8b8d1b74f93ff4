//! Requests by `reqwest` under a client span.

use tracing::Instrument;
use tracing::field::Empty;

/// Sends a request under a client span, with the context in its headers.
///
/// # Errors
/// Those of [`reqwest::Client::execute`](::reqwest::Client::execute).
pub async fn execute(
    client: &::reqwest::Client,
    mut request: ::reqwest::Request,
) -> Result<::reqwest::Response, ::reqwest::Error> {
    let url = request.url();
    let span = tracing::info_span!(
        "request",
        otel.name = request.method().as_str(),
        otel.kind = "client",
        otel.status_code = Empty,
        error.type = Empty,
        http.request.method = request.method().as_str(),
        http.response.status_code = Empty,
        server.address = url.host_str().unwrap_or_default(),
        server.port = url.port_or_known_default().unwrap_or_default(),
        url.full = shown(url),
    );
    span.in_scope(|| {
        crate::inject(|key, value| {
            if let Ok(value) = ::reqwest::header::HeaderValue::from_str(value) {
                request.headers_mut().insert(key, value);
            }
        });
    });
    let told = span.clone();
    async move {
        let answer = client.execute(request).await;
        match &answer {
            Ok(answer) => {
                let code = answer.status().as_u16();
                told.record("http.response.status_code", code);
                if code >= 400 {
                    told.record("otel.status_code", "error");
                    told.record("error.type", code.to_string());
                }
            }
            Err(e) => {
                told.record("otel.status_code", "error");
                let kind = match e {
                    e if e.is_timeout() => "timeout",
                    e if e.is_connect() => "connection_refused",
                    _ => "request_error",
                };
                told.record("error.type", kind);
            }
        }
        answer
    }
    .instrument(span)
    .await
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
