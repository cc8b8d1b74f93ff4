//! tonic: the context out of and into the metadata of calls, and what is said of them. The layer for servers is
//! `server/tonic`.

use super::{extract, inject};
use crate::Span;
use crate::span::carried::below;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Status};

/// A client's interceptor: writes the current context into the metadata.
///
/// # Errors
/// None; the type is that of an interceptor.
pub fn grpc_inject(mut request: Request<()>) -> Result<Request<()>, Status> {
    inject(|key, value| {
        if let Ok(value) = MetadataValue::try_from(value) {
            request.metadata_mut().insert(key, value);
        }
    });
    Ok(request)
}

/// A server span for a call, a child of the caller's span: `method` is the full name
/// (`shop.v1.Carts/Add`). Enter it, or run the call's future in it; [`grpc_status`] tells it how it ended.
pub fn grpc_span(metadata: &MetadataMap, method: &str) -> Span {
    let parent = extract(|key| metadata.get(key)?.to_str().ok());
    below(parent.as_ref(), || call(method))
}

/// A server span for a call, below the current one.
pub(crate) fn call(method: &str) -> Span {
    let mut span =
        crate::span!(kind: Server, "call", rpc.system.name = "grpc", rpc.method = method).detach();
    span.rename(method);
    span
}

/// Says on a server's span how its call ended. Codes that tell of the caller's mistakes are no errors of the
/// server's (semantic conventions for gRPC).
pub fn grpc_status(span: &mut Span, code: Code) {
    span.set("rpc.response.status_code", code.description());
    if matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    ) {
        span.set("error.type", code.description());
        span.fail("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::with_baggage;

    #[test]
    fn metadata_carries_what_is_in_place() {
        let request = with_baggage("user", "x", || grpc_inject(Request::new(())).expect("never"));
        assert_eq!(request.metadata().get("baggage").expect("there"), "user=x");
        let mut metadata = MetadataMap::new();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        metadata.insert("traceparent", parent.parse().expect("text"));
        let read = extract(|key| metadata.get(key)?.to_str().ok()).expect("a context");
        assert_eq!(read.traceparent(), parent);
    }
}
