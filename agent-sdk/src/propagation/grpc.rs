//! tonic: the context out of and into the metadata of calls.

use super::{extract, inject};
use crate::layer::with_parent;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Status};
use tracing::field::Empty;

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

/// A server span for a call, a child of the caller's span: `service` is the full name
/// (`shop.v1.Carts`), `method` the call. Enter it, or instrument the call's future by it.
pub fn grpc_span(metadata: &MetadataMap, service: &str, method: &str) -> tracing::Span {
    let parent = extract(|key| metadata.get(key)?.to_str().ok());
    with_parent(parent, || {
        tracing::info_span!(
            parent: None,
            "call",
            otel.name = format!("{service}/{method}"),
            otel.kind = "server",
            otel.status_code = Empty,
            error.type = Empty,
            rpc.system.name = "grpc",
            rpc.method = format!("{service}/{method}"),
            rpc.response.status_code = Empty,
        )
    })
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
