//! One file per command: its arguments and what it does.

pub(crate) mod adapt;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod finetune;
pub(crate) mod gradients;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod predict;
pub(crate) mod publish;
pub(crate) mod read;
pub(crate) mod search;
pub(crate) mod stats;
pub(crate) mod validate;
