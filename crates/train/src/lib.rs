//! swath-train
