//! Writes the release folder of a round and records its manifest.
