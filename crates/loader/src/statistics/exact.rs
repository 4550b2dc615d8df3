//! Sums of floating-point numbers that do not depend on their order: exact while they grow, rounded once.

/// Exponents of an f64, subnormal numbers under the smallest.
const EXPONENTS: usize = 2047;

/// A sum of f64, kept as one whole number for each exponent: of up to 2^74 terms not a bit is lost.
#[derive(Debug, Clone)]
pub(super) struct ExactSum(Vec<i128>);

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum(vec![0; EXPONENTS])
    }
}

impl ExactSum {
    /// Adds a finite number.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = (bits & ((1 << 52) - 1)) as i128;
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        if let Some(bin) = self.0.get_mut(exponent.max(1)) {
            *bin += if value.is_sign_negative() { -mantissa } else { mantissa };
        }
    }

    pub(super) fn merge(&mut self, other: &ExactSum) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own += other);
    }

    /// The sum to twice the digits of an f64.
    pub(super) fn total(&self) -> Double {
        let filled = self.0.iter().enumerate().filter(|(_, bin)| **bin != 0);
        filled.fold(Double(0.0, 0.0), |sum, (exponent, &bin)| {
            // In two steps: the smallest units have no f64 of their own.
            let power = exponent as i32 - 1075;
            let scaled = |value: f64| value * 2f64.powi(power / 2) * 2f64.powi(power - power / 2);
            let high = bin as f64;
            let low = (bin - high as i128) as f64;
            sum.plus(Double(scaled(high), scaled(low)))
        })
    }
}

/// The unevaluated sum of two f64, the second below half a unit in the last place of the first (Dekker 1971).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Double(f64, f64);

/// The product of two numbers and what rounding took from it.
#[inline]
pub(super) fn product(a: f64, b: f64) -> (f64, f64) {
    // By halves of 26 bits (Veltkamp), whose products are exact; a fused multiply is not to be had on every processor.
    let halves = |value: f64| {
        let spread = value * f64::from((1u32 << 27) + 1);
        let high = spread - (spread - value);
        (high, value - high)
    };
    let (rounded, (a1, a2), (b1, b2)) = (a * b, halves(a), halves(b));
    let rest = ((a1 * b1 - rounded) + a1 * b2 + a2 * b1) + a2 * b2;
    (rounded, if rest.is_finite() { rest } else { 0.0 })
}

/// The sum of two numbers and what rounding took from it (Knuth).
fn sum(a: f64, b: f64) -> (f64, f64) {
    let rounded = a + b;
    let part = rounded - a;
    (rounded, (a - (rounded - part)) + (b - part))
}

impl Double {
    pub(super) fn plus(self, other: Double) -> Double {
        let (high, low) = sum(self.0, other.0);
        let (high, low) = sum(high, low + self.1 + other.1);
        Double(high, low)
    }

    pub(super) fn minus(self, other: Double) -> Double {
        self.plus(Double(-other.0, -other.1))
    }

    pub(super) fn squared(self) -> Double {
        let (high, low) = product(self.0, self.0);
        let (high, low) = sum(high, low + 2.0 * self.0 * self.1);
        Double(high, low)
    }

    pub(super) fn over(self, divisor: f64) -> Double {
        let quotient = self.0 / divisor;
        let (back, rest) = product(quotient, divisor);
        let (high, low) = sum(quotient, ((self.0 - back) - rest + self.1) / divisor);
        Double(high, low)
    }

    pub(super) fn value(self) -> f64 {
        self.0 + self.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cancels_leaves_the_small_terms() {
        let mut all = ExactSum::default();
        [1e300, 1.0, -1e300, 1e-300, 5e-324].into_iter().for_each(|value| all.add(value));
        assert_eq!(all.total().value(), 1.0);
        all.add(-1.0);
        assert_eq!(all.total().value(), 1e-300);
    }

    proptest! {
        #[test]
        fn products_and_quotients_keep_what_rounding_takes(a in -1e9f64..1e9, b in 1u32..1_000_000) {
            let (rounded, rest) = product(a, a);
            prop_assert_eq!(rest, a.mul_add(a, -rounded));
            let back = Double(a, 0.0).over(f64::from(b));
            // Twice 53 bits, less a few for the roundings of the second part.
            let (whole, low) = product(back.0, f64::from(b));
            let error = (whole - a) + low + back.1 * f64::from(b);
            prop_assert!(error.abs() <= a.abs() * 2f64.powi(-100), "{error}");
        }
    }
}
