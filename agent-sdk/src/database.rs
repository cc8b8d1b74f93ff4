//! Queries to a database under a client span: a summary for a name, the text without its literals, and for
//! slow ones the plan that the database says it follows, as an event of the span.
//!
//! Runs with any driver: it is given the text, the call, and a way to ask for a plan.

mod text;

pub use text::{summary, without_literals};

use crate::{Span, Value};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A plan of the same query is asked for at most once in this time.
const PLAN_EVERY: Duration = Duration::from_secs(10);
/// Queries whose last plan is remembered.
const REMEMBERED: usize = 512;
/// Bytes of a plan that are sent.
const PLAN: usize = 4_096;

/// Databases whose plans can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// SQLite: `EXPLAIN QUERY PLAN`.
    Sqlite,
    /// PostgreSQL: `EXPLAIN`, which plans and does not run.
    Postgres,
}

impl System {
    /// As `db.system.name`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }

    /// The statement that asks for the plan of `sql`; `None` for what has none.
    pub fn explain(self, sql: &str) -> Option<String> {
        let first = summary(sql);
        let verb = first.split(' ').next().unwrap_or("");
        // One statement only: what stands behind a semicolon would be run.
        let single = !sql.trim_end().trim_end_matches(';').contains(';');
        let plannable = matches!(verb, "SELECT" | "WITH" | "INSERT" | "UPDATE" | "DELETE");
        (plannable && single).then(|| match self {
            Self::Sqlite => format!("EXPLAIN QUERY PLAN {sql}"),
            Self::Postgres => format!("EXPLAIN {sql}"),
        })
    }

    /// The tables that a plan reads from end to end.
    pub fn scans(self, plan: &str) -> Vec<&str> {
        let scanned = |line: &str| match self {
            // `SCAN orders`, but not `SCAN orders USING INDEX ...`; `SCAN TABLE orders` before 3.36.
            Self::Sqlite if line.contains("USING") => None,
            Self::Sqlite => line.find("SCAN ").map(|at| at + 5),
            Self::Postgres => line.find("Seq Scan on ").map(|at| at + 12),
        };
        let tables = plan.lines().filter_map(|line| {
            let mut words = line.get(scanned(line)?..)?.split_whitespace();
            words.find(|word| *word != "TABLE")
        });
        tables.collect()
    }

    /// What a plan shows that others need to know, as the attribute `db.query.plan.finding`: `full_scan orders`.
    pub fn finding(self, plan: &str) -> Option<String> {
        let tables = self.scans(plan);
        (!tables.is_empty()).then(|| format!("full_scan {}", tables.join(", ")))
    }
}

/// A database that queries go to.
#[derive(Debug)]
pub struct Database {
    system: System,
    namespace: String,
    slow: Option<Duration>,
    planned: Mutex<HashMap<String, Instant>>,
}

impl Database {
    /// A database by its kind and name.
    pub fn new(system: System, namespace: &str) -> Self {
        let (namespace, planned) = (namespace.to_owned(), Mutex::default());
        Self { system, namespace, slow: None, planned }
    }

    /// Asks for the plan of queries that took longer, at most every ten seconds for each.
    pub fn explain_above(mut self, slow: Duration) -> Self {
        self.slow = Some(slow);
        self
    }

    /// Runs a query under a client span. `plan` gets the statement that asks for the plan and returns what
    /// the database said, line by line; it runs after the query, within the span.
    ///
    /// # Errors
    /// Those of the query; the span says `error.type`.
    pub fn run<T, E: std::fmt::Display>(
        &self,
        sql: &str,
        query: impl FnOnce() -> Result<T, E>,
        plan: impl FnOnce(&str) -> Option<String>,
    ) -> Result<T, E> {
        let mut span = self.span(sql);
        let began = Instant::now();
        let (out, asked) = span.run(|| {
            let out = query();
            let asked = self.wants_plan(sql, began.elapsed());
            (out, asked.and_then(|statement| plan(&statement)))
        });
        self.told(&mut span, &out, asked);
        out
    }

    /// As [`run`](Self::run), for asynchronous drivers.
    ///
    /// # Errors
    /// Those of the query; the span says `error.type`.
    pub async fn run_async<T, E: std::fmt::Display, P: Future<Output = Option<String>>>(
        &self,
        sql: &str,
        query: impl Future<Output = Result<T, E>>,
        plan: impl FnOnce(String) -> P,
    ) -> Result<T, E> {
        let mut span = self.span(sql);
        let work = async {
            let began = Instant::now();
            let out = query.await;
            let asked = match self.wants_plan(sql, began.elapsed()) {
                Some(statement) => plan(statement).await,
                None => None,
            };
            (out, asked)
        };
        let (out, asked) = span.around(work).await;
        self.told(&mut span, &out, asked);
        out
    }

    fn span(&self, sql: &str) -> Span {
        let mut span = crate::span!(
            kind: Client,
            "query",
            db.system.name = self.system.name(),
            db.namespace = &self.namespace,
            db.query.text = without_literals(sql),
        )
        .detach();
        if span.is_recording() {
            let summary = summary(sql);
            span.set("db.query.summary", &summary);
            span.rename(&summary);
        }
        span
    }

    /// How it went, and the plan where one was asked for.
    fn told<T, E: std::fmt::Display>(
        &self,
        span: &mut Span,
        out: &Result<T, E>,
        plan: Option<String>,
    ) {
        if let Err(e) = out
            && span.is_recording()
        {
            // Messages of databases quote what was asked for.
            let text = without_literals(&e.to_string());
            span.set("error.type", text.chars().take(100).collect::<String>());
            span.fail("");
        }
        let Some(plan) = plan else { return };
        let finding = self.system.finding(&plan);
        // Plans quote the literals of conditions.
        let mut text = without_literals(&plan);
        let end = (0..=PLAN.min(text.len())).rev().find(|i| text.is_char_boundary(*i));
        text.truncate(end.unwrap_or(0));
        let scans = finding.is_some();
        let mut all: Vec<(&str, &dyn Value)> =
            vec![("db.query.plan", &text), ("db.query.full_scan", &scans)];
        all.extend(finding.iter().map(|f| ("db.query.plan.finding", f as &dyn Value)));
        span.event("db.query.plan", &all);
    }

    /// The statement to ask for a plan with, if this query is slow and was not asked about lately.
    fn wants_plan(&self, sql: &str, took: Duration) -> Option<String> {
        self.slow.filter(|slow| took >= *slow)?;
        let statement = self.system.explain(sql)?;
        let (key, now) = (without_literals(sql), Instant::now());
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        if planned.get(&key).is_some_and(|at| now.duration_since(*at) < PLAN_EVERY) {
            return None;
        }
        if planned.len() >= REMEMBERED {
            planned.retain(|_, at| now.duration_since(*at) < PLAN_EVERY);
        }
        if planned.len() >= REMEMBERED {
            return None;
        }
        planned.insert(key, now);
        Some(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_asked_for_slow_single_statements_once_in_a_while() {
        let db = Database::new(System::Sqlite, "shop").explain_above(Duration::from_millis(5));
        let (slow, fast) = (Duration::from_millis(9), Duration::from_millis(1));
        let sql = "SELECT * FROM orders WHERE id = 7";
        assert_eq!(db.wants_plan(sql, fast), None);
        let asked = db.wants_plan(sql, slow);
        assert_eq!(asked.as_deref(), Some("EXPLAIN QUERY PLAN SELECT * FROM orders WHERE id = 7"));
        assert_eq!(
            db.wants_plan("SELECT * FROM orders WHERE id = 8", slow),
            None,
            "the same query"
        );
        assert_eq!(db.wants_plan("SELECT 1; DROP TABLE orders", slow), None);
        assert_eq!(db.wants_plan("CREATE TABLE x (y)", slow), None);
        assert_eq!(System::Postgres.explain("select 1;").as_deref(), Some("EXPLAIN select 1;"));
    }

    #[test]
    fn full_scans_are_seen() {
        let none: [&str; 0] = [];
        let plan = "|--SCAN orders\n|--SCAN TABLE old\n`--SEARCH x USING INDEX y";
        assert_eq!(System::Sqlite.scans(plan), ["orders", "old"]);
        assert_eq!(System::Sqlite.scans("SCAN orders USING COVERING INDEX y"), none);
        let plan = "Gather\n  ->  Parallel Seq Scan on orders o  (cost=0.00..35.50 rows=2550)";
        assert_eq!(System::Postgres.scans(plan), ["orders"]);
        assert_eq!(System::Postgres.scans("Index Scan using y on orders"), none);
    }
}
