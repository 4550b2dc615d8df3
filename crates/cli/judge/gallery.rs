//! Samples worth looking at: those with the most wrong pixels, and some of the most varied ground, right or wrong.

use ndarray::{Array2, ArrayView2};
use swath_loader::{Chip, IGNORE};

/// One sample with truth and prediction.
#[derive(Debug, Clone)]
pub(crate) struct JudgedChip {
    /// Where it is.
    pub(crate) chip: Chip,
    /// Id of its image-and-label pair.
    pub(crate) item: String,
    /// Class values `[row, col]`; [`IGNORE`] where there is no truth.
    pub(crate) truth: Array2<u8>,
    /// Class values `[row, col]`.
    pub(crate) prediction: Array2<u8>,
    /// Pixels with a truth, and of these the wrong ones.
    pub(crate) wrong: [usize; 2],
}

/// The samples that were kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gallery {
    /// Those with the most wrong pixels, the worst first; none without a wrong pixel.
    pub(crate) worst: Vec<JudgedChip>,
    /// Those whose true classes are the most mixed, the most mixed first; the same ones whatever the network.
    pub(crate) varied: Vec<JudgedChip>,
}

impl Gallery {
    /// All of them.
    pub(crate) fn chips(&self) -> impl Iterator<Item = &JudgedChip> {
        self.worst.iter().chain(&self.varied)
    }

    /// The sample of the same place.
    pub(crate) fn find(&self, chip: &Chip) -> Option<&JudgedChip> {
        self.chips().find(|kept| is_same_place(&kept.chip, chip))
    }
}

fn is_same_place(a: &Chip, b: &Chip) -> bool {
    (a.scene, a.window) == (b.scene, b.window)
}

/// Chooses while samples pass by.
#[derive(Debug)]
pub(super) struct Choice {
    worst: Best,
    varied: Best,
    /// Where samples are kept whatever they are like, to show them beside another network's.
    wanted: Vec<Chip>,
    found: Vec<JudgedChip>,
}

impl Choice {
    /// `keep` of each kind, or those at the `wanted` places.
    pub(super) fn new(keep: usize, wanted: Vec<Chip>) -> Self {
        Self { worst: Best::new(keep), varied: Best::new(keep), wanted, found: Vec::new() }
    }

    /// Looks at one sample, all arrays `[row, col]`.
    pub(super) fn consider(
        &mut self,
        chip: Chip,
        item: &str,
        truth: ArrayView2<'_, u8>,
        prediction: ArrayView2<'_, u8>,
    ) {
        let judged = truth.iter().zip(&prediction).filter(|(truth, _)| **truth != IGNORE);
        let [known, wrong] = judged
            .fold([0, 0], |[known, wrong], (truth, prediction)| [known + 1, wrong + usize::from(truth != prediction)]);
        let kept = || JudgedChip {
            chip,
            item: item.to_owned(),
            truth: truth.to_owned(),
            prediction: prediction.to_owned(),
            wrong: [known, wrong],
        };
        if self.wanted.iter().any(|wanted| is_same_place(wanted, &chip)) {
            self.found.push(kept());
        }
        if wrong > 0 {
            self.worst.consider(wrong as f64, chip.scene, kept);
        }
        self.varied.consider(variety(truth), chip.scene, kept);
    }

    /// What was kept.
    pub(super) fn finish(self) -> Gallery {
        if !self.wanted.is_empty() {
            return Gallery { worst: self.found, varied: Vec::new() };
        }
        Gallery { worst: self.worst.finish(), varied: self.varied.finish() }
    }
}

/// The samples of the largest weight, of each image at most half of those kept.
#[derive(Debug)]
struct Best {
    keep: usize,
    kept: Vec<(f64, JudgedChip)>,
}

impl Best {
    fn new(keep: usize) -> Self {
        Self { keep, kept: Vec::new() }
    }

    fn consider(&mut self, weight: f64, scene: usize, chip: impl FnOnce() -> JudgedChip) {
        let is_own = |kept: &&(f64, JudgedChip)| kept.1.chip.scene == scene;
        let crowded = self.kept.iter().filter(is_own).count() >= self.keep.div_ceil(2).max(1);
        if crowded || self.kept.len() >= self.keep {
            let rivals = self.kept.iter().enumerate().filter(|(_, kept)| !crowded || is_own(kept));
            let least = rivals.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0)).map(|(index, kept)| (index, kept.0));
            match least {
                Some((index, least)) if least < weight => drop(self.kept.remove(index)),
                _ => return,
            }
        }
        self.kept.push((weight, chip()));
    }

    fn finish(mut self) -> Vec<JudgedChip> {
        self.kept.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.kept.into_iter().map(|(_, chip)| chip).collect()
    }
}

/// Entropy of the true classes, times the share of pixels that have one.
fn variety(truth: ArrayView2<'_, u8>) -> f64 {
    let mut counts = [0_u32; 256];
    truth.iter().for_each(|&class| counts[usize::from(class)] += 1);
    let known: u32 = counts[..usize::from(IGNORE)].iter().sum();
    let share = |count: u32| f64::from(count) / f64::from(known.max(1));
    let entropy: f64 = counts[..usize::from(IGNORE)]
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| -share(count) * share(count).ln())
        .sum();
    entropy * f64::from(known) / truth.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use swath_loader::Part;
    use swath_raster::Window;

    fn chip(scene: usize, row: i64) -> Chip {
        let window = Window::new(0, row, 2, 2);
        Chip { scene, window, scored: window, part: Part::Test, index: 0 }
    }

    #[test]
    fn a_mixed_chip_is_more_varied_than_a_plain_or_unknown_one() {
        let mixed = array![[0_u8, 1], [2, 1]];
        let plain = array![[1_u8, 1], [1, 1]];
        let unknown = array![[0_u8, 1], [IGNORE, IGNORE]];
        assert!(variety(mixed.view()) > variety(unknown.view()));
        assert!(variety(unknown.view()) > variety(plain.view()));
    }

    #[test]
    fn the_worst_come_first_and_no_image_crowds_out_the_others() {
        let truth = array![[0_u8, 0], [0, IGNORE]];
        let with_wrong = |wrong: usize| Array2::from_shape_fn((2, 2), |(row, col)| u8::from(2 * row + col < wrong));
        let mut choice = Choice::new(2, Vec::new());
        for (scene, row, wrong) in [(0, 0, 3), (0, 2, 2), (0, 4, 1), (1, 0, 1), (1, 2, 0)] {
            choice.consider(chip(scene, row), "item", truth.view(), with_wrong(wrong).view());
        }
        let gallery = choice.finish();
        let found: Vec<_> = gallery.worst.iter().map(|kept| (kept.chip.scene, kept.wrong)).collect();
        assert_eq!(found, [(0, [3, 3]), (1, [3, 1])]);
        assert_eq!(gallery.varied.len(), 2);
    }

    #[test]
    fn wanted_places_are_kept_whatever_they_are_like() {
        let truth = array![[0_u8, 0], [0, 0]];
        let mut choice = Choice::new(4, vec![chip(1, 2)]);
        for (scene, row) in [(0, 0), (1, 2)] {
            choice.consider(chip(scene, row), "item", truth.view(), truth.view());
        }
        let gallery = choice.finish();
        assert_eq!(gallery.chips().map(|kept| kept.chip.scene).collect::<Vec<_>>(), [1]);
        assert!(gallery.find(&chip(1, 2)).is_some() && gallery.find(&chip(0, 0)).is_none());
    }
}
