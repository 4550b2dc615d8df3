//! Where items come from: one interface over static catalogs, files of items, and servers.
//!
//! A [`Source`] is put a validated [`Search`] and answers with a stream of items, each of which answers the question, and
//! with an [`Account`] of which parts of it ran where. The order and number of items, duplicates and the fields that are
//! wanted are seen to once for all sources, by [`gather`].

mod answer;
mod around;
mod gather;
pub mod http;
mod lines;
mod open;
mod table;
pub mod tree;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

use crate::{error::Result, href::Rewrites, search::Search};

pub use answer::{Account, Answer, Answered, ItemStream, Sender, channel};
pub use around::Around;
pub use gather::gather;
pub use lines::Lines;
pub use open::open;
pub use table::Table;

/// Something that holds items and can be asked for them.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// What it is called in summaries and messages: the path or address that the user gave.
    fn name(&self) -> &str;

    /// Puts a question, and returns when its first items can be had; a server has given its first page by then, so that
    /// the account knows how many there are in all.
    ///
    /// Every item of the stream answers all parts of the question but `sort`, `fields` and `max-items`, which are left to
    /// [`gather`]; where the account says that the source answered `sort` itself, the stream is in that order. After
    /// `max-items` the source may stop only if it is not asked to sort, or sorts itself. Items may come twice.
    ///
    /// # Errors
    /// What reading the source may end in before the first item; what comes later ends the stream.
    async fn ask(&self, search: Arc<Search>) -> Result<Answer>;
}

/// How sources are read: what all of them share.
#[derive(Clone, Debug)]
pub struct Access {
    /// Addresses that are read from elsewhere.
    pub rewrites: Rewrites,
    /// The client for all servers.
    pub http: Arc<http::Http>,
    /// What servers claim to understand is not believed: they are asked for everything, and what they answer is decided on
    /// here again.
    pub ignore_conformance: bool,
}
