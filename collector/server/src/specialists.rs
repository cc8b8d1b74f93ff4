//! Reads the routing tree from YAML and says, with line and column, what is wrong with it.
//!
//! What the tree means and how it decides is the core's business ([`longpole_core::route`]).

use longpole_core::route::{DEFAULT, Problem, Tree, nearest};

/// A tree that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTree {
    /// Not this form of YAML; the text says where and what would be right.
    #[error("{0}")]
    Form(String),
    /// Well-formed, but unsound: one line for each fault.
    #[error("{}", .0.join("\n"))]
    Unsound(Vec<String>),
}

/// The tree that is compiled in.
///
/// # Errors
/// None in a released program: a test reads it.
pub fn default_tree() -> Result<Tree, BadTree> {
    parse("specialists.yaml", DEFAULT)
}

/// The tree in a file, or the one that is compiled in.
///
/// # Errors
/// [`BadTree`] when the file cannot be read or used.
pub fn load(path: Option<&std::path::Path>) -> Result<Tree, BadTree> {
    let Some(path) = path else { return default_tree() };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| BadTree::Form(format!("cannot read the routing tree {shown}: {e}")))?;
    parse(&shown, &text)
}

/// Reads and checks a tree. `file` is only named in messages.
///
/// # Errors
/// [`BadTree`] with `file:line:column` of each fault.
pub fn parse(file: &str, text: &str) -> Result<Tree, BadTree> {
    let tree: Tree =
        serde_saphyr::from_str(text).map_err(|e| BadTree::Form(form(file, text, &e)))?;
    let problems = tree.check();
    if problems.is_empty() {
        return Ok(tree);
    }
    Err(BadTree::Unsound(problems.iter().map(|p| fault(file, text, p)).collect()))
}

/// One message on a YAML error: place, what, the nearest key, and the line itself.
fn form(file: &str, text: &str, error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error as E;
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((1, 1), |l| (l.line(), l.column()));
    let what = match error {
        E::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        E::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        E::SerdeMissingField { field, .. } => format!("the key \"{field}\" is missing here"),
        other => {
            let said = other.to_string();
            said.lines().next().unwrap_or_default().to_owned()
        }
    };
    let shown = snippet(text, line, column);
    format!("{file}:{line}:{column} {what}{shown}")
}

fn unknown(what: &str, got: &str, expected: &[&'static str]) -> String {
    match nearest(got, expected.iter().copied()) {
        Some(near) => format!("unknown {what} \"{got}\": did you mean \"{near}\"?"),
        None => format!("unknown {what} \"{got}\": one of {} is possible", expected.join(", ")),
    }
}

/// One message on an unsound tree, placed where the rule or specialist is named.
fn fault(file: &str, text: &str, problem: &Problem) -> String {
    let at = place_of(text, &problem.at);
    let (line, column) = at.unwrap_or((1, 1));
    let of = if problem.at.is_empty() { String::new() } else { format!("{}: ", problem.at) };
    format!("{file}:{line}:{column} {of}{}", problem.message)
}

/// Line and column of the last `name: NAME`, or of the key `NAME:` itself. Rules come after
/// specialists, and of two equal names the later one is at fault.
fn place_of(text: &str, name: &str) -> Option<(u64, u64)> {
    if name.is_empty() {
        return None;
    }
    let key = format!("{name}:");
    let mut found = None;
    for (line, row) in (1u64..).zip(text.lines()) {
        if row.starts_with(&key) {
            return Some((line, 1));
        }
        let named = row.split_once("name:").filter(|(before, after)| {
            let value = after.split([',', '}', '#']).next().unwrap_or_default();
            before.trim_start_matches([' ', '-', '{']).is_empty()
                && value.trim().trim_matches(['"', '\'']) == name
        });
        if let Some((before, _)) = named {
            found = Some((line, before.chars().count() as u64 + 1));
        }
    }
    found
}

/// The line with a caret below, on lines of their own.
fn snippet(text: &str, line: u64, column: u64) -> String {
    let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(row) = text.lines().nth(at) else { return String::new() };
    let row: String = row.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let pad = usize::try_from(column.saturating_sub(1)).unwrap_or(0).min(160);
    format!("\n  | {row}\n  | {}^", " ".repeat(pad))
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_core::route::{Case, route};
    use longpole_model::finding::{Bottleneck, BottleneckKind, Evidence, Phase};

    fn bottleneck(kind: BottleneckKind, service: &str, signal: &str) -> Bottleneck {
        let evidence = Evidence {
            claim: "it grew".into(),
            signal: signal.into(),
            unit: "1".into(),
            before: Some(1.0),
            after: Some(2.0),
            samples: [10, 10],
            strength: 4.0,
            supports: true,
            pattern: None,
        };
        Bottleneck {
            kind,
            service: service.into(),
            site: None,
            confidence: 0.7,
            evidence: vec![evidence],
            ruled_out: vec![],
        }
    }

    #[test]
    fn the_default_tree_is_sound_and_leads_everywhere() {
        let tree = default_tree().unwrap_or_else(|e| panic!("{e}"));
        for card in &tree.specialists {
            let named = tree.rules.iter().any(|r| r.to == card.name);
            assert!(named, "nothing leads to {}", card.name);
        }
        for kind in BottleneckKind::ALL {
            for done in [&[][..], &[Phase::QuickWin]] {
                let b = bottleneck(kind, "cart", "x");
                let h = route(&tree, &Case { completed: done, ..Case::new(&b, &[]) });
                assert!(!h.next_steps.is_empty(), "{kind:?} {h:?}");
                assert_ne!(h.rule, "default", "{kind:?}");
            }
        }
    }

    #[test]
    fn the_default_tree_decides_as_a_person_would() {
        use BottleneckKind as K;
        let tree = default_tree().unwrap_or_else(|e| panic!("{e}"));
        let table = [
            (K::Cpu, "cart", "own time", "rust", "profiler"),
            (K::Cpu, "cart", "container_cpu_cfs_throttled_periods", "", "capacity"),
            (K::Cpu, "cart", "jvm.gc.duration", "java", "jvm-runtime"),
            (K::DatabaseIo, "orders-db", "store time", "", "database"),
            (K::DatabaseIo, "redis-cart", "store time", "", "cache-analyzer"),
            (K::Downstream, "geo-api", "cache_hit_ratio", "", "cache-analyzer"),
            (K::Downstream, "geo-api", "remote time", "", "dependency-owner"),
            (K::NetworkIo, "cart", "gap", "", "network"),
            (K::DiskIo, "postgres-0", "io_time", "", "database"),
            (K::DiskIo, "files", "io_time", "", "storage"),
            (K::Memory, "cart", "container.memory.usage", "kotlin", "jvm-runtime"),
            (K::Memory, "cart", "container.memory.usage", "go", "memory-gc"),
            (K::Lock, "cart", "wait", "", "concurrency"),
            (K::Queue, "cart", "db_pool_wait_seconds_p99", "", "database"),
            (K::Queue, "cart", "executor_queue_depth", "", "concurrency"),
            (K::ChattyCalls, "cart", "visits", "", "api-design"),
            (K::Errors, "cart", "error ratio", "", "release-triage"),
            (K::Load, "cart", "rate", "", "capacity"),
            (K::GpuCompute, "llm", "hw.gpu.utilization", "", "gpu"),
            (K::Configuration, "cart", "config change", "", "configuration"),
        ];
        for (kind, service, signal, language, expected) in table {
            let b = bottleneck(kind, service, signal);
            let h = route(&tree, &Case { language, ..Case::new(&b, &[]) });
            assert_eq!(h.specialist.name, expected, "{kind:?} {service} {signal}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let told = |from: &str, to: &str| {
            assert!(DEFAULT.contains(from), "{from}");
            let text = DEFAULT.replacen(from, to, 1);
            let error = parse("my.yaml", &text).expect_err("is wrong").to_string();
            let (place, what) = error.split_once(' ').expect("a place");
            let mut parts = place.split(':').skip(1).map(|n| n.parse::<usize>().expect("a number"));
            let row = parts.next().and_then(|l| text.lines().nth(l - 1)).unwrap_or_default();
            let column = parts.next().unwrap_or(0);
            assert!(row.chars().nth(column - 1).is_some(), "{error}");
            (row.trim().to_owned(), what.lines().next().unwrap_or_default().to_owned())
        };
        let (row, what) = told("effort_hours: 8", "efort_hours: 8");
        assert_eq!(row, "efort_hours: 8");
        assert_eq!(what, "unknown key \"efort_hours\": did you mean \"effort_hours\"?");
        let (row, what) = told("kinds: [errors]", "kinds: [eror]");
        assert!(row.contains("defect"), "{row}");
        assert_eq!(what, "unknown value \"eror\": did you mean \"errors\"?");
        let (row, what) =
            told("{ kinds: [disk_io] }, to: storage", "{ kinds: [disk_io] }, to: storge");
        assert!(row.contains("name: disk,"), "{row}");
        assert_eq!(what, "disk: unknown specialist \"storge\": did you mean \"storage\"?");
        let (row, what) = told(
            "{ name: wrong-settings, when: { kinds: [configuration] }",
            "{ name: wrong-settings",
        );
        assert!(row.contains("demand-in-a-queue"), "{row}");
        assert!(what.contains("unreachable: rule"), "{what}");
        let (_, what) = told("format: 1", "format: 2");
        assert_eq!(what, "format 2 is not known; this program reads 1");
        let (_, what) = told("  specialist: service-owner\n", "");
        assert_eq!(what, "the key \"specialist\" is missing here");
        let (_, what) = told("effort_hours: 8", "effort_hours: many");
        assert!(what.contains("float") || what.contains("many"), "{what}");
    }
}
