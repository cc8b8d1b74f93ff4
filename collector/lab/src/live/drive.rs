//! Starts the shop, opens it to customers, and releases a version of one service.

use super::link::Link;
use super::{Book, Role, Visitors};
use crate::Fault;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A process answers within this time of its start.
const START: Duration = Duration::from_secs(20);
/// Times the usual demand in a surge.
const SURGE: u64 = 8;
/// Callers of an old process are done with it after this time.
const FAREWELL: Duration = Duration::from_millis(1_500);

/// Why the shop does not run.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The system.
    #[error("the shop's {0}")]
    System(#[from] std::io::Error),
    /// The database.
    #[error("the shop's database: {0}")]
    Store(#[from] rusqlite::Error),
    /// A client of HTTP.
    #[error("the shop's HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The SDK.
    #[error("the shop's telemetry: {0}")]
    Telemetry(String),
    /// No such entry in the address book.
    #[error("nobody serves {0} yet")]
    NotListed(&'static str),
    /// A process that did not come up.
    #[error("{0} did not start: {1}")]
    NotStarted(&'static str, String),
    /// Nobody was served, or no process told anything.
    #[error("customers were not served, or no telemetry came")]
    Silent,
    /// Shutting down.
    #[error("closed")]
    Closed,
}

/// How the shop is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary and its arguments up to the role's own.
    pub program: (PathBuf, Vec<String>),
    /// Where telemetry goes.
    pub otlp: String,
    /// Where the address book lies.
    pub folder: PathBuf,
    /// Customers' requests per second.
    pub rate: f64,
    /// Seed of the customers.
    pub seed: u64,
}

/// The running shop. Dropping it ends its processes.
pub struct Live {
    plan: Plan,
    book: Arc<Book>,
    path: PathBuf,
    processes: BTreeMap<Role, Child>,
    link: Option<Link>,
    customers: JoinHandle<()>,
    /// How the customers fare.
    pub visitors: Arc<Visitors>,
}

impl Live {
    /// Starts every role, callees first, then lets the customers in.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn open(plan: Plan, version: &str) -> Result<Self, LiveError> {
        let path = plan.folder.join("addresses.json");
        let book = Arc::new(Book::at(&path));
        let mut processes = BTreeMap::new();
        for role in Role::ALL {
            let (child, at) = start(&plan, &path, role, version, Fault::None).await?;
            book.enter(role, at)?;
            processes.insert(role, child);
        }
        let visitors = Arc::new(Visitors::default());
        let customers =
            tokio::spawn(Arc::clone(&visitors).come(Arc::clone(&book), plan.rate, plan.seed));
        Ok(Self { plan, book, path, processes, link: None, customers, visitors })
    }

    /// Brings a fault about: by a release of `role`, or, where no release does it, on the way to it or by its
    /// customers. Tells whether it was a release.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn strike(
        &mut self,
        fault: Fault,
        role: Role,
        version: &str,
    ) -> Result<bool, LiveError> {
        match fault {
            Fault::Load => self.visitors.surge(SURGE),
            Fault::LossyNetwork => {
                let link = Link::lossy(self.book.find(role)?, self.plan.seed).await?;
                self.book.enter(role, link.at)?;
                self.link = Some(link);
            }
            _ => {
                self.release(role, version, fault).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Releases a version of a role: the new process first, then the address, then farewell to the
    /// old one.
    ///
    /// # Errors
    /// [`LiveError`]; the old process serves on then.
    pub async fn release(
        &mut self,
        role: Role,
        version: &str,
        fault: Fault,
    ) -> Result<(), LiveError> {
        let (child, at) = start(&self.plan, &self.path, role, version, fault).await?;
        self.book.enter(role, at)?;
        if let Some(mut old) = self.processes.insert(role, child) {
            tokio::spawn(async move {
                tokio::time::sleep(FAREWELL).await;
                // Without tools for signals a kill has to do: what it held was sent before.
                let _ = old.kill().await;
            });
        }
        Ok(())
    }
}

/// Reads a page.
///
/// # Errors
/// [`LiveError::Client`].
pub async fn fetch(url: &str) -> Result<String, LiveError> {
    Ok(reqwest::get(url).await?.error_for_status()?.text().await?)
}

/// Posts a JSON document.
///
/// # Errors
/// [`LiveError::Client`].
pub async fn post(url: &str, document: String) -> Result<String, LiveError> {
    let request = reqwest::Client::new().post(url).header("content-type", "application/json");
    Ok(request.body(document).send().await?.error_for_status()?.text().await?)
}

impl Drop for Live {
    fn drop(&mut self) {
        self.customers.abort();
        for child in self.processes.values_mut() {
            let _ = child.start_kill();
        }
    }
}

async fn start(
    plan: &Plan,
    book: &Path,
    role: Role,
    version: &str,
    fault: Fault,
) -> Result<(Child, SocketAddr), LiveError> {
    let (program, arguments) = &plan.program;
    let mut child = Command::new(program)
        .args(arguments)
        .args(["--role", role.name(), "--release", version, "--fault", fault.name()])
        .arg("--book")
        .arg(book)
        .args(["--otlp", &plan.otlp])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let failed = |why: &str| LiveError::NotStarted(role.name(), why.to_owned());
    let out = child.stdout.take().ok_or_else(|| failed("no output"))?;
    let mut lines = BufReader::new(out).lines();
    let line = tokio::time::timeout(START, lines.next_line()).await;
    let line = line.map_err(|_| failed("it did not say where it listens in time"))??;
    let at = line.and_then(|l| l.trim().parse().ok());
    Ok((child, at.ok_or_else(|| failed("it ended before it listened"))?))
}
