//! Crops, flips and quarter turns as index arithmetic: where each pixel of a sample lies in the window it came from.
//!
//! However many of them a recipe chains, they compose to one [`View`], so that pixels are moved once, in the same pass
//! that converts and normalises them, and pixels that a crop leaves out are never read.

/// One of the eight symmetries of the square, named as albumentations' D4 group names them. Turns are counter-clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Unchanged.
    Identity,
    /// A quarter turn (`r90`).
    Quarter,
    /// A half turn (`r180`).
    Half,
    /// Three quarter turns (`r270`).
    ThreeQuarters,
    /// Rows in reverse order (`v`).
    Vertical,
    /// Columns in reverse order (`h`).
    Horizontal,
    /// Rows become columns (`t`).
    Transpose,
    /// Mirrored on the other diagonal (`hvt`).
    AntiTranspose,
}

impl Turn {
    /// All eight, in the order of albumentations' `d4_group_elements`.
    pub const ALL: [Turn; 8] = [
        Turn::Identity,
        Turn::Quarter,
        Turn::Half,
        Turn::ThreeQuarters,
        Turn::Vertical,
        Turn::AntiTranspose,
        Turn::Horizontal,
        Turn::Transpose,
    ];

    /// Counter-clockwise turn by `quarters` times 90 degrees.
    pub fn quarters(quarters: u64) -> Turn {
        [Turn::Identity, Turn::Quarter, Turn::Half, Turn::ThreeQuarters][(quarters % 4) as usize]
    }
}

/// Source pixel of output pixel (row, col): `origin + row * per_row + col * per_col`, each a (row, col) pair. One of
/// `per_row` and `per_col` runs along source rows, the other along source columns, one pixel a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Rows of the output.
    pub height: usize,
    /// Columns of the output.
    pub width: usize,
    /// Source (row, col) of output (0, 0).
    pub origin: (i64, i64),
    /// Source step for one output row.
    pub per_row: (i64, i64),
    /// Source step for one output column.
    pub per_col: (i64, i64),
}

impl View {
    /// The whole of a source of `height` rows and `width` columns, unchanged.
    pub fn whole(height: usize, width: usize) -> View {
        View { height, width, origin: (0, 0), per_row: (1, 0), per_col: (0, 1) }
    }

    /// Source (row, col) of an output pixel.
    pub fn at(&self, row: i64, col: i64) -> (i64, i64) {
        (
            self.origin.0 + row * self.per_row.0 + col * self.per_col.0,
            self.origin.1 + row * self.per_row.1 + col * self.per_col.1,
        )
    }

    /// True where an output row runs along a source column.
    pub fn is_transposed(&self) -> bool {
        self.per_col.0 != 0
    }

    /// The `height` rows and `width` columns from (row, col) on. The crop may reach beyond the source; such pixels are
    /// outside of it, as for a window that reaches beyond its image.
    pub fn crop(&self, row: i64, col: i64, height: usize, width: usize) -> View {
        View { height, width, origin: self.at(row, col), ..*self }
    }

    /// Turned or mirrored as a whole.
    pub fn turn(&self, turn: Turn) -> View {
        let (last_row, last_col) = (self.height as i64 - 1, self.width as i64 - 1);
        let neg = |(row, col): (i64, i64)| (-row, -col);
        let v = *self;
        match turn {
            Turn::Identity => v,
            Turn::Vertical => View { origin: v.at(last_row, 0), per_row: neg(v.per_row), ..v },
            Turn::Horizontal => View { origin: v.at(0, last_col), per_col: neg(v.per_col), ..v },
            Turn::Transpose => {
                View { height: v.width, width: v.height, per_row: v.per_col, per_col: v.per_row, origin: v.origin }
            }
            Turn::Half => v.turn(Turn::Vertical).turn(Turn::Horizontal),
            // Counter-clockwise: the last column becomes the first row.
            Turn::Quarter => v.turn(Turn::Horizontal).turn(Turn::Transpose),
            Turn::ThreeQuarters => v.turn(Turn::Vertical).turn(Turn::Transpose),
            Turn::AntiTranspose => v.turn(Turn::Half).turn(Turn::Transpose),
        }
    }

    /// The rectangle of the source that this sees: first row, first column, rows, columns.
    pub fn bounds(&self) -> (i64, i64, usize, usize) {
        let (row, col) = self.origin;
        let (end_row, end_col) = self.at(self.height as i64 - 1, self.width as i64 - 1);
        let (height, width) = if self.is_transposed() { (self.width, self.height) } else { (self.height, self.width) };
        (row.min(end_row), col.min(end_col), height, width)
    }

    /// The same view of a source whose (0, 0) is this source's (row, col).
    pub fn relative_to(&self, row: i64, col: i64) -> View {
        View { origin: (self.origin.0 - row, self.origin.1 - col), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    fn see(view: &View, source: &Array2<i32>) -> Array2<i32> {
        Array2::from_shape_fn((view.height, view.width), |(row, col)| {
            let (r, c) = view.at(row as i64, col as i64);
            source[[r as usize, c as usize]]
        })
    }

    /// The same operations on real arrays, in numpy's words.
    fn numpy(turn: Turn, a: Array2<i32>) -> Array2<i32> {
        let rot90 = |a: Array2<i32>| a.slice(s![.., ..;-1]).t().to_owned();
        match turn {
            Turn::Identity => a,
            Turn::Quarter => rot90(a),
            Turn::Half => rot90(rot90(a)),
            Turn::ThreeQuarters => rot90(rot90(rot90(a))),
            Turn::Vertical => a.slice(s![..;-1, ..]).to_owned(),
            Turn::Horizontal => a.slice(s![.., ..;-1]).to_owned(),
            Turn::Transpose => a.t().to_owned(),
            Turn::AntiTranspose => rot90(rot90(a)).t().to_owned(),
        }
    }

    proptest! {
        #[test]
        fn any_chain_sees_what_arrays_would_hold(
            height in 1usize..9, width in 1usize..9,
            chain in prop::collection::vec((0usize..8, 0usize..3, 0usize..3), 0..6),
        ) {
            let source = Array2::from_shape_fn((height, width), |(r, c)| (r * 100 + c) as i32);
            let (mut view, mut array) = (View::whole(height, width), source.clone());
            for (turn, row, col) in chain {
                view = view.turn(Turn::ALL[turn]);
                array = numpy(Turn::ALL[turn], array);
                if view.height > row && view.width > col {
                    view = view.crop(row as i64, col as i64, view.height - row, view.width - col);
                    array = array.slice(s![row.., col..]).to_owned();
                }
                prop_assert_eq!(&see(&view, &source), &array);
                let (r, c, h, w) = view.bounds();
                let seen = source.slice(s![r as usize..r as usize + h, c as usize..c as usize + w]);
                prop_assert_eq!(see(&view.relative_to(r, c), &seen.to_owned()), array.clone());
            }
        }
    }
}
