//! The life of a connection: look, hold, read, until something ends it.
//!
//! Three connections: one for what owning takes, one for leading, whose answers may be long, and one of its own
//! for the read that blocks, which would hold up everything behind it.

use super::survey::{self, Look, Unfit};
use super::{Address, Streams, lead, owner, reader};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, RedisResult};
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

/// A connection on which an answer may take so long.
pub async fn connect(address: &Address, answer: Duration) -> RedisResult<MultiplexedConnection> {
    let at = match address.sentinels() {
        Some(sentinels) => Some(sentinels.ask(address).await?),
        None => None,
    };
    let client = address.client(at)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER))
        .set_response_timeout(Some(answer));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Connects and looks: the number of streams.
pub async fn survey(to: &Streams) -> Result<(MultiplexedConnection, u32), End> {
    let mut c = connect(&to.settings.address, ANSWER).await?;
    let asked = to.door.pipeline.now();
    let server = survey::look(&mut c, to.settings.accept_eviction).await?;
    let streams = survey::streams(&mut c, to.settings.streams).await?;
    let mut shown = to.state.shown();
    shown.look(server, asked, to.door.pipeline.now());
    Ok((c, streams))
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
    let reads = connect(&to.settings.address, BLOCK + ANSWER).await?;
    let mut leads = connect(&to.settings.address, LONG).await?;
    to.state.figures.connects.inc();
    to.state.figures.up.set(1);
    let server = {
        let mut shown = to.state.shown();
        shown.down = None;
        shown.server.clone()
    };
    let redis = to.settings.address.shown();
    tracing::info!(
        redis,
        version = server.version,
        policy = server.policy,
        streams,
        persistence = server.persistence(),
        "reading streams"
    );
    let mut stop = stopped.clone();
    let end = tokio::select! {
        Err(end) = owner::hold(to, commands.clone(), streams) => end,
        end = reader::read(to, reads, commands.clone(), streams) => end,
        Err(end) = lead::lead(to, leads.clone(), streams) => end,
        _ = stop.wait_for(|s| *s) => End::Stopped,
    };
    if matches!(end, End::Stopped) {
        lead::leave(to, &mut leads).await;
        owner::leave(to, &mut commands).await;
    }
    Err(end)
}
