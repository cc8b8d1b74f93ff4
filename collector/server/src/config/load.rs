//! Puts the layers together: default, file, environment, flags; the later the stronger.
//!
//! Every layer is checked even where a stronger one hides it: a fault should show before the flag
//! that hid it is gone.

use super::fault::{ConfigError, told};
use super::fields::{CONFIG_ENV, FIELDS, Field};
use super::file::File;
use super::tree;
use super::{Config, Durability, Overrides};
use longpole_exporters::text::clean;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A configuration file is a page, not a store.
const FILE_BYTES: u64 = 1 << 20;

/// A configuration, and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The file, where one was named.
    pub file: Option<PathBuf>,
    /// Every setting's origin, in the order of the table.
    pub settings: Vec<Setting>,
}

/// Where a setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: &'static str,
    /// Its origin.
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The file.
    File {
        /// `file:line:column`.
        at: String,
        /// Variables that were put into it.
        variables: Vec<String>,
    },
    /// The environment variable of this name.
    Env(&'static str),
    /// This flag.
    Flag(&'static str),
}

pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn load(flags: &Overrides, env: Env) -> Result<Loaded, ConfigError> {
    let env = &|name: &str| env(name).filter(|v| !v.is_empty());
    let (path, named_by) = match &flags.config {
        Some(path) => (Some(path.clone()), "--config"),
        None => (env(CONFIG_ENV).map(PathBuf::from), CONFIG_ENV),
    };
    let mut config = Config::default();
    let mut origins = vec![Origin::Default; FIELDS.len()];
    let mut faults = Vec::new();
    if let Some(path) = &path {
        let text =
            read(path).map_err(|why| ConfigError::Read { path: path.clone(), named_by, why })?;
        let name = path.display().to_string();
        let mut file = File { name: &name, env, config: &mut config, faults: Vec::new() };
        match tree::parse(&text) {
            Ok(root) => file.root(&root, &mut origins),
            Err(fault) => file.faults.push(fault),
        }
        let mut wrong = file.faults;
        wrong.sort_by_key(|f| (f.place.line, f.place.column));
        faults.extend(wrong.iter().map(|f| told(&name, &text, f)));
    }
    for (field, origin) in FIELDS.iter().zip(&mut origins) {
        let set = field.env.and_then(|name| Some((name, env(name)?)));
        if let Some((name, text)) = set {
            apply(field, &mut config, name, &text, &mut faults);
            *origin = Origin::Env(name);
        }
        if let Some((name, text)) = field.flag.and_then(|(name, get)| Some((name, get(flags)?))) {
            apply(field, &mut config, name, text, &mut faults);
            *origin = Origin::Flag(name);
        }
    }
    let settings: Vec<Setting> =
        FIELDS.iter().zip(origins).map(|(f, origin)| Setting { key: f.key, origin }).collect();
    if faults.is_empty() {
        faults.extend(same_address(&config, &settings));
        faults.extend(no_folder(&config, &settings));
    }
    if !faults.is_empty() {
        return Err(ConfigError::Faults(faults));
    }
    Ok(Loaded { config, file: path, settings })
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > FILE_BYTES {
        return Err("it is larger than 1 MiB".into());
    }
    Ok(text)
}

/// Sets a field from a variable or a flag, `name`.
fn apply(field: &Field, config: &mut Config, name: &str, text: &str, faults: &mut Vec<String>) {
    let texts: Vec<String> = match field.is_list() {
        true => text.split(',').map(|t| t.trim().to_owned()).collect(),
        false => vec![text.to_owned()],
    };
    let shown = |at: usize| format!("\"{}\"", clean(texts.get(at).map_or("", |t| t)));
    if let Err(wrong) = field.set(config, &texts, shown) {
        faults.push(format!("{name}: {}", wrong.what));
    }
}

/// Two doors cannot stand at one address (port 0 is another one each time).
fn same_address(config: &Config, settings: &[Setting]) -> Option<String> {
    let doors = [("grpc", config.grpc), ("http", config.http), ("listen", config.listen)];
    let mut pairs =
        doors.iter().enumerate().flat_map(|(n, a)| doors.iter().take(n).map(move |b| (b, a)));
    let ((a, address), (b, _)) = pairs.find(|(a, b)| a.1 == b.1 && a.1.port() != 0)?;
    let from = |key: &str| {
        settings.iter().find(|s| s.key == key).map_or(String::new(), |s| s.origin.to_string())
    };
    Some(format!(
        "\"{a}\" ({}) and \"{b}\" ({}) are both {address}: give one of them another port",
        from(a),
        from(b)
    ))
}

/// A journal needs a folder, replicas a Redis.
fn no_folder(config: &Config, settings: &[Setting]) -> Option<String> {
    let (what, with) = match config.durability {
        Durability::Journal if config.data.is_none() => {
            ("journal", "a folder for it with --data or \"data\"")
        }
        Durability::Replicated if config.redis.url.is_none() => {
            ("replicated", "a Redis for it with --redis or \"redis.url\"")
        }
        _ => return None,
    };
    let from = settings.iter().find(|s| s.key == "durability").map(|s| s.origin.to_string());
    let from = from.unwrap_or_default();
    Some(format!("\"durability\" ({from}) is {what}: name {with}"))
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { at, variables } if variables.is_empty() => f.write_str(at),
            Self::File { at, variables } => write!(f, "{at} with ${}", variables.join(", $")),
            Self::Env(name) => write!(f, "${name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}
