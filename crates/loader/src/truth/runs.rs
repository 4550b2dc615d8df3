//! A label image as runs of equal values: small where regions are large, quick to cut windows from.

use ndarray::{Array2, ArrayView2};
use swath_raster::Window;

use crate::recipe::IGNORE;

/// Rows of runs, each run a last column (exclusive) and a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Runs {
    width: u32,
    /// Index of the first run of each row, and the end.
    rows: Vec<usize>,
    ends: Vec<u32>,
    values: Vec<u8>,
}

impl Runs {
    pub(crate) fn new(width_px: usize) -> Runs {
        Runs { width: u32::try_from(width_px).unwrap_or(u32::MAX), rows: vec![0], ends: Vec::new(), values: Vec::new() }
    }

    /// Appends rows.
    pub(crate) fn push(&mut self, rows: ArrayView2<'_, u8>) {
        for row in rows.outer_iter() {
            let mut end = 0u32;
            let first = self.ends.len();
            for &value in row {
                end += 1;
                match self.values.last_mut() {
                    Some(last) if self.ends.len() > first && *last == value => {
                        if let Some(run) = self.ends.last_mut() {
                            *run = end;
                        }
                    }
                    _ => {
                        self.ends.push(end);
                        self.values.push(value);
                    }
                }
            }
            self.rows.push(self.ends.len());
        }
    }

    /// The values of a window `[row, col]`, [`IGNORE`] outside.
    pub(crate) fn window(&self, window: &Window) -> Array2<u8> {
        let mut out = Array2::from_elem((window.height_px, window.width_px), IGNORE);
        let (from, to) = (window.col_px.max(0), window.end_col_px().min(i64::from(self.width)));
        if from >= to {
            return out;
        }
        for (i, mut line) in out.outer_iter_mut().enumerate() {
            let Ok(row) = usize::try_from(window.row_px + i as i64) else { continue };
            let (Some(&first), Some(&last)) = (self.rows.get(row), self.rows.get(row + 1)) else { continue };
            let Some(line) = line.as_slice_mut() else { continue };
            let mut run = first + self.ends[first..last].partition_point(|&end| i64::from(end) <= from);
            let mut col = from;
            while col < to && run < last {
                let end = i64::from(self.ends[run]).min(to);
                line[(col - window.col_px) as usize..(end - window.col_px) as usize].fill(self.values[run]);
                (col, run) = (end, run + 1);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_are_what_was_pushed(
            height in 1usize..12, width in 1usize..30, seed in any::<u64>(),
            row in -5i64..14, col in -5i64..32, rows in 0usize..10, cols in 0usize..20,
        ) {
            let image = Array2::from_shape_fn((height, width), |(r, c)| ((seed >> ((r * 7 + c / 3) % 61)) & 3) as u8);
            let mut runs = Runs::new(width);
            let half = height / 2;
            runs.push(image.slice(ndarray::s![..half, ..]));
            runs.push(image.slice(ndarray::s![half.., ..]));
            let got = runs.window(&Window::new(col, row, cols, rows));
            for ((i, j), &value) in got.indexed_iter() {
                let (r, c) = (row + i as i64, col + j as i64);
                let inside = r >= 0 && c >= 0 && (r as usize) < height && (c as usize) < width;
                prop_assert_eq!(value, if inside { image[[r as usize, c as usize]] } else { IGNORE });
            }
        }
    }
}
