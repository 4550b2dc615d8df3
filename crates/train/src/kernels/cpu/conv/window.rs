//! The input around a band of output rows, laid out so that each tap of the kernel reads, for consecutive output pixels,
//! consecutive elements: one copy of the rows per kernel column and per phase of the vertical stride, padding included.
//! A band is then one run of `rows · out_cols` pixels, without a special case at its borders.

use super::super::simd::{Simd, prefetch};

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
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    pub(super) unsafe fn fill<S: Simd>(&self, plane: &[f32], size: [usize; 2], y0: usize, channel: &mut [f32]) {
        let cols = self.out_cols;
        for (index, &shift) in self.taps.cols.iter().enumerate() {
            if shift == 0 && self.taps.strides == [1, 1] && cols == size[1] {
                // SAFETY: the instruction set is the caller's promise.
                unsafe { self.fill_run::<S>(plane, size, y0, &mut channel[index * self.copy..]) };
                continue;
            }
            for phase in &self.phases {
                for r in 0..phase.rows {
                    let at = index * self.copy + phase.start + r * cols;
                    let out = &mut channel[at..at + cols];
                    let y = (y0 as isize + phase.first + r as isize) * self.taps.strides[0] as isize + phase.phase;
                    let row = match usize::try_from(y).ok().filter(|&y| y < size[0]) {
                        Some(y) => &plane[y * size[1]..(y + 1) * size[1]],
                        None => &[],
                    };
                    if index == 0 {
                        // The same row of the next channel.
                        prefetch(row.as_ptr().wrapping_add(plane.len()), row.len());
                    }
                    // SAFETY: the instruction set is the caller's promise.
                    unsafe { fill_row::<S>(row, shift, self.taps.strides[1], out) };
                }
            }
        }
    }
}

impl Layout {
    /// Fills the copy of a column whose rows are those of the plane, one after the other.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn fill_run<S: Simd>(&self, plane: &[f32], size: [usize; 2], y0: usize, copy: &mut [f32]) {
        for phase in &self.phases {
            let out = &mut copy[phase.start..phase.start + phase.rows * self.out_cols];
            // Elements of the plane from the first row on, which may lie outside of it.
            let first = (y0 as isize + phase.first) * size[1] as isize;
            prefetch(plane.as_ptr().wrapping_offset(plane.len() as isize + first), out.len());
            // SAFETY: the instruction set is the caller's promise.
            unsafe { fill_row::<S>(plane, first, 1, out) };
        }
    }
}

/// `out[x] = row[x · stride + shift]`, zero outside the row.
///
/// # Safety
/// The processor has `S`.
#[inline(always)]
pub(super) unsafe fn fill_row<S: Simd>(row: &[f32], shift: isize, stride: usize, out: &mut [f32]) {
    // First and one past the last output column that reads inside the row.
    let columns = |pixel: usize| pixel.saturating_add_signed(-shift).div_ceil(stride).min(out.len());
    let (from, to) = (columns(0), columns(row.len()));
    if from >= to {
        // SAFETY: the instruction set is the caller's promise.
        unsafe { zero::<S>(out) };
        return;
    }
    let start = (from * stride).wrapping_add_signed(shift);
    // SAFETY: as above.
    unsafe {
        zero::<S>(&mut out[..from]);
        zero::<S>(&mut out[to..]);
    }
    let (row, out) = (&row[start..=start + (to - from - 1) * stride], &mut out[from..to]);
    if stride == 1 {
        let mut at = 0;
        while at < out.len() {
            let n = S::LANES.min(out.len() - at);
            // SAFETY: `n` elements from `at` are within both, which are of one length at stride 1.
            unsafe { S::store_partial(out.as_mut_ptr().add(at), S::load_partial(row.as_ptr().add(at), n), n) };
            at += n;
        }
        return;
    }
    if stride == 2 {
        let mut at = 0;
        while (at + S::LANES) * 2 <= row.len() {
            // SAFETY: `2 · LANES` elements are within the row, half as many within what it is for.
            unsafe { S::store(out.as_mut_ptr().add(at), S::load_pairs(row.as_ptr().add(at * 2))[0]) };
            at += S::LANES;
        }
        for i in at..out.len() {
            out[i] = row[i * 2];
        }
        return;
    }
    for (i, out) in out.iter_mut().enumerate() {
        *out = row[i * stride];
    }
}

/// Zeroes, mostly a column or two: by vectors, where a call would cost more than the work.
///
/// # Safety
/// The processor has `S`.
#[inline(always)]
unsafe fn zero<S: Simd>(out: &mut [f32]) {
    let mut at = 0;
    while at < out.len() {
        let n = S::LANES.min(out.len() - at);
        // SAFETY: `n` elements from `at` are within the slice.
        unsafe { S::store_partial(out.as_mut_ptr().add(at), S::splat(0.0), n) };
        at += n;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::simd::{Isa, WithSimd};
    use super::*;

    struct Fill<'a>(&'a Layout, &'a [f32], [usize; 2], &'a mut [f32]);

    impl WithSimd for Fill<'_> {
        type Output = ();
        #[inline(always)]
        unsafe fn run<S: Simd>(self) {
            // SAFETY: `dispatch` has seen to the instruction set.
            unsafe { self.0.fill::<S>(self.1, self.2, 1, self.3) };
        }
    }

    #[test]
    fn every_tap_reads_the_pixel_it_names() {
        let (size, band, cols) = ([7usize, 9usize], 3, 4);
        let plane: Vec<f32> = (1..=63).map(|i| i as f32).collect();
        let taps = Taps { rows: vec![-3, 0, 2], cols: vec![-2, 1, 5], strides: [2, 2] };
        let layout = Layout::new(&taps, band, cols);
        for isa in Isa::available() {
            let mut window = vec![f32::NAN; layout.len(1)];
            isa.dispatch(Fill(&layout, &plane, size, &mut window));
            for (tap, p) in (0..9).flat_map(|tap| (0..band * cols).map(move |p| (tap, p))) {
                let y = (1 + p / cols) as isize * 2 + taps.rows[tap / 3];
                let x = (p % cols) as isize * 2 + taps.cols[tap % 3];
                let inside = (0..7).contains(&y) && (0..9).contains(&x);
                let expected = if inside { plane[y as usize * 9 + x as usize] } else { 0.0 };
                assert_eq!(window[layout.offsets[tap] + p], expected, "{isa:?}: tap {tap}, pixel {p}");
            }
        }
    }
}
