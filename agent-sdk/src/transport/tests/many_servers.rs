//! More than one server: a Cluster says where each stream is; Sentinels say where the master is.

use super::server::{Entry, Server, free_port};
use super::*;
use longpole_proto::road::{META_KEY, stream_key};
use std::process::{Child, Command, Stdio};

const SHARDS: u32 = 4;

fn cluster() -> Option<Vec<Server>> {
    let buses = [free_port(), free_port(), free_port()].map(|p| p.to_string());
    let start = |bus: &String| {
        let settings = ["--cluster-enabled", "yes", "--cluster-port", bus];
        Server::bare(free_port(), &settings)
    };
    let nodes: Vec<Server> = buses.iter().map_while(start).collect();
    let slots = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];
    let first = nodes.first()?.port.to_string();
    for (node, [from, to]) in nodes.iter().zip(slots) {
        let _: String = node.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
        let _: String = node.ask(&["CLUSTER", "MEET", "127.0.0.1", &first, &buses[0]]);
    }
    until("the Cluster is whole", || {
        let info = |n: &Server| n.ask::<String>(&["CLUSTER", "INFO"]);
        let whole = |i: String| i.contains("cluster_state:ok") && i.contains("known_nodes:3");
        nodes.iter().all(|n| whole(info(n)))
    });
    Some(nodes)
}

/// The node that has a key.
fn who<'a>(nodes: &'a [Server], key: &str) -> &'a Server {
    let slot: u64 = nodes[0].ask(&["CLUSTER", "KEYSLOT", key]);
    &nodes[(slot / 5_461).min(2) as usize]
}

#[test]
fn a_cluster_is_followed() {
    let Some(nodes) = cluster() else { return };
    who(&nodes, META_KEY).meta(SHARDS);
    // Whoever is first does not answer.
    let mut road_of = redis(nodes[1].port).expect("settings");
    road_of.places.insert(0, ("127.0.0.1".into(), free_port()));
    let t = start(Settings { redis: Some(road_of), ..Settings::default() });
    for i in 0..30 {
        t.offer(request(i * 100, 100)).expect("room");
    }
    assert!(t.flush(SOON), "{:?}", t.delivery());
    let of = |shard| who(&nodes, &stream_key(shard)).entries_of(shard);
    let entries: Vec<Entry> = (0..SHARDS).flat_map(of).collect();
    let mut all: Vec<u64> = entries.iter().flat_map(Entry::numbers).collect();
    all.sort_unstable();
    assert_eq!(all, (0..3_000).collect::<Vec<u64>>(), "each once");
    let has = |n: &&Server| (0..SHARDS).any(|s| who(&nodes, &stream_key(s)).port == n.port);
    assert!(nodes.iter().filter(has).count() > 1, "on several nodes");
    assert!(t.stop(SOON));
    assert_eq!(t.delivery().delivered, 3_000);
}

/// A Sentinel, alone.
struct Sentinel {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n"
        );
        std::fs::write(&file, text).expect("written");
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").current_dir(folder.path()).stdout(Stdio::null());
        let child = command.spawn().expect("it starts");
        until("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port, _folder: folder }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_failover_by_sentinel_is_followed() {
    let Some(master) = Server::start(2, &[]) else { return };
    let of = master.port.to_string();
    let Some(replica) = Server::bare(free_port(), &["--replicaof", "127.0.0.1", &of]) else {
        return;
    };
    let sentinel = Sentinel::start(master.port);
    until("the replica is even", || {
        replica.ask::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let mut road_of = redis(sentinel.port).expect("settings");
    road_of.master = Some("main".into());
    road_of.timeout = Duration::from_secs(2);
    let t = start(Settings { redis: Some(road_of), ..Settings::default() });
    for i in 0..10 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(t.flush(SOON), "{:?}", t.delivery());
    let numbers = |server: &Server| -> Vec<u64> {
        let mut all: Vec<u64> = server.entries(2).iter().flat_map(Entry::numbers).collect();
        all.sort_unstable();
        all
    };
    until("the replica has all", || numbers(&replica).len() == 100);
    master.stop();
    for i in 10..20 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(t.flush(Duration::from_secs(30)), "{:?}", t.delivery());
    assert_eq!(numbers(&replica), (0..200).collect::<Vec<u64>>(), "each once, at the new master");
    assert!(t.stop(SOON));
}
