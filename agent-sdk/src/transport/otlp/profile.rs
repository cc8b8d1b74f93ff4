//! Putting a profile where requests go: the same connection, login and proxies, another path.

use super::{Otlp, grpc};
use crate::builder::Protocol;
use crate::transport::Outcome;
use crate::transport::remote::{Ready, Remote};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use longpole_proto::order::{HEADER_REPORT, METHOD_PROFILE, PATH_PROFILE, Report};

impl Otlp {
    /// Tries once, within the timeout.
    pub async fn put_profile(&self, ready: &Ready, remote: &Remote) -> Outcome {
        let grpc = self.protocol == Protocol::Grpc;
        let Some(uri) = place(&self.uri, grpc) else {
            return Outcome::Refused("the endpoint has no place for profiles".to_owned());
        };
        let body = if grpc { grpc::frame(&ready.packed, false) } else { ready.packed.clone() };
        let mut request: Request<Full<Bytes>> = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        *headers = self.headers.clone();
        // It is packed in itself, whatever is done with requests.
        headers.remove(header::CONTENT_ENCODING);
        headers.remove("grpc-encoding");
        if !grpc {
            let bytes = HeaderValue::from_static("application/octet-stream");
            headers.insert(header::CONTENT_TYPE, bytes);
        }
        remote.sign(headers);
        let which = Report { id: ready.id, refused: None }.write();
        if let Ok(which) = HeaderValue::try_from(which) {
            headers.insert(HeaderName::from_static(HEADER_REPORT), which);
        }
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let why = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::Later { why, asked: None, reached: true }
            }
        }
    }
}

/// Beside `/v1/traces` or `/v1/metrics`, whatever stands before it; an address of another form has no such place but
/// its root.
fn place(endpoint: &Uri, grpc: bool) -> Option<Uri> {
    let path = endpoint.path();
    let before = ["/v1/traces", "/v1/metrics"].iter().find_map(|end| path.strip_suffix(end));
    let path = if grpc {
        let end = path.find("/opentelemetry.").unwrap_or(0);
        format!("{}{METHOD_PROFILE}", &path[..end])
    } else {
        format!("{}{PATH_PROFILE}", before.unwrap_or(""))
    };
    let mut parts = endpoint.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_go_beside_requests() {
        let at =
            |uri: &str, grpc| place(&uri.parse().expect("an address"), grpc).map(|u| u.to_string());
        let http = at("https://c:4318/tenant/v1/traces", false);
        assert_eq!(http.as_deref(), Some("https://c:4318/tenant/longpole/v1/profiles"));
        let odd = at("http://c/own?key=1", false);
        assert_eq!(odd.as_deref(), Some("http://c/longpole/v1/profiles"));
        let call = "http://c:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        assert_eq!(at(call, true).as_deref(), Some("http://c:4317/longpole.v1.Control/PutProfile"));
    }
}
