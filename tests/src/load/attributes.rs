//! What spans and resources of the invented shop carry, as today's instrumentation writes it: about
//! twelve attributes a span, by semantic conventions.
//!
//! Names and attributes only; ids, times and trees are [`super::traces`].

use super::catalog::{Catalog, Doing};
use super::dice::Dice;
use crate::spans::attribute;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0",
    "shop-mobile/8.14.2 (iPhone; iOS 19.1; Scale/3.00)",
];

/// A number as an attribute.
fn number(key: &str, value: u64) -> KeyValue {
    let value = Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX));
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// Attributes of a service's resource.
pub fn resource(service: &str, dice: &mut Dice) -> Vec<KeyValue> {
    let pod = format!("{service}-7c9d8b6f5-{:05x}", dice.below(1 << 20));
    vec![
        attribute("service.name", service),
        attribute("service.namespace", "shop"),
        attribute("service.version", "8.14.2"),
        attribute("service.instance.id", &pod),
        attribute("deployment.environment.name", "production"),
        attribute("k8s.pod.name", &pod),
        attribute("k8s.node.name", "node-17.eu-central"),
        attribute("telemetry.sdk.language", "java"),
        attribute("telemetry.sdk.name", "opentelemetry"),
        attribute("telemetry.sdk.version", "1.55.0"),
    ]
}

/// A span's name and attributes; of a call, those of the caller.
pub fn span(
    doing: &Doing,
    catalog: &Catalog,
    failed: bool,
    dice: &mut Dice,
) -> (String, Vec<KeyValue>) {
    let (name, mut out) = match doing {
        Doing::Http { method, route } => {
            (format!("{method} {route}"), http_server(method, route, failed, dice))
        }
        Doing::Rpc(method) => (method.clone(), rpc("shop.internal", method, failed, dice)),
        Doing::Internal(function) => (function.clone(), internal(function, dice)),
        Doing::Database { operation, table } => {
            (format!("{operation} {table}"), database(operation, table, dice))
        }
        Doing::Call { service, operation } => {
            let called = &catalog.services[*service];
            match &called.serves.all[*operation] {
                Doing::Http { method, route } => (
                    format!("{method} {route}"),
                    http_client(&called.name, method, route, failed, dice),
                ),
                Doing::Rpc(method) => (method.clone(), rpc(&called.name, method, failed, dice)),
                // Only these two are served.
                other => (format!("{other:?}"), Vec::new()),
            }
        }
    };
    out.push(number("thread.id", 20 + dice.below(64)));
    out.push(attribute("thread.name", &format!("http-nio-8080-exec-{}", dice.below(64))));
    if failed {
        out.push(attribute("error.type", "java.util.concurrent.TimeoutException"));
    }
    (name, out)
}

fn address(dice: &mut Dice) -> String {
    format!("10.{}.{}.{}", dice.below(32), dice.below(250), 1 + dice.below(250))
}

fn path(route: &str, dice: &mut Dice) -> String {
    route.replace("{id}", &format!("{:08}", dice.below(100_000_000)))
}

fn answer(failed: bool) -> KeyValue {
    number("http.response.status_code", if failed { 504 } else { 200 })
}

fn http_server(method: &str, route: &str, failed: bool, dice: &mut Dice) -> Vec<KeyValue> {
    vec![
        attribute("http.request.method", method),
        attribute("http.route", route),
        attribute("url.scheme", "https"),
        attribute("url.path", &path(route, dice)),
        attribute("server.address", "shop.example.com"),
        number("server.port", 443),
        attribute("client.address", &address(dice)),
        attribute("network.protocol.version", "1.1"),
        attribute("user_agent.original", dice.pick(&AGENTS)),
        answer(failed),
    ]
}

fn http_client(
    to: &str,
    method: &str,
    route: &str,
    failed: bool,
    dice: &mut Dice,
) -> Vec<KeyValue> {
    let host = format!("{to}.shop.svc.cluster.local");
    vec![
        attribute("http.request.method", method),
        attribute("url.full", &format!("http://{host}:8080{}", path(route, dice))),
        attribute("url.template", route),
        attribute("server.address", &host),
        number("server.port", 8080),
        attribute("service.peer.name", to),
        attribute("network.peer.address", &address(dice)),
        number("network.peer.port", 8080),
        attribute("network.protocol.version", "1.1"),
        answer(failed),
    ]
}

fn rpc(to: &str, method: &str, failed: bool, dice: &mut Dice) -> Vec<KeyValue> {
    vec![
        attribute("rpc.system.name", "grpc"),
        attribute("rpc.method", method),
        attribute("rpc.response.status_code", if failed { "DEADLINE_EXCEEDED" } else { "OK" }),
        attribute("server.address", &format!("{to}.shop.svc.cluster.local")),
        number("server.port", 9090),
        attribute("network.transport", "tcp"),
        attribute("network.type", "ipv4"),
        attribute("network.peer.address", &address(dice)),
        number("network.peer.port", 30_000 + dice.below(30_000)),
        attribute("user_agent.original", "grpc-java-netty/1.76.0"),
    ]
}

fn internal(function: &str, dice: &mut Dice) -> Vec<KeyValue> {
    vec![
        attribute("code.function.name", function),
        attribute("code.file.path", "/workspace/shop/src/main/java/com/example/shop/Rules.java"),
        number("code.line.number", 20 + dice.below(600)),
        attribute("app.order.id", &format!("ord-{:016x}", dice.roll())),
        attribute("app.user.tier", dice.pick(&["bronze", "silver", "gold"])),
        attribute("app.currency", dice.pick(&["EUR", "USD", "JPY"])),
        number("app.cart.items", 1 + dice.below(40)),
        attribute("feature_flag.key", "pricing-rules-v2"),
        attribute("feature_flag.result.variant", dice.pick(&["on", "off"])),
        attribute("feature_flag.provider.name", "flagd"),
    ]
}

fn database(operation: &str, table: &str, dice: &mut Dice) -> Vec<KeyValue> {
    let text = match operation {
        "INSERT" => {
            format!("INSERT INTO {table} (id, state, amount, created_at) VALUES (?, ?, ?, ?)")
        }
        "UPDATE" => {
            format!("UPDATE {table} SET state = ?, updated_at = ? WHERE id = ? AND version = ?")
        }
        _ => format!("SELECT id, state, amount, created_at FROM {table} WHERE id = ? LIMIT 50"),
    };
    vec![
        attribute("db.system.name", "postgresql"),
        attribute("db.namespace", "shop"),
        attribute("db.operation.name", operation),
        attribute("db.collection.name", table),
        attribute("db.query.text", &text),
        attribute("db.query.summary", &format!("{operation} {table}")),
        attribute("server.address", "postgres-0.shop.svc.cluster.local"),
        number("server.port", 5432),
        attribute("network.peer.address", &address(dice)),
        number("network.peer.port", 5432),
    ]
}
