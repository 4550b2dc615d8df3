//! The eight orientations of a square: quarter turns, each also mirrored, and the way back.

use ndarray::{ArrayBase, ArrayViewD, Axis, Data, Ix4, OwnedRepr};

/// One of the eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation {
    transposed: bool,
    rows_flipped: bool,
    cols_flipped: bool,
}

impl Orientation {
    /// All eight; the first leaves things as they are.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self { transposed: bits & 4 != 0, rows_flipped: bits & 2 != 0, cols_flipped: bits & 1 != 0 })
    }

    /// Batches `[n, band, row, col]` so oriented: transposed first, then flipped.
    pub(super) fn of<S: Data<Elem = f32>>(self, images: &ArrayBase<S, Ix4>) -> ArrayBase<OwnedRepr<f32>, Ix4> {
        let mut view = images.view();
        if self.transposed {
            view.swap_axes(2, 3);
        }
        if self.rows_flipped {
            view.invert_axis(Axis(2));
        }
        if self.cols_flipped {
            view.invert_axis(Axis(3));
        }
        view.as_standard_layout().into_owned()
    }

    /// A view of `[n, class, row, col]` with the orientation undone.
    pub(super) fn undone(self, mut scores: ArrayViewD<'_, f32>) -> ArrayViewD<'_, f32> {
        if self.cols_flipped {
            scores.invert_axis(Axis(3));
        }
        if self.rows_flipped {
            scores.invert_axis(Axis(2));
        }
        if self.transposed {
            scores.swap_axes(2, 3);
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    #[test]
    fn each_of_eight_differs_and_is_undone() {
        let image = Array4::from_shape_fn((1, 2, 3, 3), |(_, b, r, c)| (b * 9 + r * 3 + c) as f32);
        let turned: Vec<_> = Orientation::all().map(|orientation| orientation.of(&image)).collect();
        for (i, (orientation, one)) in Orientation::all().zip(&turned).enumerate() {
            assert_eq!(orientation.undone(one.view().into_dyn()), image.view().into_dyn());
            assert!(turned[..i].iter().all(|other| other != one));
        }
        assert_eq!((turned.len(), &turned[0]), (8, &image));
    }
}
