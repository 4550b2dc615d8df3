//! The parts of a question, so that it can be said which of them ran where.

use std::fmt;

/// One part of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Part {
    /// Collections by id.
    Collections,
    /// Items by id.
    Ids,
    /// A box.
    Bbox,
    /// A geometry.
    Intersects,
    /// A moment or interval.
    Datetime,
    /// CQL2, or the older query object.
    Filter,
    /// Labels.
    Labels,
    /// Bands of images.
    Bands,
    /// Ground sample distance.
    Gsd,
    /// What a model can read.
    Model,
    /// The order of the answer.
    Sort,
    /// Which fields of an item are wanted.
    Fields,
    /// How many items are wanted.
    MaxItems,
}

impl Part {
    /// All parts, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::Collections,
        Self::Ids,
        Self::Bbox,
        Self::Intersects,
        Self::Datetime,
        Self::Filter,
        Self::Labels,
        Self::Bands,
        Self::Gsd,
        Self::Model,
        Self::Sort,
        Self::Fields,
        Self::MaxItems,
    ];

    /// The part's name on the command line, dashes aside.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Collections => "collections",
            Self::Ids => "ids",
            Self::Bbox => "bbox",
            Self::Intersects => "intersects",
            Self::Datetime => "datetime",
            Self::Filter => "filter",
            Self::Labels => "labels",
            Self::Bands => "bands",
            Self::Gsd => "gsd-max",
            Self::Model => "model-for",
            Self::Sort => "sortby",
            Self::Fields => "fields",
            Self::MaxItems => "max-items",
        }
    }
}

/// A set of parts.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts(u16);

impl Parts {
    /// No part.
    pub const NONE: Self = Self(0);

    /// Whether a part is among them.
    #[must_use]
    pub fn contains(self, part: Part) -> bool {
        self.0 & Self::bit(part) != 0
    }

    /// Adds a part.
    pub fn insert(&mut self, part: Part) {
        self.0 |= Self::bit(part);
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in this set and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The parts, in the order of [`Part::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(move |part| self.contains(*part))
    }

    fn bit(part: Part) -> u16 {
        1 << part as u8
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let mut set = Self::NONE;
        parts.into_iter().for_each(|part| set.insert(part));
        set
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Part::name).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
