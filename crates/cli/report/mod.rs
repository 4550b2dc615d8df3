//! Reports: one HTML file that holds everything it shows and loads nothing.
//!
//! [`model`] is what goes into that of a run, [`write_html`] what comes out; [`dataset`] is that of a dataset before any run. Charts are SVG written by hand ([`svg`]) so that they carry
//! the page's type, colours and descriptions; pictures are inline PNG.

mod baselines;
mod calibration;
mod comparison;
mod confusion;
mod curves;
mod dataset;
mod figure;
mod frame;
mod groups;
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
pub(crate) use dataset::{DatasetReport, Footprint};
pub(crate) use figure::grouped;

pub(crate) use model::{Class, Gallery, Picture, Provenance, Run, RunReport, Sample, Step, TrainingData, Validation};

/// Writes `report` to `path`. The file appears whole or not at all.
///
/// # Errors
/// When a picture's parts do not fit together, or the file cannot be written.
pub(crate) fn write_html(report: &RunReport, path: &Path) -> Result<()> {
    let html = page::html(report)?;
    write_text(path, &html)
}

/// Writes what a dataset looks like to `path`. The file appears whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_dataset_html(report: &DatasetReport<'_>, path: &Path) -> Result<()> {
    write_text(path, &dataset::html(report))
}

#[cfg(test)]
mod tests;
