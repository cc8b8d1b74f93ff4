//! Layers, origins, messages and secrets of the configuration.

use super::fields::{FIELDS, Slot};
use super::*;
use serde_json::Value;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Loads a file's text with these variables.
fn load(text: &str, env: &[(&str, &str)], flags: &Overrides) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("longpole.yaml");
    std::fs::write(&path, text).expect("written");
    let get = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let flags = Overrides { config: Some(path), ..flags.clone() };
    let here = format!("{}/", folder.path().display());
    let mut loaded = Config::load(&flags, get).map_err(|e| e.to_string().replace(&here, ""))?;
    for setting in &mut loaded.settings {
        if let Origin::File { at, .. } = &mut setting.origin {
            *at = at.replace(&here, "");
        }
    }
    Ok(loaded)
}

fn faults(text: &str) -> String {
    load(text, &[], &Overrides::default()).expect_err("is wrong")
}

#[test]
fn the_defaults_are_those_of_the_table() {
    let none = Config::load(&Overrides::default(), |_| None).expect("runs without a file");
    assert_eq!(none.config, Config::default());
    assert!(none.settings.iter().all(|s| s.origin == Origin::Default));
    for field in FIELDS {
        let env = format!("LONGPOLE_{}", field.key.replace('.', "_").to_uppercase());
        assert!(field.env.is_none_or(|e| e == env), "{}", field.key);
        assert!(field.env.is_some() || matches!(field.slot, Slot::Webhooks), "{}", field.key);
        // The flag of a section's first setting is the section's name.
        let flag = format!("--{}", field.key.strip_suffix(".url").unwrap_or(field.key));
        assert!(field.flag.is_none_or(|(f, _)| f == flag), "{}", field.key);
        if !field.default.is_empty() {
            let mut config = Config::default();
            let set = field.set(&mut config, &[field.default.to_owned()], |_| String::new());
            assert!(set.is_ok() && config == Config::default(), "{}", field.key);
        }
    }
}

#[test]
fn a_flag_beats_the_environment_beats_the_file() {
    let file = "shards: 2\nwindow: 20s\nlateness: 20s\nmetrics: {dialects: [tempo, otel]}\n\
                data: 007\ngrpc: ${HOST:-127.0.0.1}:${PORT}\nmemory: 1GiB\n";
    let env = [
        ("LONGPOLE_WINDOW", "30s"),
        ("LONGPOLE_LATENESS", "500ms"),
        ("LONGPOLE_LOG_FORMAT", "json"),
        ("LONGPOLE_HTTP", ""),
        ("PORT", "1"),
    ];
    let flags = Overrides { lateness: Some("1m".into()), ..Overrides::default() };
    let loaded = load(file, &env, &flags).expect("is right");
    let c = &loaded.config;
    assert_eq!((c.shards, c.window.as_secs(), c.lateness.as_secs()), (2, 30, 60));
    assert_eq!(c.metrics.dialects, [Dialect::Tempo, Dialect::Otel]);
    assert_eq!(c.log, Log { format: LogFormat::Json, level: LogLevel::Info });
    assert_eq!(c.grpc.to_string(), "127.0.0.1:1");
    assert_eq!(c.data, Some("007".into()), "as it is written");
    insta::assert_snapshot!(show_origins(&loaded));
    let rows = show_origins_json(&loaded);
    assert_eq!(rows[0]["origin"]["variables"], serde_json::json!(["HOST", "PORT"]));
    assert_eq!(rows[8]["origin"], serde_json::json!({"from": "env", "name": "LONGPOLE_WINDOW"}));
    assert_eq!(rows[9]["origin"], serde_json::json!({"from": "flag", "name": "--lateness"}));
}

#[test]
fn golden_faults_of_a_file() {
    let text = "# yaml-language-server: $schema=longpole.schema.json\n\
        grpc: 127.0.0.1\nwindw: 10s\nwindow: 10\nlateness: 2h\nshards: 0\n\
        max_request_bytes: 64M\n\
        metrics:\n  dialects: [otel, tmpo]\n  dialect: otel\n\
        log:\n  format: xml\n  level: [info]\n\
        log.level: info\nreceivers: {}\nspecialists: ${1X}\ndata: ${OPEN\n\
        webhooks:\n  - url: https://hooks.example/PRIVATE\n    secrts: [whsec_PRIVATE]\n    \
        secrets: [PRIVATE, \"PRI: VATE\"]\n    events: [opnd]\n  - url: ftp://PRIVATE/\n  \
        - https://PRIVATE\n  - secrets: []\n  - url: http://me:PRIVATE@h/\n    secret_files:\n      \
        - /nowhere/key\n      - ${PRIVATE}\n";
    let told = faults(text);
    assert!(!told.replace("${PRIVATE}", "").contains("PRI"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn golden_faults_of_form() {
    let texts = [
        "grpc: [1",
        "shards: 1\nshards: 2",
        "- grpc",
        "hello",
        "log: 3",
        "data:\n  x: 1",
        "webhooks: {url: http://PRIVATE}",
        "{\n  webhooks: [{url: \"http://h\",\n    secrets: [whsec_PRIVATE}\n}",
        "webhooks:\n  - url: \"http://PRIVATE\n  x: y",
        "grpc: 127.0.0.1:4318",
        "metrics: {dialects: []}",
        "metrics: {dialects: [~]}",
        "metrics:\n  dialects: otel",
        "shards: 1\n---\nshards: 2",
        "specialists: !!binary x",
        "window: \u{1b}[31mred",
    ];
    let told: Vec<String> = texts.iter().map(|t| faults(t)).collect();
    let told = told.join("\n---\n");
    assert!(!told.contains("PRIVATE"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn golden_faults_outside_of_the_file() {
    let get = |name: &str| match name {
        "LONGPOLE_SHARDS" => Some("many".to_owned()),
        "LONGPOLE_METRICS_DIALECTS" => Some("otel, temp".to_owned()),
        "LONGPOLE_LOG_LEVEL" => Some("verbose\u{1b}[2J".to_owned()),
        _ => None,
    };
    let flags = Overrides {
        window: Some("10".into()),
        grpc: Some("localhost:4317".into()),
        ..Overrides::default()
    };
    let told = Config::load(&flags, get).expect_err("is wrong").to_string();
    let get = |name: &str| (name == "LONGPOLE_CONFIG").then(|| "/nowhere.yaml".to_owned());
    let missing = Config::load(&Overrides::default(), get).expect_err("is wrong").to_string();
    insta::assert_snapshot!(format!("{told}\n---\n{missing}"));
}

#[test]
fn variables_build_no_structure() {
    let env = [("WILD", "x, tempo]\nshards: 7"), ("LIST", "[otel, tempo]")];
    let ok = load("data: ${WILD}\n", &env, &Overrides::default()).expect("is right");
    assert_eq!(ok.config.data, Some("x, tempo]\nshards: 7".into()));
    assert_eq!(ok.config.shards, Config::default().shards);
    for text in ["metrics: {dialects: '${LIST}'}", "metrics: {dialects: ['${LIST}']}"] {
        assert!(load(text, &env, &Overrides::default()).is_err(), "{text}");
    }
    let unset = load("shards: ${NO}\n${NO}: 1\n", &env, &Overrides::default());
    assert!(unset.expect_err("keys are not substituted").contains("unknown key"));
    let unset = load("shards: ${NO}\n", &env, &Overrides::default()).expect("left to the default");
    assert_eq!(unset.config, Config::default());
    let private = [("TOKEN", "PRIVATE")];
    let told = load("grpc: ${TOKEN}", &private, &Overrides::default()).expect_err("no address");
    assert!(told.contains("${TOKEN}") && !told.contains("PRIVATE"), "{told}");
}

#[test]
fn secrets_are_used_and_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, format!("{SECRET}\n")).expect("written");
    let text = format!(
        "webhooks:\n  - url: https://hooks.example/T0/PRIVATE?k=PRIVATE\n    secrets: ['${{KEY}}']\n    \
         secret_files: ['{}']\n    events: [opened, resolved]\n  - url: http://127.0.0.1:9\n",
        key.display()
    );
    let loaded = load(&text, &[("KEY", SECRET)], &Overrides::default()).expect("is right");
    let targets = &loaded.config.webhooks;
    assert_eq!(targets.iter().map(Target::secrets).collect::<Vec<_>>(), [2, 0]);
    let json = show_json(&loaded).to_string();
    let shown = [show(&loaded), show_origins(&loaded), show_origins_json(&loaded).to_string()];
    for text in shown.iter().chain([&json]) {
        assert!(!text.contains("PRIVATE") && !text.contains("whsec_"), "{text}");
        assert!(text.contains("https://hooks.example/…") && text.contains("***"), "{text}");
    }
    for text in ["${KEY}", SECRET] {
        let text = format!("webhooks:\n  - url: http://h\n    secret_files: [\"{text}\"]\n");
        let told = load(&text, &[("KEY", SECRET)], &Overrides::default()).expect_err("no file");
        assert!(told.contains("put it under") && !told.contains("MfKQ9r8"), "{told}");
    }
    assert!(!format!("{loaded:?}").contains("MfKQ9r8"));
}

#[test]
fn a_password_of_redis_is_used_and_never_shown() {
    let text = "redis: {url: 'redis://pen:${INK}@h.example', streams: 8, eviction: accept}\n";
    let loaded = load(text, &[("INK", "PRIVATE")], &Overrides::default()).expect("is right");
    let with = crate::redis::Address::parse("redis://pen:PRIVATE@h.example");
    assert_eq!((loaded.config.redis.url.clone(), loaded.config.redis.streams), (with.ok(), 8));
    let shown = [show(&loaded), show_origins(&loaded), format!("{loaded:?}")];
    assert!(shown.iter().all(|t| t.contains("redis://h.example") && !t.contains("PRIVATE")));
    for text in ["redis://:PRIVATE@h/x", "redis://u:PRIVATE@h, h2", "PRIVATE"] {
        let file = format!("redis:\n  url: \"{text}\"\n");
        let told = load(&file, &[], &Overrides::default()).expect_err("no address");
        assert!(told.contains("redis://[user:password@]") || told.contains("Sentinel"), "{told}");
        let flag = Overrides { redis: Some(text.into()), ..Overrides::default() };
        let flagged = load("", &[], &flag).expect_err("no address");
        assert!(!told.contains("PRIVATE") && !flagged.contains("PRIVATE"), "{told}{flagged}");
    }
}

#[test]
fn what_is_shown_is_a_file() {
    let first = load("shards: 3\nlog: {level: debug}\n", &[], &Overrides::default());
    let first = first.expect("is right");
    let again = load(&show(&first), &[], &Overrides::default()).expect("is right");
    assert_eq!(again.config, first.config);
    let json = show_json(&first).to_string();
    let again = load(&json, &[], &Overrides::default()).expect("JSON is YAML");
    assert_eq!(again.config, first.config);
}

#[test]
fn the_schema_names_every_setting() {
    let schema = schema();
    let of = |value: &Value| -> Vec<String> {
        let properties = value["properties"].as_object().expect("properties");
        properties.keys().cloned().collect()
    };
    let mut keys = Vec::new();
    for key in of(&schema) {
        let one = &schema["properties"][&key];
        match one.get("properties") {
            Some(_) => keys.extend(of(one).into_iter().map(|k| format!("{key}.{k}"))),
            None => keys.push(key),
        }
    }
    let mut all: Vec<&str> = FIELDS.iter().map(|f| f.key).collect();
    all.sort_unstable();
    assert_eq!(keys, all);
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["log"]["additionalProperties"], false);
    assert_eq!(schema["properties"]["webhooks"]["items"]["required"][0], "url");
}

#[test]
fn hostile_files_are_refused_and_not_followed() {
    let deep = "[".repeat(200_000);
    let nested = format!("grpc: {}", "{a: ".repeat(50_000));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        let last = n - 1;
        let row = vec![format!("*a{last}"); 9].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{row}]\n"));
    }
    let large = "# x\n".repeat(300_000);
    for text in [deep, nested, laughs, large] {
        let told = faults(&text);
        assert!(told.len() < 2_000, "{}", told.len());
    }
}
