//! Boundaries of regions, row by row.
//!
//! Every pixel's sides are walked with the pixel to the right, and each corner says, from its four pixels alone, which side
//! follows which: chains grow and join until they close. A region has ended when no pixel of a row belongs to it.

use std::collections::{HashMap, HashSet, VecDeque};

use ndarray::ArrayView1;

use super::ring::Vertex;

/// A region of one class with all its rings.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) class: u8,
    pub(super) rings: Vec<Vec<Vertex>>,
}

/// Where an end of a chain waits for the next corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Its tail goes down at this column.
    Down(usize),
    /// Its head comes up at this column.
    Up(usize),
    /// Its tail goes right on the line in work.
    East,
    /// Its head comes from the right on the line in work.
    West,
}

#[derive(Debug)]
struct Chain {
    vertices: VecDeque<Vertex>,
    head: Slot,
    tail: Slot,
}

const NONE: usize = usize::MAX;

/// Ends that wait at the corner in work, by the pixel along whose side they come in or leave.
struct Here {
    tails: [usize; 4],
    heads: [usize; 4],
}

/// Whether chain `old` waits among the ends, which is `new` from now on.
fn rename(ends: &mut [usize; 4], old: usize, new: usize) -> bool {
    let found = ends.iter_mut().find(|end| **end == old);
    found.map(|end| *end = new).is_some()
}

/// The state between two rows.
#[derive(Debug)]
pub(super) struct Tracer {
    nothing: u8,
    row: usize,
    /// Class of each pixel of the row above, with one of nothing at both sides, and the region's number.
    above: Vec<u8>,
    regions_above: Vec<u32>,
    down: Vec<usize>,
    up: Vec<usize>,
    east: usize,
    west: usize,
    chains: Vec<Chain>,
    free: Vec<usize>,
    /// Parent of each region's number: numbers that turned out to be one region lead to the lowest of them.
    parents: Vec<u32>,
    rings: HashMap<u32, Vec<Vec<Vertex>>>,
}

impl Tracer {
    /// For rows of `width`; pixels of the class `nothing` belong to no region.
    pub(super) fn new(width: usize, nothing: u8) -> Self {
        Self {
            nothing,
            row: 0,
            above: vec![nothing; width + 2],
            regions_above: vec![u32::MAX; width + 2],
            down: vec![NONE; width + 1],
            up: vec![NONE; width + 1],
            east: NONE,
            west: NONE,
            chains: Vec::new(),
            free: Vec::new(),
            parents: Vec::new(),
            rings: HashMap::new(),
        }
    }

    /// Adds a row; gives the regions that ended above it.
    pub(super) fn push(&mut self, row: ArrayView1<'_, u8>) -> Vec<Region> {
        let mut below = Vec::with_capacity(self.above.len());
        below.push(self.nothing);
        below.extend(row.iter().copied());
        below.push(self.nothing);
        let regions = self.number(&below);
        for col in 0..self.down.len() {
            self.corner(col, &below, &regions);
        }
        let ended = self.ended(&regions);
        (self.above, self.regions_above) = (below, regions);
        self.row += 1;
        ended
    }

    /// Ends all regions.
    pub(super) fn finish(&mut self) -> Vec<Region> {
        let width = self.down.len() - 1;
        let nothing = vec![self.nothing; width];
        self.push(ArrayView1::from(&nothing))
    }

    /// Numbers the pixels of a row by region: those above, joined where the row joins them, and new ones.
    fn number(&mut self, below: &[u8]) -> Vec<u32> {
        let mut regions = vec![u32::MAX; below.len()];
        for at in 1..below.len() - 1 {
            if below[at] == self.nothing {
                continue;
            }
            let left = if below[at] == below[at - 1] { regions[at - 1] } else { u32::MAX };
            let above = if below[at] == self.above[at] { self.root(self.regions_above[at]) } else { u32::MAX };
            regions[at] = match (left, above) {
                (u32::MAX, u32::MAX) => {
                    let number = self.parents.len() as u32;
                    self.parents.push(number);
                    number
                }
                (left, u32::MAX) => left,
                (u32::MAX, above) => above,
                (left, above) => self.join(left, above),
            };
        }
        regions
    }

    fn root(&mut self, mut region: u32) -> u32 {
        while self.parents[region as usize] != region {
            let next = self.parents[region as usize];
            self.parents[region as usize] = self.parents[next as usize];
            region = next;
        }
        region
    }

    fn join(&mut self, one: u32, other: u32) -> u32 {
        let (one, other) = (self.root(one), self.root(other));
        let (low, high) = (one.min(other), one.max(other));
        if low != high {
            self.parents[high as usize] = low;
            if let Some(rings) = self.rings.remove(&high) {
                self.rings.entry(low).or_default().extend(rings);
            }
        }
        low
    }

    /// Links the sides that meet at the corner left of column `col` on the line between the two rows.
    fn corner(&mut self, col: usize, below: &[u8], regions: &[u32]) {
        // Counter-clockwise from the upper left; side i lies between pixel i and the next: left, lower, right, upper.
        let pixels = [self.above[col], below[col], below[col + 1], self.above[col + 1]];
        let sides = [0, 1, 2, 3].map(|i| pixels[i] != pixels[(i + 1) % 4]);
        let degree = sides.iter().filter(|side| **side).count();
        if degree == 0 {
            return;
        }
        let owners = [self.regions_above[col], regions[col], regions[col + 1], self.regions_above[col + 1]];
        let vertex = Vertex { col: col as u32, row: self.row as u32, is_junction: degree > 2 };
        let (down, up) = (std::mem::replace(&mut self.down[col], NONE), std::mem::replace(&mut self.up[col], NONE));
        let (east, west) = (std::mem::replace(&mut self.east, NONE), std::mem::replace(&mut self.west, NONE));
        // Chains whose tail comes in along the pixel's incoming side, and whose head leaves along its outgoing side, where
        // they are known: what lies to the right and below is not.
        let mut here = Here { tails: [down, east, NONE, NONE], heads: [west, NONE, NONE, up] };
        for incoming in 0..4 {
            if !sides[(incoming + 3) % 4] || pixels[incoming] == self.nothing {
                continue;
            }
            let turns = (0..3).find(|turn| sides[(incoming + turn) % 4]).unwrap_or(0);
            let outgoing = (incoming + turns) % 4;
            let vertex = (turns != 1 || degree > 2).then_some(vertex);
            let head_slot = if incoming == 2 { Slot::Up(col) } else { Slot::West };
            let tail_slot = if outgoing == 1 { Slot::Down(col) } else { Slot::East };
            let ends = (
                std::mem::replace(&mut here.tails[incoming], NONE),
                std::mem::replace(&mut here.heads[outgoing], NONE),
            );
            self.link(ends, vertex, (head_slot, tail_slot), owners[incoming], &mut here);
        }
    }

    /// Joins a chain that ends here with one that begins here; the slots are for ends that are not known yet.
    fn link(&mut self, ends: (usize, usize), vertex: Option<Vertex>, slots: (Slot, Slot), owner: u32, here: &mut Here) {
        match ends {
            (NONE, NONE) => {
                let chain = Chain { vertices: vertex.into_iter().collect(), head: slots.0, tail: slots.1 };
                let id = self.keep(chain);
                self.put(slots.0, id);
                self.put(slots.1, id);
            }
            (tail, NONE) => {
                self.chains[tail].vertices.extend(vertex);
                self.chains[tail].tail = slots.1;
                self.put(slots.1, tail);
            }
            (NONE, head) => {
                if let Some(vertex) = vertex {
                    self.chains[head].vertices.push_front(vertex);
                }
                self.chains[head].head = slots.0;
                self.put(slots.0, head);
            }
            (tail, head) if tail == head => {
                let mut vertices = std::mem::take(&mut self.chains[tail].vertices);
                vertices.extend(vertex);
                self.free.push(tail);
                let owner = self.root(owner);
                self.rings.entry(owner).or_default().push(vertices.into());
            }
            (tail, head) => self.splice(tail, head, vertex, here),
        }
    }

    /// Appends chain `head` to chain `tail`; the longer one takes the shorter one's vertices.
    fn splice(&mut self, tail: usize, head: usize, vertex: Option<Vertex>, here: &mut Here) {
        let mut first = std::mem::take(&mut self.chains[tail].vertices);
        let mut second = std::mem::take(&mut self.chains[head].vertices);
        first.extend(vertex);
        if first.len() >= second.len() {
            first.append(&mut second);
            let slot = self.chains[head].tail;
            self.chains[tail].vertices = first;
            self.chains[tail].tail = slot;
            if !rename(&mut here.tails, head, tail) {
                self.put(slot, tail);
            }
            self.free.push(head);
        } else {
            first.into_iter().rev().for_each(|vertex| second.push_front(vertex));
            let slot = self.chains[tail].head;
            self.chains[head].vertices = second;
            self.chains[head].head = slot;
            if !rename(&mut here.heads, tail, head) {
                self.put(slot, head);
            }
            self.free.push(tail);
        }
    }

    fn keep(&mut self, chain: Chain) -> usize {
        match self.free.pop() {
            Some(id) => {
                self.chains[id] = chain;
                id
            }
            None => {
                self.chains.push(chain);
                self.chains.len() - 1
            }
        }
    }

    fn put(&mut self, slot: Slot, id: usize) {
        match slot {
            Slot::Down(col) => self.down[col] = id,
            Slot::Up(col) => self.up[col] = id,
            Slot::East => self.east = id,
            Slot::West => self.west = id,
        }
    }

    /// Regions of the row above that have no pixel in the row below, in the order of their columns.
    fn ended(&mut self, regions: &[u32]) -> Vec<Region> {
        let mut living = HashSet::new();
        let mut last = u32::MAX;
        for &region in regions.iter().filter(|region| **region != u32::MAX) {
            if region != last {
                last = region;
                living.insert(self.root(region));
            }
        }
        let mut ended = Vec::new();
        for at in 1..self.above.len() - 1 {
            let region = self.regions_above[at];
            if region == u32::MAX || region == self.regions_above[at - 1] {
                continue;
            }
            let region = self.root(region);
            if !living.contains(&region) {
                let rings = self.rings.remove(&region);
                ended.extend(rings.map(|rings| Region { class: self.above[at], rings }));
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::super::ring::{area_px, without_touching};
    use super::*;
    use ndarray::{Array2, array};

    fn regions(map: &Array2<u8>) -> Vec<Region> {
        let mut tracer = Tracer::new(map.ncols(), 255);
        let mut all: Vec<Region> = map.outer_iter().flat_map(|row| tracer.push(row)).collect();
        all.extend(tracer.finish());
        assert!(tracer.rings.is_empty() && tracer.free.len() == tracer.chains.len());
        all
    }

    /// Pixels inside the rings, by the rule of odd crossings.
    fn burn(region: &Region, map: &mut Array2<u8>) {
        for ((row, col), pixel) in map.indexed_iter_mut() {
            let mut crossings = 0;
            for ring in &region.rings {
                for (a, b) in ring.iter().zip(ring.iter().skip(1).chain(ring.first())) {
                    let (top, bottom) = (a.row.min(b.row) as usize, a.row.max(b.row) as usize);
                    crossings += usize::from(a.col == b.col && (a.col as usize) <= col && (top..bottom).contains(&row));
                }
            }
            if crossings % 2 == 1 {
                assert_eq!(*pixel, 255, "each pixel belongs to one region");
                *pixel = region.class;
            }
        }
    }

    #[test]
    fn polygons_burnt_back_are_the_map() {
        let mut state = 7_u32;
        for (classes, size) in [(2, 40), (3, 25), (5, 16), (2, 1), (1, 9)] {
            let map = Array2::from_shape_fn((size, size + 3), |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                match (state >> 16) % (classes + 1) {
                    value if value == classes => 255,
                    value => value as u8,
                }
            });
            let mut burnt = Array2::from_elem(map.dim(), 255);
            for region in regions(&map) {
                burn(&region, &mut burnt);
                let rings: Vec<_> = region.rings.into_iter().flat_map(without_touching).collect();
                assert_eq!(rings.iter().filter(|ring| area_px(ring) > 0.0).count(), 1, "one outer ring");
            }
            assert_eq!(burnt, map);
        }
    }

    #[test]
    fn a_region_closed_round_a_corner_has_a_hole_there() {
        let map = array![[1_u8, 1, 1], [1, 2, 1], [1, 1, 2]];
        let all = regions(&map);
        assert_eq!(all.len(), 3);
        let one = all.into_iter().find(|region| region.class == 1).unwrap();
        let rings: Vec<_> = one.rings.into_iter().flat_map(without_touching).collect();
        let mut areas: Vec<f64> = rings.iter().map(|ring| area_px(ring)).collect();
        areas.sort_by(f64::total_cmp);
        assert_eq!(areas, [-1.0, 8.0]);
    }
}
