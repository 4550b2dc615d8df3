//! Transformed input. The window of 6 x 6 pixels per tile is filled for the layout that
//! [`Layout::fill`] serves in general: here four neighbouring columns are taken apart in one go.

use super::super::super::parallel::Shared;
use super::super::super::simd::{Simd, WithSimd};
use super::super::window::Layout;
use super::output::copy;
use super::transform::{FREQUENCIES, TILE, of_input};
use super::{Place, Plan, pitch};

/// Most lanes of any instruction set.
const MAX_LANES: usize = 16;

/// Elements of a row of the input for `tiles` tiles, padding and whole vectors included.
pub(super) fn line_len(tiles: usize) -> usize {
    (tiles.next_multiple_of(MAX_LANES) + MAX_LANES) * TILE
}

/// Some channels of a band.
pub(super) struct Input<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) place: Place,
    pub(super) input: &'a [f32],
    pub(super) channels: std::ops::Range<usize>,
    /// Room for one channel's window and for one row of the input.
    pub(super) window: &'a mut [f32],
    pub(super) line: &'a mut [f32],
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
                // SAFETY: the window has room for the layout, the line for the tiles of a row.
                unsafe {
                    fill::<S>(&plan.layout, input, planes.size, self.place.tile_rows.start, self.window, self.line)
                };
                let at = channel * plan.width + index * plan.lanes;
                for lane in (0..plan.lanes).step_by(S::LANES) {
                    // SAFETY: the window holds the image's lanes and a vector of slack at each offset; `transformed`
                    // has this channel's lanes, which are this task's alone, at each of the frequencies.
                    unsafe {
                        let to = self.transformed.at(at + lane);
                        debug_assert!(at + lane + S::LANES <= frequency && plan.layout.offsets.len() == FREQUENCIES);
                        of_input::<S>(self.window.as_ptr().add(lane), &plan.layout.offsets, to, frequency);
                    }
                }
            }
        }
    }
}

/// Fills one channel's window from its `plane` of `size` for the band that starts at row `y0` of tiles.
///
/// # Safety
/// `line` has [`line_len`] elements for the layout's tiles per row; the processor has `S`.
#[inline(always)]
pub(super) unsafe fn fill<S: Simd>(
    layout: &Layout,
    plane: &[f32],
    size: [usize; 2],
    y0: usize,
    window: &mut [f32],
    line: &mut [f32],
) {
    let tiles = layout.out_cols;
    let shift = layout.taps.cols[0];
    // The part of a row that tiles read, and where in the line it goes.
    let (skip, pad) = (shift.max(0) as usize, (-shift).max(0) as usize);
    let wanted = tiles * TILE + 2;
    let count = size[1].saturating_sub(skip).min(wanted.saturating_sub(pad));
    line.fill(0.0);
    let mut empty = false;
    for phase in &layout.phases {
        for r in 0..phase.rows {
            let y = (y0 as isize + phase.first + r as isize) * TILE as isize + phase.phase;
            match usize::try_from(y).ok().filter(|&y| y < size[0]) {
                Some(y) => {
                    let row = &plane[y * size[1] + skip..][..count];
                    // SAFETY: `count` elements are within the row and, from `pad`, within the line.
                    unsafe { copy::<S>(row.as_ptr(), line[pad..pad + count].as_mut_ptr(), count) };
                    empty = false;
                }
                None if empty => {}
                None => {
                    line[pad..pad + count].fill(0.0);
                    empty = true;
                }
            }
            let to = &mut window[phase.start + r * tiles..];
            let mut tile = 0;
            while tile < tiles {
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
                tile += n;
            }
        }
    }
}
