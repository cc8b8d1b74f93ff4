//! From addresses to a file: names and lines of what is in memory, as pprof, packed.

use super::tally::Tally;
use flate2::{Compression, write::GzEncoder};
use longpole_proto::order::{PROFILE_BYTES, PROFILE_PACKED};
use longpole_proto::pprof;
use prost::Message;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::io::Write;
use std::time::Duration;

/// Bytes of a name.
const NAME: usize = 512;
/// Functions that were inlined into one place, told apart.
const INLINED: usize = 16;

/// What else is to be said.
#[derive(Debug)]
pub(super) struct About {
    /// Since 1970.
    pub(super) began: Duration,
    pub(super) lasted: Duration,
    /// Of processor time, between two samples.
    pub(super) nanos: u32,
    pub(super) remarks: Vec<String>,
}

/// A stretch of code in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Map {
    start: u64,
    end: u64,
    offset: u64,
    file: String,
}

/// All code in memory.
#[derive(Debug, Default)]
pub(super) struct Maps(Vec<Map>);

impl Maps {
    pub(super) fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/maps").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let (start, end) = words.next()?.split_once('-')?;
            let code = words.next()?.contains('x');
            let hex = |text| u64::from_str_radix(text, 16).ok();
            let offset = hex(words.next()?)?;
            let file = words.skip(2).collect::<Vec<_>>().join(" ");
            code.then_some(Map { start: hex(start)?, end: hex(end)?, offset, file })
        };
        Self(text.lines().filter_map(line).collect())
    }

    fn find(&self, address: u64) -> Option<usize> {
        let at = self.0.partition_point(|m| m.end <= address);
        self.0.get(at).filter(|m| m.start <= address).map(|_| at)
    }

    /// Whether an address is in the program itself, not in a library.
    pub(super) fn in_program(&self, address: u64) -> bool {
        let program = std::fs::read_link("/proc/self/exe").ok();
        let file = self.find(address).map(|at| &self.0[at].file);
        file.is_some() && file.map(std::path::Path::new) == program.as_deref()
    }
}

/// The file; with fewer labels when it is too large. The error says that it is too large without any.
pub(super) fn packed(tally: &Tally, about: &About) -> Result<Vec<u8>, String> {
    let maps = Maps::read();
    for tally in [tally, &tally.without_labels()] {
        let bytes = profile(tally, about, &maps).encode_to_vec();
        if bytes.len() > PROFILE_BYTES {
            continue;
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let packed = gzip.write_all(&bytes).and_then(|()| gzip.finish());
        let packed = packed.map_err(|e| e.to_string())?;
        if packed.len() <= PROFILE_PACKED {
            return Ok(packed);
        }
    }
    Err(format!("the profile is larger than {PROFILE_PACKED} bytes"))
}

/// Texts by their places.
#[derive(Debug)]
struct Texts(BTreeMap<String, i64>);

impl Texts {
    fn of(&mut self, text: &str) -> i64 {
        let end = (0..=NAME.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let next = self.0.len() as i64;
        *self.0.entry(text[..end].to_owned()).or_insert(next)
    }

    fn table(self) -> Vec<String> {
        let mut all: Vec<(String, i64)> = self.0.into_iter().collect();
        all.sort_by_key(|(_, at)| *at);
        all.into_iter().map(|(text, _)| text).collect()
    }
}

struct Book<'a> {
    out: pprof::Profile,
    texts: Texts,
    maps: &'a Maps,
    /// Ids of functions by name and file.
    functions: BTreeMap<(i64, i64), u64>,
    locations: BTreeMap<u64, u64>,
}

fn profile(tally: &Tally, about: &About, maps: &Maps) -> pprof::Profile {
    let mut book = Book {
        out: pprof::Profile::default(),
        texts: Texts(BTreeMap::from([(String::new(), 0)])),
        maps,
        functions: BTreeMap::new(),
        locations: BTreeMap::new(),
    };
    let mut unit =
        |what, unit| pprof::ValueType { r#type: book.texts.of(what), unit: book.texts.of(unit) };
    let (samples, cpu) = (unit("samples", "count"), unit("cpu", "nanoseconds"));
    book.out.sample_type = vec![samples, cpu];
    book.out.period_type = Some(cpu);
    book.out.period = about.nanos.into();
    book.out.time_nanos = i64::try_from(about.began.as_nanos()).unwrap_or(0);
    book.out.duration_nanos = i64::try_from(about.lasted.as_nanos()).unwrap_or(0);
    for (i, map) in maps.0.iter().enumerate() {
        let filename = book.texts.of(&map.file);
        book.out.mapping.push(pprof::Mapping {
            id: i as u64 + 1,
            memory_start: map.start,
            memory_limit: map.end,
            file_offset: map.offset,
            filename,
            has_functions: true,
        });
    }
    for ((trace, span, stack), weight) in &tally.samples {
        let count = i64::try_from(*weight).unwrap_or(i64::MAX);
        let value = vec![count, count.saturating_mul(about.nanos.into())];
        let mut label = Vec::new();
        if *trace != 0 {
            let mut put = |key, text: &str| {
                label.push(pprof::Label { key: book.texts.of(key), str: book.texts.of(text) });
            };
            put(pprof::LABEL_TRACE, &format!("{trace:032x}"));
            put(pprof::LABEL_SPAN, &format!("{span:016x}"));
        }
        // What is not in code was no frame, and what lies behind it none either.
        let inner = stack.first().copied().into_iter();
        let outer = stack.iter().skip(1).copied().take_while(|a| maps.find(*a).is_some());
        let location_id = inner.chain(outer).map(|a| book.location(a)).collect();
        book.out.sample.push(pprof::Sample { location_id, value, label });
    }
    book.out.comment = about.remarks.iter().map(|r| book.texts.of(r)).collect();
    book.out.string_table = book.texts.table();
    book.out
}

impl Book<'_> {
    fn location(&mut self, address: u64) -> u64 {
        if let Some(id) = self.locations.get(&address) {
            return *id;
        }
        let mut names: Vec<(String, String, u32)> = Vec::new();
        // Its argument is where it goes on behind a call.
        backtrace::resolve(address.saturating_add(1) as usize as *mut c_void, |symbol| {
            if names.len() < INLINED
                && let Some(name) = symbol.name()
            {
                let file = symbol.filename().map(|f| f.display().to_string()).unwrap_or_default();
                // Without the hash at its end.
                names.push((format!("{name:#}"), file, symbol.lineno().unwrap_or(0)));
            }
        });
        let map = self.maps.find(address);
        if names.is_empty() {
            let file = map.map_or("no code", |at| &self.maps.0[at].file);
            let file = file.rsplit('/').next().unwrap_or(file);
            names.push((format!("[{file}]"), String::new(), 0));
        }
        let line = names.iter().map(|(name, file, line)| pprof::Line {
            function_id: function(&mut self.texts, &mut self.functions, &mut self.out, name, file),
            line: (*line).into(),
        });
        let line = line.collect();
        let id = self.out.location.len() as u64 + 1;
        let mapping_id = map.map_or(0, |at| at as u64 + 1);
        self.out.location.push(pprof::Location { id, mapping_id, address, line });
        self.locations.insert(address, id);
        id
    }
}

fn function(
    texts: &mut Texts,
    known: &mut BTreeMap<(i64, i64), u64>,
    out: &mut pprof::Profile,
    name: &str,
    file: &str,
) -> u64 {
    let (name, filename) = (texts.of(name), texts.of(file));
    *known.entry((name, filename)).or_insert_with(|| {
        let id = out.function.len() as u64 + 1;
        out.function.push(pprof::Function { id, name, system_name: name, filename });
        id
    })
}
