//! Variables and code, as the specification and the conventions have them.

use super::*;

fn read(env: &[(&str, &str)]) -> Settings {
    read_with(&Chosen::default(), env)
}

fn read_with(chosen: &Chosen, env: &[(&str, &str)]) -> Settings {
    let get = |name: &str| env.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned());
    settings(chosen, &Env(&get))
}

#[test]
fn a_base_gets_the_path_and_a_signals_own_stays_as_it_is() {
    let s = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:9/otlp/"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m:1/as/is"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Api-Key=a%3Db, x=y"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip"),
    ]);
    let (traces, metrics) = (s.traces.expect("on"), s.metrics.expect("on"));
    assert_eq!(traces.url, "http://c:9/otlp/v1/traces");
    assert_eq!(traces.headers[0], ("Api-Key".to_owned(), "a=b".to_owned()));
    assert_eq!((traces.timeout.as_millis(), traces.gzip), (250, false));
    assert_eq!((metrics.url.as_str(), metrics.gzip), ("http://m:1/as/is", true));
}

#[test]
fn defaults_and_unknown_values() {
    let s = read(&[("OTEL_METRICS_EXPORTER", "none"), ("OTEL_TRACES_EXPORTER", "zipkin")]);
    assert_eq!(s.traces.expect("on").url, "http://localhost:4318/v1/traces");
    assert!(s.metrics.is_none() && s.redis.is_none() && s.spill.is_none());
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    assert_eq!(read(&[grpc]).traces.expect("on").url, "http://localhost:4317");
    let bare = ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317");
    assert_eq!(read(&[grpc, bare]).traces.expect("on").url, "https://c:4317");
    let plain = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    assert_eq!(read(&[grpc, bare, plain]).traces.expect("on").url, "http://c:4317");
}

#[test]
fn redis_addresses_are_read() {
    let shown = |r: &Redis| r.shown();
    let url = |url: &str| read(&[("LONGPOLE_REDIS_URL", url)]).redis;
    let r = url("rediss://app:p%40ss@db.example:7000/2").expect("an address");
    assert_eq!((shown(&r), r.database), ("db.example:7000".into(), 2));
    assert_eq!((r.user.as_deref(), r.password.as_deref()), (Some("app"), Some("p@ss")));
    assert!(r.tls.is_some());
    let r = url("redis://:pw@[::1]").expect("an address");
    assert_eq!((shown(&r), r.user), ("[::1]:6379".into(), None));
    let r = url("rediss+cluster://app:pw@a,b:7").expect("nodes");
    assert_eq!((shown(&r), r.master, r.tls.is_some()), ("a:6379,b:7".into(), None, true));
    let r = url("redis+sentinel://a:1,b/main").expect("Sentinels");
    assert_eq!((shown(&r), r.master.as_deref()), ("a:1,b:26379".into(), Some("main")));
    let several = ["redis://a,b", "redis+cluster://a,", "redis+sentinel://a", "redis+other://a"];
    for bad in
        ["http://x", "redis://", "redis://h:port", "redis://h/x", "redis"].iter().chain(&several)
    {
        assert!(url(bad).is_none(), "{bad}");
    }
}

#[test]
fn beside_redis_otlp_is_there_when_it_was_named() {
    let redis = ("LONGPOLE_REDIS_URL", "redis://r");
    assert!(read(&[redis]).traces.is_none());
    let s = read(&[redis, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c")]);
    assert!(s.redis.is_some() && s.traces.is_some() && s.metrics.is_some());
    assert!(read(&[redis, ("LONGPOLE_TRANSPORT", "otlp")]).redis.is_none());
    assert!(read(&[("LONGPOLE_TRANSPORT", "redis")]).redis.is_some());
    let s = read(&[("LONGPOLE_SPILL_DIR", "/x"), ("LONGPOLE_SPILL_BYTES", "77")]);
    assert_eq!(s.spill.expect("named").bytes, 77);
}

#[test]
fn code_wins() {
    let chosen = Chosen {
        endpoint: Some("http://here:1".into()),
        headers: vec![("authorization".into(), "Bearer t".into())],
        ..Chosen::default()
    };
    let s = read_with(&chosen, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://there")]);
    let traces = s.traces.expect("on");
    assert_eq!(traces.url, "http://here:1/v1/traces");
    assert_eq!(traces.headers.len(), 1);
}
