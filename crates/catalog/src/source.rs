//! Where items come from.

pub mod tree;
