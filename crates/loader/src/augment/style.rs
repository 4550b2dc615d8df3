//! Augmentations that lend a sample the look of other ground: histogram matching, and the low frequencies of another image.
//!
//! The other sample is a training window of another scene (of the same one where there is only one), chosen by the draw.
//! Invalid pixels have no look: they are left out of histograms, and stand at the mean of their band in a spectrum.

use std::f64::consts::TAU;

use ndarray::{Array2, ArrayView2, Zip};

use super::parameters::Reader;
use super::resize::{Method, resize_plane};
use super::{Entry, Other, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("HistogramMatching", 0.5, |reader| Ok(Box::new(HistogramMatching::read(reader)?))),
    ("FDA", 0.5, |reader| Ok(Box::new(FourierAdaptation::read(reader)?))),
];

fn same(value: f64) -> (f64, f64) {
    (value, value)
}

/// Each band given the distribution of values of another sample, then blended with what it was.
#[derive(Debug)]
struct HistogramMatching {
    blend: (f64, f64),
}

impl HistogramMatching {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["metadata_key"]);
        let blend = reader.range("blend_ratio", (0.5, 1.0), same)?;
        match (0.0..=1.0).contains(&blend.0) && blend.1 <= 1.0 {
            true => Ok(Self { blend }),
            false => Err(reader.wrong("blend_ratio", "shares in 0..=1")),
        }
    }
}

impl Transform for HistogramMatching {
    fn apply_beside(&self, sample: &mut Sample, draw: &mut Draw, other: Other<'_>) -> Result<(), Error> {
        let blend = draw.uniform(self.blend.0, self.blend.1) as f32;
        let reference = other(draw)?;
        sample.settle();
        let domain = sample.domain;
        for (mut plane, theirs) in sample.image.outer_iter_mut().zip(reference.image.outer_iter()) {
            let own = Quantiles::of(plane.view(), &sample.valid);
            let their = Quantiles::of(theirs, &reference.valid);
            if own.values.is_empty() || their.values.is_empty() {
                continue;
            }
            let matched: Vec<f32> = own.shares.iter().map(|&share| their.value_at(share)).collect();
            Zip::from(&mut plane).and(&sample.valid).for_each(|value, &valid| {
                if valid {
                    let matched = matched[own.values.partition_point(|known| known < value).min(matched.len() - 1)];
                    *value = domain.settle(domain.interpolated(matched) * blend + *value * (1.0 - blend));
                }
            });
        }
        Ok(())
    }
}

/// The values that occur in a band, ascending, and the share of pixels that do not exceed each.
struct Quantiles {
    values: Vec<f32>,
    shares: Vec<f64>,
}

impl Quantiles {
    fn of(plane: ArrayView2<'_, f32>, valid: &Array2<bool>) -> Quantiles {
        let pairs = plane.iter().zip(valid).filter(|(value, valid)| **valid && !value.is_nan());
        let mut all: Vec<f32> = pairs.map(|(value, _)| *value).collect();
        all.sort_unstable_by(f32::total_cmp);
        let (mut values, mut shares): (Vec<f32>, Vec<f64>) = (Vec::new(), Vec::new());
        for (index, &value) in all.iter().enumerate() {
            let share = (index + 1) as f64 / all.len() as f64;
            match shares.last_mut().filter(|_| values.last() == Some(&value)) {
                Some(last) => *last = share,
                None => {
                    values.push(value);
                    shares.push(share);
                }
            }
        }
        Quantiles { values, shares }
    }

    /// The value below which a share of the pixels lies, linear in between.
    fn value_at(&self, share: f64) -> f32 {
        let above = self.shares.partition_point(|&known| known < share);
        if above == 0 || above == self.shares.len() {
            return self.values[above.min(self.values.len() - 1)];
        }
        let (low, high) = (self.shares[above - 1], self.shares[above]);
        let (from, to) = (f64::from(self.values[above - 1]), f64::from(self.values[above]));
        (from + (to - from) * (share - low) / (high - low)) as f32
    }
}

/// Fourier domain adaptation (Yang and Soatto 2020): the amplitudes of the lowest frequencies are those of another sample,
/// the phases stay.
#[derive(Debug)]
struct FourierAdaptation {
    beta: (f64, f64),
}

/// Largest part of the shorter side that the changed frequencies may reach from the centre: all of them.
const MAX_BETA: f64 = 0.5;

impl FourierAdaptation {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.accept(&["metadata_key"]);
        let beta = reader.range("beta_limit", (0.0, 0.1), |limit| (0.0, limit))?;
        match (0.0..=MAX_BETA).contains(&beta.0) && beta.1 <= MAX_BETA {
            true => Ok(Self { beta }),
            false => Err(reader.wrong("beta_limit", "parts of the side in 0..=0.5")),
        }
    }
}

impl Transform for FourierAdaptation {
    fn apply_beside(&self, sample: &mut Sample, draw: &mut Draw, other: Other<'_>) -> Result<(), Error> {
        let beta = draw.uniform(self.beta.0, self.beta.1);
        let reference = other(draw)?;
        sample.settle();
        let (height, width) = sample.label.dim();
        let border = (height.min(width) as f64 * beta).floor();
        let (rows, cols) = (lowest(height, border), lowest(width, border));
        let domain = sample.domain;
        for (mut plane, theirs) in sample.image.outer_iter_mut().zip(reference.image.outer_iter()) {
            let theirs = levelled(theirs, &reference.valid);
            let theirs = resize_plane(theirs.view(), height, width, Method::Linear);
            let change = exchanged(&levelled(plane.view(), &sample.valid), &theirs, &rows, &cols);
            Zip::from(&mut plane).and(&change).and(&sample.valid).for_each(|value, change, valid| {
                if *valid {
                    *value = domain.settle((f64::from(*value) + change) as f32);
                }
            });
        }
        Ok(())
    }
}

/// The frequencies of one axis that are exchanged, as albumentations counts them: those up to `border` places from the middle
/// of the shifted spectrum, which lies between two of them where the length is even.
fn lowest(length: usize, border: f64) -> Vec<i64> {
    let centre = length as f64 / 2.0 - 0.5;
    let (first, end) = ((centre - border).max(0.0) as i64, ((centre + border) as i64).min(length as i64));
    (first..end).map(|place| place - (length / 2) as i64).collect()
}

/// A band with the mean of its valid pixels where there are none.
fn levelled(plane: ArrayView2<'_, f32>, valid: &Array2<bool>) -> Array2<f32> {
    let known = plane.iter().zip(valid).filter(|(_, valid)| **valid);
    let (sum, count) = known.fold((0.0f64, 0u32), |(sum, count), (value, _)| (sum + f64::from(*value), count + 1));
    let mean = if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 };
    let mut levelled = plane.to_owned();
    levelled.zip_mut_with(valid, |value, valid| *value = if *valid { *value } else { mean });
    levelled
}

type Complex = (f64, f64);

/// What a band gains when its amplitudes at the given frequencies become those of another.
fn exchanged(own: &Array2<f32>, theirs: &Array2<f32>, rows: &[i64], cols: &[i64]) -> Array2<f64> {
    let (height, width) = own.dim();
    let (down, across) = (waves(rows, height), waves(cols, width));
    let (mut spectrum, theirs) = (spectrum(own, &down, &across), spectrum(theirs, &down, &across));
    for (own, their) in spectrum.iter_mut().zip(&theirs) {
        let (amplitude, wanted) = (own.0.hypot(own.1), their.0.hypot(their.1));
        *own = match amplitude > 0.0 {
            true => (own.0 * (wanted / amplitude - 1.0), own.1 * (wanted / amplitude - 1.0)),
            false => (wanted, 0.0),
        };
    }
    // Back again, rows of frequencies first; the conjugate waves are those of the inverse.
    let mut partial = Array2::from_elem((rows.len(), width), (0.0, 0.0));
    for ((i, j), &(re, im)) in spectrum.indexed_iter() {
        for (sum, &(cos, sin)) in partial.row_mut(i).iter_mut().zip(across.row(j)) {
            *sum = (sum.0 + re * cos + im * sin, sum.1 + im * cos - re * sin);
        }
    }
    let mut change = Array2::zeros((height, width));
    for (i, line) in partial.outer_iter().enumerate() {
        for (mut out, &(cos, sin)) in change.outer_iter_mut().zip(down.row(i)) {
            out.iter_mut().zip(line).for_each(|(out, &(re, im))| *out += re * cos + im * sin);
        }
    }
    change.mapv_into(|value: f64| value / (height * width) as f64)
}

/// cos and sin of minus the phase of each frequency at each place.
fn waves(frequencies: &[i64], length: usize) -> Array2<Complex> {
    Array2::from_shape_fn((frequencies.len(), length), |(k, place)| {
        // The whole turns are taken off in whole numbers, so that the angle stays exact.
        let turns = (frequencies[k] * place as i64).rem_euclid(length as i64) as f64 / length as f64;
        let (sin, cos) = (TAU * turns).sin_cos();
        (cos, -sin)
    })
}

/// The discrete Fourier transform at some frequencies, columns first.
fn spectrum(plane: &Array2<f32>, down: &Array2<Complex>, across: &Array2<Complex>) -> Array2<Complex> {
    let lines = Array2::from_shape_fn((plane.dim().0, across.dim().0), |(row, k)| {
        let pairs = plane.row(row).into_iter().zip(across.row(k)).map(|(v, w): (&f32, &Complex)| (f64::from(*v), *w));
        pairs.fold((0.0, 0.0), |sum: Complex, (v, (cos, sin))| (sum.0 + v * cos, sum.1 + v * sin))
    });
    Array2::from_shape_fn((down.dim().0, across.dim().0), |(i, k)| {
        lines.column(k).into_iter().zip(down.row(i)).fold((0.0, 0.0), |sum: Complex, (&(re, im), &(cos, sin))| {
            (sum.0 + re * cos - im * sin, sum.1 + re * sin + im * cos)
        })
    })
}
