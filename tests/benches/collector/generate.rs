//! The load as a process of its own: one thread that renews, sends and counts.
//!
//! It says on standard output, as JSON lines, when the measured time begins and ends, and in the end
//! what it counted. How bytes travel is [`grpc`] and [`http`]; requests come from [`stock`], and
//! [`tally`] is what was counted.

mod grpc;
mod http;
mod stock;
mod tally;

use crate::scenario::Protocol;
use longpole_tests::load::pace::Pace;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use stock::Stock;
use tally::Tally;
use tokio::task::{JoinSet, LocalSet};

/// Arguments of `generate`.
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// Where to.
    #[arg(long)]
    to: SocketAddr,
    #[arg(long, value_enum)]
    protocol: Protocol,
    #[arg(long)]
    spans: u32,
    #[arg(long)]
    operations: u32,
    #[arg(long)]
    connections: u32,
    #[arg(long)]
    in_flight: u32,
    #[arg(long)]
    warm_up: u64,
    #[arg(long)]
    seconds: u64,
    #[arg(long)]
    rate: Option<u64>,
}

/// A sender waits so long after an answer that is not OK; real ones wait a second and more.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Measured,
    /// Nothing new is sent.
    Over,
}

/// What all senders share; they take turns on one thread.
struct Shared {
    phase: Cell<Phase>,
    began: Instant,
    pace: RefCell<Option<Pace>>,
    stock: RefCell<Stock>,
    tally: RefCell<Tally>,
}

/// Sends until the time is over.
///
/// # Errors
/// When the server cannot be reached. Answers that are not OK are counted, not errors.
pub fn run(args: Args) -> Result<(), String> {
    let head: fn(usize) -> Vec<u8> = match args.protocol {
        Protocol::Grpc => grpc::head,
        Protocol::Http => http::head,
    };
    let in_flight = args.connections as usize * args.in_flight as usize;
    let stock = Stock::new(args.operations as usize, args.spans as usize, in_flight, head)?;
    let described = stock.describe();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    let tally = LocalSet::new().block_on(&runtime, load(args, stock))?;
    println!(
        "{}",
        serde_json::json!({ "phase": "done", "load": described, "tally": tally.json() })
    );
    Ok(())
}

async fn load(args: Args, stock: Stock) -> Result<Tally, String> {
    let shared = Rc::new(Shared {
        phase: Cell::new(Phase::WarmUp),
        began: Instant::now(),
        pace: RefCell::new(args.rate.map(|rate| Pace::new(rate, u64::from(args.spans)))),
        stock: RefCell::new(stock),
        tally: RefCell::new(Tally::new()?),
    });
    let mut senders = JoinSet::new();
    for _ in 0..args.connections {
        match args.protocol {
            Protocol::Grpc => {
                let lane = grpc::Lane::open(args.to).await?;
                for _ in 0..args.in_flight {
                    senders.spawn_local(sender(Rc::clone(&shared), Lane::Grpc(lane.clone())));
                }
            }
            Protocol::Http => {
                for _ in 0..args.in_flight {
                    let lane = http::Lane::open(args.to).await?;
                    senders.spawn_local(sender(Rc::clone(&shared), Lane::Http(lane)));
                }
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(args.warm_up)).await;
    let measured = Instant::now();
    shared.phase.set(Phase::Measured);
    println!(r#"{{"phase":"measured"}}"#);
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    shared.phase.set(Phase::Over);
    println!(r#"{{"phase":"over"}}"#);
    let seconds = measured.elapsed().as_secs_f64();
    while let Some(ended) = senders.join_next().await {
        ended.map_err(|e| format!("a sender: {e}"))?;
    }
    let mut tally = shared.tally.take();
    tally.seconds = seconds;
    Ok(tally)
}

/// One request after the other on one way to the server.
enum Lane {
    Grpc(grpc::Lane),
    Http(http::Lane),
}

async fn sender(shared: Rc<Shared>, mut lane: Lane) {
    loop {
        let due = shared.due().await;
        let phase = shared.phase.get();
        if phase == Phase::Over {
            return;
        }
        let taken = shared.stock.borrow_mut().take();
        // There are more requests than senders.
        let Some(mut request) = taken else { return };
        let spans = request.renew();
        let since = due.unwrap_or_else(Instant::now);
        let answer = match &mut lane {
            Lane::Grpc(lane) => lane.send(request.bytes.clone()).await,
            Lane::Http(lane) => lane.send(&request.bytes).await,
        };
        let took = since.elapsed();
        shared.stock.borrow_mut().give_back(request);
        let timed = phase == Phase::Measured;
        let counted = shared.phase.get() == Phase::Measured;
        let broken = answer.as_ref().err().map(|refused| refused.broken);
        shared.tally.borrow_mut().answer(spans, answer, timed.then_some(took), counted);
        match broken {
            None => {}
            Some(false) => tokio::time::sleep(PAUSE).await,
            Some(true) => return,
        }
    }
}

impl Shared {
    /// Waits until the next request is due; `None` at once where there is no rate.
    async fn due(&self) -> Option<Instant> {
        // The runtime's timer counts milliseconds: the rest is waited for awake.
        const AWAKE: Duration = Duration::from_millis(2);
        let after = self.pace.borrow_mut().as_mut()?.due();
        let due = self.began + Duration::from_nanos(after);
        if let Some(long) = due.checked_duration_since(Instant::now() + AWAKE) {
            tokio::time::sleep(long).await;
        }
        while Instant::now() < due && self.phase.get() != Phase::Over {
            tokio::task::yield_now().await;
        }
        Some(due)
    }
}

/// An answer that is not OK.
pub struct Refused {
    /// What it said.
    why: String,
    /// Whether the connection is of no more use.
    broken: bool,
}

impl Refused {
    fn answer(why: String) -> Self {
        Self { why, broken: false }
    }

    fn broken(why: impl std::fmt::Display) -> Self {
        Self { why: format!("connection: {why}"), broken: true }
    }
}

/// Looks into a reply's message: spans that were refused one by one are no success.
fn reply(message: &[u8]) -> Result<(), Refused> {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
    use prost::Message;
    if message.is_empty() {
        return Ok(());
    }
    let reply = ExportTraceServiceResponse::decode(message)
        .map_err(|e| Refused::answer(format!("the reply cannot be read: {e}")))?;
    match reply.partial_success {
        Some(partial) if partial.rejected_spans != 0 || !partial.error_message.is_empty() => {
            let (n, why) = (partial.rejected_spans, partial.error_message);
            Err(Refused::answer(format!("partial success: {n} spans refused: {why}")))
        }
        _ => Ok(()),
    }
}
