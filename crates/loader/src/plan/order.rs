//! In what order an epoch is read: each image swept from one side to the other, several images in turn, shuffled within a
//! bounded horizon. A block is needed for as long as the sweep passes over it and not again, so that it is decoded once.
//!
//! ```text
//! stripe   all chips of an image, or of a part of it that is no higher than STRIPE_PX, in the order of a sweep along it
//! lane     stripes one after the other; `interleave` lanes are read in turn and end together
//! run      `horizon` chips of that sequence, shuffled
//! ```
//! Where several processes share an epoch, each has a stretch of all stripes put behind each other: its blocks are no other's,
//! but for the columns at which stretches meet.
//!
//! What a run needs is a piece of each lane: of blocks as much ground as its windows cover, and the columns that the sweep is in.

use super::{Chip, Share};
use crate::draw::{Draw, Purpose};

/// Highest stripe across the sweep, in pixels: half a Sentinel-2 scene. A lane needs two or three columns of blocks of this
/// height at a time; at its lower edge the blocks under a window are needed by the next stripe as well.
const STRIPE_PX: i64 = 5632;

/// How an epoch is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) horizon: usize,
    pub(super) interleave: usize,
    pub(super) share: Share,
}

/// Puts the chips of an epoch in the order in which they are read: a permutation of its share, fixed by seed and epoch.
pub(super) fn order(chips: &mut Vec<Chip>, reading: Reading, seed: u64, epoch: u64) {
    let Reading { horizon, interleave, share } = reading;
    if chips.len() <= horizon && share.is_whole() {
        return;
    }
    let mut draw = Draw::new(seed, Purpose::Order, epoch, 1);
    let mut stripes = stripes(std::mem::take(chips), &mut draw);
    if !share.is_whole() {
        // Each epoch gives each process other ground.
        draw.shuffle(&mut stripes);
        stripes = share.of_rows(stripes);
    }
    // Fewer stripes than lanes are cut across their sweep, so that a batch of one image too comes from several places.
    while stripes.len() < interleave {
        let Some(longest) = (0..stripes.len()).max_by_key(|&at| stripes[at].len()) else { break };
        if stripes[longest].len() < 2 {
            break;
        }
        let half = stripes[longest].len() / 2;
        let rest = stripes[longest].split_off(half);
        stripes.push(rest);
    }
    draw.shuffle(&mut stripes);
    *chips = in_turn(&lanes(stripes, interleave));
    chips.chunks_mut(horizon).for_each(|run| draw.shuffle(run));
}

/// The chips of each stripe in the order of its sweep, from a side that is drawn for each image.
fn stripes(mut chips: Vec<Chip>, draw: &mut Draw) -> Vec<Vec<Chip>> {
    chips.sort_by_key(|chip| (chip.scene, chip.index));
    let mut stripes = Vec::new();
    for scene in chips.chunk_by(|a, b| a.scene == b.scene) {
        let (is_vertical, is_backward) = (draw.below(2) == 1, draw.below(2) == 1);
        let along = |chip: &Chip| if is_vertical { chip.window.row_px } else { chip.window.col_px };
        let across = |chip: &Chip| if is_vertical { chip.window.col_px } else { chip.window.row_px };
        let first = scene.iter().map(across).min().unwrap_or(0);
        let extent = scene.iter().map(across).max().unwrap_or(0) - first + 1;
        // Equal heights rather than full ones and a rest.
        let height = extent.div_euclid(((extent + STRIPE_PX - 1) / STRIPE_PX).max(1)) + 1;
        let stripe = |chip: &Chip| (across(chip) - first) / height;
        let mut scene = scene.to_vec();
        scene.sort_by_key(|chip| (stripe(chip), if is_backward { -along(chip) } else { along(chip) }, chip.index));
        stripes.extend(scene.chunk_by(|a, b| stripe(a) == stripe(b)).map(<[Chip]>::to_vec));
    }
    stripes
}

/// Stripes put behind each other in `interleave` lanes of much the same length.
fn lanes(stripes: Vec<Vec<Chip>>, interleave: usize) -> Vec<Vec<Chip>> {
    let mut lanes: Vec<Vec<Chip>> = vec![Vec::new(); interleave.clamp(1, stripes.len().max(1))];
    for stripe in stripes {
        if let Some(shortest) = lanes.iter_mut().min_by_key(|lane| lane.len()) {
            shortest.extend(stripe);
        }
    }
    lanes
}

/// One chip of a lane after the other, each time of that which has come least far.
fn in_turn(lanes: &[Vec<Chip>]) -> Vec<Chip> {
    // The middle of a chip's share of its lane, in units of 2^-64 of the lane.
    let mut order: Vec<(u128, usize, usize)> = Vec::new();
    for (number, lane) in lanes.iter().enumerate() {
        let length = lane.len() as u128;
        order.extend((0..lane.len()).map(|at| ((((2 * at + 1) as u128) << 64) / (2 * length), number, at)));
    }
    order.sort_unstable();
    order.into_iter().map(|(_, number, at)| lanes[number][at]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use swath_raster::Window;

    use super::super::chip;
    use super::*;

    fn reading(horizon: usize, interleave: usize) -> Reading {
        Reading { horizon, interleave, share: Share::WHOLE }
    }

    /// Windows of 256 px at random in scenes of 5,120 px.
    fn epoch(scenes: u64, samples: u64) -> Vec<Chip> {
        let mut draw = Draw::new(3, Purpose::Window, 0, 0);
        let mut at = || draw.below(5120 - 256) as i64;
        (0..samples).map(|i| chip((i % scenes) as usize, Window::new(at(), at(), 256, 256), i)).collect()
    }

    /// Blocks of 512 px under some chips.
    fn blocks<'a>(chips: impl IntoIterator<Item = &'a Chip>) -> BTreeSet<(usize, i64, i64)> {
        let under = |chip: &Chip| {
            let (w, scene) = (chip.window, chip.scene);
            let rows = w.row_px / 512..=(w.end_row_px() - 1) / 512;
            rows.flat_map(move |row| (w.col_px / 512..=(w.end_col_px() - 1) / 512).map(move |col| (scene, row, col)))
        };
        chips.into_iter().flat_map(|chip| under(chip).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn an_epoch_is_a_permutation() {
        for (scenes, samples, horizon, interleave) in
            [(1, 900, 64, 4), (8, 2000, 256, 4), (300, 600, 100, 8), (3, 500, 1, 1)]
        {
            let all = epoch(scenes, samples);
            let mut chips = all.clone();
            order(&mut chips, reading(horizon, interleave), 7, 0);
            assert_ne!(chips, all);
            chips.sort_unstable_by_key(|chip| chip.index);
            assert_eq!(chips, all);
        }
    }

    #[test]
    fn blocks_are_needed_in_one_stretch_of_the_epoch() {
        let mut chips = epoch(8, 2000);
        order(&mut chips, reading(128, 4), 7, 0);
        // Read run by run, with a cache that holds what two runs in a row need, each block is brought once.
        let (mut held, mut brought) = (BTreeSet::new(), 0);
        for run in chips.chunks(128) {
            let needed = blocks(run);
            brought += needed.difference(&held).count();
            held = needed;
        }
        let all = blocks(&chips).len();
        assert!(brought as f64 <= 1.02 * all as f64, "{brought} for {all}");
    }

    #[test]
    fn processes_that_share_an_epoch_need_few_blocks_in_common() {
        for (scenes, world) in [(8, 2), (8, 4), (1, 4), (3, 5)] {
            let all = epoch(scenes, 2000);
            let (mut needed, mut read) = (0, Vec::new());
            for rank in 0..world {
                let mut chips = all.clone();
                order(&mut chips, Reading { share: Share { rank, world }, ..reading(128, 4) }, 7, 0);
                needed += blocks(&chips).len();
                read.extend(chips);
            }
            // Two stretches meet in one column of 10 blocks or, as windows reach beyond it, in two.
            let most = blocks(&all).len() + 20 * (world - 1);
            assert!(needed <= most, "{scenes} scenes, {world} processes: {needed} blocks, {most} at most");
            read.sort_unstable_by_key(|chip| chip.index);
            assert_eq!(read, all);
        }
    }

    #[test]
    fn every_batch_mixes_images_and_places() {
        let mut chips = epoch(8, 2000);
        order(&mut chips, reading(128, 4), 7, 0);
        let (mut scenes, mut places) = (0, 0);
        for batch in chips.chunks(16) {
            scenes += batch.iter().map(|chip| chip.scene).collect::<BTreeSet<_>>().len();
            let place = |chip: &Chip| (chip.scene, chip.window.row_px / 1024, chip.window.col_px / 1024);
            places += batch.iter().map(place).collect::<BTreeSet<_>>().len();
        }
        // Batches of 16: four images and more than a dozen squares of 1,024 px in nearly every one.
        assert!(scenes >= 125 * 38 / 10, "{scenes} images in 125 batches");
        assert!(places >= 125 * 12, "{places} squares in 125 batches");
        // Lanes end together: the last run still mixes all of them.
        assert!(chips[2000 - 100..].iter().map(|chip| chip.scene).collect::<BTreeSet<_>>().len() >= 4);
    }

    #[test]
    fn one_image_is_read_in_several_places_at_a_time() {
        let mut chips = epoch(1, 2000);
        order(&mut chips, reading(64, 4), 7, 0);
        for run in chips.chunks(64) {
            let mut cols: Vec<i64> = run.iter().map(|chip| chip.window.col_px.max(chip.window.row_px)).collect();
            cols.sort_unstable();
            assert!(cols[cols.len() - 1] - cols[0] > 2000);
        }
    }
}
