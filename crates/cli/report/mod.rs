//! The report of a run: one HTML file that holds everything it shows and loads nothing.
//!
//! [`model`] is what goes in, [`write_html`] what comes out. Charts are SVG written by hand ([`svg`]) so that they carry
//! the page's type, colours and descriptions; pictures are inline PNG.

mod confusion;
mod curves;
mod model;
mod page;
mod palette;
mod picture;
mod provenance;
mod samples;
mod scores;
mod svg;
mod training;

use std::path::Path;

use anyhow::Result;

use crate::whole_file::write_text;
pub(crate) use scores::grouped;

pub(crate) use model::{
    BandHistogram, Class, ClassScore, Evaluation, Picture, Provenance, Run, RunReport, Sample, Step, TrainingData,
    Validation,
};

/// Writes `report` to `path`. The file appears whole or not at all.
///
/// # Errors
/// When a picture's parts do not fit together, or the file cannot be written.
pub(crate) fn write_html(report: &RunReport, path: &Path) -> Result<()> {
    let html = page::html(report)?;
    write_text(path, &html)
}

#[cfg(test)]
mod tests;
