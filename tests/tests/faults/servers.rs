//! Kinds of Redis that a collector is pointed at: by TLS it reads, and where Sentinels say it is; a Sentinel that is not
//! named as one and a node of a Cluster are refused at the start, with what to do instead.

use crate::{say, some};
use longpole_tests::binary;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::foreign::{in_path, there};
use longpole_tests::spans::request;
use longpole_tests::streams::{Producer, REQUIRED, Redis};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

fn free_port() -> u16 {
    longpole_tests::addresses::lasting_address().port()
}

fn refused(url: &str) -> (Option<i32>, String) {
    let any = "127.0.0.1:0";
    let doors = ["--redis", url, "--grpc", any, "--http", any, "--listen", any];
    let out = binary::run(&[&["collector"][..], &doors].concat());
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn redis_by_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
    let key = KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = CertificateParams::new(names).expect("parameters");
    let certificate = params.signed_by(&key, &ca).expect("a certificate");
    let (authority, key) = (file("ca.pem", ca.pem()), file("server.key", key.serialize_pem()));
    let certificate = file("server.pem", certificate.pem());
    let port = free_port().to_string();
    let settings = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let more = ["--tls-ca-cert-file", &authority, "--tls-auth-clients", "no"];
    // Beside it a plain port, for the test's own writing.
    let Some(redis) = Redis::guarded(&[&settings[..], &more].concat()) else { return };
    let config = file("longpole.yaml", format!("redis:\n  ca_file: {authority}\n"));
    let url = format!("rediss://longpole-collector:ink@localhost:{port}");
    let collector = Collector::start(&["--config", &config, "--redis", &url]);
    let mut producer = Producer::new(&redis, 9);
    producer.spans(&redis, some(100));
    wait_until(SOON, "what was written is read", || collector.account("spans") == 100);
    collector.terminate();
    // One whose certificate nobody vouches for is not read from, and the log says why.
    let without = Collector::start(&["--redis", &url]);
    wait_until(SOON, "the log says why", || {
        let log = without.log().concat();
        log.contains("certificate") || log.contains("UnknownIssuer")
    });
    assert_eq!(without.sum("longpole_redis_up", &[]), 0.0);
    say(
        "Redis by TLS: 100 spans read; without its authority's certificate nothing is, and the log says why",
    );
}

/// Three masters, each with a third of the slots.
struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    fn start() -> Option<Self> {
        let buses = [free_port(), free_port(), free_port()].map(|p| p.to_string());
        let start =
            |bus: &String| Redis::guarded(&["--cluster-enabled", "yes", "--cluster-port", bus]);
        let nodes: Vec<Redis> = buses.iter().map_while(start).collect();
        let first = nodes.first()?.at().port().to_string();
        let slots = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];
        for (node, [from, to]) in nodes.iter().zip(slots) {
            node.ask::<String>(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
            node.ask::<String>(&["CLUSTER", "MEET", "127.0.0.1", &first, &buses[0]]);
        }
        let whole = |n: &Redis| {
            let info: String = n.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("known_nodes:3")
        };
        wait_until(SOON, "the Cluster is whole", || nodes.iter().all(whole));
        Some(Self { nodes })
    }

    /// Moves a key's slot, and all that is in it, from one node to another.
    fn move_slot(&self, key: &str, from: &Redis, to: &Redis) {
        let id = |n: &Redis| n.ask::<String>(&["CLUSTER", "MYID"]);
        let slot = from.ask::<u64>(&["CLUSTER", "KEYSLOT", key]).to_string();
        let set = |n: &Redis, how: &str, whom: &Redis| {
            n.ask::<String>(&["CLUSTER", "SETSLOT", &slot, how, &id(whom)]);
        };
        set(to, "IMPORTING", from);
        set(from, "MIGRATING", to);
        let port = to.at().port().to_string();
        loop {
            let keys: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            if keys.is_empty() {
                break;
            }
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let words = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            from.ask::<String>(&[&words[..], &keys].concat());
        }
        set(to, "NODE", to);
        self.nodes.iter().for_each(|n| set(n, "NODE", to));
    }
}

/// Two collectors share the streams of a Cluster; the slot of a stream, and that of what the leader keeps, move to
/// other nodes under load. Whatever was acknowledged counts once.
#[test]
fn the_nodes_of_a_cluster_are_followed() {
    let Some(cluster) = Cluster::start() else { return };
    let ports: Vec<u16> = cluster.nodes.iter().map(|n| n.at().port()).collect();
    // The first of them does not answer.
    let list = format!("127.0.0.1:{},127.0.0.1:{}", free_port(), ports[2]);
    let url = format!("redis+cluster://longpole-collector:ink@{list}");
    let settings = ["--redis", &url, "--window", "1s", "--lateness", "1s"];
    let both = [Collector::start(&settings), Collector::start(&settings)];
    let streams = || both[0].table("/api/v1/streams")["redis"].clone();
    let headers = [("Content-Type", "application/x-protobuf")];
    let mut sent = 0;
    let mut load = |requests: u32| {
        for n in 0..requests {
            let body = request("shop", some(40));
            let began = Instant::now();
            let at = &both[n as usize % 2];
            // Told to wait, a sender comes again.
            while at.post("/v1/traces", &headers, &body).status != 200 {
                assert!(began.elapsed() < SOON, "not acknowledged: {}", at.log().concat());
                std::thread::sleep(Duration::from_millis(50));
            }
            sent += 40;
        }
        sent
    };
    let calls = || {
        let of = |c: &Collector| c.sum("traces_span_metrics_calls_total", &[]);
        of(&both[0]).max(of(&both[1])) as u64
    };
    wait_until(SOON, "two share them", || {
        let told = streams();
        let owners = |s: &serde_json::Value| s["owner"].as_str().unwrap_or("").to_owned();
        let all: Vec<String> =
            told["streams"].as_array().into_iter().flatten().map(owners).collect();
        all.len() == 4 && all.iter().all(|o| !o.is_empty()) && all.iter().any(|o| *o != all[0])
    });
    let nodes = streams()["nodes"].as_array().map_or(0, Vec::len);
    assert_eq!(nodes, 3, "{}", streams());
    let first = load(40);
    wait_until(SOON, "all are counted", || calls() == first);
    let connects = |c: &Collector| c.sum("longpole_redis_connects_total", &[]);
    let before = both.each_ref().map(connects);
    for key in ["lp:{0}", "lp:{leader}", "lp:meta"] {
        let slot: u64 = cluster.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]);
        let at = usize::try_from(slot / 5_461).expect("small").min(2);
        cluster.move_slot(key, &cluster.nodes[at], &cluster.nodes[(at + 1) % 3]);
        load(20);
    }
    let began = Instant::now();
    let all = load(20);
    wait_until(2 * SOON, "all are counted again", || calls() == all);
    let again = both.each_ref().map(connects);
    assert!(again.iter().zip(before).all(|(now, before)| *now > before), "both were sent on");
    say(&format!(
        "Redis Cluster: two collectors, {nodes} nodes; three slots moved under load are followed: {all} spans counted once, \
         all of them {:?} after the last move",
        began.elapsed()
    ));
    both.into_iter().for_each(Collector::terminate);
}

/// A Sentinel that watches a master, alone.
struct Sentinel {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, file) = (free_port(), folder.path().join("sentinel.conf"));
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n"
        );
        std::fs::write(&file, settings).expect("written");
        let child = Command::new(in_path("redis-server"))
            .arg(&file)
            .arg("--sentinel")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait_until(SOON, "it listens", listens);
        Self { child, port, _folder: folder }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One promotes a replica that had everything: the collector goes where it is told, and counts on.
#[test]
fn a_failover_by_sentinel_is_followed() {
    let Some(mut master) = Redis::guarded(&[]) else { return };
    let of = format!("127.0.0.1 {}", master.at().port());
    let Some(replica) = Redis::guarded(&["--replicaof", &of]) else { return };
    let sentinel = Sentinel::start(master.at().port());
    // The first of them does not answer.
    let (nobody, port) = (free_port(), sentinel.port);
    let list = format!("127.0.0.1:{nobody},127.0.0.1:{port}/main");
    let url = format!("redis+sentinel://longpole-collector:ink@{list}");
    let collector = Collector::start(&["--redis", &url, "--window", "1s", "--lateness", "1s"]);
    let mut producer = Producer::new(&master, 6);
    for _ in 0..20 {
        producer.spans(&master, some(40));
    }
    let all = |producer: &Producer| collector.account("spans") == producer.acknowledged;
    wait_until(SOON, "what was written is read", || all(&producer));
    wait_until(SOON, "the replica and the Sentinel know", || {
        let info: String = replica.ask(&["INFO", "replication"]);
        let said: Vec<Vec<String>> = {
            let client = redis::Client::open(format!("redis://127.0.0.1:{port}"));
            let mut c = client.and_then(|c| c.get_connection()).expect("a Sentinel");
            let told = redis::cmd("SENTINEL").arg("replicas").arg("main").query(&mut c);
            told.unwrap_or_default()
        };
        info.contains("master_link_status:up") && !said.is_empty()
    });
    master.kill();
    let began = Instant::now();
    wait_until(SOON, "it is promoted", || {
        // Whoever is promoted closes the connections that it has.
        let info = replica.try_ask::<String>(&["INFO", "replication"]);
        info.is_ok_and(|told| told.contains("role:master"))
    });
    let promoted = began.elapsed();
    for _ in 0..20 {
        producer.spans(&replica, some(40));
    }
    wait_until(SOON, "it is read where it is now", || all(&producer));
    say(&format!(
        "Redis Sentinel: a failover {promoted:?} after the master's end is followed, {} spans counted once, all of \
         them {:?} after it",
        producer.acknowledged,
        began.elapsed()
    ));
    collector.terminate();
}

#[test]
fn a_sentinel_that_is_not_named_as_one_is_refused_with_advice() {
    if !there("redis-server", &in_path("redis-server"), REQUIRED) {
        return;
    }
    let sentinel = Sentinel::start(free_port());
    let (code, told) = refused(&format!("redis://127.0.0.1:{}", sentinel.port));
    assert!(code.is_some_and(|c| c != 0), "{told}");
    assert!(told.contains("redis+sentinel://"), "{told}");
    say("Redis Sentinel: by the address of a server refused at the start, with how to write it");
}
