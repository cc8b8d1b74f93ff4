//! The order in which a scrape tells operations: by their labels, kept while the catalog grows.

use super::view::View;
use crate::catalog::Catalog;
use longpole_model::signal::{OVERFLOW_NAME, Operation, RedKey, SpanKind};

/// Keys of RED rows in the order of their labels.
#[derive(Clone, Debug, Default)]
pub struct Order(Vec<RedKey>);

/// What the labels of a row are sorted by. An overflow operation has no label of its own and comes first
/// in its service.
type Labels<'a> = (&'a str, Option<(&'a str, &'static str)>, &'a str, &'a Operation);

fn labels(key: RedKey, names: View<'_>) -> Option<Labels<'_>> {
    let o = names.operation(key.operation)?;
    let kind: SpanKind = o.kind;
    let name = (o.name != OVERFLOW_NAME).then(|| (o.name.as_str(), kind.otlp_name()));
    Some((&o.service, name, names.version(key.version).map_or("", |v| v), o))
}

impl Order {
    /// Takes in what is new in the catalog; it only grows.
    pub fn follow(&mut self, catalog: &Catalog) {
        let new = catalog.red_since(self.0.len());
        self.take(new.iter().map(|row| row.key), View::of(catalog));
    }

    /// Takes in keys that it does not have.
    pub(super) fn take(&mut self, new: impl Iterator<Item = RedKey>, names: View<'_>) {
        let before = self.0.len();
        self.0.extend(new);
        if self.0.len() > before {
            // What was sorted before is one run, which this sort does not take apart.
            self.0.sort_by(|a, b| labels(*a, names).cmp(&labels(*b, names)));
        }
    }

    /// Lets go of the others.
    pub(super) fn retain(&mut self, keep: impl Fn(&RedKey) -> bool) {
        self.0.retain(keep);
    }

    /// The keys, in order.
    pub fn keys(&self) -> &[RedKey] {
        &self.0
    }
}
