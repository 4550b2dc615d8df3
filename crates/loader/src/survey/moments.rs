//! How bands vary together: means and co-moments, merged by the rule of Chan, Golub and LeVeque (1979).

/// Number, means and centred co-moments of vectors of values.
#[derive(Debug, Clone, Default)]
pub(super) struct CoMoments {
    count: u64,
    mean: Vec<f64>,
    /// Sums of products of distances from the means, upper triangle row after row.
    products: Vec<f64>,
}

impl CoMoments {
    /// Of values `[band][pixel]`, all bands of equal length.
    pub(super) fn of(values: &[Vec<f64>]) -> Self {
        let count = values.first().map_or(0, Vec::len);
        if count == 0 {
            return Self::default();
        }
        let mean: Vec<f64> = values.iter().map(|band| band.iter().sum::<f64>() / count as f64).collect();
        let centred: Vec<Vec<f64>> =
            values.iter().zip(&mean).map(|(band, mean)| band.iter().map(|value| value - mean).collect()).collect();
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let products = pairs(values.len()).map(|(i, j)| product(&centred[i], &centred[j])).collect();
        Self { count: count as u64, mean, products }
    }

    /// Takes over what other vectors came to.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.clone_from(other);
            return;
        }
        let (own, theirs) = (self.count as f64, other.count as f64);
        let total = own + theirs;
        let distance: Vec<f64> = self.mean.iter().zip(&other.mean).map(|(own, theirs)| theirs - own).collect();
        for ((i, j), (sum, theirs_sum)) in pairs(distance.len()).zip(self.products.iter_mut().zip(&other.products)) {
            *sum += theirs_sum + distance[i] * distance[j] * own * theirs / total;
        }
        self.mean.iter_mut().zip(&distance).for_each(|(mean, distance)| *mean += distance * theirs / total);
        self.count += other.count;
    }

    /// Pearson's correlation `[band, band]`; `None` for a band of one value.
    pub(super) fn correlation(&self, bands: usize) -> Vec<Vec<Option<f64>>> {
        let mut table = vec![vec![None; bands]; bands];
        let spread = |band: usize| self.products.get(position(band, band, bands)).copied().unwrap_or(0.0);
        for ((i, j), product) in pairs(bands).zip(&self.products) {
            let scale = (spread(i) * spread(j)).sqrt();
            let value = (scale > 0.0).then(|| (product / scale).clamp(-1.0, 1.0));
            (table[i][j], table[j][i]) = (value, value);
        }
        table
    }
}

/// Pairs `(i, j)` with `i <= j`, row after row.
fn pairs(bands: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..bands).flat_map(move |i| (i..bands).map(move |j| (i, j)))
}

/// Where [`pairs`] has `(i, j)`.
fn position(i: usize, j: usize, bands: usize) -> usize {
    i * bands - i * i.saturating_sub(1) / 2 - i + j
}

/// Number, mean and variance of some values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    count: u64,
    mean: f64,
    variance: f64,
}

impl Group {
    pub(super) fn new(count: u64, mean: f64, std: f64) -> Self {
        Self { count, mean, variance: std * std }
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0 {
            return self;
        }
        let share = other.count as f64 / count as f64;
        let distance = other.mean - self.mean;
        let within = self.variance * (1.0 - share) + other.variance * share;
        Self {
            count,
            mean: self.mean + distance * share,
            variance: within + distance * distance * share * (1.0 - share),
        }
    }

    /// Distance of the mean from that of `others`, in standard deviations of these; `None` where one side has no values, or
    /// the others one value only.
    pub(super) fn shift_from(self, others: Self) -> Option<f64> {
        let std = others.variance.max(0.0).sqrt();
        (self.count > 0 && others.count > 0 && std > 0.0).then(|| (self.mean - others.mean) / std)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn halves_merge_to_the_whole(values in prop::collection::vec((-9.0f64..9.0, 990.0f64..1010.0, -1.0f64..1.0), 3..60), cut in 0usize..60) {
            let columns = |part: &[(f64, f64, f64)]| -> Vec<Vec<f64>> {
                vec![part.iter().map(|v| v.0).collect(), part.iter().map(|v| v.1).collect(), part.iter().map(|v| v.0 * 2.0 + v.2).collect()]
            };
            let cut = cut.min(values.len());
            let mut merged = CoMoments::of(&columns(&values[..cut]));
            merged.merge(&CoMoments::of(&columns(&values[cut..])));
            let whole = CoMoments::of(&columns(&values));
            prop_assert_eq!(merged.count, whole.count);
            // Sums of 60 products up to 1e2, of numbers known to 1e-13 (1e3 times the rounding of f64).
            for (a, b) in merged.products.iter().zip(&whole.products) {
                prop_assert!((a - b).abs() < 1e-8, "{} {}", a, b);
            }
            let table = whole.correlation(3);
            prop_assert!(table[0][0].is_none_or(|r| (r - 1.0).abs() < 1e-9));
            prop_assert_eq!(table[2][1], table[1][2]);
        }
    }

    #[test]
    fn a_constant_band_correlates_with_nothing() {
        let moments = CoMoments::of(&[vec![1.0, 1.0, 1.0], vec![1.0, 2.0, 3.0], vec![6.0, 4.0, 2.0]]);
        let table = moments.correlation(3);
        assert_eq!((table[0][1], table[1][2]), (None, Some(-1.0)));
    }

    #[test]
    fn groups_pool_to_the_deviation_of_all() {
        // 1, 3 and 5, 7: mean 4, deviation sqrt(5).
        let Group { count, mean, variance } = Group::new(2, 2.0, 1.0).and(Group::new(2, 6.0, 1.0));
        assert_eq!((count, mean), (4, 4.0));
        assert!((variance.sqrt() - 5f64.sqrt()).abs() < 1e-12);
    }
}
