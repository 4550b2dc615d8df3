//! In what order an epoch is read: near windows close together, so that blocks are used while they lie in the cache.

use super::Chip;
use crate::draw::{Draw, Purpose};

/// Side of the squares of pixels that are visited together.
const NEIGHBOURHOOD_PX: i64 = 1024;

/// Brings chips that lie near each other together, neighbourhoods of all scenes in random order, then shuffles each run of
/// `horizon` chips: what a run needs is a few neighbourhoods, which are read once and then lie in the cache.
pub(super) fn order(chips: &mut [Chip], horizon: usize, seed: u64, epoch: u64) {
    if chips.len() <= horizon {
        return;
    }
    let place = |chip: &Chip| {
        let side = |at: i64| at.div_euclid(NEIGHBOURHOOD_PX);
        (chip.scene, side(chip.window.row_px), side(chip.window.col_px))
    };
    let mut places: Vec<_> = chips.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    let mut rank: Vec<usize> = (0..places.len()).collect();
    let mut draw = Draw::new(seed, Purpose::Order, epoch, 1);
    draw.shuffle(&mut rank);
    chips.sort_by_cached_key(|chip| places.binary_search(&place(chip)).map_or(usize::MAX, |at| rank[at]));
    chips.chunks_mut(horizon).for_each(|run| draw.shuffle(run));
}

#[cfg(test)]
mod tests {
    use swath_raster::Window;

    use super::super::chip;
    use super::*;

    #[test]
    fn an_epoch_in_runs_is_a_permutation_and_each_run_stays_in_few_neighbourhoods() {
        // Sixteen neighbourhoods in each of two scenes, 64 windows in each: a run of 128 fills two of them, or parts of three.
        let at = |i: u64| Window::new((i % 64) as i64 * 64, (i / 64 % 64) as i64 * 64, 256, 256);
        let all: Vec<Chip> = (0..2 * 4096).map(|i| chip((i / 4096) as usize, at(i), i)).collect();
        let (mut chips, horizon) = (all.clone(), 128);
        order(&mut chips, horizon, 7, 0);
        for run in chips.chunks(horizon) {
            let side = |at: i64| at / NEIGHBOURHOOD_PX;
            let mut places: Vec<_> =
                run.iter().map(|c| (c.scene, side(c.window.row_px), side(c.window.col_px))).collect();
            places.sort_unstable();
            places.dedup();
            assert!(places.len() <= 3, "{} neighbourhoods in a run", places.len());
            assert!(run.windows(2).any(|pair| pair[0].index > pair[1].index), "a run is shuffled");
        }
        chips.sort_unstable_by_key(|chip| chip.index);
        assert_eq!(chips, all);
    }
}
