//! How farmers divided the land: blocks with one orientation each, cut into rectangular parcels.

use super::noise::{Noise, direction, mix, pick};

/// The parcel that a point lies in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parcel {
    /// Uniform 64 bits that name it.
    pub(super) id: u64,
    /// Where its middle lies in the region's plane, in pixels.
    pub(super) centre: [f64; 2],
    /// Distance to its border, in pixels.
    pub(super) border_px: f64,
    /// Distance to the border of its block, where tracks and hedges run, in pixels.
    pub(super) track_px: f64,
    /// Distance across the rows in which it is worked, in pixels.
    pub(super) across_px: f64,
}

/// The parcel at `(x, y)`. Blocks are Voronoi cells; within one, strips of one width hold parcels of one length,
/// shifted from strip to strip, and now and then two neighbours are worked as one.
pub(super) fn parcel(noise: Noise, block_px: f64, size_px: [f64; 2], [x, y]: [f64; 2]) -> Parcel {
    let noise = noise.fork(20);
    let [u, v] = noise.warp(x, y, 60.0, 4.0);
    let block = noise.fork(1).cell(u / block_px, v / block_px);
    let origin = block.centre.map(|coordinate| coordinate * block_px);
    let [east, south] = direction(block.id);
    let (dx, dy) = (u - origin[0], v - origin[1]);
    let (across, along) = (dx * east + dy * south, dy * east - dx * south);

    let width = size_px[0] * (0.65 + 0.9 * pick(block.id, 1));
    let strip = (across / width).floor();
    let strip_id = mix(block.id ^ mix((strip as i64) as u64));
    let length = size_px[1] * (0.6 + 1.0 * pick(strip_id, 2));
    let shift = length * pick(strip_id, 3);
    let piece = ((along + shift) / length).floor();
    let id = mix(strip_id ^ mix((piece as i64) as u64 ^ 0x5bd1));

    let (in_strip, in_piece) = (across - strip * width, along + shift - piece * length);
    let sides = in_strip.min(width - in_strip).min(in_piece.min(length - in_piece));
    let (mid_across, mid_along) = ((strip + 0.5) * width, (piece + 0.5) * length - shift);
    let track_px = block.border * block_px;
    Parcel {
        id,
        centre: [
            origin[0] + mid_across * east - mid_along * south + (x - u),
            origin[1] + mid_across * south + mid_along * east + (y - v),
        ],
        border_px: sides.min(track_px),
        track_px,
        across_px: across,
    }
}
