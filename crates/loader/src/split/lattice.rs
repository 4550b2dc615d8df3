//! The division of one image's pixels: a lattice of rectangles, each in one part or in none.

use swath_raster::{Grid, Window};

use super::Part;

/// Which pixels of one image belong to which part.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// First column of each lattice column, ascending from 0, then the image's width.
    cols: Vec<i64>,
    /// First row of each lattice row, ascending from 0, then the image's height.
    rows: Vec<i64>,
    /// Part of each cell, row after row; `None` belongs to no part and is not used.
    cells: Vec<Option<Part>>,
    /// Every pixel that belongs to any part belongs to all.
    shared: bool,
}

impl Parts {
    /// Every pixel belongs to every part.
    pub(crate) fn everything(grid: &Grid) -> Parts {
        Parts { shared: true, ..Parts::only(grid, Part::Train) }
    }

    /// Every pixel belongs to one part.
    pub(crate) fn only(grid: &Grid, part: Part) -> Parts {
        let end = |px: usize| i64::try_from(px).unwrap_or(i64::MAX);
        Parts {
            cols: vec![0, end(grid.width_px)],
            rows: vec![0, end(grid.height_px)],
            cells: vec![Some(part)],
            shared: false,
        }
    }

    /// From lattice lines and the part of each cell; lines that coincide make no cell.
    pub(crate) fn from_lines(cols: Vec<i64>, rows: Vec<i64>, part: impl Fn(usize, usize) -> Option<Part>) -> Parts {
        let spans = |lines: &[i64]| -> Vec<usize> {
            (1..lines.len()).filter(|&i| lines[i] > lines[i - 1]).map(|i| i - 1).collect()
        };
        let (col_spans, row_spans) = (spans(&cols), spans(&rows));
        let cells =
            row_spans.iter().flat_map(|&r| col_spans.iter().map(move |&c| (r, c))).map(|(r, c)| part(r, c)).collect();
        let kept = |lines: &[i64], spans: &[usize]| -> Vec<i64> {
            spans.iter().map(|&i| lines[i]).chain(lines.last().copied()).collect()
        };
        Parts { cols: kept(&cols, &col_spans), rows: kept(&rows, &row_spans), cells, shared: false }
    }

    /// The same division, with the cells of another lattice that are not kept in no part.
    pub(crate) fn restrict(&self, cols: Vec<i64>, rows: Vec<i64>, kept: &[bool]) -> Parts {
        let united = |own: &[i64], other: &[i64]| {
            let mut lines = [own, other].concat();
            lines.sort_unstable();
            lines.dedup();
            lines
        };
        let cell_at = |lines: &[i64], at: i64| lines.partition_point(|&line| line <= at) - 1;
        let (new_cols, new_rows) = (united(&self.cols, &cols), united(&self.rows, &rows));
        let (at_cols, at_rows) = (new_cols.clone(), new_rows.clone());
        let parts = Parts::from_lines(new_cols, new_rows, |row, col| {
            let (row, col) = (at_rows[row], at_cols[col]);
            let is_kept = kept[cell_at(&rows, row) * (cols.len() - 1) + cell_at(&cols, col)];
            self.cell(cell_at(&self.rows, row), cell_at(&self.cols, col)).filter(|_| is_kept)
        });
        Parts { shared: self.shared, ..parts }
    }

    fn cell(&self, row: usize, col: usize) -> Option<Part> {
        self.cells.get(row * (self.cols.len() - 1) + col).copied().flatten()
    }

    fn is(&self, row: usize, col: usize, part: Part) -> bool {
        let own = self.cell(row, col);
        own == Some(part) || self.shared && own.is_some()
    }

    /// Whether every pixel that belongs to any part belongs to all.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// The lines between lattice columns and rows, with the image's edges.
    pub(crate) fn lines(&self) -> (&[i64], &[i64]) {
        (&self.cols, &self.rows)
    }

    /// Whether every pixel of a window is a pixel of the image in this part.
    pub fn holds(&self, part: Part, window: &Window) -> bool {
        let (Some(image), false) = (self.image(), window.is_empty()) else { return false };
        image.contains(window) && self.overlapped(window).all(|(row, col)| self.is(row, col, part))
    }

    /// The rectangles of a window that lie in the image and in this part; disjoint.
    pub fn pieces(&self, part: Part, window: &Window) -> Vec<Window> {
        let cells = self.overlapped(window).filter(|&(row, col)| self.is(row, col, part));
        cells.filter_map(|(row, col)| self.window(row, col, row, col).intersection(window)).collect()
    }

    /// Disjoint rectangles that make up the part: cells of equal rows joined sideways, then downwards.
    pub fn rectangles(&self, part: Part) -> Vec<Window> {
        let (cols, rows) = (self.cols.len() - 1, self.rows.len() - 1);
        let mut done: Vec<Window> = Vec::new();
        let mut open: Vec<(usize, usize, usize)> = Vec::new(); // first row, first col, last col
        for row in 0..=rows {
            let mut runs: Vec<(usize, usize)> = Vec::new();
            for col in (0..cols).filter(|&col| row < rows && self.is(row, col, part)) {
                match runs.last_mut() {
                    Some(run) if run.1 + 1 == col => run.1 = col,
                    _ => runs.push((col, col)),
                }
            }
            let (go_on, closed): (Vec<_>, Vec<_>) = open.into_iter().partition(|&(_, a, b)| runs.contains(&(a, b)));
            done.extend(closed.into_iter().map(|(first, a, b)| self.window(first, a, row - 1, b)));
            open = runs
                .iter()
                .map(|&(a, b)| *go_on.iter().find(|o| (o.1, o.2) == (a, b)).unwrap_or(&(row, a, b)))
                .collect();
        }
        done.sort_by_key(|w| (w.row_px, w.col_px));
        done
    }

    /// Pixels in the part.
    pub fn area_px(&self, part: Part) -> u64 {
        self.rectangles(part).iter().map(|w| w.width_px as u64 * w.height_px as u64).sum()
    }

    fn image(&self) -> Option<Window> {
        let (width, height) = (usize::try_from(*self.cols.last()?).ok()?, usize::try_from(*self.rows.last()?).ok()?);
        Some(Window::new(0, 0, width, height))
    }

    /// Cells (row, col) that share a pixel with a window.
    fn overlapped(&self, window: &Window) -> impl Iterator<Item = (usize, usize)> + use<> {
        let span = |lines: &[i64], start: i64, end: i64| {
            let last = lines.len() - 1;
            let first = lines[1..].partition_point(|&line| line <= start).min(last);
            (first, lines[..last].partition_point(|&line| line < end).max(first))
        };
        let rows = span(&self.rows, window.row_px, window.end_row_px());
        let cols = span(&self.cols, window.col_px, window.end_col_px());
        (rows.0..rows.1).flat_map(move |row| (cols.0..cols.1).map(move |col| (row, col)))
    }

    /// The rectangle of cells from (top, left) to (bottom, right), all inclusive.
    fn window(&self, top: usize, left: usize, bottom: usize, right: usize) -> Window {
        let length = |start: i64, end: i64| usize::try_from(end - start).unwrap_or(0);
        let (col, row) = (self.cols[left], self.rows[top]);
        Window::new(col, row, length(col, self.cols[right + 1]), length(row, self.rows[bottom + 1]))
    }
}
