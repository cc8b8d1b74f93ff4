//! The life of a connection: look, hold, read, until something ends it.
//!
//! Three connections to a server: one for what owning takes, one for leading, whose answers may be long, and one of
//! its own for the read that blocks, which would hold up everything behind it. In a Cluster the first two to each
//! node, and one for each stream that is read.

use super::nodes::{Finder, Nodes};
use super::state::Seen;
use super::survey::{self, Look, Unfit};
use super::{Settings, Streams, lead, owner, reader};
use longpole_proto::road::META_KEY;
use redis::RedisError;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// A connection is made within this time, and a command answered.
pub const ANSWER: Duration = Duration::from_secs(2);
/// A read without entries comes back after this time.
pub const BLOCK: Duration = Duration::from_millis(500);

/// What the next leader goes on from may be large.
const LONG: Duration = Duration::from_secs(10);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// We are told to.
    #[error("the collector is shutting down")]
    Stopped,
    /// The connection, or what came over it.
    #[error("Redis: {0}")]
    Lost(String),
    /// It must not be used.
    #[error("Redis is not used: {0}")]
    Unfit(Unfit),
    /// What stands there was written by a collector that is set up otherwise, or by another version.
    #[error(
        "{0}: {1}. Collectors that share streams are set up alike; how to change windows is in \
         deploy/RUNBOOK.md"
    )]
    Foreign(String, String),
}

impl From<RedisError> for End {
    fn from(e: RedisError) -> Self {
        Self::Lost(e.to_string())
    }
}

impl From<Look> for End {
    fn from(look: Look) -> Self {
        match look {
            Look::Unfit(unfit) => Self::Unfit(unfit),
            Look::Redis(e) => e.into(),
        }
    }
}

/// Connects, finds out how many streams there are, and where.
///
/// # Errors
/// [`End`].
pub async fn find(settings: &Settings) -> Result<(Nodes, u32), End> {
    let mut finder = Finder::start(&settings.address, ANSWER).await?;
    // Before anything is written.
    let first = survey::look(finder.first(), settings.accept_eviction).await?;
    let meta = finder.locate(META_KEY).await?;
    let streams = survey::streams(finder.of(meta), settings.streams).await?;
    Ok((finder.streams(streams, first.cluster).await?, streams))
}

/// Connects and looks at every node.
pub async fn survey(to: &Streams) -> Result<(Nodes, u32), End> {
    let (mut nodes, streams) = find(&to.settings).await?;
    look(to, &mut nodes).await?;
    Ok((nodes, streams))
}

/// Looks at every node, and shows it.
///
/// # Errors
/// [`End`].
pub async fn look(to: &Streams, nodes: &mut Nodes) -> Result<(), End> {
    let mut seen = Vec::new();
    for node in nodes.all() {
        let asked = to.door.pipeline.now();
        let server = survey::look(&mut node.c, to.settings.accept_eviction).await?;
        seen.push(Seen::new(&node.name, server, asked, to.door.pipeline.now()));
    }
    to.state.shown().look(seen, nodes);
    Ok(())
}

/// One session.
pub async fn run(to: &Streams, stopped: &watch::Receiver<bool>) -> End {
    match begin(to, stopped).await {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

async fn begin(to: &Streams, stopped: &watch::Receiver<bool>) -> Result<Infallible, End> {
    let (mut commands, streams) = survey(to).await?;
    let mut leads = commands.again(&to.settings.address, LONG).await?;
    to.state.figures.connects.inc();
    to.state.figures.up.set(1);
    let server = {
        let mut shown = to.state.shown();
        shown.down = None;
        shown.leader_at().map(|n| n.server.clone()).unwrap_or_default()
    };
    let nodes = commands.all().len();
    let redis = to.settings.address.shown();
    tracing::info!(
        redis,
        version = server.version,
        policy = server.policy,
        streams,
        nodes,
        persistence = server.persistence(),
        "reading streams"
    );
    let mut stop = stopped.clone();
    let end = tokio::select! {
        Err(end) = owner::hold(to, commands.clone(), streams) => end,
        end = reader::read(to, &commands, streams) => end,
        Err(end) = lead::lead(to, leads.clone(), streams) => end,
        _ = stop.wait_for(|s| *s) => End::Stopped,
    };
    if matches!(end, End::Stopped) {
        lead::leave(to, &mut leads).await;
        owner::leave(to, &mut commands).await;
    }
    Err(end)
}
