//! The classes that findings fall into, for scripts that act on them.

use serde::Serialize;

use super::{Finding, FindingKind};

/// What a finding is about. Each class has a bit of its own in the exit code of `swath validate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// What documents say: fields, shapes, dates, extensions.
    Document,
    /// Where links lead.
    Links,
    /// What files hold: missing ones, others than their items say, badly laid out ones.
    Files,
    /// Checksums.
    Checksums,
    /// Where labels lie.
    Geometry,
}

impl Class {
    /// All classes, by rising bit.
    pub const ALL: [Self; 5] = [Self::Document, Self::Links, Self::Files, Self::Checksums, Self::Geometry];

    /// The class's bit: 1, 2, 4, 8 or 16.
    #[must_use]
    pub fn bit(self) -> u8 {
        match self {
            Self::Document => 1,
            Self::Links => 2,
            Self::Files => 4,
            Self::Checksums => 8,
            Self::Geometry => 16,
        }
    }
}

impl FindingKind {
    /// What findings of this kind are about.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::BrokenLink | Self::RefusedLink | Self::Unreadable => Class::Links,
            Self::MissingFile
            | Self::BandCount
            | Self::BandOrder
            | Self::Nodata
            | Self::FileMismatch
            | Self::FileLayout => Class::Files,
            Self::Checksum => Class::Checksums,
            Self::OutsideImage => Class::Geometry,
            _ => Class::Document,
        }
    }
}

impl Finding {
    /// The bits of the classes of some findings, each once.
    pub fn classes<'a>(findings: impl IntoIterator<Item = &'a Self>) -> u8 {
        findings.into_iter().fold(0, |bits, finding| bits | finding.kind.class().bit())
    }
}
