//! swath-autodiff
