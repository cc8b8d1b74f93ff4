//! A sketch in a checkpoint: its buckets, ascending, with their 16.16 weights.
//!
//! For the process's own state, which no other version has to read; what is sent is [`super::wire`].

use super::{SKETCH_BUCKETS, Sketch};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.buckets().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sketch = Self::default();
        for (id, weight) in Vec::<(u16, u64)>::deserialize(deserializer)? {
            if usize::from(id) >= SKETCH_BUCKETS {
                return Err(D::Error::custom("a bucket beyond the last of a sketch"));
            }
            sketch.add(id, weight);
        }
        Ok(sketch)
    }
}
