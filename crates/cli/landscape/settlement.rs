//! Where people live: towns on a loose grid, their streets and roofs, and the main roads between them.

use super::climate::Climate;
use super::noise::{Noise, direction, distance, mix, pick};

/// What covers a pixel of built-up land.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Built {
    /// A roof of tiles, or of concrete, or of sheet metal.
    Tiles,
    Concrete,
    Metal,
    /// A street or a yard.
    Asphalt,
    /// A lawn or trees between the houses.
    Garden,
}

/// Towns stand about this far apart, in pixels.
const SPACING_PX: f64 = 170.0;

/// What is built at `(x, y)`, if anything is. Towns avoid no slope by themselves; the caller judges the ground.
pub(super) fn built(noise: Noise, climate: &Climate, [x, y]: [f64; 2]) -> Option<Built> {
    let noise = noise.fork(40);
    let road = noise.fork(1);
    let [u, v] = road.warp(x, y, 200.0, 30.0);
    // The slope of this noise is near 1.5 / 700 per pixel, so this keeps a road about two pixels wide.
    if road.fork(2).smooth(u / 700.0, v / 700.0).abs() < 0.0022 {
        return Some(Built::Asphalt);
    }
    let ragged = noise.fork(3).fractal(x / 22.0, y / 22.0, 3);
    let (tx, ty) = ((x / SPACING_PX).floor() as i64, (y / SPACING_PX).floor() as i64);
    for (cx, cy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (tx + dx, ty + dy))) {
        let id = noise.bits(cx, cy);
        if pick(id, 1) > 0.62 {
            continue;
        }
        let centre = [(cx as f64 + pick(id, 2)) * SPACING_PX, (cy as f64 + pick(id, 3)) * SPACING_PX];
        let radius = climate.town_px * (0.35 + 1.3 * pick(id, 4) * pick(id, 4));
        if radius * (1.0 + 0.55 * ragged) > distance([x, y], centre) {
            return Some(quarter(noise, climate, id, [x - centre[0], y - centre[1]], radius));
        }
    }
    None
}

/// The pattern within one town: streets in a turned grid, plots between them, works at one edge.
fn quarter(noise: Noise, climate: &Climate, town: u64, [dx, dy]: [f64; 2], radius: f64) -> Built {
    let [east, south] = direction(town);
    let (a, b) = (dx * east + dy * south, dy * east - dx * south);
    let works = radius > 14.0 && a > 0.45 * radius;
    let (block, plot) = if works { (15.0, 5.0) } else { (8.0 + 3.0 * pick(town, 5), 2.0) };
    let street = (a / block - (a / block).floor()).min(b / (1.4 * block) - (b / (1.4 * block)).floor());
    if street * block < 1.2 {
        return Built::Asphalt;
    }
    let plot_id = mix(noise.bits((a / plot).floor() as i64, (b / plot).floor() as i64) ^ town);
    let green = if works { 0.18 } else { 0.30 + 0.25 * (dx * dx + dy * dy).sqrt() / radius };
    match (pick(plot_id, 6), pick(plot_id, 7)) {
        (lot, _) if lot < green => Built::Garden,
        (lot, _) if lot < green + 0.12 => Built::Asphalt,
        (_, roof) if works && roof < 0.45 => Built::Metal,
        (_, roof) if !works && roof < climate.tiled => Built::Tiles,
        _ => Built::Concrete,
    }
}
