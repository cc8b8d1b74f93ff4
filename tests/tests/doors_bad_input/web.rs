//! The web port: who may ask, and what may be declared.

use super::{collector, even, lives};
use longpole_tests::http::{Answer, call};
use longpole_tests::spans::now;

#[test]
fn only_this_server_is_asked() {
    let c = collector();
    let at = c.listen;
    let ask =
        |path: &str, headers: &[(&str, &str)]| call(at, "GET", path, headers, b"").expect("HTTP");
    for host in [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "169.254.169.254",
        "",
        "\u{e9}",
        "[::ffff:10.0.0.1]:80",
    ] {
        for path in ["/metrics", "/api/v1/red", "/healthz", "/", "/nowhere"] {
            let answer = ask(path, &[("Host", host)]);
            assert!(matches!(answer.status, 400 | 403), "{host:?} {path}: {}", answer.status);
        }
    }
    let own = at.to_string();
    let (http, other) = (format!("http://{own}"), format!("http://localhost:{}", at.port() ^ 1));
    for (origin, status) in [
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        (other.as_str(), 403),
        ("file://", 403),
        (http.as_str(), 200),
    ] {
        let answer = ask("/metrics", &[("Host", &own), ("Origin", origin)]);
        assert_eq!(answer.status, status, "{origin:?}");
        let change = br#"{"kind":"flag","service":"shop"}"#;
        let headers = [("Host", own.as_str()), ("Origin", origin)];
        let posted = call(at, "POST", "/api/v1/changes", &headers, change).expect("HTTP").status;
        assert_eq!(posted, if status == 200 { 201 } else { 403 }, "{origin:?}");
    }
    let two = call(at, "GET", "/metrics", &[("Host", &own), ("Host", "evil.example")], b"");
    assert!(two.is_ok_and(|a| matches!(a.status, 400 | 403)), "two hosts");
    let answer = ask("/", &[]);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'self'"));
    assert!(answer.header("access-control-allow-origin").is_none());
    lives(&c, "strange hosts");
    even(c);
}

#[test]
fn hostile_changes_are_refused() {
    let c = collector();
    let post = |body: &[u8]| -> Answer {
        call(c.listen, "POST", "/api/v1/changes", &[super::JSON], body).expect("HTTP")
    };
    let long = format!(r#"{{"kind":"deploy","service":"{}"}}"#, "x".repeat(20_000));
    let ahead = format!(r#"{{"kind":"deploy","service":"x","at":{}}}"#, now() + 120_000_000_000);
    let nested = "[".repeat(16_000);
    for (what, body, status) in [
        ("nothing", "", 400),
        ("no JSON", "{", 400),
        ("a list", "[]", 400),
        ("an unknown kind", r#"{"kind":"rm -rf","service":"x"}"#, 400),
        (
            "an unknown key",
            r#"{"kind":"deploy","service":"x","url":"http://169.254.169.254"}"#,
            400,
        ),
        ("a key twice", r#"{"kind":"deploy","service":"x","service":"y"}"#, 400),
        ("no service", r#"{"kind":"deploy","service":""}"#, 400),
        ("a negative time", r#"{"kind":"deploy","service":"x","at":-1}"#, 400),
        ("a fraction", r#"{"kind":"deploy","service":"x","at":1.5}"#, 400),
        ("a huge time", r#"{"kind":"deploy","service":"x","at":99999999999999999999}"#, 400),
        ("the future", ahead.as_str(), 400),
        ("deep nesting", nested.as_str(), 400),
        ("20 kB", long.as_str(), 413),
    ] {
        let answer = post(body.as_bytes());
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert!(answer.body.len() < 2_000, "{what}");
    }
    assert_eq!(post(b"{\"kind\":\"deploy\",\"service\":\"\xff\"}").status, 400, "invalid UTF-8");
    assert_eq!(c.table("/api/v1/changes")["total"], 0);
    let hostile = "<script>alert(1)</script>\"\\\u{1b}[2J\u{202e}\n";
    let body =
        serde_json::json!({ "kind": "config", "service": hostile, "at": 0, "from": hostile });
    assert_eq!(post(body.to_string().as_bytes()).status, 201);
    assert_eq!(c.table("/api/v1/changes")["changes"][0]["service"], hostile);
    let shown = c.get("/api/v1/changes");
    assert_eq!(shown.header("content-type"), Some("application/json"));
    assert!(!shown.text().trim_end().contains(['\u{1b}', '\u{202e}', '\n']), "{}", shown.text());
    // Thousands of declarations stay a bounded list.
    for i in 0..1_500 {
        let body = format!(r#"{{"kind":"scale","service":"s{i}"}}"#);
        assert_eq!(post(body.as_bytes()).status, 201);
    }
    let total = c.table("/api/v1/changes")["total"].as_u64().expect("a number");
    assert!(total <= 1_100, "{total}");
    lives(&c, "hostile changes");
    even(c);
}

#[test]
fn hostile_queries_are_answered() {
    let c = collector();
    for query in [
        "?service=%00",
        "?service=%ff%fe",
        "?service=%zz",
        "?service=a&service=b",
        "?&&&=",
        "?x=1",
        "?service[]=x",
    ] {
        for path in ["red", "use", "services", "investigations", "changes"] {
            let answer = c.get(&format!("/api/v1/{path}{query}"));
            assert!(matches!(answer.status, 200 | 400), "{path}{query}: {}", answer.status);
        }
    }
    let long = format!("/api/v1/red?service={}", "x".repeat(30_000));
    assert!(matches!(c.get(&long).status, 200 | 414));
    lives(&c, "hostile queries");
    even(c);
}
