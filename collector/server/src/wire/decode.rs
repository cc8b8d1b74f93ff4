//! Bytes to summary. The bytes may come from anywhere: nothing in them is trusted.

use super::{FORMAT, WireError, counters};
use longpole_core::catalog::{Described, Dictionary};
use longpole_model::signal::{
    Category, EdgeKey, EdgeSummary, EntryKey, EntryValue, Exemplar, Facility, Fate, FaultKey,
    Fixed, Operation, OperationId, PathValue, Placement, Reason, ReasonCounts, RedKey, RedSummary,
    Role, SHARD_HASH_SEED, SHARD_HASH_VERSION, Scope, SeriesId, SeriesIdentity, SeriesSummary,
    SiteKey, SiteSummary, Sketch, SpanKind, Tally, Temporality, Timestamp, TraceId, VersionId,
    Window, WindowSummary,
};
use longpole_proto::v1;
use prost::Message;

/// Reads a summary and the names of its ids: operations, versions and series are sorted and come once. Unknown
/// fields and further counters of later writers are passed over, as they allow by `oldest_reader`.
///
/// # Errors
/// [`WireError`]: not the format, a later one, another shard hash, or contents that contradict
/// themselves (references out of range, rows out of order or twice).
pub fn decode(bytes: &[u8]) -> Result<(WindowSummary, Dictionary), WireError> {
    let m = v1::WindowSummary::decode(bytes).map_err(|e| WireError::Malformed(e.to_string()))?;
    let h = m.header.ok_or(WireError::Bad("header"))?;
    if h.oldest_reader > FORMAT || h.format == 0 {
        return Err(WireError::TooNew { format: h.format, oldest_reader: h.oldest_reader });
    }
    if (h.shard_hash_version, h.shard_hash_seed) != (SHARD_HASH_VERSION, SHARD_HASH_SEED) {
        let (version, seed) = (h.shard_hash_version, h.shard_hash_seed);
        return Err(WireError::OtherShardHash { version, seed });
    }
    let dictionary = Dictionary {
        operations: all(m.operations, operation)?,
        versions: unique(
            std::iter::once(String::new()).chain(m.versions).collect(),
            "order of versions",
        )?,
        series: unique(all(m.series, series)?, "order of series")?,
    };
    if !dictionary.operations.is_sorted_by(|a, b| a.operation < b.operation) {
        return Err(WireError::Bad("order of operations"));
    }
    let d = Lengths {
        operations: dictionary.operations.len(),
        versions: dictionary.versions.len(),
        series: dictionary.series.len(),
    };
    let window = Window { start: Timestamp(m.start), end: Timestamp(m.end) };
    if window.end < window.start {
        return Err(WireError::Bad("window"));
    }
    let summary = WindowSummary {
        window,
        red: rows(all(m.red, |r| d.red(r))?)?,
        late: rows(all(m.late, |r| d.red(r))?)?,
        entries: rows(all(m.entries, |e| d.entry(e))?)?,
        paths: rows(all(m.paths, |p| d.path(p))?)?,
        sites: rows(all(m.sites, |s| d.site(s))?)?,
        edges: rows(all(m.edges, |e| d.edge(e))?)?,
        series: rows(all(m.series_rows, |s| d.series_row(s))?)?,
        faults: rows(all(m.faults, |f| d.fault(f))?)?,
        tally: tally(m.tally.ok_or(WireError::Bad("tally"))?),
        missing_shards: m.missing_shards,
    };
    Ok((summary, dictionary))
}

fn all<A, B>(rows: Vec<A>, f: impl Fn(A) -> Result<B, WireError>) -> Result<Vec<B>, WireError> {
    rows.into_iter().map(f).collect()
}

/// Names must be sorted and unique: the form is canonical.
fn unique<T: Ord>(names: Vec<T>, what: &'static str) -> Result<Vec<T>, WireError> {
    if names.is_sorted_by(|a, b| a < b) { Ok(names) } else { Err(WireError::Bad(what)) }
}

/// Rows keyed by ids come in the order of the references, none first; inside a process "none" is
/// the greatest id, so they are sorted again.
fn rows<K: Ord, V>(mut rows: Vec<(K, V)>) -> Result<Vec<(K, V)>, WireError> {
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    if rows.is_sorted_by(|a, b| a.0 < b.0) { Ok(rows) } else { Err(WireError::Bad("rows: twice")) }
}

/// Sizes of the dictionaries: references beyond them are refused.
struct Lengths {
    operations: usize,
    versions: usize,
    series: usize,
}

impl Lengths {
    fn operation(&self, reference: u32) -> Result<OperationId, WireError> {
        match reference {
            0 => Ok(OperationId::NONE),
            r if r as usize <= self.operations => Ok(OperationId(r - 1)),
            _ => Err(WireError::Bad("operation reference")),
        }
    }

    fn version(&self, reference: u32) -> Result<VersionId, WireError> {
        // "Not said" is the first version: a reference is the id itself.
        let known = (reference as usize) < self.versions;
        known.then_some(VersionId(reference)).ok_or(WireError::Bad("version reference"))
    }

    fn red(&self, r: v1::Red) -> Result<(RedKey, RedSummary), WireError> {
        if r.operation == 0 {
            return Err(WireError::Bad("operation reference"));
        }
        let key =
            RedKey { operation: self.operation(r.operation)?, version: self.version(r.version)? };
        let mut summary = RedSummary {
            spans: r.spans,
            failed: r.failed,
            weight: r.weight,
            failed_weight: r.failed_weight,
            halves: [sketch(&r.half_a)?, sketch(&r.half_b)?],
            exemplars: Vec::new(),
        };
        for e in r.exemplars {
            let id = <[u8; 16]>::try_from(e.trace_id).map_err(|_| WireError::Bad("trace id"))?;
            summary.offer(Exemplar {
                hash: e.hash,
                trace: TraceId(id),
                duration_ns: e.duration_ns,
            });
        }
        Ok((key, summary))
    }

    fn entry_key(&self, k: Option<v1::EntryKey>) -> Result<EntryKey, WireError> {
        let k = k.ok_or(WireError::Bad("entry key"))?;
        Ok(EntryKey {
            scope: match k.scope {
                0 => Scope::Trace,
                1 => Scope::Segment,
                _ => return Err(WireError::Bad("scope")),
            },
            operation: self.operation(k.operation)?,
            version: self.version(k.version)?,
            failed: k.failed,
            band: u8::try_from(k.band).ok().filter(|b| *b < 64).ok_or(WireError::Bad("band"))?,
        })
    }

    fn site_key(&self, k: Option<v1::SiteKey>) -> Result<SiteKey, WireError> {
        let k = k.ok_or(WireError::Bad("site key"))?;
        Ok(SiteKey {
            operation: self.operation(k.operation)?,
            peer: self.operation(k.peer)?,
            category: code(&Category::ALL, k.category, "category")?,
        })
    }

    fn entry(&self, e: v1::Entry) -> Result<(EntryKey, EntryValue), WireError> {
        let value = EntryValue { weight: e.weight, entries: e.entries, duration_ns: e.duration_ns };
        Ok((self.entry_key(e.key)?, value))
    }

    fn path(&self, p: v1::Path) -> Result<((EntryKey, SiteKey), PathValue), WireError> {
        let value = PathValue { visits: p.visits, critical_ns: p.critical_ns, self_ns: p.self_ns };
        Ok(((self.entry_key(p.entry)?, self.site_key(p.site)?), value))
    }

    fn site(&self, s: v1::Site) -> Result<(SiteKey, SiteSummary), WireError> {
        let value =
            SiteSummary { visits: s.visits, failed: s.failed, durations: sketch(&s.durations)? };
        Ok((self.site_key(s.key)?, value))
    }

    fn edge(&self, e: v1::Edge) -> Result<(EdgeKey, EdgeSummary), WireError> {
        let key = EdgeKey { caller: self.operation(e.caller)?, callee: self.operation(e.callee)? };
        let value = EdgeSummary {
            weight: e.weight,
            failed_weight: e.failed_weight,
            caller: sketch(&e.caller_durations)?,
            callee: sketch(&e.callee_durations)?,
        };
        Ok((key, value))
    }

    fn series_row(&self, s: v1::SeriesRow) -> Result<(SeriesId, SeriesSummary), WireError> {
        if s.series == 0 || s.series as usize > self.series {
            return Err(WireError::Bad("series reference"));
        }
        let value = SeriesSummary {
            points: s.points,
            sum: fixed(s.sum),
            covered_ns: s.covered_ns,
            min: fixed(s.min),
            max: fixed(s.max),
        };
        Ok((SeriesId(s.series - 1), value))
    }

    fn fault(&self, f: v1::Fault) -> Result<(FaultKey, u64), WireError> {
        Ok((FaultKey { operation: self.operation(f.operation)?, error: f.error }, f.weight))
    }
}

fn code<T: Copy>(all: &[T], code: u32, what: &'static str) -> Result<T, WireError> {
    all.get(code as usize).copied().ok_or(WireError::Bad(what))
}

fn sketch(bytes: &[u8]) -> Result<Sketch, WireError> {
    Sketch::decode(bytes).map_err(|_| WireError::Bad("sketch"))
}

fn operation(o: v1::Operation) -> Result<Described, WireError> {
    let operation = Operation {
        tenant: o.tenant,
        environment: o.environment,
        namespace: o.namespace,
        service: o.service,
        kind: code(&SpanKind::ALL, o.kind, "span kind")?,
        name: o.name,
    };
    Ok(Described { operation, peer: o.peer, language: o.language })
}

fn series(s: v1::Series) -> Result<SeriesIdentity, WireError> {
    Ok(SeriesIdentity {
        service: s.service,
        placement: Placement { instance: s.instance, pod: s.pod, node: s.node, gpu: s.gpu },
        name: s.name,
        unit: s.unit,
        attributes: s.attributes.into_iter().map(|a| (a.key, a.value)).collect(),
        temporality: code(&Temporality::ALL, s.temporality, "temporality")?,
        monotonic: s.monotonic,
        role: code(&Role::ALL, s.role, "role")?,
        facility: code(&Facility::ALL, s.facility, "facility")?,
    })
}

fn fixed(f: Option<v1::Fixed>) -> Fixed {
    let f = f.unwrap_or_default();
    Fixed(i128::from(f.high) << 64 | i128::from(f.low))
}

fn reasons(counts: &[u64]) -> ReasonCounts {
    let mut out = ReasonCounts::default();
    for (reason, n) in Reason::ALL.into_iter().zip(counts) {
        out.add(reason, *n);
    }
    out
}

fn fate(f: Option<v1::Fate>) -> Fate {
    let f = f.unwrap_or_default();
    Fate {
        received: f.received,
        window: f.window,
        late: f.late,
        skewed: f.skewed,
        rejected: reasons(&f.rejected),
        duplicate: f.duplicate,
        dropped: f.dropped,
    }
}

fn tally(t: v1::Tally) -> Tally {
    let mut out = Tally {
        spans: fate(t.spans),
        points: fate(t.points),
        requests: reasons(&t.requests),
        ..Tally::default()
    };
    for (cell, n) in counters(&mut out).into_iter().zip(t.counters) {
        *cell = n;
    }
    out
}
