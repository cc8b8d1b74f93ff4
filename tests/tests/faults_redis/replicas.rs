//! `--durability replicated`: what a door acknowledged is in a replica, too (DELIVERY section 1a).

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::spans::request;

#[test]
fn what_no_replica_has_is_not_acknowledged() {
    let Some(redis) = server(&[]) else { return };
    let (_, port) =
        redis.url().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).expect("a port");
    let Some(replica) = Redis::start(&["--replicaof", "127.0.0.1", &port]) else { return };
    wait_until(SOON, "the replica follows", || {
        replica.ask::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let collector = with(&redis, &["--durability", "replicated"]);
    wait_until(SOON, "the streams are owned", || owned(&collector) == 4);
    let header = [("Content-Type", "application/x-protobuf")];
    let post = |body: &[u8]| collector.post("/v1/traces", &header, body).status;
    let there = |redis: &Redis| -> u64 {
        (0..4).map(|n| redis.ask::<u64>(&["XLEN", &format!("lp:{{{n}}}")])).sum()
    };
    let first = request("shop", some(20));
    assert_eq!(post(&first), 200);
    assert_eq!(there(&replica), there(&redis), "acknowledged, and there");
    signal(replica.pid(), "-STOP");
    let second = request("shop", some(20));
    assert_eq!(post(&second), 503, "it may be in Redis, and nobody knows for how long");
    signal(replica.pid(), "-CONT");
    wait_until(SOON, "it is taken when the replica is back", || post(&second) == 200);
    counted(&collector, 40);
    wait_until(SOON, "the replica has all", || there(&replica) == there(&redis));
    collector.terminate();
}
