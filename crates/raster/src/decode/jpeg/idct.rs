//! The inverse cosine transform of libjpeg's `jidctint`: accurate integers, 13 bits of fraction, two passes.

/// Where the n-th coefficient of a stream stands in a block.
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

const CONST_BITS: u32 = 13;
const PASS1_BITS: u32 = 2;

// Constants times 2^13, rounded.
const F_0_298631336: i32 = 2446;
const F_0_390180644: i32 = 3196;
const F_0_541196100: i32 = 4433;
const F_0_765366865: i32 = 6270;
const F_0_899976223: i32 = 7373;
const F_1_175875602: i32 = 9633;
const F_1_501321110: i32 = 12299;
const F_1_847759065: i32 = 15137;
const F_1_961570560: i32 = 16069;
const F_2_053119869: i32 = 16819;
const F_2_562915447: i32 = 20995;
const F_3_072711026: i32 = 25172;

/// One pass over eight values; results have `CONST_BITS` more bits of fraction.
fn pass(v: [i32; 8]) -> [i32; 8] {
    let mul = i32::wrapping_mul;
    let add = i32::wrapping_add;
    let sub = i32::wrapping_sub;
    let z1 = mul(add(v[2], v[6]), F_0_541196100);
    let t2 = sub(z1, mul(v[6], F_1_847759065));
    let t3 = add(z1, mul(v[2], F_0_765366865));
    let t0 = add(v[0], v[4]).wrapping_shl(CONST_BITS);
    let t1 = sub(v[0], v[4]).wrapping_shl(CONST_BITS);
    let (e0, e3) = (add(t0, t3), sub(t0, t3));
    let (e1, e2) = (add(t1, t2), sub(t1, t2));
    let (z1, z2) = (add(v[7], v[1]), add(v[5], v[3]));
    let (z3, z4) = (add(v[7], v[3]), add(v[5], v[1]));
    let z5 = mul(add(z3, z4), F_1_175875602);
    let z1 = mul(z1, -F_0_899976223);
    let z2 = mul(z2, -F_2_562915447);
    let z3 = add(mul(z3, -F_1_961570560), z5);
    let z4 = add(mul(z4, -F_0_390180644), z5);
    let o0 = add(add(mul(v[7], F_0_298631336), z1), z3);
    let o1 = add(add(mul(v[5], F_2_053119869), z2), z4);
    let o2 = add(add(mul(v[3], F_3_072711026), z2), z3);
    let o3 = add(add(mul(v[1], F_1_501321110), z1), z4);
    [add(e0, o3), add(e1, o2), add(e2, o1), add(e3, o0), sub(e3, o0), sub(e2, o1), sub(e1, o2), sub(e0, o3)]
}

/// Value without its lowest `bits`, rounded.
fn descale(value: i32, bits: u32) -> i32 {
    value.wrapping_add(1 << (bits - 1)) >> bits
}

/// Transforms dequantized coefficients to eight rows of samples.
pub(super) fn inverse(block: &[i32; 64], (out, stride): (&mut [u8], usize)) {
    let mut work = [0i32; 64];
    for col in 0..8 {
        let column = std::array::from_fn(|row| block[row * 8 + col]);
        for (row, value) in pass(column).into_iter().enumerate() {
            work[row * 8 + col] = descale(value, CONST_BITS - PASS1_BITS);
        }
    }
    for row in 0..8 {
        let line = std::array::from_fn(|col| work[row * 8 + col]);
        for (col, value) in pass(line).into_iter().enumerate() {
            // Samples are centred on 128; three more bits come from the transform's own scale.
            out[row * stride + col] = (descale(value, CONST_BITS + PASS1_BITS + 3) + 128).clamp(0, 255) as u8;
        }
    }
}
