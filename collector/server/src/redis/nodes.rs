//! Where keys are: on one server, or on the nodes of a Cluster. It is asked of every key that is used, by a read that
//! costs nothing: who has it answers, and a node that has it not says who does (`MOVED`). So nothing is known here of
//! slots, and one server is a Cluster of one.
//!
//! One connection a node. A slot that moves ends the session, as a connection that breaks does, and the next one asks
//! anew: whoever writes meanwhile is told to come again.

use super::address::Address;
use super::fence::Keys;
use super::session::{ANSWER, End};
use longpole_proto::road::stream_key;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, RedisResult, ServerErrorKind,
};
use redis::{Value, cmd};
use std::time::Duration;

/// Nodes that name each other as the one that has a key, before that is held to be a circle.
const MOVES: usize = 5;

/// A node, and a connection to it.
#[derive(Clone)]
pub struct Node {
    /// Host and port.
    pub name: String,
    at: ConnectionAddr,
    /// The connection.
    pub c: MultiplexedConnection,
}

/// Asks where keys are.
pub struct Finder<'a> {
    address: &'a Address,
    answer: Duration,
    /// Those that were asked; the first is whom the address leads to.
    nodes: Vec<Node>,
}

impl<'a> Finder<'a> {
    /// Connects to whom the address leads to: the first of its hosts that takes us, or where Sentinels say that
    /// the master is. An answer may take so long.
    ///
    /// # Errors
    /// Nobody takes us; what the last one said.
    pub async fn start(address: &'a Address, answer: Duration) -> RedisResult<Self> {
        let places = match address.sentinels() {
            Some(sentinels) => vec![sentinels.ask(address).await?],
            None => address.places(),
        };
        let mut last = None;
        for at in places {
            match connect(address, at, answer).await {
                Ok(node) => return Ok(Self { address, answer, nodes: vec![node] }),
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::other("the address names no host").into()))
    }

    /// Whom the address leads to.
    pub fn first(&mut self) -> &mut MultiplexedConnection {
        self.of(0)
    }

    /// The node of a number that [`Self::locate`] gave.
    pub fn of(&mut self, node: usize) -> &mut MultiplexedConnection {
        &mut self.nodes[node].c
    }

    /// The node that has a key, or would.
    ///
    /// # Errors
    /// [`End::Lost`].
    pub async fn locate(&mut self, key: &str) -> Result<usize, End> {
        let mut at = 0;
        for _ in 0..MOVES {
            // Where it is no stream it is there all the same.
            let asked: RedisResult<Value> =
                cmd("XLEN").arg(key).query_async(&mut self.nodes[at].c).await;
            let Err(e) = asked else { return Ok(at) };
            let moved = e.kind() == ErrorKind::Server(ServerErrorKind::Moved);
            match e.redirect_node().filter(|_| moved) {
                Some((to, _)) => at = self.node(at, to).await?,
                None if e.code() == Some("WRONGTYPE") => return Ok(at),
                None => return Err(e.into()),
            }
        }
        Err(End::Lost(format!("the nodes of the Cluster do not agree on who has {key}")))
    }

    /// The node of an address as `from` named it.
    async fn node(&mut self, from: usize, to: &str) -> Result<usize, End> {
        let (host, port) = place(to).ok_or_else(|| End::Lost(format!("moved to {to:?}")))?;
        // No host: the same as that of whom was asked.
        let host = if host.is_empty() { host_of(&self.nodes[from].at) } else { host };
        let at = self.address.at(host, port);
        if let Some(known) = self.nodes.iter().position(|n| n.name == at.to_string()) {
            return Ok(known);
        }
        self.nodes.push(connect(self.address, at, self.answer).await?);
        Ok(self.nodes.len() - 1)
    }

    /// Finds where so many streams are, and what the leader keeps; `cluster`: it says of itself that it is one.
    ///
    /// # Errors
    /// [`End::Lost`].
    pub async fn streams(mut self, streams: u32, cluster: bool) -> Result<Nodes, End> {
        let leader = self.locate(&Keys::leader().stream).await?;
        let mut of = Vec::with_capacity(streams as usize);
        for shard in 0..streams {
            of.push(self.locate(&stream_key(shard)).await?);
        }
        // Those that have nothing of ours are let go.
        let mut used: Vec<usize> = of.iter().copied().chain([leader]).collect();
        used.sort_unstable();
        used.dedup();
        let new = |old: usize| used.iter().position(|u| *u == old).unwrap_or(0);
        let (leader, of) = (new(leader), of.into_iter().map(new).collect());
        let nodes: Vec<Node> = used.iter().map(|n| self.nodes[*n].clone()).collect();
        let cluster = cluster || nodes.len() > 1;
        Ok(Nodes { nodes, of, leader, cluster })
    }
}

/// Connections to all that have something of ours, for one purpose.
#[derive(Clone)]
pub struct Nodes {
    nodes: Vec<Node>,
    /// Which of them has each stream.
    of: Vec<usize>,
    leader: usize,
    cluster: bool,
}

impl Nodes {
    /// Streams that one command may read: of a server all of them; in a Cluster each alone, for their slots differ,
    /// and a node does not say whether it has both.
    pub fn together(&self) -> Vec<Vec<u32>> {
        let all = 0..u32::try_from(self.of.len()).unwrap_or(u32::MAX);
        if self.cluster { all.map(|s| vec![s]).collect() } else { vec![all.collect()] }
    }

    /// One more connection to who has a stream, for a read that blocks.
    ///
    /// # Errors
    /// It does not take us.
    pub async fn own(
        &self,
        address: &Address,
        shard: u32,
        answer: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let at = self.nodes[self.node_of(shard)].at.clone();
        Ok(connect(address, at, answer).await?.c)
    }

    /// The same nodes, by connections of their own on which an answer may take so long.
    ///
    /// # Errors
    /// One of them does not take us.
    pub async fn again(&self, address: &Address, answer: Duration) -> RedisResult<Self> {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            nodes.push(connect(address, node.at.clone(), answer).await?);
        }
        Ok(Self { nodes, of: self.of.clone(), ..*self })
    }

    /// Who has a stream.
    pub fn of(&mut self, shard: u32) -> &mut MultiplexedConnection {
        let node = self.node_of(shard);
        &mut self.nodes[node].c
    }

    fn node_of(&self, shard: u32) -> usize {
        self.of.get(shard as usize).copied().unwrap_or(self.leader)
    }

    /// Who has what the leader keeps, and who the collectors are.
    pub fn leader(&mut self) -> &mut MultiplexedConnection {
        &mut self.nodes[self.leader].c
    }

    /// Which of [`Self::all`] has each stream, and which what the leader keeps.
    pub fn places(&self) -> (Vec<usize>, usize) {
        (self.of.clone(), self.leader)
    }

    /// All of them.
    pub fn all(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// Each that has some of these streams, with those, in their order.
    pub fn share(
        &mut self,
        shards: impl IntoIterator<Item = u32>,
    ) -> impl Iterator<Item = (Vec<u32>, &mut MultiplexedConnection)> {
        let mut by_node = vec![Vec::new(); self.nodes.len()];
        for shard in shards {
            let node = self.node_of(shard);
            by_node[node].push(shard);
        }
        let nodes = self.nodes.iter_mut().map(|n| &mut n.c);
        by_node.into_iter().zip(nodes).filter(|(shards, _)| !shards.is_empty())
    }
}

/// Connects to a place.
async fn connect(address: &Address, at: ConnectionAddr, answer: Duration) -> RedisResult<Node> {
    let c = open(&address.client(at.clone())?, answer).await?;
    Ok(Node { name: at.to_string(), at, c })
}

/// Makes a connection on which an answer may take so long.
pub async fn open(client: &Client, answer: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER))
        .set_response_timeout(Some(answer));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// `host:port` as a redirection has it: an IPv6 address stands without brackets.
fn place(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

fn host_of(at: &ConnectionAddr) -> &str {
    match at {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_read() {
        assert_eq!(place("10.0.0.1:7000"), Some(("10.0.0.1", 7_000)));
        assert_eq!(place("::1:7000"), Some(("::1", 7_000)));
        assert_eq!(place(":7000"), Some(("", 7_000)));
        assert_eq!((place("h"), place("h:x"), place("h:70000")), (None, None, None));
    }
}
