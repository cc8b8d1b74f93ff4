//! A tonic service and its client: a layer for what comes in, an interceptor for what goes out.
//!
//! `cargo run -p longpole-sdk --features tonic --example tonic_service`. The service is the standard health check, so
//! that nothing has to be generated; spans go to `http://localhost:4318`, or wherever
//! `OTEL_EXPORTER_OTLP_ENDPOINT` says.

use longpole_sdk::{FutureExt, span};
use tonic::transport::{Endpoint, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _guard = longpole_sdk::init("health")?;
    let (_reporter, health) = tonic_health::server::health_reporter();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let at = format!("http://{}", listener.local_addr()?);
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(
        Server::builder()
            .layer(longpole_sdk::tonic())
            .add_service(health)
            .serve_with_incoming(incoming),
    );

    let channel = Endpoint::from_shared(at)?.connect().await?;
    let mut client = HealthClient::with_interceptor(channel, longpole_sdk::grpc_inject);
    for service in ["", "nobody knows this one"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let call = span!(kind: Client, "grpc.health.v1.Health/Check", rpc.system.name = "grpc");
        match client.check(request).in_span(call).await {
            Ok(answer) => println!("{service:?}: {:?}", answer.into_inner().status()),
            Err(status) => println!("{service:?}: {status}"),
        }
    }
    Ok(())
}
