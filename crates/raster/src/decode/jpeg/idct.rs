//! The inverse cosine transform of libjpeg's `jidctint`: accurate integers, 13 bits of fraction, two passes; also to sixteen
//! points from eight coefficients, which is how libjpeg 8 and later bring chrominance to full size.

/// Where the n-th coefficient of a stream stands in a block.
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

const CONST_BITS: u32 = 13;
const PASS1_BITS: u32 = 2;

/// A constant in fixed point.
const fn fix(value: f64) -> i32 {
    (value * (1 << CONST_BITS) as f64 + 0.5) as i32
}

fn mul(a: i32, b: i32) -> i32 {
    a.wrapping_mul(b)
}

fn add(a: i32, b: i32) -> i32 {
    a.wrapping_add(b)
}

fn sub(a: i32, b: i32) -> i32 {
    a.wrapping_sub(b)
}

/// Eight points of eight coefficients, with `CONST_BITS` more bits of fraction.
fn eight(v: [i32; 8]) -> [i32; 8] {
    let z1 = mul(add(v[2], v[6]), const { fix(0.541196100) });
    let t2 = sub(z1, mul(v[6], const { fix(1.847759065) }));
    let t3 = add(z1, mul(v[2], const { fix(0.765366865) }));
    let t0 = add(v[0], v[4]).wrapping_shl(CONST_BITS);
    let t1 = sub(v[0], v[4]).wrapping_shl(CONST_BITS);
    let (e0, e3) = (add(t0, t3), sub(t0, t3));
    let (e1, e2) = (add(t1, t2), sub(t1, t2));
    let (z1, z2) = (add(v[7], v[1]), add(v[5], v[3]));
    let (z3, z4) = (add(v[7], v[3]), add(v[5], v[1]));
    let z5 = mul(add(z3, z4), const { fix(1.175875602) });
    let z1 = mul(z1, const { -fix(0.899976223) });
    let z2 = mul(z2, const { -fix(2.562915447) });
    let z3 = add(mul(z3, const { -fix(1.961570560) }), z5);
    let z4 = add(mul(z4, const { -fix(0.390180644) }), z5);
    let o0 = add(add(mul(v[7], const { fix(0.298631336) }), z1), z3);
    let o1 = add(add(mul(v[5], const { fix(2.053119869) }), z2), z4);
    let o2 = add(add(mul(v[3], const { fix(3.072711026) }), z2), z3);
    let o3 = add(add(mul(v[1], const { fix(1.501321110) }), z1), z4);
    [add(e0, o3), add(e1, o2), add(e2, o1), add(e3, o0), sub(e3, o0), sub(e2, o1), sub(e1, o2), sub(e0, o3)]
}

/// Sixteen points of eight coefficients, with `CONST_BITS` more bits of fraction.
fn sixteen(v: [i32; 8]) -> [i32; 16] {
    let (even, odd) = (sixteen_even(v), sixteen_odd(v));
    std::array::from_fn(|i| if i < 8 { add(even[i], odd[i]) } else { sub(even[15 - i], odd[15 - i]) })
}

fn sixteen_even(v: [i32; 8]) -> [i32; 8] {
    let t0 = v[0].wrapping_shl(CONST_BITS);
    let t1 = mul(v[4], const { fix(1.306562965) });
    let t2 = mul(v[4], const { fix(0.541196100) });
    let (t10, t11, t12, t13) = (add(t0, t1), sub(t0, t1), add(t0, t2), sub(t0, t2));
    let difference = sub(v[2], v[6]);
    let z4 = mul(difference, const { fix(0.275899379) });
    let z3 = mul(difference, const { fix(1.387039845) });
    let t0 = add(z3, mul(v[6], const { fix(2.562915447) }));
    let t1 = add(z4, mul(v[2], const { fix(0.899976223) }));
    let t2 = sub(z3, mul(v[2], const { fix(0.601344887) }));
    let t3 = sub(z4, mul(v[6], const { fix(0.509795579) }));
    [add(t10, t0), add(t12, t1), add(t13, t2), add(t11, t3), sub(t11, t3), sub(t13, t2), sub(t12, t1), sub(t10, t0)]
}

fn sixteen_odd(v: [i32; 8]) -> [i32; 8] {
    let (z1, z2, z3, z4) = (v[1], v[3], v[5], v[7]);
    let sum = |terms: &[i32]| terms.iter().fold(0, |acc: i32, term| acc.wrapping_add(*term));
    let a = mul(add(z1, z2), const { fix(1.353318001) });
    let b = mul(add(z1, z3), const { fix(1.247225013) });
    let c = mul(add(z1, z4), const { fix(1.093201867) });
    let d = mul(sub(z1, z4), const { fix(0.897167586) });
    let e = mul(add(z1, z3), const { fix(0.666655658) });
    let f = mul(sub(z1, z2), const { fix(0.410524528) });
    let g = mul(add(z2, z3), const { fix(0.138617169) });
    let h = mul(sub(z3, z2), const { fix(1.407403738) });
    let i = mul(add(z2, z4), const { -fix(0.666655658) });
    let j = mul(add(z2, z4), const { -fix(1.247225013) });
    let k = mul(add(z3, z4), const { -fix(1.353318001) });
    let l = mul(sub(z4, z3), const { fix(0.410524528) });
    [
        sum(&[a, b, c, mul(z1, const { -fix(2.286341144) })]),
        sum(&[a, g, mul(z2, const { fix(0.071888074) }), i]),
        sum(&[b, g, mul(z3, const { -fix(1.125726048) }), k]),
        sum(&[c, i, mul(z4, const { fix(1.065388962) }), k]),
        sum(&[d, j, mul(z4, const { fix(3.141271809) }), l]),
        sum(&[e, h, mul(z3, const { -fix(0.766367282) }), l]),
        sum(&[f, h, mul(z2, const { fix(1.971951411) }), j]),
        sum(&[d, e, f, mul(z1, const { -fix(1.835730603) })]),
    ]
}

/// Value without its lowest `bits`, rounded.
fn descale(value: i32, bits: u32) -> i32 {
    value.wrapping_add(1 << (bits - 1)) >> bits
}

/// Transforms dequantized coefficients to samples: 8 or 16 columns and rows, by `is_wide` and `is_high`.
pub(super) fn inverse(block: &[i32; 64], is_wide: bool, is_high: bool, (out, stride): (&mut [u8], usize)) {
    let mut work = [[0i32; 8]; 16];
    let rows = if is_high { 16 } else { 8 };
    for col in 0..8 {
        let column = std::array::from_fn(|row| block[row * 8 + col]);
        let mut put = |row: usize, value: i32| work[row][col] = descale(value, CONST_BITS - PASS1_BITS);
        if is_high {
            sixteen(column).into_iter().enumerate().for_each(|(row, value)| put(row, value));
        } else {
            eight(column).into_iter().enumerate().for_each(|(row, value)| put(row, value));
        }
    }
    for (row, line) in work.iter().enumerate().take(rows) {
        // Samples are centred on 128; three more bits come from the transform's own scale.
        let sample = |value: i32| (descale(value, CONST_BITS + PASS1_BITS + 3) + 128).clamp(0, 255) as u8;
        let mut put = |col: usize, value: i32| out[row * stride + col] = sample(value);
        if is_wide {
            sixteen(*line).into_iter().enumerate().for_each(|(col, value)| put(col, value));
        } else {
            eight(*line).into_iter().enumerate().for_each(|(col, value)| put(col, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_with_only_a_mean_is_flat_at_every_size() {
        let mut block = [0; 64];
        // A mean of 80 counts in the transform's scale, which is eight times the sample's.
        block[0] = 80;
        for (is_wide, is_high) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut out = [0u8; 256];
            inverse(&block, is_wide, is_high, (&mut out, 16));
            let (cols, rows) = (if is_wide { 16 } else { 8 }, if is_high { 16 } else { 8 });
            for row in 0..rows {
                assert_eq!(out[row * 16..row * 16 + cols], vec![138; cols][..]);
            }
        }
    }

    #[test]
    fn a_slow_wave_has_the_same_shape_at_both_sizes() {
        let mut block = [0; 64];
        block[1] = 400;
        let (mut small, mut large) = ([0u8; 64], [0u8; 128]);
        inverse(&block, false, false, (&mut small, 8));
        inverse(&block, true, false, (&mut large, 16));
        for i in 0..8 {
            // The wave is a cosine, so that the mean of two half-samples lies within 1 % of its amplitude (71), plus rounding.
            let mean = (f64::from(large[2 * i]) + f64::from(large[2 * i + 1])) / 2.0;
            assert!((mean - f64::from(small[i])).abs() <= 1.71, "{i}: {mean} against {}", small[i]);
        }
    }
}
