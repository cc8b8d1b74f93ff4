//! The course of a demo: start, calm, release, wait for the investigation.

use super::DemoError;
use longpole_lab::Fault;
use longpole_lab::live::{Live, Machine, Plan, RELEASES, Role, fetch, post};
use longpole_model::finding::Investigation;
use longpole_model::signal::{SECOND, Timestamp};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// Calm before the release: what a detector needs to know what is normal.
const CALM: Duration = Duration::from_secs(20);
/// A window waits until its traces have settled (5 s after their last span, and a turn of the partitions): with less,
/// calls count in later windows than the times and gauges that they explain.
const LATENESS: &str = "9s";
/// The verdict is read once the investigation has looked at this much of the bad release, and has said the same for
/// so long: a standing cause is looked at again after six windows, and what is slow is told late.
const SEEN: u64 = 8 * SECOND;
const STANDS: Duration = Duration::from_secs(7);
/// The release waits so long at most for what is open to end: on a machine that is taken away for moments, something
/// may be, and would hide what comes.
const PATIENCE: Duration = Duration::from_secs(40);
/// The whole story is over by then, the wait for what is open not counted.
const END: Duration = Duration::from_secs(58);
/// Between two looks at the investigations.
const AGAIN: Duration = Duration::from_millis(200);
/// The collector listens within this time.
const START: Duration = Duration::from_secs(10);

/// A demo under way.
pub(super) struct Story {
    began: Instant,
    machine: Machine,
    fault: Fault,
    folder: PathBuf,
    collector: Child,
    listen: SocketAddr,
    shop: Option<Live>,
    released: Timestamp,
    /// How long the release waited for what was open.
    waited: Duration,
    found_after: Option<Duration>,
}

impl Story {
    /// Starts collector and shop, and lets the customers in.
    pub(super) async fn begin(fault: Fault, rate: f64, seed: u64) -> Result<Self, DemoError> {
        let (began, machine) = (Instant::now(), Machine::watch()?);
        let program = std::env::current_exe()?;
        let (collector, http, listen) = collector(&program).await?;
        let folder = std::env::temp_dir().join(format!("longpole-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        say(&format!("the collector listens; page and metrics at http://{listen}"));
        let plan = Plan {
            program: (program, ["lab", "serve"].map(str::to_owned).to_vec()),
            otlp: format!("http://{http}"),
            folder: folder.clone(),
            rate,
            seed,
        };
        let shop = Live::open(plan, RELEASES[0]).await?;
        say(&format!(
            "a shop of 6 processes is open, {rate} requests/s; {} s of calm",
            CALM.as_secs()
        ));
        tokio::time::sleep(CALM).await;
        Ok(Self {
            began,
            machine,
            fault,
            folder,
            collector,
            listen,
            shop: Some(shop),
            released: Timestamp(0),
            waited: Duration::ZERO,
            found_after: None,
        })
    }

    /// Waits until no investigation is open, as who releases with care does.
    async fn settle(&mut self) -> Result<(), DemoError> {
        let Some(open) = self.read(|_| true).await? else { return Ok(()) };
        let most = PATIENCE.as_secs();
        say(&format!("the release waits ({most} s at most) for what is open: {}", open.title));
        let began = Instant::now();
        while began.elapsed() < PATIENCE && self.read(|_| true).await?.is_some() {
            tokio::time::sleep(AGAIN).await;
        }
        self.waited = began.elapsed();
        Ok(())
    }

    /// The open investigation that is `ours`; of several, the one that is worth most comes first.
    async fn read(
        &self,
        ours: impl Fn(&Investigation) -> bool,
    ) -> Result<Option<Investigation>, DemoError> {
        #[derive(serde::Deserialize)]
        struct Table {
            investigations: Vec<Investigation>,
        }
        let document = fetch(&format!("http://{}/api/v1/investigations", self.listen)).await?;
        let table: Option<Table> = serde_json::from_str(&document).ok();
        let all = table.into_iter().flat_map(|t| t.investigations);
        Ok(all.filter(|i| i.resolved_at.is_none()).find(ours))
    }

    /// Lets it go wrong. Where that is a release of the culprit, the collector is told of the deploy as a
    /// pipeline would.
    pub(super) async fn release(&mut self) -> Result<(), DemoError> {
        self.settle().await?;
        let role = culprit(self.fault);
        let mut released = false;
        if let Some(shop) = &mut self.shop {
            released = shop.strike(self.fault, role, RELEASES[1]).await?;
        }
        self.released = now();
        say(&self.onset());
        if !released {
            return Ok(());
        }
        let change = serde_json::json!({
            "kind": "deploy",
            "service": role.name(),
            "at": self.released.0,
            "from": RELEASES[0],
            "to": RELEASES[1],
        });
        let url = format!("http://{}/api/v1/changes", self.listen);
        post(&url, change.to_string()).await.map_err(DemoError::Shop)?;
        Ok(())
    }

    /// Waits for an investigation of what began with the release; where none is opened, one that was open before and
    /// has looked at what came counts: it took it in, or hid it.
    pub(super) async fn wait(&mut self) -> Result<Option<Investigation>, DemoError> {
        let released = self.released;
        let mut best: Option<Investigation> = None;
        let mut since = Instant::now();
        while self.began.elapsed() < END + self.waited {
            tokio::time::sleep(AGAIN).await;
            let Some(fresh) = self.read(|i| i.opened_at >= released).await? else { continue };
            if self.found_after.is_none() {
                self.found_after = Some(self.began.elapsed());
                say(&format!("opened: {}", fresh.title));
            }
            if verdict(best.as_ref()) != verdict(Some(&fresh)) {
                since = Instant::now();
            }
            let seen = fresh.window.end.since(released);
            best = Some(fresh);
            if seen >= SEEN && since.elapsed() >= STANDS {
                break;
            }
        }
        if best.is_none() {
            best = self.read(|i| i.window.end > released).await?;
            best.iter().for_each(|i| say(&format!("open since before the release: {}", i.title)));
        }
        Ok(best)
    }

    /// What went wrong, in a line.
    pub(super) fn onset(&self) -> String {
        let (role, name) = (culprit(self.fault).name(), self.fault.name());
        match self.fault {
            Fault::Load | Fault::LossyNetwork => format!("no deploy: {name} at {role}"),
            _ => format!("deploy: {role} {} -> {} ({name})", RELEASES[0], RELEASES[1]),
        }
    }

    /// What was injected beside what was said, and how long it took.
    pub(super) fn ending(&self, found: Option<&Investigation>) -> String {
        let (service, kind) = verdict(found);
        let (served, failed, lost) = self.visitors();
        let judged = if self.right(found) { "right" } else { "WRONG" };
        format!(
            "injected: {} at {}; said: {kind} at {service}: {judged}\n\
             customers: {served} served, {failed} failed, {lost} lost; {:.1} s in all{}",
            self.fault.name(),
            culprit(self.fault).name(),
            self.began.elapsed().as_secs_f64(),
            self.machine.remark().map(|r| format!("\n{r}")).unwrap_or_default()
        )
    }

    /// The same as JSON, with the whole investigation.
    pub(super) fn document(&self, found: Option<&Investigation>) -> serde_json::Value {
        let (service, kind) = verdict(found);
        let (served, failed, lost) = self.visitors();
        serde_json::json!({
            "fault": self.fault.name(),
            "deploy": {
                "service": culprit(self.fault).name(),
                "from": RELEASES[0],
                "to": RELEASES[1],
                "at": self.released.0,
            },
            "expected": { "service": self.fault.live_culprit(), "kinds": self.fault.kinds() },
            "said": { "service": service, "kind": kind },
            "right": self.right(found),
            "opened_after_seconds": self.found_after.map(|d| d.as_secs_f64()),
            "waited_seconds": self.waited.as_secs_f64(),
            "seconds": self.began.elapsed().as_secs_f64(),
            "machine": {
                "late_share": self.machine.late_share(),
                "longest_late_seconds": self.machine.longest().as_secs_f64(),
                "remark": self.machine.remark(),
            },
            "customers": { "served": served, "failed": failed, "lost": lost },
            "investigation": found,
        })
    }

    fn right(&self, found: Option<&Investigation>) -> bool {
        let (service, kind) = verdict(found);
        self.fault.live_culprit() == Some(service) && self.fault.kinds().contains(&kind)
    }

    fn visitors(&self) -> (u64, u64, u64) {
        let read = |a: &std::sync::atomic::AtomicU64| a.load(Ordering::Relaxed);
        self.shop.as_ref().map_or((0, 0, 0), |s| {
            (read(&s.visitors.served), read(&s.visitors.failed), read(&s.visitors.lost))
        })
    }

    /// Where page and metrics are.
    pub(super) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Ends every process and removes the folder.
    pub(super) async fn end(mut self) {
        drop(self.shop.take());
        // What is left is in the system's folder for such things.
        let _ = self.collector.kill().await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One line of progress.
fn say(text: &str) {
    eprintln!("longpole: {text}");
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn culprit(fault: Fault) -> Role {
    fault.live_culprit().and_then(|c| c.parse().ok()).unwrap_or(Role::Frontend)
}

fn verdict(found: Option<&Investigation>) -> (&str, &str) {
    let first = found.and_then(|i| i.bottlenecks.first());
    first.map_or(("nobody", "none"), |b| (b.service.as_str(), b.kind.as_str()))
}

/// Starts a collector on free ports; gives OTLP/HTTP and the page.
async fn collector(program: &PathBuf) -> Result<(Child, SocketAddr, SocketAddr), DemoError> {
    let any = "127.0.0.1:0";
    let mut child = Command::new(program)
        .args(["collector", "--grpc", any, "--http", any, "--listen", any])
        .args(["--window", "1s", "--lateness", LATENESS])
        .env("LONGPOLE_LOG_FORMAT", "json")
        .env_remove("LONGPOLE_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let failed = |why: &str| DemoError::Collector(why.to_owned());
    let pipe = child.stderr.take().ok_or_else(|| failed("has no output"))?;
    let mut lines = BufReader::new(pipe).lines();
    let found = tokio::time::timeout(START, addresses(&mut lines)).await;
    let (http, listen) = found.map_err(|_| failed("did not listen in time"))??;
    // Its log is read on, so that it never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, http, listen))
}

async fn addresses(
    lines: &mut Lines<BufReader<ChildStderr>>,
) -> Result<(SocketAddr, SocketAddr), DemoError> {
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let at = |key: &str| value.get(key)?.as_str()?.parse().ok();
        if let (Some(http), Some(listen)) = (at("http"), at("listen")) {
            return Ok((http, listen));
        }
        said = line;
    }
    Err(DemoError::Collector(format!("ended: {said}")))
}
