//! Prints the facts of a development case, for the person who writes the rules.
use longpole_core::{engine::*, facts::*, limits::Limits};
use longpole_model::signal::*;
use longpole_tests::plain::decode;
use std::path::Path;

fn frames(path: &Path) -> Vec<Vec<u8>> {
    let Ok(file) = std::fs::File::open(path) else { return Vec::new() };
    let bytes = zstd::decode_all(file).unwrap_or_default();
    let mut out = Vec::new();
    let mut rest = &bytes[..];
    while let Some((n, tail)) = rest.split_first_chunk::<4>() {
        let n = u32::from_be_bytes(*n) as usize;
        out.push(tail[..n].to_vec());
        rest = &tail[n..];
    }
    out
}

fn main() {
    let mut answers = serde_json::Map::new();
    for case in std::env::args().skip(1) {
        let dir = Path::new("../shared/data/rca-dev").join(&case);
        let label: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.join("labels.json")).unwrap()).unwrap();
        let stretch = |k: &str| {
            let n = |e: &str| Timestamp(label[k][e].as_u64().unwrap());
            Window { start: n("start_unix_nano"), end: n("end_unix_nano") }
        };
        let (mut normal, mut fault) = (stretch("normal"), stretch("fault"));
        if let Ok(at) = std::env::var("AA") {
            // A/A: the end of the normal stretch against what came before it.
            let share: f64 = at.parse().unwrap();
            let length = (fault.length()).min(normal.length() / 3);
            let room = normal.length() - length;
            let start = normal.start.plus(room / 2 + ((room / 2) as f64 * share) as u64);
            fault = Window { start, end: start.plus(length) };
            normal.end = start;
        }
        let mut batches: Vec<Batch> =
            frames(&dir.join("traces.otlp.binpb.zst")).iter().map(|b| decode::traces(b)).collect();
        batches
            .extend(frames(&dir.join("metrics.otlp.binpb.zst")).iter().map(|b| decode::metrics(b)));
        batches.sort_by_key(|b| b.latest());
        let mut e =
            Engine::new(Settings { origin: fault.start, limits: Limits::default(), shards: 1 });
        let mut windows = Vec::new();
        for b in &batches {
            windows.extend(e.ingest(b, &Rejections::default(), None));
        }
        windows.extend(e.finish());
        let before = Stretch::new(windows.iter().filter(|w| normal.encloses(w.window)));
        let after = Stretch::new(windows.iter().filter(|w| fault.encloses(w.window)));
        println!(
            "\n=== {case} {} {} windows {}/{}",
            label["fault_type"],
            label["culprit"]["service"],
            before.windows.len(),
            after.windows.len()
        );
        let c = e.catalog();
        if let Ok(out) = std::env::var("ANSWERS") {
            let declared: Vec<(String, String)> = std::fs::read(dir.join("topology.json"))
                .ok()
                .and_then(|b| serde_json::from_slice::<serde_json::Value>(&b).ok())
                .map(|v| {
                    v["calls"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|p| {
                            (p[0].as_str().unwrap().to_owned(), p[1].as_str().unwrap().to_owned())
                        })
                        .collect()
                })
                .unwrap_or_default();
            let target = label["target"]["service"].as_str().map(|s| diagnose::Target {
                service: s.to_owned(),
                symptom: match label["target"]["metric"].as_str() {
                    Some("latency") => Some(Role::Latency),
                    Some("availability") => Some(Role::Errors),
                    _ => None,
                },
            });
            let found = diagnose::diagnose(&before, &after, &declared, target.as_ref(), c);
            for b in found.iter().take(4) {
                println!(
                    "   {} {} {:.2} {}",
                    b.service,
                    b.kind.as_str(),
                    b.confidence,
                    b.evidence
                        .iter()
                        .map(|e| format!(
                            "[{} {:.3?}->{:.3?} z {:.1}]",
                            e.signal,
                            e.before.unwrap_or(0.),
                            e.after.unwrap_or(0.),
                            e.strength
                        ))
                        .collect::<Vec<_>>()
                        .join(" ")
                );
            }
            let kinds: serde_json::Value =
                serde_json::from_slice(&std::fs::read("../shared/eval/kinds.json").unwrap())
                    .unwrap();
            answers.insert(case.clone(), found.iter().map(|b| serde_json::json!({"service": b.service, "class": kinds[b.kind.as_str()], "confidence": b.confidence})).collect::<Vec<_>>().into());
            std::fs::write(out, serde_json::to_vec(&answers).unwrap()).unwrap();
            continue;
        }
        let mut f: Vec<_> = flows(&before, &after, c).into_iter().collect();
        f.sort_by(|a, b| b.1.total_excess_ns().total_cmp(&a.1.total_excess_ns()));
        for (k, v) in f.iter().take(12) {
            println!(
                "  {:6} {:>28} -> {:<28} n {:5}/{:<5} share {:.2}->{:.2} z {:6.1} excess ms {:8.2}->{:8.2} z {:7.1} total s {:7.2} moved {:?} failed {:.3}->{:.3} p50/p99 {:?}",
                k.category.as_str(),
                k.service,
                k.peer,
                v.visits[0],
                v.visits[1],
                v.share.before,
                v.share.after,
                v.share.z(),
                v.excess_ns.before / 1e6,
                v.excess_ns.after / 1e6,
                v.excess_ns.z(),
                v.total_excess_ns() / 1e9,
                v.moved_sites,
                v.failed.before,
                v.failed.after,
                v.worst.map(|(_, a, b)| (a.map(|x| x / 1000), b.map(|x| x / 1000)))
            );
        }
        let mut s: Vec<_> = series_facts(&before, &after, c).into_values().collect();
        s.sort_by(|a, b| b.strongest().z().abs().total_cmp(&a.strongest().z().abs()));
        for v in s
            .iter()
            .filter(|v| {
                v.identity.role != Role::Other
                    && (v.identity.facility == Facility::Cpu
                        || v.identity.facility == Facility::Memory
                        || label["dataset"] != "nezha")
            })
            .take(14)
        {
            let x = v.strongest();
            println!(
                "  {:>30} {:<40} {:?} {:?} {:.4}->{:.4} z {:.1} med {:.4}->{:.4} growth/min {:.3} {}",
                v.identity.service,
                v.identity.name,
                v.identity.role,
                v.identity.facility,
                x.before,
                x.after,
                x.z(),
                v.medians[0],
                v.medians[1],
                v.growth_per_minute,
                v.identity
                    .attributes
                    .iter()
                    .map(|(k, v)| format!("{k}={v}"))
                    .collect::<Vec<_>>()
                    .join(",")
            );
        }
        let culprit = label["culprit"]["service"].as_str().unwrap_or("-").to_owned();
        if std::env::var("FOCUS").is_ok() {
            for v in series_facts(&before, &after, c).values().filter(|v| {
                v.identity.role == Role::Errors
                    || (v.identity.service == culprit && v.identity.role != Role::Other)
            }) {
                let x = v.strongest();
                if x.z().abs() > 1.5 || v.identity.service == culprit {
                    println!(
                        "  F {:>30} {:<40} {:?} {:?} {:.4}->{:.4} z {:.1} med {:.4}->{:.4} base {:.3}..{:.3} ends {:?}",
                        v.identity.service,
                        v.identity.name,
                        v.identity.role,
                        v.identity.facility,
                        x.before,
                        x.after,
                        x.z(),
                        v.medians[0],
                        v.medians[1],
                        v.baseline_min,
                        v.baseline_max,
                        v.ends
                    );
                }
            }
            for (k, v) in flows(&before, &after, c)
                .iter()
                .filter(|(k, v)| k.service == culprit || k.peer == culprit || v.failed.z() > 2.0)
            {
                println!(
                    "  F {:6} {:>28} -> {:<28} n {:5}/{:<5} share {:.2}->{:.2} z {:6.1} excess ms {:8.2}->{:8.2} z {:7.1} failed {:.3}->{:.3} z {:.1}",
                    k.category.as_str(),
                    k.service,
                    k.peer,
                    v.visits[0],
                    v.visits[1],
                    v.share.before,
                    v.share.after,
                    v.share.z(),
                    v.excess_ns.before / 1e6,
                    v.excess_ns.after / 1e6,
                    v.excess_ns.z(),
                    v.failed.before,
                    v.failed.after,
                    v.failed.z()
                );
            }
            for (k, n) in &after.all.faults {
                let b = before.all.faults.iter().find(|x| x.0 == *k).map_or(0, |x| x.1);
                println!(
                    "  F fault {:?} {} {} -> {}",
                    c.operation_of(k.operation).map(|o| o.to_string()),
                    k.error,
                    b >> 16,
                    n >> 16
                );
            }
            for v in Calls::new(&before, &after, c)
                .rows
                .iter()
                .filter(|v| c.operation_of(v.entry).is_some_and(|o| o.service == culprit))
            {
                let o = |i| {
                    c.operation_of(i)
                        .map(|o| format!("{} {}", o.service, o.name))
                        .unwrap_or_default()
                };
                println!(
                    "  F calls {:60} -> {} {} {} per req {:.2}->{:.2} req {:.0}/{:.0} z {:.1}",
                    o(v.entry),
                    v.site.category.as_str(),
                    o(v.site.operation),
                    o(v.site.peer),
                    v.per_request[0],
                    v.per_request[1],
                    v.requests[0],
                    v.requests[1],
                    v.z
                );
            }
            for ((k, v), name) in before
                .all
                .red
                .iter()
                .map(|r| (r, c.operation_of(r.0.operation)))
                .filter(|(_, n)| n.is_some_and(|n| n.service == culprit))
            {
                let a = after.all.red.iter().find(|r| r.0 == *k).map(|r| &r.1);
                println!(
                    "  F red {:?} {} n {} -> {:?} failed {} -> {:?}",
                    name.map(|n| n.kind),
                    name.unwrap().name,
                    v.spans,
                    a.map(|a| a.spans),
                    v.failed,
                    a.map(|a| a.failed)
                );
            }
            continue;
        }
        let mut calls = Calls::new(&before, &after, c).rows;
        calls.sort_by(|a, b| b.z.abs().total_cmp(&a.z.abs()));
        for v in calls.iter().take(10) {
            let o = |i| {
                c.operation_of(i).map(|o| format!("{} {}", o.service, o.name)).unwrap_or_default()
            };
            println!(
                "  calls {:60} -> {} {} {} per req {:.2}->{:.2} req {:.0}/{:.0} z {:.1}",
                o(v.entry),
                v.site.category.as_str(),
                o(v.site.operation),
                o(v.site.peer),
                v.per_request[0],
                v.per_request[1],
                v.requests[0],
                v.requests[1],
                v.z
            );
        }
    }
}
