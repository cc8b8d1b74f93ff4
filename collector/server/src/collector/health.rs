//! `grpc.health.v1`: what a load balancer asks before it sends.

use crate::door::grpc;
use crate::pipeline::{Gate, Pipeline};
use axum::Router;
use std::time::Duration;
use tonic_health::ServingStatus;

/// The standard health service: each OTLP service serves once requests are taken.
pub(super) async fn service(pipeline: &Pipeline) -> (Router, tonic_health::server::HealthReporter) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let say = async |status| {
        for name in grpc::SERVICES {
            reporter.set_service_status(name, status).await;
        }
    };
    let replays = pipeline.gate() == Gate::Replaying;
    say(if replays { ServingStatus::NotServing } else { ServingStatus::Serving }).await;
    if replays {
        let (pipeline, reporter) = (pipeline.clone(), reporter.clone());
        tokio::spawn(async move {
            while pipeline.gate() == Gate::Replaying {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if pipeline.gate() == Gate::Open {
                for name in grpc::SERVICES {
                    reporter.set_service_status(name, ServingStatus::Serving).await;
                }
            }
        });
    }
    let router = tonic::service::Routes::new(service).into_axum_router();
    (router, reporter)
}
