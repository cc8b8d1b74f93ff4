//! Setting the SDK up: code first, then `OTEL_*` variables, then the specification's defaults.

mod read;

use crate::drain;
use crate::env::{Env, set_propagators, warn};
use crate::guard::{Guard, Running, lives};
use crate::metrics::{Filter, set_filter};
use crate::orders::Orders;
use crate::reader;
use crate::sampler::{Sampler, set_sampler};
use crate::transport::Transport;
use crate::transport::settings::{self, Chosen};
use crate::usage::Watched;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;

/// Bytes of a ring for each span that may wait: what a span with a few attributes takes.
const SPAN_BYTES: usize = 256;

/// How OTLP is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf over HTTP (the default).
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

/// What is done in the first life of the SDK in a process: registering what all lives are to report.
static ONCE: Once = Once::new();

/// Why the SDK could not start. The program runs on without telemetry.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It runs already. After a shutdown it may be started again.
    #[error(
        "the SDK is initialised already in this process; shut it down first, or use it as it is"
    )]
    Twice,
    /// This process was forked from one in which it was initialised.
    #[error(
        "this process was forked from one in which the SDK was initialised, and its threads are not here; initialise \
         it after forking, or start the other program by exec"
    )]
    Forked,
    /// The system gives no thread or no runtime.
    #[error("cannot start the SDK's thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Starts the SDK for a service with everything else from `OTEL_*` variables.
///
/// # Errors
/// [`InitError`].
pub fn init(service: &str) -> Result<Guard, InitError> {
    Builder::new(service).init()
}

type EnvFn = Box<dyn Fn(&str) -> Option<String>>;

/// Setting up in code. What is set here wins over variables, but for the service's name, which
/// `OTEL_SERVICE_NAME` may override at deployment.
pub struct Builder {
    service: String,
    version: Option<String>,
    attributes: Vec<(String, String)>,
    chosen: Chosen,
    delay: Option<Duration>,
    metric_interval: Option<Duration>,
    sampler: Option<Sampler>,
    ring_bytes: Option<usize>,
    rings_bytes: usize,
    env: EnvFn,
}

impl Builder {
    /// For a service.
    pub fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            version: None,
            attributes: Vec::new(),
            chosen: Chosen::default(),
            delay: None,
            metric_interval: None,
            sampler: None,
            ring_bytes: None,
            rings_bytes: 64 << 20,
            env: Box::new(|name| std::env::var(name).ok()),
        }
    }

    /// `service.version`; `env!("CARGO_PKG_VERSION")` is what to put here.
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// A resource attribute.
    pub fn attribute(mut self, key: &str, value: &str) -> Self {
        self.attributes.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Where the collector is: the base, to which `/v1/traces` is added for HTTP.
    pub fn endpoint(mut self, url: &str) -> Self {
        self.chosen.endpoint = Some(url.to_owned());
        self
    }

    /// How OTLP is sent.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.chosen.protocol = Some(protocol);
        self
    }

    /// A header of each request.
    pub fn header(mut self, key: &str, value: &str) -> Self {
        self.chosen.headers.push((key.to_owned(), value.to_owned()));
        self
    }

    /// `Authorization: Bearer` of each request.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Spans go to Redis Streams first: `redis[s]://[user[:password]@]host[:port][/database]`, or
    /// `redis[s]+cluster://...host,host` or `redis[s]+sentinel://...host,host/master`. OTLP is the
    /// second road when an endpoint is named too.
    pub fn redis(mut self, url: &str) -> Self {
        self.chosen.redis = Some(url.to_owned());
        self
    }

    /// Spans that no road takes are kept in `folder`, at most so many bytes, also over the end of this
    /// process.
    pub fn spill(mut self, folder: impl Into<PathBuf>, bytes: u64) -> Self {
        self.chosen.spill = Some((folder.into(), bytes));
        self
    }

    /// The collector may change, for a while, what share of an operation's traces is recorded
    /// (`LONGPOLE_CONTROL=sampling`). It can ask for nothing that is not allowed here.
    pub fn controllable(mut self, controllable: bool) -> Self {
        self.chosen.controllable = controllable;
        self
    }

    /// The collector may ask, once a minute at most, where this process's processor time goes, for at most a minute
    /// (`LONGPOLE_CONTROL=profile`, or `sampling,profile`). It takes the signal `SIGPROF`.
    #[cfg(feature = "profile")]
    pub fn profilable(mut self, profilable: bool) -> Self {
        self.chosen.profilable = profilable;
        self
    }

    /// How long one request may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.chosen.timeout = Some(timeout);
        self
    }

    /// How long a finished span waits for others at most.
    pub fn schedule_delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// How often metrics are sent.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.metric_interval = Some(interval);
        self
    }

    /// Which traces are recorded.
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// Bytes of each thread's ring (rounded up to a power of two, 64 KiB at least), and of all rings
    /// together. 256 bytes for each span of `OTEL_BSP_MAX_QUEUE_SIZE`, and 64 MiB in all, when this is
    /// not called.
    pub fn ring_bytes(mut self, each: usize, all: usize) -> Self {
        (self.ring_bytes, self.rings_bytes) = (Some(each), all);
        self
    }

    /// Says nothing at start and end.
    pub fn quiet(mut self, quiet: bool) -> Self {
        self.chosen.quiet = quiet;
        self
    }

    /// Reads variables from elsewhere than the process's environment.
    pub fn env(mut self, env: impl Fn(&str) -> Option<String> + 'static) -> Self {
        self.env = Box::new(env);
        self
    }

    /// Starts. Where the program has no global `tracing` subscriber yet, one with [`crate::layer`] is
    /// installed; else add the layer to your own.
    ///
    /// # Errors
    /// [`InitError`].
    pub fn init(self) -> Result<Guard, InitError> {
        let quiet = self.chosen.quiet;
        if crate::state::forked() {
            return Err(InitError::Forked);
        }
        let env = Env(&*self.env);
        if cfg!(feature = "off") || env.flag("OTEL_SDK_DISABLED") {
            return Ok(Guard::disabled());
        }
        if let Some(list) = env.text("OTEL_PROPAGATORS") {
            set_propagators(&list);
        }
        if let Some(name) = env.text("OTEL_METRICS_EXEMPLAR_FILTER") {
            match Filter::named(&name) {
                Some(filter) => set_filter(filter),
                None => warn(&format!("OTEL_METRICS_EXEMPLAR_FILTER={name:?} is unknown; ignored")),
            }
        }
        let sizes = read::sizes(&env);
        let sampler = self.sampler.unwrap_or_else(|| read::sampler(&env));
        let resource = self.resource(&env);
        let millis = |name: &str| env.number(name).map(Duration::from_millis);
        let delay = self.delay.or_else(|| millis("OTEL_BSP_SCHEDULE_DELAY"));
        let drained = drain::Settings {
            resource: resource.clone(),
            batch: sizes.batch,
            delay: delay.unwrap_or(Duration::from_secs(5)),
            limits: sizes.limits,
        };
        let mut roads = settings::settings(&self.chosen, &env);
        roads.taker = read::taker(&self.chosen, &env, &resource);
        let interval = self.metric_interval.or_else(|| millis("OTEL_METRIC_EXPORT_INTERVAL"));
        let interval = interval.unwrap_or(Duration::from_secs(60));
        let metrics = (roads.redis.is_some() || roads.metrics.is_some())
            .then_some(reader::Settings { interval, resource });
        let mut lives = lives();
        if lives.running() {
            return Err(InitError::Twice);
        }
        if !quiet {
            let version =
                self.version.as_deref().map_or("no version".to_owned(), |v| format!("version {v}"));
            let to = roads.shown();
            warn(&format!("{} sends to {to}, sampler {sampler:?}, {version}", self.service));
        }
        crate::clock::choose();
        crate::ring::registry::configure(
            self.ring_bytes.unwrap_or_else(|| sizes.queue.saturating_mul(SPAN_BYTES).min(1 << 20)),
            self.rings_bytes,
        );
        crate::record::body::limit_text(sizes.text);
        if !cfg!(test) {
            let host = env.flag("LONGPOLE_HOST_METRICS");
            ONCE.call_once(|| {
                crate::usage::register(Watched { host });
                crate::guard::register();
                #[cfg(unix)]
                crate::raw::after_fork(crate::local::forked);
            });
        }
        let transport = Transport::start(roads)?;
        let all = Running { orders: Arc::new(Orders::default()), transport };
        reader::start(metrics, &all.orders, all.transport.clone())?;
        crate::stats::drain_begins();
        drain::start(drained, Arc::clone(&all.orders), all.transport.clone())?;
        set_sampler(sampler);
        lives.begin(all.clone());
        drop(lives);
        crate::state::set_active(true);
        // A program that has its own subscriber adds the layer itself.
        let subscriber = tracing_subscriber::registry().with(crate::layer());
        let _ = tracing::subscriber::set_global_default(subscriber);
        Ok(Guard::new(all, quiet))
    }
}
