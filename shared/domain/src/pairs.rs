//! Maps whose keys are no texts, written as lists of pairs: JSON knows no other keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
    map: &BTreeMap<K, V>,
    writer: S,
) -> Result<S::Ok, S::Error> {
    writer.collect_seq(map)
}

pub(crate) fn deserialize<'de, K, V, D>(reader: D) -> Result<BTreeMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Vec::deserialize(reader).map(BTreeMap::from_iter)
}
