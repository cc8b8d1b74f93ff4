//! The order in which a scrape tells operations: by their labels, kept while the catalog grows.

use crate::catalog::Catalog;
use longpole_model::signal::{OVERFLOW_NAME, Operation, RedKey, SpanKind};

/// Keys of RED rows in the order of their labels.
#[derive(Clone, Debug, Default)]
pub struct Order(Vec<RedKey>);

/// What the labels of a row are sorted by. An overflow operation has no label of its own and comes first
/// in its service.
type Labels<'a> = (&'a str, Option<(&'a str, &'static str)>, &'a str, &'a Operation);

fn labels(key: RedKey, catalog: &Catalog) -> Option<Labels<'_>> {
    let o = catalog.operation_of(key.operation)?;
    let kind: SpanKind = o.kind;
    let name = (o.name != OVERFLOW_NAME).then(|| (o.name.as_str(), kind.otlp_name()));
    Some((&o.service, name, catalog.version_of(key.version), o))
}

impl Order {
    /// Takes in what is new in the catalog; it only grows.
    pub fn follow(&mut self, catalog: &Catalog) {
        let new = catalog.red_since(self.0.len());
        if new.is_empty() {
            return;
        }
        self.0.extend(new.iter().map(|row| row.key));
        // What was sorted before is one run, which this sort does not take apart.
        self.0.sort_by(|a, b| labels(*a, catalog).cmp(&labels(*b, catalog)));
    }

    /// The keys, in order.
    pub fn keys(&self) -> &[RedKey] {
        &self.0
    }
}
