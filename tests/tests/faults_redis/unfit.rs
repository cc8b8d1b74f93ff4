//! A Redis that would lose spans is refused, with what would mend it.

use super::*;
use longpole_tests::binary;
use longpole_tests::collector::wait_until;
use longpole_tests::streams::Producer;

#[test]
fn a_redis_that_would_lose_spans_is_refused() {
    let Some(redis) = Redis::start(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"])
    else {
        return;
    };
    let url = redis.url();
    let any = "127.0.0.1:0";
    let run = |env: &[(&str, &str)]| {
        let mut run = binary::longpole();
        run.args(["collector", "--redis", &url, "--grpc", any, "--http", any, "--listen", any]);
        run.envs(env.iter().copied());
        let out = run.output().expect("it starts");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("allkeys-lru") && said.contains("redis.eviction: accept"), "{said}");
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    redis.ask::<u32>(&[
        "HSET",
        "lp:meta",
        "shards",
        "2",
        "shard_hash_version",
        "9",
        "shard_hash_seed",
        "1",
    ]);
    let (code, said) = run(&[]);
    assert!(code == Some(2) && said.contains("hash 9 with seed 1"), "{said}");
    redis.ask::<u32>(&["DEL", "lp:meta"]);
    let seven = Collector::start(&["--redis", &url]);
    Producer::new(&redis, 4);
    seven.terminate();
    let (code, said) = run(&[("LONGPOLE_REDIS_STREAMS", "7")]);
    assert!(code == Some(2) && said.contains("it has 4 streams"), "{said}");
    // Whoever may not ask is told what to grant.
    redis.ask::<()>(&["ACL", "SETUSER", "poor", "on", ">ink", "~lp:*", "-@all", "+ping"]);
    let mut poor = binary::longpole();
    poor.args(["collector", "--grpc", any, "--http", any, "--listen", any]);
    poor.env("LONGPOLE_REDIS_URL", redis.url_of("poor", "ink"));
    let said = String::from_utf8_lossy(&poor.output().expect("it starts").stderr).into_owned();
    assert!(said.contains("+info") && !said.contains("ink"), "{said}");
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let accepted = binary_with(&redis, "LONGPOLE_REDIS_EVICTION", "accept");
    assert!(accepted, "the risk may be taken");
}

/// Whether a collector with this setting starts and reads.
fn binary_with(redis: &Redis, name: &str, value: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("longpole.yaml");
    let key = name.trim_start_matches("LONGPOLE_REDIS_").to_lowercase();
    let text = format!("redis:\n  url: {}\n  {key}: {value}\n", redis.url());
    std::fs::write(&file, text).expect("written");
    let collector = Collector::start(&["--config", file.to_str().expect("a path")]);
    wait_until(SOON, "streams are read", || owned(&collector) == 4);
    collector.terminate();
    true
}
