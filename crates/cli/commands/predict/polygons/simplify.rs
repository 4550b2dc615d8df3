//! Boundaries with fewer vertices. What two regions share is simplified the same way for both, so that they still fit.

use super::ring::{Vertex, area_px};

/// The rings with vertices left out whose absence moves a boundary by less than `tolerance_px`; as they were where rings would
/// cross or vanish.
pub(super) fn polygon(rings: Vec<Vec<Vertex>>, tolerance_px: f64) -> Vec<Vec<Vertex>> {
    if tolerance_px <= 0.0 {
        return rings;
    }
    let simplified: Vec<_> = rings.iter().map(|ring| simplified(ring, tolerance_px)).collect();
    let keeps = |(before, after): (&Vec<Vertex>, &Vec<Vertex>)| {
        after.len() >= 3 && area_px(before).signum() == area_px(after).signum()
    };
    let is_same_kind = rings.iter().zip(&simplified).all(keeps);
    if is_same_kind && is_simple(&simplified) { simplified } else { rings }
}

/// Between junctions, which stay, a ring is simplified arc by arc.
fn simplified(ring: &[Vertex], tolerance_px: f64) -> Vec<Vertex> {
    let first = ring.iter().position(|vertex| vertex.is_junction);
    // A ring without junctions is shared with one other region, which begins at the same vertex.
    let first = first.or_else(|| (0..ring.len()).min_by_key(|&index| ring[index])).unwrap_or(0);
    let turned: Vec<Vertex> =
        ring[first..].iter().chain(&ring[..=first.min(ring.len().saturating_sub(1))]).copied().collect();
    let mut out = Vec::with_capacity(ring.len());
    let mut begin = 0;
    for end in 1..turned.len() {
        if turned[end].is_junction || end + 1 == turned.len() {
            let arc = arc(&turned[begin..=end], tolerance_px);
            out.extend_from_slice(&arc[..arc.len() - 1]);
            begin = end;
        }
    }
    out
}

/// Douglas and Peucker's reduction, in a direction that does not depend on which region asks.
fn arc(vertices: &[Vertex], tolerance_px: f64) -> Vec<Vertex> {
    let is_reversed = vertices.iter().rev().lt(vertices.iter());
    let mut path: Vec<Vertex> = vertices.to_vec();
    if is_reversed {
        path.reverse();
    }
    let mut kept = vec![false; path.len()];
    let last = path.len() - 1;
    (kept[0], kept[last]) = (true, true);
    let mut spans = vec![(0, last)];
    while let Some((begin, end)) = spans.pop() {
        let far = (begin + 1..end).map(|index| (distance(path[index], path[begin], path[end]), index));
        let far = far.reduce(|best, one| if one.0 > best.0 { one } else { best });
        if let Some((_, index)) = far.filter(|(distance, _)| *distance >= tolerance_px) {
            kept[index] = true;
            spans.extend([(begin, index), (index, end)]);
        }
    }
    let mut path: Vec<Vertex> =
        path.into_iter().zip(kept).filter_map(|(vertex, kept)| kept.then_some(vertex)).collect();
    if is_reversed {
        path.reverse();
    }
    path
}

/// Distance of a point from the line from `a` to `b`, ends included.
fn distance(point: Vertex, a: Vertex, b: Vertex) -> f64 {
    let delta =
        |from: Vertex, to: Vertex| (f64::from(to.col) - f64::from(from.col), f64::from(to.row) - f64::from(from.row));
    let ((dx, dy), (px, py)) = (delta(a, b), delta(a, point));
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (px - along * dx).hypot(py - along * dy)
}

/// Whether no two sides of the rings meet but at their common ends.
fn is_simple(rings: &[Vec<Vertex>]) -> bool {
    let sides = |ring: &Vec<Vertex>| {
        let next = ring.iter().skip(1).chain(ring.first()).copied().collect::<Vec<_>>();
        ring.iter().copied().zip(next).collect::<Vec<_>>()
    };
    let mut sides: Vec<(Vertex, Vertex)> = rings.iter().flat_map(sides).collect();
    sides.sort_by_key(|(a, b)| a.col.min(b.col));
    for (index, one) in sides.iter().enumerate() {
        let end = one.0.col.max(one.1.col);
        let (low, high) = (one.0.row.min(one.1.row), one.0.row.max(one.1.row));
        for other in sides[index + 1..].iter().take_while(|other| other.0.col.min(other.1.col) <= end) {
            let is_beside = other.0.row.max(other.1.row) < low || other.0.row.min(other.1.row) > high;
            if !is_beside && meet(*one, *other) {
                return false;
            }
        }
    }
    true
}

/// Whether two sides have a point in common that is not an end of both.
fn meet((a, b): (Vertex, Vertex), (c, d): (Vertex, Vertex)) -> bool {
    let at = |vertex: Vertex| (i64::from(vertex.col), i64::from(vertex.row));
    let ((a, b), (c, d)) = ((at(a), at(b)), (at(c), at(d)));
    let side = |p: (i64, i64), q: (i64, i64), r: (i64, i64)| {
        let cross = i128::from(q.0 - p.0) * i128::from(r.1 - p.1) - i128::from(q.1 - p.1) * i128::from(r.0 - p.0);
        cross.signum()
    };
    let within = |p: (i64, i64), q: (i64, i64), r: (i64, i64)| {
        side(p, q, r) == 0
            && (p.0.min(q.0)..=p.0.max(q.0)).contains(&r.0)
            && (p.1.min(q.1)..=p.1.max(q.1)).contains(&r.1)
    };
    let is_end = |r: (i64, i64), p: (i64, i64), q: (i64, i64)| r == p || r == q;
    let touches = (within(c, d, a) && !is_end(a, c, d))
        || (within(c, d, b) && !is_end(b, c, d))
        || (within(a, b, c) && !is_end(c, a, b))
        || (within(a, b, d) && !is_end(d, a, b));
    let crosses = side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
    let is_same = is_end(a, c, d) && is_end(b, c, d);
    touches || crosses || is_same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(corners: &[(u32, u32)]) -> Vec<Vertex> {
        corners.iter().map(|&(col, row)| Vertex { col, row, is_junction: false }).collect()
    }

    #[test]
    fn a_staircase_becomes_a_slope_and_both_sides_agree() {
        let stairs: Vec<(u32, u32)> = (0..20).flat_map(|i| [(i, i), (i + 1, i)]).chain([(20, 20), (0, 20)]).collect();
        let one = ring(&stairs);
        let short = simplified(&one, 1.0);
        assert!(short.len() < 6, "{short:?}");
        let mut other = one.clone();
        other.reverse();
        other.rotate_left(7);
        let mut back = simplified(&other, 1.0);
        back.sort();
        let mut short = short;
        short.sort();
        assert_eq!(back, short);
    }

    #[test]
    fn crossing_and_vanishing_are_noticed() {
        assert!(is_simple(&[ring(&[(0, 0), (4, 0), (4, 4), (0, 4)])]));
        assert!(!is_simple(&[ring(&[(0, 0), (4, 4), (4, 0), (0, 4)])]));
        assert!(is_simple(&[ring(&[(0, 0), (4, 0), (4, 4), (0, 4)]), ring(&[(0, 0), (1, 2), (2, 1)])]));
        let square = ring(&[(0, 0), (1, 0), (1, 1), (0, 1)]);
        assert_eq!(polygon(vec![square.clone()], 9.0), [square]);
    }
}
