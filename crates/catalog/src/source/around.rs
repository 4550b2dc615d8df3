//! What a file of items knows of its items: where they say that they are.

use std::collections::HashSet;

use crate::{item::Item, ml_aoi::Split, search::Surroundings};

/// The places that items give as their own, by their `self` links.
#[derive(Clone, Debug, Default)]
pub struct Around(HashSet<String>);

impl Around {
    /// The places of items.
    #[must_use]
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        let mut around = Self::default();
        items.into_iter().for_each(|item| around.add(item));
        around
    }

    /// Adds an item's place.
    pub fn add(&mut self, item: &Item) {
        let own = item.links().find(|link| link.rel() == "self").and_then(|link| link.href());
        self.0.extend(own.map(str::to_owned));
    }
}

impl Surroundings for Around {
    /// A file of items has no collections beside them.
    fn collection_split(&self, _: &str) -> Option<Split> {
        None
    }

    fn holds(&self, href: &str) -> bool {
        self.0.contains(href)
    }
}
