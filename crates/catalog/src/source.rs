//! Where items come from.

pub mod http;
pub mod tree;
