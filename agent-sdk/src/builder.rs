//! Setting the SDK up: code first, then `OTEL_*` variables, then the specification's defaults.

use crate::drain::{self, encode::Limits};
use crate::env::{Env, pairs, set_propagators, warn};
use crate::export::{self, Settings};
use crate::guard::{Guard, running};
use crate::queue::Queue;
use crate::sampler::{Sampler, set_sampler};
use std::sync::Arc;
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
    endpoint: Option<String>,
    protocol: Option<Protocol>,
    headers: Vec<(String, String)>,
    timeout: Option<Duration>,
    delay: Option<Duration>,
    metric_interval: Option<Duration>,
    sampler: Option<Sampler>,
    ring_bytes: Option<usize>,
    rings_bytes: usize,
    quiet: bool,
    env: EnvFn,
}

impl Builder {
    /// For a service.
    pub fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            version: None,
            attributes: Vec::new(),
            endpoint: None,
            protocol: None,
            headers: Vec::new(),
            timeout: None,
            delay: None,
            metric_interval: None,
            sampler: None,
            ring_bytes: None,
            rings_bytes: 64 << 20,
            quiet: false,
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
        self.endpoint = Some(url.to_owned());
        self
    }

    /// How OTLP is sent.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// A header of each request.
    pub fn header(mut self, key: &str, value: &str) -> Self {
        self.headers.push((key.to_owned(), value.to_owned()));
        self
    }

    /// How long one request may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
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
        self.quiet = quiet;
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
        let quiet = self.quiet;
        let env = Env(&*self.env);
        if cfg!(feature = "off") || env.flag("OTEL_SDK_DISABLED") {
            return Ok(Guard::disabled());
        }
        if let Some(list) = env.text("OTEL_PROPAGATORS") {
            set_propagators(&list);
        }
        let number = |name: &str, default: usize| {
            env.number(name).map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        let cap = number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048).max(1);
        let batch = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512).clamp(1, cap);
        let defaults = Limits::default();
        let attributes = number("OTEL_ATTRIBUTE_COUNT_LIMIT", defaults.attributes);
        let limits = Limits {
            attributes: number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", attributes),
            events: number("OTEL_SPAN_EVENT_COUNT_LIMIT", defaults.events),
            links: number("OTEL_SPAN_LINK_COUNT_LIMIT", defaults.links),
        };
        let text = number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 16 << 10);
        let delay = env.number("OTEL_BSP_SCHEDULE_DELAY").map(Duration::from_millis);
        let sampler = self.sampler.unwrap_or_else(|| sampler(&env));
        let settings = self.settings(&env);
        let drained = drain::Settings {
            resource: settings.resource.clone(),
            batch: u32::try_from(batch).unwrap_or(u32::MAX),
            delay: self.delay.or(delay).unwrap_or(Duration::from_secs(5)),
            limits,
        };
        let queue = Arc::new(Queue::new(cap));
        let mut running = running();
        if running.is_some() {
            return Err(InitError::Twice);
        }
        if !quiet {
            let Settings { traces, protocol, .. } = &settings;
            eprintln!(
                "longpole: {} sends to {traces} ({protocol:?}), sampler {sampler:?}, {}",
                self.service,
                self.version.as_deref().map_or("no version".to_owned(), |v| format!("version {v}")),
            );
        }
        crate::clock::choose();
        crate::ring::registry::configure(
            self.ring_bytes.unwrap_or_else(|| cap.saturating_mul(SPAN_BYTES).min(1 << 20)),
            self.rings_bytes,
        );
        crate::record::body::limit_text(number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", text));
        if !cfg!(test) {
            crate::process::register();
            crate::guard::register();
        }
        export::start(settings, Arc::clone(&queue))?;
        drain::start(drained, Arc::clone(&queue))?;
        #[cfg(unix)]
        crate::raw::after_fork(crate::local::forked);
        set_sampler(sampler);
        *running = Some(Arc::clone(&queue));
        drop(running);
        crate::state::set_active(true);
        // A program that has its own subscriber adds the layer itself.
        let subscriber = tracing_subscriber::registry().with(crate::layer());
        let _ = tracing::subscriber::set_global_default(subscriber);
        Ok(Guard::new(queue, quiet))
    }

    fn settings(&self, env: &Env<'_>) -> Settings {
        let protocol = self.protocol.unwrap_or_else(|| protocol(env));
        let base = self.endpoint.clone().or_else(|| env.text("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let base = base.unwrap_or_else(|| match protocol {
            Protocol::HttpProtobuf => "http://localhost:4318".to_owned(),
            Protocol::Grpc => "http://localhost:4317".to_owned(),
        });
        let base = base.trim_end_matches('/');
        // A signal's own endpoint is used as it is; the base gets the signal's path.
        let at = |signal: &str, path: &str| {
            let own = env.text(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
            match (own.filter(|_| self.endpoint.is_none()), protocol) {
                (Some(own), _) => own,
                (None, Protocol::Grpc) => base.to_owned(),
                (None, Protocol::HttpProtobuf) => format!("{base}{path}"),
            }
        };
        let millis = |name: &str| env.number(name).map(Duration::from_millis);
        let mut headers = pairs(&env.otlp("TRACES", "HEADERS").unwrap_or_default());
        headers.extend(self.headers.iter().cloned());
        let exporter = env.text("OTEL_METRICS_EXPORTER");
        let version = env!("CARGO_PKG_VERSION");
        Settings {
            protocol,
            traces: at("TRACES", "/v1/traces"),
            metrics: at("METRICS", "/v1/metrics"),
            headers,
            timeout: self
                .timeout
                .or_else(|| env.otlp("TRACES", "TIMEOUT")?.parse().ok().map(Duration::from_millis))
                .unwrap_or(Duration::from_secs(10)),
            gzip: env.otlp("TRACES", "COMPRESSION").as_deref() == Some("gzip"),
            metric_interval: self
                .metric_interval
                .or_else(|| millis("OTEL_METRIC_EXPORT_INTERVAL"))
                .unwrap_or(Duration::from_secs(60)),
            send_metrics: exporter.as_deref() != Some("none"),
            resource: self.resource(env),
            user_agent: format!("longpole-sdk/{version} OTel-OTLP-Exporter-Rust/{version}"),
        }
    }

    fn resource(&self, env: &Env<'_>) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = vec![
            ("telemetry.sdk.name".into(), "longpole".into()),
            ("telemetry.sdk.language".into(), "rust".into()),
            ("telemetry.sdk.version".into(), env!("CARGO_PKG_VERSION").into()),
            ("service.instance.id".into(), format!("{:016x}", crate::id::seed())),
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

fn protocol(env: &Env<'_>) -> Protocol {
    match env.otlp("TRACES", "PROTOCOL").as_deref() {
        None | Some("http/protobuf") => Protocol::HttpProtobuf,
        Some("grpc") => Protocol::Grpc,
        Some(other) => {
            warn(&format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL={other:?} is not spoken here; http/protobuf is"
            ));
            Protocol::HttpProtobuf
        }
    }
}
