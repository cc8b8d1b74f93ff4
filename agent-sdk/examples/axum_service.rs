//! An axum service: two lines for the requests, an attribute for what happens inside.
//!
//! `cargo run -p longpole-sdk --example axum_service`, then `curl localhost:3000/cart/17`. Spans go to
//! `http://localhost:4318`, or wherever `OTEL_EXPORTER_OTLP_ENDPOINT` says.

use axum::extract::Path;
use axum::{Router, routing::get};
use longpole_sdk::{FutureExt, in_current_span, span, trace};
use std::time::Duration;

async fn cart(Path(customer): Path<u64>) -> String {
    let total = prices(customer).await;
    // A task of its own goes on in the same trace.
    tokio::spawn(
        async move { tokio::time::sleep(Duration::from_millis(5)).await }
            .in_span(span!(kind: Producer, "tell the warehouse", customer = customer)),
    );
    format!("{total:.2}\n")
}

#[trace(fields(customer = customer))]
async fn prices(customer: u64) -> f64 {
    let rows = [9.5, customer as f64];
    tokio::time::sleep(Duration::from_millis(2))
        .in_span(span!(kind: Client, "SELECT prices"))
        .await;
    // Heavy work on a thread of its own, still below this span.
    let sum = in_current_span(move || {
        let _span = span!("sum", rows = rows.len());
        rows.iter().sum()
    });
    tokio::task::spawn_blocking(sum).await.unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _guard = longpole_sdk::Builder::new("shop").version(env!("CARGO_PKG_VERSION")).init()?;
    let app = Router::new().route("/cart/{customer}", get(cart)).layer(longpole_sdk::axum());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
