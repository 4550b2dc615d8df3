//! Images with their channels side by side: what lies `[channel][row][column]` in a tensor is laid out
//! `[row][column][channel]`, sixteen channels at a time, so that vectors hold channels.

use super::super::parallel::Shared;
use super::super::simd::{Simd, WithSimd, prefetch};
use super::window::fill_row;

/// Elements of a row by which reading is announced: what sixteen rows at a time ask for is too much for the processor to
/// foresee.
const AHEAD: usize = 128;

/// Channels transposed together.
pub(super) const CHANNELS: usize = 16;

/// Part of an image tensor: some channels, and of their planes the pixels that are read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) data: &'a [f32],
    /// Channels of the tensor, the first of those meant, and how many they are.
    pub(super) all: usize,
    pub(super) first: usize,
    pub(super) channels: usize,
    /// Height and width, px.
    pub(super) size: [usize; 2],
    /// First row and column read, which may lie outside of the plane, and the steps to the next ones.
    pub(super) start: [isize; 2],
    pub(super) steps: [usize; 2],
    /// Rows and columns read of each plane.
    pub(super) count: [usize; 2],
}

impl Source<'_> {
    /// Groups of channels that are transposed together.
    pub(super) fn parts(&self) -> usize {
        self.channels.div_ceil(CHANNELS)
    }

    /// Elements of the room for a row of each channel, which reading with gaps needs.
    pub(super) fn lines_len(&self) -> usize {
        if self.steps[1] == 1 { 0 } else { CHANNELS * self.count[1] }
    }

    /// Whether rows are read as they are, one after the other.
    fn is_run(&self) -> bool {
        let [rows, cols] = self.count;
        let within = usize::try_from(self.start[0]).is_ok_and(|row| row + rows <= self.size[0]);
        within && self.start[1] == 0 && self.steps == [1, 1] && cols == self.size[1]
    }
}

/// One group of channels of one image: column c of row r goes to `out` at `at + (r · columns + c) · pitch`.
pub(super) struct Part<'a> {
    pub(super) source: Source<'a>,
    pub(super) image: usize,
    pub(super) part: usize,
    pub(super) lines: &'a mut [f32],
    pub(super) out: &'a Shared<'a, f32>,
    pub(super) at: usize,
    pub(super) pitch: usize,
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { source, .. } = self;
        let plane = source.size[0] * source.size[1];
        let first = self.part * CHANNELS;
        let channels = CHANNELS.min(source.channels - first);
        let from = (self.image * source.all + source.first + first) * plane;
        let data = &source.data[from..from + channels * plane];
        let [rows, cols] = source.count;
        if source.is_run() {
            let start = source.start[0] as usize * cols;
            // SAFETY: the rows lie within each of the planes; the places in `out` are this task's alone.
            unsafe { line::<S>(&data[start..], plane, self.out.at(self.at), self.pitch, [channels, rows * cols]) };
            return;
        }
        for row in 0..rows {
            let y = source.start[0] + (row * source.steps[0]) as isize;
            let y = usize::try_from(y).ok().filter(|&y| y < source.size[0]);
            // SAFETY: the places of this row in `out` are this task's alone.
            let to = unsafe { self.out.at(self.at + row * cols * self.pitch) };
            let Some(y) = y else {
                for column in 0..cols {
                    // SAFETY: as above.
                    unsafe { zeros::<S>(to.add(column * self.pitch), channels) };
                }
                continue;
            };
            if source.steps[1] > 1 {
                for (channel, line) in self.lines.chunks_exact_mut(cols).enumerate().take(channels) {
                    let row = &data[channel * plane + y * source.size[1]..][..source.size[1]];
                    // SAFETY: the instruction set is the caller's promise.
                    unsafe { fill_row::<S>(row, source.start[1], source.steps[1], line) };
                }
                // SAFETY: as above.
                unsafe { line::<S>(self.lines, cols, to, self.pitch, [channels, cols]) };
                continue;
            }
            // Columns before the plane and the one after its last.
            let left = (-source.start[1]).max(0).min(cols as isize) as usize;
            let skip = source.start[1].max(0) as usize;
            let right = (left + source.size[1].saturating_sub(skip)).min(cols);
            for column in (0..left).chain(right..cols) {
                // SAFETY: as above.
                unsafe { zeros::<S>(to.add(column * self.pitch), channels) };
            }
            if left < right {
                let from = &data[y * source.size[1] + skip..];
                // SAFETY: as above.
                unsafe { line::<S>(from, plane, to.add(left * self.pitch), self.pitch, [channels, right - left]) };
            }
        }
    }
}

/// Writes `len` zeros.
///
/// # Safety
/// They are writable; the processor has `S`.
#[inline(always)]
unsafe fn zeros<S: Simd>(to: *mut f32, len: usize) {
    for at in (0..len).step_by(S::LANES) {
        // SAFETY: the caller's promise.
        unsafe { S::store_partial(to.add(at), S::splat(0.0), S::LANES.min(len - at)) };
    }
}

/// Transposes `counts` rows, at most sixteen, by any number of columns.
///
/// # Safety
/// `to` has a place for every row at each of as many multiples of its pitch as there are columns; the processor has `S`.
#[inline(always)]
unsafe fn line<S: Simd>(from: &[f32], from_pitch: usize, to: *mut f32, to_pitch: usize, counts: [usize; 2]) {
    let [rows, columns] = counts;
    assert!((rows - 1) * from_pitch + columns <= from.len());
    for column in (0..columns).step_by(S::LANES) {
        let now = S::LANES.min(columns - column);
        for row in 0..rows {
            prefetch(from.as_ptr().wrapping_add(row * from_pitch + column + AHEAD), 1);
        }
        // SAFETY: the assertion bounds the last row's last column; the rest is the caller's promise.
        unsafe {
            transpose::<S>(from.as_ptr().add(column), from_pitch, to.add(column * to_pitch), to_pitch, [rows, now]);
        }
    }
}

/// Writes `to[column · to_pitch + row] = from[row · from_pitch + column]` for `counts` rows (at most sixteen) and columns
/// (at most a vector).
///
/// # Safety
/// Those are readable and writable; the processor has `S`.
#[inline(always)]
pub(super) unsafe fn transpose<S: Simd>(
    from: *const f32,
    from_pitch: usize,
    to: *mut f32,
    to_pitch: usize,
    counts: [usize; 2],
) {
    let [rows, columns] = counts;
    let [mut once, mut twice] = [const { std::mem::MaybeUninit::<[f32; 256]>::uninit() }; 2];
    let [once, twice] = [&mut once, &mut twice].map(|room| room.as_mut_ptr().cast::<f32>());
    // Twice four ways interleaved is sixteen ways transposed.
    // SAFETY: sixteen vectors are written to each array, which has room for the widest, before they are read; what lies
    // at `from` and `to` is the caller's promise.
    unsafe {
        for i in 0..4 {
            let mut lines = [S::splat(0.0); 4];
            for (j, line) in lines.iter_mut().enumerate().filter(|(j, _)| i + 4 * j < rows) {
                *line = S::load_partial(from.add((i + 4 * j) * from_pitch), columns);
            }
            S::store_interleaved(once.add(i * 4 * S::LANES), lines);
        }
        for i in 0..4 {
            let mut quarters = [S::splat(0.0); 4];
            for (j, quarter) in quarters.iter_mut().enumerate() {
                *quarter = S::load(once.add((4 * j + i) * S::LANES));
            }
            S::store_interleaved(twice.add(i * 4 * S::LANES), quarters);
        }
        for column in 0..columns {
            for row in (0..rows).step_by(S::LANES) {
                let v = S::load(twice.add(column * CHANNELS + row));
                S::store_partial(to.add(column * to_pitch + row), v, S::LANES.min(rows - row));
            }
        }
    }
}
