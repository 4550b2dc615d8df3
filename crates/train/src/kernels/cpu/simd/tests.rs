//! Every function of every instruction set against what [`Simd`] says of it, lane by lane.

use super::*;

/// One operation, by name, so that a single [`WithSimd`] serves for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Fma,
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Sqrt,
    Round,
    Exp2Integer,
    WherePositive,
    Exp,
}

use Operation::*;

/// The operation on each triple of operands, with its result beside it.
struct Each<'a>(&'a [[f32; 3]], &'a mut [f32], Operation);

impl WithSimd for Each<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (operands, out) in self.0.chunks(S::LANES).zip(self.1.chunks_mut(S::LANES)) {
            let n = operands.len();
            let [a, b, c] = [0, 1, 2].map(|which| {
                let lanes: Vec<f32> = operands.iter().map(|operands| operands[which]).collect();
                // SAFETY: `n` elements, at most `LANES`.
                unsafe { S::load_partial(lanes.as_ptr(), n) }
            });
            // SAFETY: arithmetic, and `n` writable elements.
            unsafe {
                let v = match self.2 {
                    Fma => S::fma(a, b, c),
                    Add => S::add(a, b),
                    Sub => S::sub(a, b),
                    Mul => S::mul(a, b),
                    Div => S::div(a, b),
                    Max => S::max(a, b),
                    Min => S::min(a, b),
                    Sqrt => S::sqrt(a),
                    Round => S::round(a),
                    Exp2Integer => S::exp2_integer(a),
                    WherePositive => S::where_positive(a, b),
                    Exp => exp::<S>(a),
                };
                S::store_partial(out.as_mut_ptr(), v, n);
            }
        }
    }
}

fn on(isa: Isa, operation: Operation, operands: &[[f32; 3]]) -> Vec<f32> {
    let mut out = vec![f32::NAN; operands.len()];
    isa.dispatch(Each(operands, &mut out, operation));
    out
}

/// Every triple of numbers that have gone wrong before anywhere: signs of zero, ties, extremes, infinities, NaN.
fn triples() -> Vec<[f32; 3]> {
    let of = [0.0, -0.0, 0.5, 1.5, -2.5, 3.3, -1e-3, 1e30, f32::MIN_POSITIVE, f32::INFINITY, -f32::INFINITY, f32::NAN];
    let len = of.len();
    (0..len.pow(3)).map(|i| [i / len / len, i / len % len, i % len].map(|i| of[i])).collect()
}

/// The same bits, or both NaN (whose bits the processor chooses).
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn arithmetic_is_that_of_single_numbers() {
    for isa in Isa::available() {
        for operation in [Fma, Add, Sub, Mul, Div, Max, Min, Sqrt, Round, WherePositive] {
            let triples = triples();
            for (&[a, b, c], got) in triples.iter().zip(on(isa, operation, &triples)) {
                let expected = match operation {
                    Fma if isa == Isa::Portable => a * b + c,
                    Fma => a.mul_add(b, c),
                    Add => a + b,
                    Sub => a - b,
                    Mul => a * b,
                    Div => a / b,
                    Max if a > b => a,
                    Min if a < b => a,
                    Max | Min => b,
                    Sqrt => a.sqrt(),
                    Round => a.round_ties_even(),
                    WherePositive if a > 0.0 => b,
                    _ => 0.0,
                };
                assert!(same(got, expected), "{operation:?} of {a}, {b}, {c} is {got} on {isa:?}, not {expected}");
            }
        }
    }
}

#[test]
fn powers_of_two_are_exact() {
    let powers: Vec<[f32; 3]> = (-126..=127).map(|power| [power as f32, 0.0, 0.0]).collect();
    for isa in Isa::available() {
        for ([power, ..], got) in powers.iter().zip(on(isa, Exp2Integer, &powers)) {
            assert_eq!(f64::from(got), f64::from(*power).exp2(), "{isa:?}");
        }
    }
}

#[test]
fn exp_is_within_two_units_in_the_last_place() {
    let x: Vec<[f32; 3]> = (0..17_501).map(|i| [i as f32 * 0.01 - 87.0, 0.0, 0.0]).collect();
    for isa in Isa::available() {
        for (&[x, ..], y) in x.iter().zip(on(isa, Exp, &x)) {
            let truth = f64::from(x).exp();
            // Two units of 2^-23, relative.
            assert!((f64::from(y) - truth).abs() <= truth * 2.4e-7, "{isa:?}: exp({x}) = {y}, not {truth}");
        }
        let [low, nan] = on(isa, Exp, &[[-1e30, 0.0, 0.0], [f32::NAN, 0.0, 0.0]])[..] else { unreachable!() };
        assert!(low > 0.0 && low < 1e-37 && nan.is_nan(), "{isa:?}: {low} {nan}");
    }
}

/// Reads and writes of every length.
struct Memory(Isa);

impl WithSimd for Memory {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // One beyond a multiple of anything: addresses are not aligned.
        let from: Vec<f32> = (0..=4 * S::LANES).map(|i| i as f32 + 1.0).collect();
        let from = &from[1..];
        for n in 0..=S::LANES {
            let mut lanes = vec![f32::NAN; S::LANES];
            let mut to = vec![-1.0; S::LANES + 2];
            // SAFETY: `from` holds four vectors, `lanes` one, `to` one and two elements more.
            unsafe {
                S::store(lanes.as_mut_ptr(), S::load_partial(from.as_ptr(), n));
                S::store_partial(to[1..].as_mut_ptr(), S::load(from.as_ptr()), n);
            }
            for lane in 0..S::LANES {
                let read = if lane < n { from[lane] } else { 0.0 };
                let written = if lane < n { from[lane] } else { -1.0 };
                assert_eq!([lanes[lane], to[lane + 1]], [read, written], "{:?}: lane {lane} of {n}", self.0);
            }
            assert_eq!([to[0], to[S::LANES + 1]], [-1.0, -1.0], "{:?}: beside {n}", self.0);
        }
        let (mut apart, mut together) = (vec![f32::NAN; 4 * S::LANES], vec![f32::NAN; 4 * S::LANES]);
        let mut pairs = vec![f32::NAN; 2 * S::LANES];
        // SAFETY: all hold four vectors, the pairs two.
        let sum = unsafe {
            let parts = S::load_deinterleaved(from.as_ptr());
            for (part, to) in parts.iter().zip(apart.chunks_exact_mut(S::LANES)) {
                S::store(to.as_mut_ptr(), *part);
            }
            S::store_interleaved(together.as_mut_ptr(), parts);
            let [even, odd] = S::load_pairs(from.as_ptr());
            S::store(pairs.as_mut_ptr(), even);
            S::store(pairs[S::LANES..].as_mut_ptr(), odd);
            S::sum(S::add(S::load(from.as_ptr()), S::splat(0.5)))
        };
        for (i, &part) in apart.iter().enumerate() {
            assert_eq!(part, from[i % S::LANES * 4 + i / S::LANES], "{:?}: element {i}", self.0);
        }
        assert_eq!(together, from, "{:?}", self.0);
        for (i, &pair) in pairs.iter().enumerate() {
            assert_eq!(pair, from[i % S::LANES * 2 + i / S::LANES], "{:?}: element {i}", self.0);
        }
        // Small multiples of a half: exact in any order.
        assert_eq!(sum, from[..S::LANES].iter().map(|x| x + 0.5).sum::<f32>(), "{:?}", self.0);
    }
}

#[test]
fn reads_and_writes_touch_the_elements_they_name() {
    for isa in Isa::available() {
        isa.dispatch(Memory(isa));
    }
}

#[test]
fn sets_have_the_sizes_that_kernels_assume() {
    for isa in Isa::available() {
        // Scratch and lane arrays of the kernels are sized for 16 lanes, register tiles come in 4 and 8 rows.
        assert!(matches!(isa.lanes(), 4 | 8 | 16) && matches!(isa.rows(), 4 | 8), "{isa:?}");
    }
    assert_eq!(Isa::available().last(), Some(&Isa::Portable));
}
