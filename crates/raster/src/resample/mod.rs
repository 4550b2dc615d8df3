//! To another grid: nearest, bilinear, cubic, average, mode. Pure; where the source pixels come from is `warp`'s business.

mod kernel;
mod mapping;
mod separable;

pub(crate) use mapping::{Exact, Mapping};

use crate::window::nodata_test;
use crate::{Grid, Pixels, Result, Sample, with_samples};
use kernel::Sampler;
use ndarray::{Array3, ArrayView2, Axis};
use separable::Separable;

/// How the value of a target pixel is made from source pixels.
///
/// Pixel centres are at half positions on both sides, as in GDAL's warper. Where the target is coarser, the kernels of
/// bilinear and cubic widen with the ratio, so that every source pixel counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resampling {
    /// The source pixel that the target pixel's centre lies in. For labels.
    Nearest,
    /// Weighted by distance over 2 by 2 source pixels.
    Bilinear,
    /// Cubic convolution (a = -0.5) over 4 by 4 source pixels.
    Cubic,
    /// Mean of the source pixels that the target pixel covers, weighted by area.
    Average,
    /// The value that most of the source pixels have that the target pixel touches. For labels.
    Mode,
}

impl Resampling {
    /// True where results are source values, never mixtures: what labels need.
    pub fn keeps_values(self) -> bool {
        matches!(self, Resampling::Nearest | Resampling::Mode)
    }

    /// Source pixels beyond a target position that may have weight, for `ratio` source pixels per target pixel.
    pub(crate) fn reach_px(self, ratio: f64) -> f64 {
        match self {
            Resampling::Nearest => 1.0,
            Resampling::Bilinear => ratio.max(1.0) + 1.0,
            Resampling::Cubic => 2.0 * ratio.max(1.0) + 1.0,
            Resampling::Average | Resampling::Mode => ratio + 1.0,
        }
    }
}

/// Values of `source` at the pixels of `target`, both in the same CRS; what has no source is nodata (or 0) and invalid.
///
/// Values that are `nodata`, or not `source.valid`, have no weight; a target pixel is invalid where nothing valid has any.
///
/// # Errors
/// [`Error::SingularTransform`](crate::Error::SingularTransform).
pub fn resample(source: &Pixels, target: &Grid, method: Resampling, nodata: Option<f64>) -> Result<Pixels> {
    let mapping = Mapping::affine(source.grid.crs_to_px()?.compose(&target.transform));
    Ok(apply(source, target, &mapping, method, nodata))
}

/// Values of `source` at the pixels of `target`, where `mapping` takes target to source pixel positions.
pub(crate) fn apply(
    source: &Pixels,
    target: &Grid,
    mapping: &Mapping,
    method: Resampling,
    nodata: Option<f64>,
) -> Pixels {
    with_samples!(&source.samples, array => apply_to(array, source.valid.as_ref(), target, mapping, method, nodata))
}

fn apply_to<T: Sample>(
    array: &Array3<T>,
    valid: Option<&Array3<bool>>,
    target: &Grid,
    mapping: &Mapping,
    method: Resampling,
    nodata: Option<f64>,
) -> Pixels {
    let shape = (array.dim().0, target.height_px, target.width_px);
    let mut out = Array3::from_elem(shape, nodata.map_or(T::default(), T::from_f64));
    let mut out_valid = Array3::from_elem(shape, false);
    let known = validity(array, valid, nodata);
    let scale = mapping.scale(target.width_px, target.height_px);
    let positions = Positions::new(method, target.width_px);
    let separable = Separable::new((array.dim().1, array.dim().2), target, mapping, method, scale);
    let mut single = Vec::new();
    for band in 0..shape.0 {
        let source = array.index_axis(Axis(0), band);
        let known: Option<ArrayView2<'_, bool>> = known.as_ref().map(|known| known.index_axis(Axis(0), band));
        let known = known.filter(|known| known.iter().any(|known| !known));
        match separable.as_ref().filter(|_| known.is_none()) {
            Some(separable) => {
                let mut sampler = Sampler::new(source, None, method, scale);
                let edge = |row, col| {
                    let (position, opposite) = positions.at(mapping, row, col);
                    sampler.at(position, opposite)
                };
                let (out, valid) = (out.index_axis_mut(Axis(0), band), out_valid.index_axis_mut(Axis(0), band));
                separable.fill(source, edge, out, valid);
            }
            None => single.push((band, Sampler::new(source, known, method, scale))),
        }
    }
    let mut lines = positions.lines();
    for row in 0..if single.is_empty() { 0 } else { target.height_px } {
        positions.fill(mapping, row, &mut lines);
        for (band, sampler) in &mut single {
            for col in 0..target.width_px {
                if let Some(value) = sampler.at(lines.0[col], lines.1[col]) {
                    out[(*band, row, col)] = value;
                    out_valid[(*band, row, col)] = true;
                }
            }
        }
    }
    Pixels { samples: T::wrap(out), valid: Some(out_valid), grid: target.clone() }
}

/// Which source values count; `None` where all do.
fn validity<T: Sample>(array: &Array3<T>, valid: Option<&Array3<bool>>, nodata: Option<f64>) -> Option<Array3<bool>> {
    let mut known = valid.cloned();
    if let Some(nodata) = nodata {
        let is_nodata = nodata_test::<T>(nodata);
        let known = known.get_or_insert_with(|| Array3::from_elem(array.dim(), true));
        known.zip_mut_with(array, |known, value| *known &= !is_nodata(*value));
    }
    if T::DTYPE.is_float() {
        // NaN would spread to every pixel that it has weight in.
        let known = known.get_or_insert_with(|| Array3::from_elem(array.dim(), true));
        known.zip_mut_with(array, |known, value| *known &= value.partial_cmp(value).is_some());
    }
    known
}

/// Which source positions a target row needs: centres, or for methods over areas the two corners of each pixel.
struct Positions {
    width_px: usize,
    are_areas: bool,
}

type Lines = (Vec<(f64, f64)>, Vec<(f64, f64)>);

impl Positions {
    fn new(method: Resampling, width_px: usize) -> Self {
        Positions { width_px, are_areas: matches!(method, Resampling::Average | Resampling::Mode) }
    }

    fn lines(&self) -> Lines {
        (vec![(0.0, 0.0); self.width_px], vec![(0.0, 0.0); self.width_px])
    }

    fn at(&self, mapping: &Mapping, row: usize, col: usize) -> ((f64, f64), (f64, f64)) {
        let (x, y) = (col as f64, row as f64);
        if self.are_areas {
            (mapping.at(x, y), mapping.at(x + 1.0, y + 1.0))
        } else {
            let centre = mapping.at(x + 0.5, y + 0.5);
            (centre, centre)
        }
    }

    fn fill(&self, mapping: &Mapping, row: usize, lines: &mut Lines) {
        let y = row as f64;
        if self.are_areas {
            mapping.line(0.0, y, &mut lines.0);
            mapping.line(1.0, y + 1.0, &mut lines.1);
        } else {
            mapping.line(0.5, y + 0.5, &mut lines.0);
            lines.1.copy_from_slice(&lines.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Affine, Samples};
    use ndarray::array;

    fn pixels(values: Array3<f32>) -> Pixels {
        let (_, height_px, width_px) = values.dim();
        let transform = Affine::north_up(0.0, height_px as f64, 1.0, 1.0);
        Pixels { samples: Samples::F32(values), valid: None, grid: Grid { crs: None, transform, width_px, height_px } }
    }

    fn values(pixels: &Pixels) -> Vec<f32> {
        pixels.samples.to_f32().into_raw_vec_and_offset().0
    }

    #[test]
    fn the_same_grid_gives_the_same_pixels() {
        let source = pixels(array![[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]);
        for method in
            [Resampling::Nearest, Resampling::Bilinear, Resampling::Average, Resampling::Mode, Resampling::Cubic]
        {
            let same = resample(&source, &source.grid, method, None).unwrap();
            assert_eq!(values(&same), values(&source), "{method:?}");
        }
    }

    #[test]
    fn bilinear_at_twice_the_resolution() {
        // Target centres at source positions 0.25, 0.75, 1.25, 1.75; source centres at 0.5 and 1.5. The first lies outside
        // the centres and keeps the edge value; the second has weights 0.75 and 0.25.
        let source = pixels(array![[[0.0, 4.0]]]);
        let finer = resample(&source, &source.grid.with_size(4, 1), Resampling::Bilinear, None).unwrap();
        assert_eq!(values(&finer), [0.0, 1.0, 3.0, 4.0]);
    }

    #[test]
    fn average_and_mode_weigh_by_area_and_leave_nodata_out() {
        let source = pixels(array![[[1.0, 1.0, 4.0, -9.0, -9.0, -9.0]]]);
        let target = source.grid.with_size(2, 1);
        let mean = resample(&source, &target, Resampling::Average, Some(-9.0)).unwrap();
        assert_eq!(values(&mean), [2.0, -9.0]);
        assert_eq!(mean.valid.unwrap().into_raw_vec_and_offset().0, [true, false]);
        let mode = resample(&source, &target, Resampling::Mode, Some(-9.0)).unwrap();
        assert_eq!(values(&mode), [1.0, -9.0]);
    }

    #[test]
    fn what_lies_outside_is_invalid() {
        let source = pixels(array![[[1.0, 2.0]]]);
        let target = source.grid.of_window(&crate::Window::new(-1, 0, 4, 1));
        let wider = resample(&source, &target, Resampling::Bilinear, None).unwrap();
        assert_eq!(values(&wider), [0.0, 1.0, 2.0, 0.0]);
        assert_eq!(wider.valid.unwrap().into_raw_vec_and_offset().0, [false, true, true, false]);
    }
}
