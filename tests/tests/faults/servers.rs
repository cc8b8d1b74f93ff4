//! Kinds of Redis that a collector is pointed at: by TLS it reads, and where Sentinels say it is; a Sentinel that is not
//! named as one and a node of a Cluster are refused at the start, with what to do instead.

use crate::{say, some};
use longpole_tests::binary;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::foreign::{in_path, there};
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

#[test]
fn a_node_of_a_cluster_is_refused_with_advice() {
    let Some(redis) = Redis::start(&["--cluster-enabled", "yes"]) else { return };
    let (code, told) = refused(&redis.url());
    assert!(code.is_some_and(|c| c != 0), "{told}");
    assert!(told.contains("Redis Cluster") && told.contains("does not speak"), "{told}");
    say("Redis Cluster: a node is refused at the start, with what to use instead");
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
        let info: String = replica.ask(&["INFO", "replication"]);
        info.contains("role:master")
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
