//! Augmentations, named and parametrised as in albumentations, on any number of bands of any type.
//!
//! A recipe lists [`Step`]s; [`Pipeline`] makes them runnable. Image, label and validity always move together. Crops, flips
//! and quarter turns only change the [`View`] of the pixels; those before the first other step decide what is read at all.
//! All others work on the values as floats, and round to whole numbers again where the file holds whole numbers.

mod affine;
mod border;
pub(crate) mod compose;
mod distortion;
mod dropout;
mod exact;
mod noise;
mod parameters;
mod perspective;
mod photometric;
pub(crate) mod resize;
mod resized_crop;
mod step;
mod style;
pub mod view;
pub(crate) mod warp;

pub use step::{Step, deserialize, parse, read};

use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;
use view::View;

/// What a runnable augmentation does to one sample.
pub(crate) trait Transform: std::fmt::Debug + Send + Sync {
    /// Whether it only rearranges pixels, so that [`Transform::view`] says all.
    fn is_exact(&self) -> bool {
        false
    }

    /// The view after it; called only where it is exact.
    fn view(&self, view: View, _draw: &mut Draw) -> Result<View, Error> {
        Ok(view)
    }

    /// Changes a sample whose pixels are at hand.
    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        sample.view = self.view(sample.view, draw)?;
        Ok(())
    }

    /// Changes a sample, with a sample of other ground to be had.
    fn apply_beside(&self, sample: &mut Sample, draw: &mut Draw, _other: Other<'_>) -> Result<(), Error> {
        self.apply(sample, draw)
    }
}

/// Reads a sample of other ground, chosen by the draw.
pub(crate) type Other<'a> = &'a dyn Fn(&mut Draw) -> Result<Sample, Error>;

/// A runnable augmentation and how probable it is.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) p: f64,
    pub(crate) transform: Box<dyn Transform>,
}

impl Stage {
    /// Makes a step runnable.
    pub(crate) fn compile(step: &Step) -> Result<Stage, Error> {
        let (table, default_p, build) = FAMILIES
            .iter()
            .find_map(|family| family.iter().find(|entry| entry.0 == step.name))
            .ok_or_else(|| step::unknown(&step.name, &names()))?;
        let mut reader = parameters::Reader::new(table, &step.parameters);
        let p = reader.number("p", *default_p)?;
        if !(0.0..=1.0).contains(&p) {
            return Err(reader.wrong("p", "a probability in 0..1"));
        }
        let transform = build(&mut reader)?;
        reader.finish()?;
        Ok(Stage { p, transform })
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        if draw.chance(self.p) { self.transform.view(view, draw) } else { Ok(view) }
    }

    pub(crate) fn apply(&self, sample: &mut Sample, draw: &mut Draw, other: Other<'_>) -> Result<(), Error> {
        if draw.chance(self.p) { self.transform.apply_beside(sample, draw, other) } else { Ok(()) }
    }
}

/// Name, probability where none is given (as in albumentations), and what reads its parameters.
pub(crate) type Entry = (&'static str, f64, fn(&mut parameters::Reader<'_>) -> Result<Box<dyn Transform>, Error>);

/// Every augmentation there is, by family.
const FAMILIES: &[&[Entry]] = &[
    exact::ENTRIES,
    resize::ENTRIES,
    resized_crop::ENTRIES,
    affine::ENTRIES,
    perspective::ENTRIES,
    distortion::ENTRIES,
    photometric::ENTRIES,
    noise::ENTRIES,
    dropout::ENTRIES,
    style::ENTRIES,
    compose::ENTRIES,
];

/// The names of all, in alphabetical order.
fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = FAMILIES.iter().flat_map(|family| family.iter().map(|entry| entry.0)).collect();
    names.sort_unstable();
    names
}

/// The augmentations of a recipe, ready to run.
#[derive(Debug, Default)]
pub struct Pipeline {
    stages: Vec<Stage>,
    /// How many of the first stages only rearrange pixels.
    leading: usize,
}

impl Pipeline {
    /// Makes the steps of a recipe runnable.
    ///
    /// # Errors
    /// [`Error::UnknownAugmentation`]; [`Error::Augmentation`] names the parameter and what it may be.
    pub fn compile(steps: &[Step]) -> Result<Pipeline, Error> {
        let stages = steps.iter().map(Stage::compile).collect::<Result<Vec<_>, _>>()?;
        let leading = stages.iter().take_while(|stage| stage.transform.is_exact()).count();
        Ok(Pipeline { stages, leading })
    }

    /// Whether all steps only rearrange pixels, so that no sample needs its values changed.
    pub fn is_exact(&self) -> bool {
        self.leading == self.stages.len()
    }

    /// What of a window the leading crops, flips and turns leave to be read.
    pub(crate) fn lead(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        self.stages[..self.leading].iter().try_fold(view, |view, stage| stage.view(view, draw))
    }

    /// All steps after the leading ones.
    pub(crate) fn follow(&self, sample: &mut Sample, draw: &mut Draw, other: Other<'_>) -> Result<(), Error> {
        self.stages[self.leading..].iter().try_for_each(|stage| stage.apply(sample, draw, other))
    }
}

#[cfg(test)]
mod consistency;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
