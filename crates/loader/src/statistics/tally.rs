//! Counting the values of one band.

use std::collections::BTreeMap;

use super::{BandStatistics, Histogram};

/// Classes of values that are told apart.
const CLASSES: usize = 1 << 16;

/// Stretches of the histogram that is kept.
const BUCKETS: usize = 64;

/// A factor and an addend from stored to measured value, by their bits.
type Scaling = (u64, u64);

/// A value that can be counted.
pub(crate) trait Countable: Copy {
    /// Whether each value has a class of its own.
    const EXACT: bool;
    /// Whether the class of a whole number has its sign bit turned, so that negative values come first.
    const SIGNED: bool;
    /// The class of a value.
    fn class(self) -> u16;
    fn to_f64(self) -> f64;
}

macro_rules! countable {
    ($($t:ty: $exact:expr, $signed:expr, $class:expr);* $(;)?) => {$(
        impl Countable for $t {
            const EXACT: bool = $exact;
            const SIGNED: bool = $signed;
            fn class(self) -> u16 {
                let class: fn($t) -> u16 = $class;
                class(self)
            }
            #[allow(clippy::cast_lossless)]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

countable! {
    u8: true, false, u16::from;
    i8: true, true, |v| (i16::from(v) as u16) ^ 0x8000;
    u16: true, false, |v| v;
    i16: true, true, |v| (v as u16) ^ 0x8000;
    u32: false, false, |v| ordered(v as f32);
    i32: false, false, |v| ordered(v as f32);
    u64: false, false, |v| ordered(v as f32);
    i64: false, false, |v| ordered(v as f32);
    f32: false, false, ordered;
    f64: false, false, |v| ordered(v as f32);
}

/// The upper half of an f32's bits, changed so that larger values have larger bits.
fn ordered(value: f32) -> u16 {
    let bits = value.to_bits();
    ((if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 }) >> 16) as u16
}

/// The value in the middle of a class of [`ordered`].
fn middle(class: u16) -> f64 {
    let bits = (u32::from(class) << 16) | 0x8000;
    f64::from(f32::from_bits(if bits >> 31 == 1 { bits & 0x7fff_ffff } else { !bits }))
}

/// What is known of one band so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Counts of each class, for each scaling that images have.
    counts: BTreeMap<(bool, bool, Scaling), Vec<u64>>,
    /// Count, sum, sum of squares, smallest and largest measured value of types that are not counted exactly.
    moments: Option<Moments>,
}

#[derive(Debug, Clone, Copy)]
struct Moments {
    count: u64,
    sum: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Tally {
    /// Counts values; `scaling` takes a stored to a measured value. NaN is not counted.
    pub(crate) fn add<T: Countable>(&mut self, values: impl Iterator<Item = T>, scaling: (f64, f64)) {
        let key = (T::EXACT, T::SIGNED, (scaling.0.to_bits(), scaling.1.to_bits()));
        let counts = self.counts.entry(key).or_insert_with(|| vec![0; CLASSES]);
        if T::EXACT {
            values.for_each(|value| counts[usize::from(value.class())] += 1);
            return;
        }
        let mut m = Moments { count: 0, sum: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };
        for value in values {
            let measured = value.to_f64() * scaling.0 + scaling.1;
            if measured.is_nan() {
                continue;
            }
            counts[usize::from(value.class())] += 1;
            m = m.with(measured);
        }
        self.moments = Some(self.moments.map_or(m, |own| own.and(m)));
    }

    /// Takes over what another tally has counted; sums of inexact types depend on the order of this.
    pub(crate) fn merge(&mut self, other: &Tally) {
        for (key, counts) in &other.counts {
            let own = self.counts.entry(*key).or_insert_with(|| vec![0; CLASSES]);
            own.iter_mut().zip(counts).for_each(|(own, count)| *own += count);
        }
        if let Some(m) = other.moments {
            self.moments = Some(self.moments.map_or(m, |own| own.and(m)));
        }
    }

    /// Values that occur, ascending, with how often they do: all, or those that are counted exactly.
    fn values(&self, exactly: bool) -> Vec<(f64, u64)> {
        let mut values: Vec<(f64, u64)> = Vec::new();
        for (&(exact, signed, (scale, offset)), counts) in self.counts.iter().filter(|(key, _)| key.0 || !exactly) {
            let measured = |value: f64| value * f64::from_bits(scale) + f64::from_bits(offset);
            for (class, &count) in (0u16..=u16::MAX).zip(counts).filter(|(_, count)| **count > 0) {
                let value = match (exact, signed) {
                    (true, true) => f64::from((class ^ 0x8000) as i16),
                    (true, false) => f64::from(class),
                    _ => middle(class),
                };
                values.push((measured(value), count));
            }
        }
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        values
    }

    pub(crate) fn finish(self, name: String) -> BandStatistics {
        let values = self.values(false);
        let exact = self.values(true).iter().fold(Moments::none(), |m, &(v, n)| m.and(Moments::of(v, n)));
        let m = self.moments.map_or(exact, |inexact| exact.and(inexact));
        let count = m.count;
        let mean = if count == 0 { 0.0 } else { m.sum / count as f64 };
        // Around the mean where values are known one by one, else from the sums, where rounding may leave a trace below 0.
        let variance = match (count, self.moments) {
            (0, _) => 0.0,
            (_, None) => values.iter().map(|&(v, n)| (v - mean).powi(2) * n as f64).sum::<f64>() / count as f64,
            (_, Some(_)) => (m.squares / count as f64 - mean * mean).max(0.0),
        };
        let (min, max) = if count == 0 { (0.0, 0.0) } else { (m.min, m.max) };
        let half_percentiles = percentiles(&values, count, min, max);
        let histogram = histogram(&values, min, max);
        BandStatistics { name, count, min, max, mean, std: variance.sqrt(), half_percentiles, histogram }
    }
}

impl Moments {
    fn none() -> Moments {
        Moments { count: 0, sum: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }

    fn of(value: f64, count: u64) -> Moments {
        let n = count as f64;
        Moments { count, sum: value * n, squares: value * value * n, min: value, max: value }
    }

    fn with(self, value: f64) -> Moments {
        self.and(Moments::of(value, 1))
    }

    fn and(self, other: Moments) -> Moments {
        Moments {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// Values at each half percent of the pixels, as numpy's `percentile` finds them: linear between neighbouring pixels.
fn percentiles(values: &[(f64, u64)], count: u64, min: f64, max: f64) -> Vec<f64> {
    let mut ends = Vec::with_capacity(values.len());
    let mut total = 0u64;
    for &(_, n) in values {
        total += n;
        ends.push(total);
    }
    let at =
        |rank: u64| values.get(ends.partition_point(|&end| end <= rank)).map_or(max, |value| value.0.clamp(min, max));
    (0..=200u32)
        .map(|half| {
            if count == 0 {
                return 0.0;
            }
            let rank = f64::from(half) / 200.0 * (count - 1) as f64;
            let (low, high) = (at(rank.floor() as u64), at(rank.ceil() as u64));
            low + (high - low) * rank.fract()
        })
        .collect()
}

fn histogram(values: &[(f64, u64)], min: f64, max: f64) -> Histogram {
    let mut buckets = vec![0u64; BUCKETS];
    let width = (max - min) / BUCKETS as f64;
    for &(value, count) in values {
        let bucket = if width > 0.0 { ((value - min) / width).max(0.0) as usize } else { 0 };
        buckets[bucket.min(BUCKETS - 1)] += count;
    }
    Histogram { count: BUCKETS, min, max, buckets }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_give_exact_figures_in_any_order() {
        let values: Vec<i16> = vec![-5, 7, 7, 100, -32_768, 32_767, 3];
        let (mut whole, mut split) = (Tally::default(), Tally::default());
        whole.add(values.iter().copied(), (1.0, 0.0));
        let mut second = Tally::default();
        second.add(values[3..].iter().rev().copied(), (1.0, 0.0));
        split.add(values[..3].iter().copied(), (1.0, 0.0));
        second.merge(&split);
        let (a, b) = (whole.finish("b".into()), second.finish("b".into()));
        assert_eq!(a, b);
        // Sum 111 over 7 values; sorted: -32768 -5 3 7 7 100 32767.
        assert_eq!((a.count, a.min, a.max, a.mean), (7, -32_768.0, 32_767.0, 111.0 / 7.0));
        assert_eq!(a.percentile(50.0), 7.0);
    }

    #[test]
    fn scaled_images_are_counted_in_measured_values() {
        let mut tally = Tally::default();
        tally.add([1000u16, 2000].into_iter(), (0.0001, 0.0));
        tally.add([2000u16, 3000].into_iter(), (0.0001, -0.1));
        let band = tally.finish("b".into());
        // 0.1, 0.2, 0.1, 0.2; the last bit of each product may differ.
        assert!((band.mean - 0.15).abs() < 1e-12 && (band.std - 0.05).abs() < 1e-12, "{band:?}");
    }

    #[test]
    fn floats_are_counted_to_half_a_class() {
        let values: Vec<f32> = (0..=1000).map(|i| i as f32 * 0.5 - 250.0).collect();
        let mut tally = Tally::default();
        tally.add(values.iter().copied().chain([f32::NAN]), (1.0, 0.0));
        let band = tally.finish("b".into());
        assert_eq!((band.count, band.min, band.max), (1001, -250.0, 250.0));
        // Sums of multiples of 1/2 below 2^53 are exact.
        assert_eq!(band.mean, 0.0);
        // Half of a relative width of 1/128 at 125.
        assert!((band.percentile(75.0) - 125.0).abs() <= 125.0 / 256.0 + 0.5, "{}", band.percentile(75.0));
        assert_eq!(band.histogram.buckets.iter().sum::<u64>(), 1001);
    }

    #[test]
    fn a_band_without_pixels_has_figures_all_the_same() {
        let band = Tally::default().finish("b".into());
        assert_eq!((band.count, band.mean, band.std, band.percentile(98.0)), (0, 0.0, 0.0, 0.0));
    }
}
