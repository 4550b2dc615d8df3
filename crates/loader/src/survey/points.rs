//! Pixels picked by chance, the same ones in any order of reading: those whose place has the smallest hash.

use super::Point;

/// The picked pixels of every class.
#[derive(Debug, Clone)]
pub(super) struct Points {
    per_class: usize,
    /// Hash and values, at most twice `per_class` of a class between two tidyings.
    classes: Vec<Vec<(u64, Vec<f32>)>>,
    /// Hashes from here on are not among the smallest.
    limit: Vec<u64>,
}

impl Points {
    pub(super) fn new(classes: usize, per_class: usize) -> Self {
        Self { per_class, classes: vec![Vec::new(); classes], limit: vec![u64::MAX; classes] }
    }

    /// Whether a pixel of this hash may be picked.
    pub(super) fn wants(&self, class: usize, hash: u64) -> bool {
        self.per_class > 0 && self.limit.get(class).is_some_and(|limit| hash < *limit)
    }

    /// Offers a pixel.
    pub(super) fn offer(&mut self, class: usize, hash: u64, values: Vec<f32>) {
        if !self.wants(class, hash) {
            return;
        }
        self.classes[class].push((hash, values));
        if self.classes[class].len() >= 2 * self.per_class {
            self.tidy(class);
        }
    }

    /// Takes over what another pass has picked.
    pub(super) fn merge(&mut self, other: Self) {
        for (class, picked) in other.classes.into_iter().enumerate() {
            picked.into_iter().for_each(|(hash, values)| self.offer(class, hash, values));
        }
    }

    fn tidy(&mut self, class: usize) {
        let picked = &mut self.classes[class];
        picked.sort_by_key(|(hash, _)| *hash);
        picked.truncate(self.per_class);
        if picked.len() == self.per_class
            && let Some((hash, _)) = picked.last()
        {
            self.limit[class] = *hash;
        }
    }

    pub(super) fn finish(mut self) -> Vec<Point> {
        (0..self.classes.len()).for_each(|class| self.tidy(class));
        let classes = self.classes.into_iter().enumerate();
        classes.flat_map(|(class, picked)| picked.into_iter().map(move |(_, values)| Point { class, values })).collect()
    }
}

/// A hash of a pixel's place; `scene` is one of the image.
pub(super) fn of_place(scene: u64, row: i64, col: i64) -> u64 {
    // The finaliser of SplitMix64 (Steele et al. 2014), over a number that no two pixels of an image share.
    let mut z = scene ^ ((row as u64) << 32 | (col as u64 & 0xffff_ffff)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash of an image's name (FNV-1a).
pub(super) fn of_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_pixels_are_picked_in_any_order() {
        let pixels: Vec<(u64, Vec<f32>)> = (0..500).map(|i| (of_place(7, i, 3 * i), vec![i as f32])).collect();
        let pick = |order: &[(u64, Vec<f32>)], cut: usize| {
            let mut halves = [Points::new(2, 20), Points::new(2, 20)];
            for (at, (hash, values)) in order.iter().enumerate() {
                halves[usize::from(at >= cut)].offer(1, *hash, values.clone());
            }
            let [mut first, second] = halves;
            first.merge(second);
            first.finish()
        };
        let mut turned = pixels.clone();
        turned.reverse();
        let (a, b) = (pick(&pixels, 100), pick(&turned, 321));
        assert_eq!((a.len(), &a), (20, &b));
        assert!(a.iter().all(|point| point.class == 1));
    }
}
