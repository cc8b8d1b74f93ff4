//! The collector as a process: ports, pipeline, log lines, and an orderly end.
//!
//! Each part is elsewhere; here they are put together and taken apart in the right order.

mod health;

use crate::checkpoint::Row;
use crate::clock::WallClock;
use crate::control::Control;
use crate::door::{Door, Rooms, grpc, http};
use crate::ingest::otlp::DecodeLimits;
use crate::net::{self, ListenError, Port};
use crate::outbox::{self, Outbox, OutboxError, Target};
use crate::own::Own;
use crate::pipeline::{Durable, DurableError, Pipeline, Sharing};
use crate::redis::{self, Streams};
use crate::serve::{self, Web};
use longpole_core::engine::Settings;
use longpole_core::engine::analyst::Analyst;
use longpole_core::route::Tree;
use longpole_exporters::prometheus::Dialect;
use longpole_exporters::webhook;
use longpole_model::finding::{Event, EventKind, Investigation};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic_health::ServingStatus;

/// `source` of our CloudEvents.
const SOURCE: &str = "urn:longpole:collector";
/// Events have this long to be delivered once everything else is done.
const DELIVER: Duration = Duration::from_secs(2);
/// Requests under way have this long to end once the process is told to stop.
const DRAIN: Duration = Duration::from_secs(3);

/// How a collector is set up.
pub struct Setup {
    /// OTLP/gRPC.
    pub grpc: SocketAddr,
    /// OTLP/HTTP.
    pub http: SocketAddr,
    /// Scrape, API, page.
    pub listen: SocketAddr,
    /// Shards, windows, caps.
    pub settings: Settings,
    /// Caps on one request.
    pub decode: DecodeLimits,
    /// Bytes of requests that are being received and unpacked.
    pub door_bytes: usize,
    /// The routing tree.
    pub tree: Tree,
    /// Names under which span metrics are served.
    pub dialects: Vec<Dialect>,
    /// Who is told of investigations.
    pub webhooks: Vec<Target>,
    /// Where what is acknowledged is kept; `None` = in memory.
    pub durable: Option<Folder>,
    /// Redis whose streams are the log.
    pub redis: Option<redis::Settings>,
}

/// A folder for what must outlive the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where.
    pub path: PathBuf,
    /// Bytes that the journal may take.
    pub bytes: u64,
}

/// Where a collector listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// OTLP/gRPC.
    pub grpc: SocketAddr,
    /// OTLP/HTTP.
    pub http: SocketAddr,
    /// Scrape, API, page.
    pub listen: SocketAddr,
}

/// Why a collector did not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// What an earlier life left.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A Redis that must not be used.
    #[error("cannot read streams from {0}: {1}")]
    Redis(String, redis::Unfit),
    /// Streams that are for collectors of another kind.
    #[error("{0}")]
    Streams(String),
    /// Two metrics of one name.
    #[error("cannot register own metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A collector that listens but does not serve yet.
pub struct Collector {
    setup: Setup,
    listeners: [TcpListener; 3],
    /// Where it listens.
    pub addresses: Addresses,
}

impl Collector {
    /// Takes the ports.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub async fn bind(setup: Setup) -> Result<Self, StartError> {
        let grpc = net::bind(setup.grpc, "grpc").await?;
        let http = net::bind(setup.http, "http").await?;
        let listen = net::bind(setup.listen, "listen").await?;
        let addresses = Addresses {
            grpc: grpc.local_addr()?,
            http: http.local_addr()?,
            listen: listen.local_addr()?,
        };
        Ok(Self { setup, listeners: [grpc, http, listen], addresses })
    }

    /// Serves until `stop` ends, then drains: no new connection, requests under way answered, the
    /// queue worked off, events delivered as far as they go.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let Self { setup, listeners, addresses } = self;
        let own = Arc::new(Own::new()?);
        let limits = &setup.settings.limits;
        let (tree, caps) = (setup.tree, limits.clone());
        let fresh = move || Analyst::new(&caps, tree.clone(), Vec::new(), None);
        let mut analyst = fresh();
        let open = |f: &Folder| Durable::open(&f.path, f.bytes, limits, own.kept.clone());
        let mut durable = setup.durable.as_ref().map(open).transpose()?;
        let clock = WallClock::start();
        let seed = clock.now().0;
        let settings = outbox::Settings { seed, ..outbox::Settings::default() };
        let listed = !setup.webhooks.is_empty();
        let outbox = Outbox::start(setup.webhooks, settings)?;
        let carrier = outbox.clone();
        if let Some(durable) = &mut durable {
            let rows = durable.adopt(&mut analyst);
            rows.into_iter().map(Row::parts).for_each(|(to, e, body)| outbox.resume(&to, e, body));
        }
        let tell = Box::new(move |events: Vec<(Event, Investigation)>| {
            for (event, about) in events {
                say(&event, &about);
                if listed {
                    let body = webhook::event(&event, &about, SOURCE);
                    carrier.push(event, body);
                }
            }
        });
        let control = Arc::new(Control::default());
        let (decode, rooms) = (Arc::new(setup.decode), Arc::new(Rooms::new(setup.door_bytes)));
        let (settings, waiting) = (&setup.settings, outbox.clone());
        let at = setup.redis.as_ref().map(|redis| redis.address.shown().to_owned());
        let state = at.map(|at| own.streams().map(|f| redis::State::new(f, &at))).transpose()?;
        let rows = move || waiting.waiting().into_iter().map(Row::from).collect();
        let (pipeline, owner) = match (durable, &state) {
            (Some(kept), _) => {
                let (limits, rows) = (Arc::clone(&decode), Box::new(rows.clone()));
                Pipeline::start_durable(settings, analyst, clock, tell, kept, limits, rows)?
            }
            (None, Some(state)) => {
                let said = state.lanes.listener();
                Pipeline::start_for_streams(settings, analyst, clock, tell, said)?
            }
            (None, None) => Pipeline::start(settings, analyst, clock, tell)?,
        };
        let door = Door {
            pipeline: pipeline.clone(),
            limits: decode,
            decoders: Arc::default(),
            rooms: Arc::clone(&rooms),
            own: Arc::clone(&own),
            control: Arc::clone(&control),
            streams: None,
            writes: setup.durable.is_some() || setup.redis.is_some(),
        };
        let again = outbox.clone();
        let sharing = Sharing {
            settings: setup.settings.clone(),
            analyst: Box::new(fresh),
            adopt: Box::new(move |rows: Vec<Row>| {
                let rows = rows.into_iter().map(Row::parts);
                rows.for_each(|(to, event, body)| again.resume(&to, event, body));
            }),
            waiting: Box::new(rows),
        };
        let streams = match (setup.redis, &state) {
            (Some(redis), Some(state)) => Some(prepared(redis, sharing, &door, state).await?),
            _ => None,
        };
        let inlet = match &streams {
            Some(streams) => Some(streams.inlet().await),
            None => None,
        };
        let door = Door { streams: inlet, ..door };
        let draining = Arc::new(AtomicBool::new(false));
        let web = Web {
            pipeline: pipeline.clone(),
            own: Arc::clone(&own),
            rooms,
            dialects: setup.dialects.into(),
            listen: addresses.listen,
            draining: Arc::clone(&draining),
            outbox: outbox.clone(),
            control,
            redis: state,
        };
        let (health, reporter) = health::service(&pipeline).await;
        let [on_grpc, on_http, on_web] = listeners;
        let (end_doors, doors_end) = watch::channel(false);
        let (end_web, web_ends) = watch::channel(false);
        let (to_grpc, to_http, page) =
            (grpc::Grpc::new(&door, health), http::routes(&door), serve::routes(&web));
        let doors = [
            tokio::spawn(net::serve(on_grpc, Port::Grpc, to_grpc, own.clone(), doors_end.clone())),
            tokio::spawn(net::serve(on_http, Port::Http, to_http, own.clone(), doors_end)),
        ];
        let page = tokio::spawn(net::serve(on_web, Port::Web, page, own.clone(), web_ends));

        let mut reading = streams.map(Streams::start);
        let unreadable = tokio::select! {
            () = stop => None,
            why = redis::unreadable(reading.as_mut()) => Some(why),
        };
        tracing::info!("draining");
        draining.store(true, Ordering::Release);
        for service in grpc::SERVICES {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
        end_doors.send_replace(true);
        if let Some(reading) = reading {
            reading.stop(DRAIN).await;
        }
        let _ = tokio::time::timeout(DRAIN, async {
            for door in doors {
                let _ = door.await;
            }
        })
        .await;
        pipeline.close();
        let worked_off = tokio::task::spawn_blocking(move || owner.join().is_ok());
        let _ = tokio::time::timeout(DRAIN, worked_off).await;
        let left = outbox.drain(DELIVER).await;
        if left > 0 {
            tracing::warn!(left, "events were not delivered before the end");
        }
        end_web.send_replace(true);
        let _ = tokio::time::timeout(Duration::from_secs(1), page).await;
        unreadable.map_or(Ok(()), |why| Err(StartError::Streams(why)))
    }
}

/// The door of streams, after a first look at its Redis.
async fn prepared(
    redis: redis::Settings,
    sharing: Sharing,
    door: &Door,
    state: &redis::State,
) -> Result<Streams, StartError> {
    let shown = redis.address.shown().to_owned();
    let streams = Streams::new(redis, sharing, door, state);
    streams.prepare().await.map_err(|unfit| StartError::Redis(shown, unfit))?;
    Ok(streams)
}

/// One log line an event.
fn say(event: &Event, about: &Investigation) {
    let verdict = about.bottlenecks.first();
    tracing::info!(
        event = match event.kind {
            EventKind::Opened => "opened",
            EventKind::Updated => "updated",
            EventKind::Resolved => "resolved",
        },
        investigation = about.id,
        service = verdict.map_or("", |b| &b.service),
        kind = verdict.map_or("none", |b| b.kind.as_str()),
        confidence = verdict.map_or(0.0, |b| b.confidence),
        specialist = about.handoff.as_ref().map_or("", |h| &h.specialist.name),
        trace_id = about.exemplars.first().map_or("", |e| &e.trace_id),
        "{}",
        about.title
    );
}
