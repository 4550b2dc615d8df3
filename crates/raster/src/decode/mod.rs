//! Compressed bytes of one block to values, without a reader.
