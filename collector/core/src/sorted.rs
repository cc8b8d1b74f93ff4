//! Hash maps in a stored form: rows in the order of their keys, so that equal maps have equal bytes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// Writes the rows, sorted.
pub fn serialize<K, V, B, S>(map: &HashMap<K, V, B>, serializer: S) -> Result<S::Ok, S::Error>
where
    K: Serialize + Ord,
    V: Serialize,
    S: Serializer,
{
    let mut rows: Vec<(&K, &V)> = map.iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    rows.serialize(serializer)
}

/// Reads rows in whatever order.
pub fn deserialize<'de, K, V, B, D>(deserializer: D) -> Result<HashMap<K, V, B>, D::Error>
where
    K: Deserialize<'de> + Eq + Hash,
    V: Deserialize<'de>,
    B: BuildHasher + Default,
    D: Deserializer<'de>,
{
    Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
}
