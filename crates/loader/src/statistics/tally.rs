//! Counting the values of one band.

use std::collections::BTreeMap;

use super::exact::{ExactSum, product};
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

/// What is known of one band so far: the stored values, apart for each type and scaling that images have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(BTreeMap<(bool, bool, Scaling), Group>);

/// Values of one type and scaling.
#[derive(Debug, Clone)]
struct Group {
    /// How often each class of values occurs.
    counts: Vec<u64>,
    /// Of types whose values are not counted one by one.
    moments: Option<Box<Moments>>,
}

/// Sums of stored values, exact in any order.
#[derive(Debug, Clone)]
struct Moments {
    sum: ExactSum,
    squares: ExactSum,
    min: f64,
    max: f64,
}

/// Number, mean, sum of squared distances from it, smallest and largest of some values.
#[derive(Debug, Clone, Copy)]
struct Summary {
    count: u64,
    mean: f64,
    spread: f64,
    min: f64,
    max: f64,
}

impl Tally {
    /// Counts values; `scaling` takes a stored to a measured value. What is no finite number is not counted.
    pub(crate) fn add<T: Countable>(&mut self, values: impl Iterator<Item = T>, scaling: (f64, f64)) {
        let key = (T::EXACT, T::SIGNED, (scaling.0.to_bits(), scaling.1.to_bits()));
        let empty = || Group { counts: vec![0; CLASSES], moments: (!T::EXACT).then(Box::default) };
        let group = self.0.entry(key).or_insert_with(empty);
        let counts = &mut group.counts;
        match &mut group.moments {
            None => values.for_each(|value| counts[usize::from(value.class())] += 1),
            Some(moments) => {
                for value in values {
                    let number = value.to_f64();
                    if number.is_finite() {
                        counts[usize::from(value.class())] += 1;
                        moments.add(number);
                    }
                }
            }
        }
    }

    /// Takes over what another tally has counted, in whatever order.
    pub(crate) fn merge(&mut self, other: &Tally) {
        for (key, theirs) in &other.0 {
            match self.0.get_mut(key) {
                None => drop(self.0.insert(*key, theirs.clone())),
                Some(own) => {
                    own.counts.iter_mut().zip(&theirs.counts).for_each(|(own, count)| *own += count);
                    if let (Some(own), Some(theirs)) = (&mut own.moments, &theirs.moments) {
                        own.merge(theirs);
                    }
                }
            }
        }
    }

    pub(crate) fn finish(self, name: String) -> BandStatistics {
        let (mut values, mut all): (Vec<(f64, u64)>, Option<Summary>) = (Vec::new(), None);
        for ((exact, signed, (scale, offset)), group) in &self.0 {
            let (scale, offset) = (f64::from_bits(*scale), f64::from_bits(*offset));
            let stored = group.values(*exact, *signed);
            let own = group.summary(&stored).map(|summary| summary.scaled(scale, offset));
            values.extend(stored.into_iter().map(|(value, count)| (value * scale + offset, count)));
            all = match (all, own) {
                (Some(all), Some(own)) => Some(all.and(own)),
                (all, own) => all.or(own),
            };
        }
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let nothing = Summary { count: 0, mean: 0.0, spread: 0.0, min: 0.0, max: 0.0 };
        let Summary { count, mean, spread, min, max } = all.unwrap_or(nothing);
        let std = if count == 0 { 0.0 } else { (spread.max(0.0) / count as f64).sqrt() };
        let half_percentiles = percentiles(&values, count, min, max);
        let histogram = histogram(&values, min, max);
        BandStatistics { name, count, min, max, mean, std, half_percentiles, histogram }
    }
}

impl Group {
    /// Stored values that occur, or the middles of their classes, with how often they do.
    fn values(&self, exact: bool, signed: bool) -> Vec<(f64, u64)> {
        let of_class = |class: u16| match (exact, signed) {
            (true, true) => f64::from((class ^ 0x8000) as i16),
            (true, false) => f64::from(class),
            _ => middle(class),
        };
        let occurring = (0u16..=u16::MAX).zip(&self.counts).filter(|(_, count)| **count > 0);
        occurring.map(|(class, &count)| (of_class(class), count)).collect()
    }

    /// Of the stored values; `None` where there are none.
    fn summary(&self, values: &[(f64, u64)]) -> Option<Summary> {
        let count: u64 = values.iter().map(|(_, count)| count).sum();
        let (first, last) = (values.first()?.0, values.last()?.0);
        let Some(moments) = &self.moments else {
            // Whole numbers of 16 bits, up to 2^40 of them: n * sum of squares stays below 2^112.
            let terms = values.iter().map(|&(value, count)| (value as i128, i128::from(count)));
            let (sum, squares) = terms.fold((0, 0), |(sum, squares), (v, n)| (sum + v * n, squares + v * v * n));
            let n = i128::from(count);
            let (min, max) = (first.min(last), first.max(last));
            let spread = (n * squares - sum * sum) as f64 / count as f64;
            return Some(Summary { count, mean: sum as f64 / count as f64, spread, min, max });
        };
        let (sum, squares) = (moments.sum.total(), moments.squares.total());
        let spread = squares.minus(sum.squared().over(count as f64));
        let mean = sum.over(count as f64).value();
        Some(Summary { count, mean, spread: spread.value(), min: moments.min, max: moments.max })
    }
}

impl Default for Moments {
    fn default() -> Self {
        let (sum, squares) = (ExactSum::default(), ExactSum::default());
        Moments { sum, squares, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Moments {
    fn add(&mut self, value: f64) {
        let (square, rest) = product(value, value);
        self.sum.add(value);
        self.squares.add(square);
        if rest != 0.0 {
            self.squares.add(rest);
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn merge(&mut self, other: &Moments) {
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl Summary {
    /// Of measured values, from that of stored ones.
    fn scaled(self, scale: f64, offset: f64) -> Summary {
        let of = |value: f64| value * scale + offset;
        let (low, high) = (of(self.min), of(self.max));
        let (min, max) = (low.min(high), low.max(high));
        Summary { mean: of(self.mean), spread: self.spread * scale * scale, min, max, ..self }
    }

    /// Of both together (Chan, Golub and LeVeque 1979).
    fn and(self, other: Summary) -> Summary {
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let apart = other.mean - self.mean;
        Summary {
            count,
            mean: self.mean + apart * share,
            spread: self.spread + other.spread + apart * apart * self.count as f64 * share,
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
    fn floats_far_from_zero_are_summed_exactly_in_any_order() {
        // Multiples of 1/16 around 2^19, whose squares take 48 bits: sums of f64 would lose most digits of the variance.
        let whole: Vec<i64> = (0..5000i64).map(|i| (1 << 23) + 40 + i * i % 97 - 40).collect();
        let values: Vec<f32> = whole.iter().map(|&v| v as f32 / 16.0).collect();
        let (n, sum) = (whole.len() as i128, whole.iter().map(|&v| i128::from(v)).sum::<i128>());
        let squares: i128 = whole.iter().map(|&v| i128::from(v) * i128::from(v)).sum();
        let mean = sum as f64 / n as f64 / 16.0;
        let std = ((n * squares - sum * sum) as f64).sqrt() / n as f64 / 16.0;
        let mut finished = Vec::new();
        for pieces in [vec![5000], vec![1, 4999], vec![1700, 1700, 1600]] {
            let mut tally = Tally::default();
            let mut rest = &values[..];
            for length in pieces {
                let mut own = Tally::default();
                own.add(rest[..length].iter().rev().copied(), (1.0, 0.0));
                rest = &rest[length..];
                own.merge(&tally);
                tally = own;
            }
            finished.push(tally.finish("b".into()));
        }
        assert!(finished.iter().all(|other| *other == finished[0]));
        let band = &finished[0];
        assert!(
            (band.mean / mean - 1.0).abs() < 1e-15 && (band.std / std - 1.0).abs() < 1e-14,
            "{band:?} {mean} {std}"
        );
    }

    #[test]
    fn a_band_without_pixels_has_figures_all_the_same() {
        let band = Tally::default().finish("b".into());
        assert_eq!((band.count, band.mean, band.std, band.percentile(98.0)), (0, 0.0, 0.0, 0.0));
    }
}
