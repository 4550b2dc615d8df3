//! Transformed input. The window of 6 x 6 pixels per tile is filled for the layout that
//! [`Layout::fill`] serves in general: here four neighbouring columns are taken apart in one go.

use super::super::super::parallel::Shared;
use super::super::super::simd::{Simd, WithSimd, prefetch};
use super::super::window::Layout;
use super::transform::{FREQUENCIES, TILE, of_input};
use super::{MAX_LANES, Place, Plan, pitch};

/// Elements of a row of the input for `tiles` tiles, padding and whole vectors included.
fn line_len(tiles: usize) -> usize {
    tiles.next_multiple_of(MAX_LANES) * TILE + MAX_LANES
}

/// Elements of all rows of a band of the input.
pub(super) fn lines_len(layout: &Layout) -> usize {
    layout.phases.iter().map(|phase| phase.rows).sum::<usize>() * line_len(layout.out_cols)
}

/// Some channels of a band.
pub(super) struct Input<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) place: Place,
    pub(super) input: &'a [f32],
    pub(super) channels: std::ops::Range<usize>,
    /// Room for one channel's window and for its rows.
    pub(super) window: &'a mut [f32],
    pub(super) lines: &'a mut [f32],
    /// `[frequency][channel][lane]`
    pub(super) transformed: &'a Shared<'a, f32>,
}

impl WithSimd for Input<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (plan, planes) = (self.plan, &self.plan.all.input);
        let plane = planes.size[0] * planes.size[1];
        let frequency = pitch(plan.all.weights.channels * plan.width);
        for channel in self.channels {
            for (index, image) in self.place.images.clone().enumerate() {
                let from = (image * planes.channels + planes.first + channel) * plane;
                let input = &self.input[from..from + plane];
                // SAFETY: window and lines have room for the layout.
                unsafe {
                    fill::<S>(&plan.layout, input, planes.size, self.place.tile_rows.start, self.window, self.lines)
                };
                let at = channel * plan.width + index * plan.lanes;
                for lane in (0..plan.lanes).step_by(S::LANES) {
                    // What exceeds the image's lanes the next image overwrites.
                    let n = S::LANES.min((channel + 1) * plan.width - (at + lane));
                    // SAFETY: the window holds the image's lanes and a vector of slack at each offset; `transformed`
                    // has this channel's `width`, which is this task's alone, at each of the frequencies.
                    unsafe {
                        let to = self.transformed.at(at + lane);
                        debug_assert!(at + lane + n <= frequency && plan.layout.offsets.len() == FREQUENCIES);
                        of_input::<S>(self.window.as_ptr().add(lane), &plan.layout.offsets, to, frequency, n);
                    }
                }
            }
        }
    }
}

/// Fills one channel's window from its `plane` of `size` for the band that starts at row `y0` of tiles.
///
/// # Safety
/// `lines` has [`lines_len`] elements for the layout; the processor has `S`.
#[inline(always)]
pub(super) unsafe fn fill<S: Simd>(
    layout: &Layout,
    plane: &[f32],
    size: [usize; 2],
    y0: usize,
    window: &mut [f32],
    lines: &mut [f32],
) {
    let tiles = layout.out_cols;
    let shift = layout.taps.cols[0];
    // The part of a row that tiles read, and where in the line it goes.
    let (skip, pad) = (shift.max(0) as usize, (-shift).max(0) as usize);
    let wanted = tiles * TILE + 2;
    let count = size[1].saturating_sub(skip).min(wanted.saturating_sub(pad));
    let len = line_len(tiles);
    // All rows are copied before any is taken apart: a vector across two that were just written has to wait for both.
    let mut lines_left = &mut *lines;
    for phase in &layout.phases {
        for r in 0..phase.rows {
            let (line, rest) = std::mem::take(&mut lines_left).split_at_mut(len);
            lines_left = rest;
            let y = (y0 as isize + phase.first + r as isize) * TILE as isize + phase.phase;
            let row = match usize::try_from(y).ok().filter(|&y| y < size[0]) {
                Some(y) => &plane[y * size[1] + skip..][..count],
                None => &[],
            };
            // The same row of the next channel.
            prefetch(row.as_ptr().wrapping_add(plane.len()), row.len());
            // SAFETY: the instruction set is the caller's promise.
            unsafe { padded::<S>(row, pad, line) };
        }
    }
    let mut lines = lines.chunks_exact(len);
    for phase in &layout.phases {
        for (r, line) in lines.by_ref().take(phase.rows).enumerate() {
            let to = &mut window[phase.start + r * tiles..];
            for tile in (0..tiles).step_by(S::LANES) {
                let n = S::LANES.min(tiles - tile);
                // SAFETY: the line has pixels for a vector of tiles more than there are; each of the six copies of a
                // column has room for the band's tiles.
                unsafe {
                    let from = line.as_ptr().add(tile * TILE);
                    let [a, b, c, d] = S::load_deinterleaved(from);
                    let [e, f, ..] = S::load_deinterleaved(from.add(TILE));
                    for (column, values) in [a, b, c, d, e, f].into_iter().enumerate() {
                        S::store_partial(to.as_mut_ptr().add(column * layout.copy + tile), values, n);
                    }
                }
            }
        }
    }
}

/// `row` from element `pad` of `line` on, zeros around it.
///
/// # Safety
/// The processor has `S`.
#[inline(always)]
unsafe fn padded<S: Simd>(row: &[f32], pad: usize, line: &mut [f32]) {
    assert!(pad + row.len() <= line.len());
    let mut at = 0;
    // SAFETY: every vector lies within the line; of the row, no more is read than it has.
    unsafe {
        while at < pad {
            S::store_partial(line.as_mut_ptr().add(at), S::splat(0.0), S::LANES.min(line.len() - at));
            at += S::LANES;
        }
        at = 0;
        while pad + at < line.len() {
            let n = S::LANES.min(row.len().saturating_sub(at));
            let from = row.as_ptr().wrapping_add(at);
            let v = if n == S::LANES { S::load(from) } else { S::load_partial(from, n) };
            let room = line.len() - (pad + at);
            let to = line.as_mut_ptr().add(pad + at);
            if room >= S::LANES {
                S::store(to, v)
            } else {
                S::store_partial(to, v, room)
            }
            at += S::LANES;
        }
    }
}
