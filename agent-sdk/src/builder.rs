//! Setting the SDK up: code first, then `OTEL_*` variables, then the specification's defaults.

use crate::env::{Env, pairs, set_propagators, warn};
use crate::export::{self, Settings};
use crate::layer::{RECORDER, Recorder};
use crate::metrics::{Filter, set_filter};
use crate::queue::{GLOBAL, Queue};
use crate::sampler::Sampler;
use crate::span::SpanLimits;
use crate::transport::Transport;
use crate::transport::settings::{self, Chosen};
use crate::usage::Watched;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing_subscriber::layer::SubscriberExt;

/// How long the guard waits for the last spans to be sent.
const FAREWELL: Duration = Duration::from_secs(3);

/// How OTLP is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf over HTTP (the default).
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

/// Why the SDK could not start. The program runs on without telemetry.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It runs already.
    #[error("the SDK is initialised already in this process")]
    Twice,
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

    /// Spans go to Redis Streams first: `redis[s]://[user[:password]@]host[:port][/database]`. OTLP is the
    /// second road when an endpoint is named too.
    pub fn redis(mut self, url: &str) -> Self {
        self.chosen.redis = Some(url.to_owned());
        self
    }

    /// Spans that no road takes are kept in `folder`, at most so many bytes, also over the end of this
    /// process.
    pub fn spill(mut self, folder: impl Into<std::path::PathBuf>, bytes: u64) -> Self {
        self.chosen.spill = Some((folder.into(), bytes));
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
        let env = Env(&*self.env);
        if env.flag("OTEL_SDK_DISABLED") {
            return Ok(Guard { running: None, quiet: true });
        }
        if let Some(list) = env.text("OTEL_PROPAGATORS") {
            set_propagators(&list);
        }
        let number = |name: &str, default: u64| env.number(name).unwrap_or(default);
        let size = |name, default| usize::try_from(number(name, default)).unwrap_or(usize::MAX);
        let queue = Arc::new(Queue::new(
            size("OTEL_BSP_MAX_QUEUE_SIZE", 2_048),
            size("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
        ));
        let defaults = SpanLimits::default();
        let attributes = size("OTEL_ATTRIBUTE_COUNT_LIMIT", defaults.attributes as u64);
        let limits = SpanLimits {
            attributes: size("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", attributes as u64),
            events: size("OTEL_SPAN_EVENT_COUNT_LIMIT", defaults.events as u64),
            value_bytes: size("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", defaults.value_bytes as u64),
        };
        if let Some(filter) = env.text("OTEL_METRICS_EXEMPLAR_FILTER") {
            match Filter::named(&filter) {
                Some(filter) => set_filter(filter),
                None => {
                    warn(&format!("OTEL_METRICS_EXEMPLAR_FILTER={filter:?} is not known; ignored"))
                }
            }
        }
        let sampler = self.sampler.unwrap_or_else(|| sampler(&env));
        let settings = self.settings(&env);
        let roads = settings::settings(&self.chosen, &env);
        if GLOBAL.set(Arc::clone(&queue)).is_err() {
            return Err(InitError::Twice);
        }
        if !quiet {
            let to = roads.shown();
            eprintln!(
                "longpole: {} sends to {to}, sampler {sampler:?}, {}",
                self.service,
                self.version.as_deref().map_or("no version".to_owned(), |v| format!("version {v}")),
            );
        }
        if !cfg!(test) {
            crate::usage::register(Watched { host: env.flag("LONGPOLE_HOST_METRICS") });
            crate::transport::register();
        }
        let transport = Transport::start(roads)?;
        let _ = crate::transport::GLOBAL.set(transport.clone());
        export::start(settings, Arc::clone(&queue), transport.clone())?;
        let _ = RECORDER.set(Recorder { queue: Arc::clone(&queue), sampler, limits });
        // A program that has its own subscriber adds the layer itself.
        let subscriber = tracing_subscriber::registry().with(crate::layer());
        let _ = tracing::subscriber::set_global_default(subscriber);
        Ok(Guard { running: Some((queue, transport)), quiet })
    }

    fn settings(&self, env: &Env<'_>) -> Settings {
        let millis = |name: &str| env.number(name).map(Duration::from_millis);
        Settings {
            delay: self
                .delay
                .or_else(|| millis("OTEL_BSP_SCHEDULE_DELAY"))
                .unwrap_or(Duration::from_secs(5)),
            metric_interval: self
                .metric_interval
                .or_else(|| millis("OTEL_METRIC_EXPORT_INTERVAL"))
                .unwrap_or(Duration::from_secs(60)),
            send_metrics: env.text("OTEL_METRICS_EXPORTER").as_deref() != Some("none"),
            resource: self.resource(env),
        }
    }

    fn resource(&self, env: &Env<'_>) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = vec![
            ("telemetry.sdk.name".into(), "longpole".into()),
            ("telemetry.sdk.language".into(), "rust".into()),
            ("telemetry.sdk.version".into(), env!("CARGO_PKG_VERSION").into()),
            ("service.instance.id".into(), format!("{:016x}", crate::id::random())),
            ("process.pid".into(), std::process::id().to_string()),
        ];
        if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
            all.push(("host.name".into(), host.trim().to_owned()));
        }
        all.push(("service.name".into(), self.service.clone()));
        all.extend(self.version.iter().map(|v| ("service.version".to_owned(), v.clone())));
        all.extend(self.attributes.iter().cloned());
        all.extend(pairs(&env.text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()));
        all.extend(env.text("OTEL_SERVICE_NAME").map(|n| ("service.name".to_owned(), n)));
        // The last of equal keys stays.
        let mut out: Vec<(String, String)> = Vec::new();
        for (key, value) in all {
            match out.iter_mut().find(|(k, _)| *k == key) {
                Some(known) => known.1 = value,
                None => out.push((key, value)),
            }
        }
        out
    }
}

fn sampler(env: &Env<'_>) -> Sampler {
    let Some(name) = env.text("OTEL_TRACES_SAMPLER") else { return Sampler::ParentAlwaysOn };
    Sampler::named(&name, env.text("OTEL_TRACES_SAMPLER_ARG").as_deref()).unwrap_or_else(|| {
        warn(&format!("OTEL_TRACES_SAMPLER={name:?} is not known here; ignored"));
        Sampler::ParentAlwaysOn
    })
}

/// Keeps the SDK running; sends what is left when it is dropped.
#[must_use = "dropping the guard ends the SDK"]
pub struct Guard {
    running: Option<(Arc<Queue>, Transport)>,
    quiet: bool,
}

impl Guard {
    /// Sends everything that has ended so far; `true` when that was done by the deadline. Safe to
    /// call anywhere: it waits on a condition, never on a runtime.
    pub fn flush(&self, deadline: Duration) -> bool {
        let Some((queue, transport)) = &self.running else { return true };
        let until = Instant::now() + deadline;
        queue.flush(deadline) && transport.flush(until.saturating_duration_since(Instant::now()))
    }

    /// Sends what is left and ends the SDK; `true` when that was done by the deadline.
    pub fn shutdown(mut self, deadline: Duration) -> bool {
        self.end(deadline)
    }

    fn end(&mut self, deadline: Duration) -> bool {
        let Some((queue, transport)) = self.running.take() else { return true };
        let until = Instant::now() + deadline;
        // A quarter is left for the last requests to be sent, or put on disk.
        let handed = queue.stop(deadline.mul_f64(0.75));
        let ended = transport.stop(until.saturating_duration_since(Instant::now()));
        if !self.quiet {
            let s = queue.stats();
            eprintln!("longpole: sent {} spans, dropped {}", s.sent, s.dropped() + s.queued);
        }
        handed && ended
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(FAREWELL);
    }
}
