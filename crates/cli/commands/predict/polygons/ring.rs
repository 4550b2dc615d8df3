//! Closed chains of pixel corners: area, and their parts where they touch themselves.

use std::collections::HashMap;

/// A corner between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Vertex {
    pub(super) col: u32,
    pub(super) row: u32,
    /// Three boundaries or more meet here.
    pub(super) is_junction: bool,
}

/// Area in pixels: positive where the region lies inside the ring, negative for holes.
pub(super) fn area_px(ring: &[Vertex]) -> f64 {
    let next = ring.iter().skip(1).chain(ring.first());
    let cross =
        |(a, b): (&Vertex, &Vertex)| i128::from(a.col) * i128::from(b.row) - i128::from(b.col) * i128::from(a.row);
    ring.iter().zip(next).map(cross).sum::<i128>() as f64 / 2.0
}

/// The ring's parts between two visits to one corner, each of which visits a corner once: a region that closes round a
/// corner has a hole there, not a boundary that touches itself.
pub(super) fn without_touching(ring: Vec<Vertex>) -> Vec<Vec<Vertex>> {
    let mut parts = Vec::new();
    let mut place = HashMap::with_capacity(ring.len());
    let mut path: Vec<Vertex> = Vec::with_capacity(ring.len());
    for vertex in ring {
        let at = (vertex.col, vertex.row);
        if let Some(&first) = place.get(&at) {
            let part: Vec<Vertex> = path.drain(first..).collect();
            part.iter().for_each(|vertex| {
                place.remove(&(vertex.col, vertex.row));
            });
            parts.push(part);
        }
        place.insert(at, path.len());
        path.push(vertex);
    }
    parts.push(path);
    parts
}
