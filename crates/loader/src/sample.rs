//! One sample on its way through the augmentations that change values.

use ndarray::{Array2, Array3};
use swath_raster::DType;

use crate::augment::view::View;
use crate::fuse::place;
use crate::recipe::IGNORE;

/// Image, label and validity of one window. What exact steps do to it is kept as a [`View`] until the pixels are needed.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Values `[band, row, col]`, scaled to what they measure, not normalised.
    pub(crate) image: Array3<f32>,
    /// Class indices `[row, col]`.
    pub(crate) label: Array2<u8>,
    /// Where there are measurements, `[row, col]`.
    pub(crate) valid: Array2<bool>,
    /// What of these arrays is the sample.
    pub(crate) view: View,
    /// What the values can be.
    pub(crate) domain: Domain,
}

impl Sample {
    /// A sample of its arrays as they are.
    pub(crate) fn new(image: Array3<f32>, label: Array2<u8>, valid: Array2<bool>, domain: Domain) -> Self {
        let view = View::whole(label.dim().0, label.dim().1);
        Self { image, label, valid, view, domain }
    }

    /// Carries out what exact steps have asked for, so that the arrays are the sample.
    pub(crate) fn settle(&mut self) {
        let view = self.view;
        let (height, width) = (view.height, view.width);
        if view == View::whole(self.label.dim().0, self.label.dim().1) {
            return;
        }
        let bands = self.image.dim().0;
        let mut image = Array3::zeros((bands, height, width));
        for (source, mut plane) in self.image.outer_iter().zip(image.outer_iter_mut()) {
            if let Some(plane) = plane.as_slice_mut() {
                place(source, (0, 0), &view, plane, |value| value);
            }
        }
        let mut label = Array2::from_elem((height, width), IGNORE);
        let mut valid = Array2::from_elem((height, width), false);
        if let (Some(label), Some(valid)) = (label.as_slice_mut(), valid.as_slice_mut()) {
            place(self.label.view(), (0, 0), &view, label, |value| value);
            place(self.valid.view(), (0, 0), &view, valid, |value| value);
        }
        (self.image, self.label, self.valid) = (image, label, valid);
        self.view = View::whole(height, width);
    }
}

/// What the values of an image can be, which decides how photometric steps scale, round and clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Domain {
    /// Full scale: what brightness and noise are measured in.
    pub(crate) max_value: f32,
    /// Values are rounded to whole numbers after each step.
    pub(crate) integral: bool,
    /// Smallest and largest value; beyond it values are clipped after each step.
    pub(crate) range: (f32, f32),
}

impl Domain {
    /// Of values stored as `dtype`, or already scaled to what they measure; `max_value` as the recipe gives it.
    pub(crate) fn new(dtype: DType, scaled: bool, max_value: Option<f32>) -> Domain {
        let unbounded = (f32::NEG_INFINITY, f32::INFINITY);
        let (default_max, integral, range) = match dtype {
            _ if scaled => (1.0, false, unbounded),
            DType::F32 | DType::F64 => (1.0, false, unbounded),
            DType::U8 => (255.0, true, (0.0, 255.0)),
            DType::I8 => (127.0, true, (-128.0, 127.0)),
            DType::U16 => (REFLECTANCE_ONE, true, (0.0, 65_535.0)),
            DType::I16 => (REFLECTANCE_ONE, true, (-32_768.0, 32_767.0)),
            DType::U32 | DType::U64 => (REFLECTANCE_ONE, true, (0.0, f32::INFINITY)),
            DType::I32 | DType::I64 => (REFLECTANCE_ONE, true, unbounded),
        };
        match max_value {
            // Nothing in a file of floats says how large they get; who gives a full scale means it as a bound too.
            Some(max) if !integral => Domain { max_value: max, integral, range: (0.0, max) },
            max => Domain { max_value: max.unwrap_or(default_max), integral, range },
        }
    }

    /// Brings an interpolated value to the nearest that can be: floats may overshoot, as they do in OpenCV.
    pub(crate) fn interpolated(&self, value: f32) -> f32 {
        if self.integral { self.settle(value) } else { value }
    }

    /// Brings a computed value to the nearest that can be.
    pub(crate) fn settle(&self, value: f32) -> f32 {
        let value = if self.integral { value.round_ties_even() } else { value };
        value.clamp(self.range.0, self.range.1)
    }
}

/// Reflectance 1 in the integers of Sentinel-2, Landsat and most surface reflectance products.
const REFLECTANCE_ONE: f32 = 10_000.0;
