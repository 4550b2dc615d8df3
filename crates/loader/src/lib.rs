//! swath-loader
