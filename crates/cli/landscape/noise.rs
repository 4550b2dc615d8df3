//! Seeded noise and cells over the infinite plane: what everything natural in the landscape is drawn with.
//!
//! Responsible for hashing, gradient noise and its sums, and Voronoi cells; knows nothing of land cover.
//! Only additions, multiplications, divisions, `sqrt` and `floor` are used. IEEE 754 rounds each of them exactly, so
//! every machine draws the same landscape to the last bit; a sine or a power would depend on the C library.

/// A source of noise. Two with different seeds are independent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    seed: u64,
}

/// The cell of a jittered grid that a point falls into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Uniform 64 bits that name the cell.
    pub(super) id: u64,
    /// Where its seed point lies, in the units of the query.
    pub(super) centre: [f64; 2],
    /// Distance from the query to the nearest border, in the units of the query.
    pub(super) border: f64,
}

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// An independent source for another purpose.
    pub(super) fn fork(self, purpose: u64) -> Self {
        Self { seed: mix(self.seed ^ mix(purpose)) }
    }

    /// 64 uniform bits for a lattice point.
    pub(super) fn bits(self, x: i64, y: i64) -> u64 {
        mix(mix(self.seed ^ (x as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
            ^ (y as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
    }

    /// A nearly normal number (mean 0, deviation 1; the sum of four uniforms) for a lattice point.
    pub(super) fn normal(self, x: i64, y: i64) -> f64 {
        let bits = self.bits(x, y);
        let sum: f64 = (0..4).map(|part| f64::from((bits >> (16 * part)) as u16) / 65_536.0).sum();
        // Each uniform has variance 1/12, the four together 1/3.
        (sum - 2.0) * 1.732_050_807_568_877_2
    }

    /// Gradient noise of wavelength 1: smooth, mean 0, mostly within [-1, 1].
    pub(super) fn smooth(self, x: f64, y: f64) -> f64 {
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let (ix, iy) = (x0 as i64, y0 as i64);
        let corner = |dx: i64, dy: i64| {
            let direction = DIRECTIONS[(self.bits(ix + dx, iy + dy) >> 61) as usize];
            direction[0] * (fx - dx as f64) + direction[1] * (fy - dy as f64)
        };
        let (u, v) = (fade(fx), fade(fy));
        let top = lerp(corner(0, 0), corner(1, 0), u);
        let bottom = lerp(corner(0, 1), corner(1, 1), u);
        lerp(top, bottom, v) * 1.6
    }

    /// A sum of `octaves` of [`Noise::smooth`], each twice as fine and half as strong, scaled to stay mostly within
    /// [-1, 1]. The lattice is turned by the 3-4-5 triangle's angle between octaves so that its axes do not show.
    pub(super) fn fractal(self, x: f64, y: f64, octaves: u32) -> f64 {
        let (mut x, mut y, mut amplitude, mut sum, mut total) = (x, y, 1.0, 0.0, 0.0);
        for octave in 0..octaves {
            sum += amplitude * self.fork(u64::from(octave)).smooth(x, y);
            total += amplitude;
            amplitude *= 0.5;
            (x, y) = (2.0 * (0.8 * x - 0.6 * y) + 17.3, 2.0 * (0.6 * x + 0.8 * y) - 9.1);
        }
        sum / total * 1.3
    }

    /// `(x, y)` pushed aside by up to about `strength` by noise of wavelength `wavelength`.
    pub(super) fn warp(self, x: f64, y: f64, wavelength: f64, strength: f64) -> [f64; 2] {
        let (u, v) = (x / wavelength, y / wavelength);
        [x + strength * self.fork(101).fractal(u, v, 2), y + strength * self.fork(102).fractal(u, v, 2)]
    }

    /// The Voronoi cell of seed points jittered within a unit square lattice.
    pub(super) fn cell(self, x: f64, y: f64) -> Cell {
        let (ix, iy) = (x.floor() as i64, y.floor() as i64);
        let mut nearest = (f64::INFINITY, 0, [0.0; 2]);
        let mut second = f64::INFINITY;
        for (cx, cy) in (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (ix + dx, iy + dy))) {
            let id = self.bits(cx, cy);
            let jitter = |shift: u32| 0.1 + 0.8 * f64::from((id >> shift) as u16) / 65_536.0;
            let centre = [cx as f64 + jitter(0), cy as f64 + jitter(16)];
            let distance = distance([x, y], centre);
            if distance < nearest.0 {
                second = nearest.0;
                nearest = (distance, id, centre);
            } else if distance < second {
                second = distance;
            }
        }
        Cell { id: mix(nearest.1), centre: nearest.2, border: (second - nearest.0) / 2.0 }
    }
}

/// Eight unit vectors, 45 degrees apart.
const DIRECTIONS: [[f64; 2]; 8] = {
    const D: f64 = std::f64::consts::FRAC_1_SQRT_2;
    [[1.0, 0.0], [D, D], [0.0, 1.0], [-D, D], [-1.0, 0.0], [-D, -D], [0.0, -1.0], [D, -D]]
};

/// The finaliser of splitmix64: every output bit depends on every input bit.
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The top 53 bits as a number in [0, 1).
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / 9_007_199_254_740_992.0
}

/// The `index`-th of the independent numbers in [0, 1) that a 64-bit name stands for.
pub(super) fn pick(id: u64, index: u64) -> f64 {
    unit(mix(id ^ mix(index)))
}

/// A unit vector whose direction is spread over the half turn by a name.
pub(super) fn direction(id: u64) -> [f64; 2] {
    let (x, y) = (2.0 * pick(id, 201) - 1.0, pick(id, 202) + 0.02);
    let length = (x * x + y * y).sqrt();
    [x / length, y / length]
}

pub(super) fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    (dx * dx + dy * dy).sqrt()
}

pub(super) fn lerp(from: f64, to: f64, share: f64) -> f64 {
    from + (to - from) * share
}

/// 0 up to `from`, 1 beyond `to`, smooth between.
pub(super) fn step(from: f64, to: f64, value: f64) -> f64 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn fade(t: f64) -> f64 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_centred_and_bounded() {
        let noise = Noise::new(7);
        let values: Vec<f64> =
            (0..40_000).map(|i| noise.fractal(f64::from(i % 200) * 0.37, f64::from(i / 200) * 0.41, 4)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        // 40,000 samples over about 75 x 80 independent cells: the mean's deviation is near 0.4 / sqrt(6000) = 0.005.
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!(values.iter().all(|value| value.abs() < 1.7));
    }

    #[test]
    fn a_cell_owns_the_points_nearest_to_its_centre() {
        let noise = Noise::new(3);
        let cell = noise.cell(10.3, -4.7);
        assert_eq!(noise.cell(cell.centre[0], cell.centre[1]).id, cell.id);
        assert!(cell.border >= 0.0);
    }

    #[test]
    fn normals_have_unit_variance() {
        let noise = Noise::new(11);
        let variance = (0..10_000).map(|i| noise.normal(i, 0).powi(2)).sum::<f64>() / 10_000.0;
        // The variance of a squared sum of four uniforms is below 2, so this mean is good to about 0.014.
        assert!((variance - 1.0).abs() < 0.06, "variance {variance}");
    }
}
