//! The input around a band of output rows, laid out so that each tap of the kernel reads, for consecutive output pixels,
//! consecutive elements: one copy of the rows per kernel column and per phase of the vertical stride, padding included.
//! A band is then one run of `rows · out_cols` pixels, without a special case at its borders.

/// Which input pixel each tap reads: output pixel (y, x) reads row `y · strides[0] + rows[i]` and column
/// `x · strides[1] + cols[j]` for tap (i, j).
#[derive(Debug, Clone)]
pub(super) struct Taps {
    pub(super) rows: Vec<isize>,
    pub(super) cols: Vec<isize>,
    pub(super) strides: [usize; 2],
}

impl Taps {
    /// Number of taps, rows times columns.
    pub(super) fn len(&self) -> usize {
        self.rows.len() * self.cols.len()
    }
}

/// Rows of one phase of the vertical stride: input rows `(y + first + r) · stride + phase`.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) phase: isize,
    pub(super) first: isize,
    pub(super) rows: usize,
    pub(super) start: usize,
}

/// Where things lie in a window.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) taps: Taps,
    pub(super) out_cols: usize,
    pub(super) phases: Vec<Phase>,
    /// Elements of one kernel column's copy.
    pub(super) copy: usize,
    /// Elements per channel.
    pub(super) pitch: usize,
    /// Start of each tap (rows outermost) within a channel.
    pub(super) offsets: Vec<usize>,
}

/// Readable elements behind the last channel, so that a whole vector may be read from its last pixel.
pub(super) const SLACK: usize = 64;

impl Layout {
    /// Layout for bands of `band` rows of `out_cols` pixels.
    pub(super) fn new(taps: &Taps, band: usize, out_cols: usize) -> Self {
        let stride = taps.strides[0] as isize;
        let (mut phases, mut start) = (Vec::<Phase>::new(), 0);
        for phase in 0..stride {
            let steps = || taps.rows.iter().filter(|d| d.rem_euclid(stride) == phase).map(|d| d.div_euclid(stride));
            let (Some(first), Some(last)) = (steps().min(), steps().max()) else { continue };
            let rows = band + (last - first) as usize;
            phases.push(Phase { phase, first, rows, start });
            start += rows * out_cols;
        }
        let copy = start;
        let mut offsets = Vec::with_capacity(taps.len());
        for row in &taps.rows {
            let (phase, step) = (row.rem_euclid(stride), row.div_euclid(stride));
            let within = phases.iter().find(|p| p.phase == phase);
            let at = within.map_or(0, |p| p.start + (step - p.first) as usize * out_cols);
            offsets.extend((0..taps.cols.len()).map(|col| col * copy + at));
        }
        // An odd number of cache lines per channel: channels then fall into different sets of the caches.
        let lines = (copy * taps.cols.len()).div_ceil(16) | 1;
        Self { taps: taps.clone(), out_cols, phases, copy, pitch: lines * 16, offsets }
    }

    /// Elements of a window of `channels` channels.
    pub(super) fn len(&self, channels: usize) -> usize {
        channels * self.pitch + SLACK
    }

    /// Fills one channel from its `plane` of `size` for the band that starts at output row `y0`.
    pub(super) fn fill(&self, plane: &[f32], size: [usize; 2], y0: usize, channel: &mut [f32]) {
        for (column, copy) in self.taps.cols.iter().zip(channel.chunks_mut(self.copy)) {
            for phase in &self.phases {
                let rows = copy[phase.start..phase.start + phase.rows * self.out_cols].chunks_mut(self.out_cols);
                for (r, row) in rows.enumerate() {
                    let y = (y0 as isize + phase.first + r as isize) * self.taps.strides[0] as isize + phase.phase;
                    if y < 0 || y >= size[0] as isize {
                        row.fill(0.0);
                    } else {
                        let y = y as usize;
                        fill_row(&plane[y * size[1]..(y + 1) * size[1]], *column, self.taps.strides[1], row);
                    }
                }
            }
        }
    }
}

/// `out[x] = row[x · stride + shift]`, zero outside the row.
#[inline(always)]
fn fill_row(row: &[f32], shift: isize, stride: usize, out: &mut [f32]) {
    let (width, step) = (row.len() as isize, stride as isize);
    // First and one past the last output column that reads inside the row.
    let from = ((-shift).max(0) + step - 1).div_euclid(step).min(out.len() as isize);
    let to = ((width - shift).max(0) + step - 1).div_euclid(step).clamp(from, out.len() as isize);
    let (from, to) = (from as usize, to as usize);
    out[..from].fill(0.0);
    out[to..].fill(0.0);
    if from == to {
        return;
    }
    let start = (from as isize * step + shift) as usize;
    match stride {
        1 => out[from..to].copy_from_slice(&row[start..start + to - from]),
        2 => gather::<2>(&row[start..], &mut out[from..to]),
        _ => out[from..to].iter_mut().zip(row[start..].iter().step_by(stride)).for_each(|(o, x)| *o = *x),
    }
}

#[inline(always)]
fn gather<const STRIDE: usize>(row: &[f32], out: &mut [f32]) {
    let row = &row[..(out.len() - 1) * STRIDE + 1];
    for (i, out) in out.iter_mut().enumerate() {
        *out = row[i * STRIDE];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tap_reads_the_pixel_it_names() {
        let (size, band, cols) = ([7usize, 9usize], 3, 4);
        let plane: Vec<f32> = (1..=63).map(|i| i as f32).collect();
        let taps = Taps { rows: vec![-3, 0, 2], cols: vec![-2, 1, 5], strides: [2, 2] };
        let layout = Layout::new(&taps, band, cols);
        let mut window = vec![f32::NAN; layout.len(1)];
        layout.fill(&plane, size, 1, &mut window);
        for (i, row) in taps.rows.iter().enumerate() {
            for (j, col) in taps.cols.iter().enumerate() {
                for p in 0..band * cols {
                    let (y, x) = ((1 + p / cols) as isize * 2 + row, (p % cols) as isize * 2 + col);
                    let inside = (0..7).contains(&y) && (0..9).contains(&x);
                    let expected = if inside { plane[y as usize * 9 + x as usize] } else { 0.0 };
                    assert_eq!(window[layout.offsets[i * 3 + j] + p], expected, "tap ({i}, {j}), pixel {p}");
                }
            }
        }
    }
}
