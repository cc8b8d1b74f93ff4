//! OTLP over gRPC. Messages are bytes here: they were encoded before.

use super::http::taken;
use super::{Answer, Settings, Signal};
use bytes::{Buf, BufMut};
use std::str::FromStr;
use std::time::Duration;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{MetadataKey, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// The client; connects when it is first needed and again by itself.
#[derive(Default)]
pub(super) struct Client(Option<Channel>);

impl Client {
    pub(super) async fn send(&mut self, s: &Settings, signal: Signal, payload: &[u8]) -> Answer {
        let channel = match &self.0 {
            Some(channel) => channel.clone(),
            None => {
                let endpoint = Endpoint::from_shared(s.traces.clone())
                    .and_then(|e| e.user_agent(s.user_agent.clone()));
                match endpoint {
                    Ok(e) => self.0.insert(e.tcp_nodelay(true).connect_lazy()).clone(),
                    Err(e) => return Answer::Refused(e.to_string()),
                }
            }
        };
        let mut grpc = tonic::client::Grpc::new(channel).max_decoding_message_size(ANSWER);
        if s.gzip {
            grpc = grpc.send_compressed(CompressionEncoding::Gzip);
        }
        if let Err(e) = grpc.ready().await {
            return Answer::Later { after: None, why: innermost(&e) };
        }
        let mut request = tonic::Request::new(payload.to_vec());
        for (key, value) in &s.headers {
            let pair = (MetadataKey::from_str(key), MetadataValue::from_str(value));
            if let (Ok(key), Ok(value)) = pair {
                request.metadata_mut().insert(key, value);
            }
        }
        let path = match signal {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        };
        let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
        match grpc.unary(request, path, Raw).await {
            Ok(answer) => taken(signal, &answer.into_inner()),
            Err(status) => judged(&status),
        }
    }
}

/// What may be sent again, by the protocol's table.
fn judged(status: &Status) -> Answer {
    let after: Option<Duration> = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let why = match std::error::Error::source(status) {
        Some(cause) => innermost(cause),
        None => format!("it answers {:?}", status.code()),
    };
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Answer::Later { after, why },
        Code::ResourceExhausted if after.is_some() => Answer::Later { after, why },
        _ => Answer::Refused(why),
    }
}

fn innermost(e: &dyn std::error::Error) -> String {
    let mut cause = e;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A codec of bytes.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; from.remaining()];
        from.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
