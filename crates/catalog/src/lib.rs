//! swath-catalog
