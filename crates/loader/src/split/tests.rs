use ndarray::Array2;
use proptest::prelude::*;
use swath_raster::{Affine, Crs, Grid, Window};

use super::*;
use crate::plan::Plan;
use crate::recipe::{OnSmall, Recipe};

fn grid(epsg: u32, x: f64, y: f64, resolution: f64, width_px: usize, height_px: usize) -> Grid {
    let crs = Some(Crs::from_epsg(epsg).unwrap());
    Grid { crs, transform: Affine::north_up(x, y, resolution, resolution), width_px, height_px }
}

fn split(grids: &[Grid], split: &Split) -> Vec<Parts> {
    let ids: Vec<String> = (0..grids.len()).map(|i| format!("{i:03}")).collect();
    let placed: Vec<Placed<'_>> =
        grids.iter().zip(&ids).map(|(grid, id)| Placed { id, grid, declared: None }).collect();
    divide(&placed, split).unwrap()
}

fn blocks(block_px: usize, seed: u64) -> Split {
    Split::Blocks { fractions: Fractions { train: 0.6, validate: 0.2, test: 0.2 }, block_px, seed }
}

/// The part of the pixel under a place, if the image has it.
fn part_at(grid: &Grid, parts: &Parts, x: f64, y: f64) -> Option<Part> {
    let (col, row) = grid.transform.invert().unwrap().apply(x, y);
    let pixel = Window::new(col.floor() as i64, row.floor() as i64, 1, 1);
    PARTS.into_iter().find(|part| parts.holds(*part, &pixel))
}

proptest! {
    #[test]
    fn the_same_ground_is_in_the_same_part_in_every_image(
        seed in 0u64..50, block_px in 5usize..60, dx in -80i64..80, dy in -80i64..80, factor in 1usize..4,
    ) {
        let first = grid(32631, 500_000.0, 4_700_000.0, 10.0, 120, 90);
        // Another date, moved by whole pixels, in pixels `factor` times as large.
        let resolution = 10.0 * factor as f64;
        let x = 500_000.0 + dx as f64 * 10.0;
        let second = grid(32631, x, 4_700_000.0 + dy as f64 * 10.0, resolution, 100, 110);
        let grids = [first, second];
        let parts = split(&grids, &blocks(block_px, seed));
        for row in 0..90 {
            for col in 0..120 {
                let (x, y) = grids[0].pixel_centre(row, col);
                let (one, other) = (part_at(&grids[0], &parts[0], x, y), part_at(&grids[1], &parts[1], x, y));
                prop_assert!(one.is_some());
                // A larger pixel goes where its centre is; ground within half of it from a line may be on the other side.
                if factor == 1 && other.is_some() {
                    prop_assert_eq!(one, other);
                }
            }
        }
    }

    #[test]
    fn training_windows_hold_training_pixels_only(
        seed in 0u64..50, block_px in 8usize..40, window_px in 1usize..24, pad in any::<bool>(),
    ) {
        let grids = [grid(32631, 500_000.0, 4_700_000.0, 10.0, 75, 64)];
        let parts = split(&grids, &blocks(block_px, seed));
        let on_small = if pad { OnSmall::Pad } else { OnSmall::Skip };
        let recipe = Recipe { classes: vec!["a".into()], window_px, on_small, samples: Some(50), ..Recipe::default() };
        let Ok(plan) = Plan::training(&parts, &recipe) else { return Ok(()) };
        let fits = parts[0].rectangles(Part::Train).iter().any(|r| r.width_px >= window_px && r.height_px >= window_px);
        for chip in plan.epoch(seed, 0) {
            prop_assert!(!fits || parts[0].holds(Part::Train, &chip.window), "{:?}", chip.window);
            prop_assert!(!parts[0].pieces(Part::Train, &chip.window).is_empty());
        }
    }

    #[test]
    fn parts_and_evaluation_cover_each_pixel_once(seed in 0u64..50, block_px in 8usize..40, window_px in 3usize..50) {
        let grids = [grid(32631, 500_000.0, 4_700_000.0, 10.0, 75, 64)];
        let parts = split(&grids, &blocks(block_px, seed));
        let mut count = Array2::<u8>::zeros((64, 75));
        let recipe = Recipe { classes: vec!["a".into()], window_px, ..Recipe::default() };
        for part in PARTS {
            let Ok(chips) = Plan::evaluation(&parts, part, &recipe) else { continue };
            for piece in chips.iter().flat_map(|chip| parts[0].pieces(part, &chip.scored)) {
                for row in piece.row_px..piece.end_row_px() {
                    for col in piece.col_px..piece.end_col_px() {
                        count[[row as usize, col as usize]] += 1;
                    }
                }
            }
        }
        prop_assert!(count.iter().all(|&n| n == 1));
    }
}

#[test]
fn overlapping_zones_agree_on_the_ground_that_both_see() {
    // Near longitude 6 E, where UTM zones 31 and 32 meet and Sentinel-2 tiles of both overlap.
    let to_32 =
        swath_raster::Transformer::new(&Crs::from_epsg(32631).unwrap(), &Crs::from_epsg(32632).unwrap()).unwrap();
    let west = grid(32631, 720_000.0, 4_900_000.0, 20.0, 600, 600);
    let (x, y) = to_32.apply(724_000.0, 4_898_000.0).unwrap();
    let east = grid(32632, x, y, 20.0, 600, 600);
    let parts = split(&[west.clone(), east.clone()], &blocks(100, 3));
    let (mut compared, mut unused) = (0, 0);
    for row in (0..600).step_by(7) {
        for col in (0..600).step_by(7) {
            let (x, y) = west.pixel_centre(row, col);
            let here = part_at(&west, &parts[0], x, y);
            let (x, y) = to_32.apply(x, y).unwrap();
            let (col, row) = east.transform.invert().unwrap().apply(x, y);
            if col < 0.0 || row < 0.0 || col >= 600.0 || row >= 600.0 {
                continue;
            }
            match part_at(&east, &parts[1], x, y) {
                Some(there) => {
                    compared += 1;
                    assert_eq!(here, Some(there));
                }
                None => unused += 1,
            }
        }
    }
    // Cells of 32 px that a line between parts crosses are left out: with blocks of 100 px about half of the ground.
    assert!(compared > 1000 && unused < 2 * compared, "{compared} compared, {unused} unused");
}

#[test]
fn shares_are_kept_and_no_part_goes_empty() {
    assert_eq!(share_out(10, [0.7, 0.15, 0.15]), [7, 2, 1]);
    assert_eq!(share_out(4, [0.9, 0.05, 0.05]), [2, 1, 1]);
    assert_eq!(share_out(1, [0.5, 0.0, 0.5]).iter().sum::<usize>(), 1);
    let fractions = Fractions { train: 0.6, validate: 0.2, test: 0.2 };
    let grids = [grid(32631, 0.0, 4_700_000.0, 10.0, 1000, 1000)];
    let parts = split(&grids, &Split::Blocks { fractions, block_px: 100, seed: 1 });
    assert_eq!(PARTS.map(|part| parts[0].area_px(part)), [600_000, 200_000, 200_000]);
}

#[test]
fn halves_follow_the_axis_and_skip_empty_shares() {
    let grids = [grid(32631, 0.0, 4_700_000.0, 10.0, 90, 100)];
    let north = Split::Halves { axis: Axis::NorthSouth, fractions: Fractions { train: 0.6, validate: 0.0, test: 0.4 } };
    let parts = split(&grids, &north);
    assert_eq!(parts[0].rectangles(Part::Train), [Window::new(0, 0, 90, 60)]);
    assert_eq!(parts[0].rectangles(Part::Test), [Window::new(0, 60, 90, 40)]);
    assert!(parts[0].rectangles(Part::Validate).is_empty());
}

#[test]
fn an_item_without_a_declared_part_is_named() {
    let grid = grid(32631, 0.0, 4_700_000.0, 10.0, 9, 9);
    let error = divide(&[Placed { id: "chip 7", grid: &grid, declared: None }], &Split::MlAoi).unwrap_err();
    assert!(error.to_string().contains("chip 7"), "{error}");
}
