//! Augmentations made of others: all in order, one of them, some of them.

use super::parameters::Reader;
use super::view::View;
use super::{Entry, Other, Stage, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("Compose", 1.0, |reader| Ok(Box::new(Sequence(stages(reader)?)))),
    ("Sequential", 0.5, |reader| Ok(Box::new(Sequence(stages(reader)?)))),
    ("OneOf", 0.5, |reader| Ok(Box::new(OneOf(stages(reader)?)))),
    ("SomeOf", 1.0, |reader| Ok(Box::new(SomeOf::read(reader, true)?))),
    ("RandomOrder", 1.0, |reader| Ok(Box::new(SomeOf::read(reader, false)?))),
];

fn stages(reader: &mut Reader<'_>) -> Result<Vec<Stage>, Error> {
    // Keys that albumentations writes for its other targets, its own seeding and its checks.
    reader.accept(&[
        "bbox_params",
        "keypoint_params",
        "additional_targets",
        "is_check_shapes",
        "mask_interpolation",
        "seed",
        "save_applied_params",
    ]);
    let stages = reader.steps("transforms")?.iter().map(Stage::compile).collect::<Result<Vec<_>, _>>()?;
    if stages.is_empty() {
        return Err(reader.refuse("transforms is empty"));
    }
    Ok(stages)
}

fn all_exact(stages: &[Stage]) -> bool {
    stages.iter().all(|stage| stage.transform.is_exact())
}

/// All, in order, each with its own probability.
#[derive(Debug)]
struct Sequence(Vec<Stage>);

impl Transform for Sequence {
    fn is_exact(&self) -> bool {
        all_exact(&self.0)
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        self.0.iter().try_fold(view, |view, stage| stage.view(view, draw))
    }

    fn apply_beside(&self, sample: &mut Sample, draw: &mut Draw, other: Other<'_>) -> Result<(), Error> {
        self.0.iter().try_for_each(|stage| stage.apply(sample, draw, other))
    }
}

/// One of them for certain, as likely as its `p` is to the sum of all.
#[derive(Debug)]
struct OneOf(Vec<Stage>);

impl OneOf {
    fn choose(&self, draw: &mut Draw) -> &Stage {
        let total: f64 = self.0.iter().map(|stage| stage.p).sum();
        let mut rest = draw.unit() * total;
        for stage in &self.0 {
            rest -= stage.p;
            if rest < 0.0 {
                return stage;
            }
        }
        &self.0[self.0.len() - 1]
    }
}

impl Transform for OneOf {
    fn is_exact(&self) -> bool {
        all_exact(&self.0)
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        let chosen = self.choose(draw);
        chosen.transform.view(view, draw)
    }

    fn apply_beside(&self, sample: &mut Sample, draw: &mut Draw, other: Other<'_>) -> Result<(), Error> {
        let chosen = self.choose(draw);
        chosen.transform.apply_beside(sample, draw, other)
    }
}

/// `n` of them, each with its own probability: `SomeOf` in the order written, `RandomOrder` in any.
#[derive(Debug)]
struct SomeOf {
    stages: Vec<Stage>,
    n: usize,
    replace: bool,
    in_order: bool,
}

impl SomeOf {
    fn read(reader: &mut Reader<'_>, in_order: bool) -> Result<SomeOf, Error> {
        let stages = stages(reader)?;
        let n = if reader.value("n").is_some() { reader.pixels("n")? } else { 1 };
        let replace = reader.flag("replace", false)?;
        if n > stages.len() && !replace {
            return Err(reader.wrong("n", "at most the number of transforms"));
        }
        Ok(SomeOf { stages, n, replace, in_order })
    }

    fn choose(&self, draw: &mut Draw) -> Vec<usize> {
        let count = self.stages.len();
        let mut chosen: Vec<usize> = if self.replace {
            (0..self.n).map(|_| draw.below(count as u64) as usize).collect()
        } else {
            let mut all: Vec<usize> = (0..count).collect();
            draw.shuffle(&mut all);
            all[..self.n].to_vec()
        };
        if self.in_order {
            chosen.sort_unstable();
        }
        chosen
    }
}

impl Transform for SomeOf {
    fn is_exact(&self) -> bool {
        all_exact(&self.stages)
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        self.choose(draw).into_iter().try_fold(view, |view, at| self.stages[at].view(view, draw))
    }

    fn apply_beside(&self, sample: &mut Sample, draw: &mut Draw, other: Other<'_>) -> Result<(), Error> {
        self.choose(draw).into_iter().try_for_each(|at| self.stages[at].apply(sample, draw, other))
    }
}
