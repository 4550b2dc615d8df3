//! What the sensor makes of the light that reaches it: blur, coarser bands, noise, counts.

use ndarray::{Array2, Array3};

use super::noise::Noise;
use super::spectra::{BAND_COUNT, BANDS, Spectrum};
use super::{OFFSET, SCALE};

/// Pixels that [`counts`] needs around the image: one for the blur and one to keep 2 x 2 blocks whole.
pub(super) const MARGIN: usize = 2;

/// The counts `[band, row, col]` for reflectances `[row, col]` that have [`MARGIN`] pixels more on every side.
/// `noise` must differ from one visit to the next.
pub(super) fn counts(light: &Array2<Spectrum>, noise: Noise) -> Array3<u16> {
    let (rows, cols) = (light.nrows() - 2 * MARGIN, light.ncols() - 2 * MARGIN);
    let blurred = Array2::from_shape_fn((rows, cols), |(row, col)| blur(light, row + MARGIN, col + MARGIN));
    Array3::from_shape_fn((BAND_COUNT, rows, cols), |(band, row, col)| {
        let (value, at) = match BANDS[band].coarse {
            false => (blurred[[row, col]][band], [row, col]),
            // One pixel of 20 m over four of 10 m, noise and all.
            true => (block(&blurred, row, col, band), [row / 2, col / 2]),
        };
        let grain = noise.fork(band as u64).normal(at[1] as i64, at[0] as i64);
        // Noise of 0.001 and 1.5 % is near what the instrument's signal-to-noise ratios and the atmospheric
        // correction leave.
        let noisy = value + grain * (0.001 + 0.015 * value);
        ((noisy - OFFSET) / SCALE + 0.5).floor().clamp(1.0, 65_535.0) as u16
    })
}

/// A pixel's share of itself and its neighbours, 1-6-1 in each direction: the sensor's point spread.
fn blur(light: &Array2<Spectrum>, row: usize, col: usize) -> Spectrum {
    const WEIGHTS: [f64; 3] = [0.125, 0.75, 0.125];
    let mut sum = [0.0; BAND_COUNT];
    for (dr, wr) in WEIGHTS.iter().enumerate() {
        for (dc, wc) in WEIGHTS.iter().enumerate() {
            let neighbour = &light[[row + dr - 1, col + dc - 1]];
            sum.iter_mut().zip(neighbour).for_each(|(sum, value)| *sum += wr * wc * value);
        }
    }
    sum
}

/// The mean of the 2 x 2 block that a pixel belongs to; a block cut by the image's edge is the part within.
fn block(light: &Array2<Spectrum>, row: usize, col: usize, band: usize) -> f64 {
    let (row, col) = (row & !1, col & !1);
    let block = light.slice(ndarray::s![row..(row + 2).min(light.nrows()), col..(col + 2).min(light.ncols())]);
    block.iter().map(|spectrum| spectrum[band]).sum::<f64>() / block.len() as f64
}
