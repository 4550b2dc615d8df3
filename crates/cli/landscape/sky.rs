//! Sun and air over a scene on one visit: light on slopes, clouds, their shadows, and haze.

use super::noise::{Noise, lerp, step};
use super::spectra::{CLOUD, HAZE, Spectrum, blend};

/// When a satellite passed, and what the sky was like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    /// RFC 3339 without the year, as in `07-09T10:50:31Z`.
    pub(super) day: &'static str,
    /// Share of the year gone by.
    pub(super) year_share: f64,
    /// Unit vector to the sun: east, south, up.
    pub(super) sun: [f64; 3],
    /// Level of the cloud noise above which there is cloud; higher means fewer.
    pub(super) cloud_level: f64,
    /// Haze, as a share of the region's.
    pub(super) haze: f64,
}

/// The visits of a year. The sun stands as at 45 degrees north, half past ten; azimuth and elevation beside it.
pub(super) const VISITS: [Visit; 4] = [
    // 145 degrees, 62 degrees.
    Visit { day: "07-09T10:50:31Z", year_share: 0.520, sun: [0.2693, 0.3846, 0.8829], cloud_level: 0.40, haze: 0.7 },
    // 152 degrees, 52 degrees.
    Visit { day: "04-15T10:50:29Z", year_share: 0.288, sun: [0.2890, 0.5436, 0.7880], cloud_level: 0.46, haze: 0.3 },
    // 163 degrees, 40 degrees.
    Visit { day: "10-02T10:50:33Z", year_share: 0.752, sun: [0.2240, 0.7326, 0.6428], cloud_level: 0.34, haze: 1.0 },
    // 161 degrees, 24 degrees.
    Visit { day: "01-24T10:50:27Z", year_share: 0.066, sun: [0.2974, 0.8638, 0.4067], cloud_level: 0.52, haze: 0.2 },
];

/// Base of the clouds above the ground.
const CLOUD_BASE_PX: f64 = 55.0;

/// The air above one scene.
pub(super) struct Sky {
    pub(super) noise: Noise,
    pub(super) visit: Visit,
    /// Strongest haze of the region, 0 to 1.
    pub(super) haze: f64,
}

impl Sky {
    /// How far cloud hides the ground at `(x, y)`: 0 clear, 1 opaque.
    pub(super) fn cloud(&self, [x, y]: [f64; 2]) -> f64 {
        let noise = self.noise.fork(1);
        let [u, v] = noise.warp(x, y, 60.0, 10.0);
        let billow =
            0.8 * noise.fork(2).fractal(u / 95.0, v / 95.0, 5) + 0.35 * noise.fork(3).smooth(x / 260.0, y / 260.0);
        step(self.visit.cloud_level, self.visit.cloud_level + 0.20, billow)
    }

    /// How far cloud keeps the sun from `(x, y)`: 0 lit, 1 in full shadow.
    pub(super) fn shadow(&self, [x, y]: [f64; 2]) -> f64 {
        let [east, south, up] = self.visit.sun;
        let reach = CLOUD_BASE_PX / up;
        self.cloud([x + east * reach, y + south * reach])
    }

    /// Light on a slope beside that on level ground; a third of it comes from the whole sky and the correction that the
    /// product made.
    pub(super) fn light(&self, [rise_east, rise_south]: [f64; 2]) -> f64 {
        let [east, south, up] = self.visit.sun;
        let length = (1.0 + rise_east * rise_east + rise_south * rise_south).sqrt();
        let incidence = (up - rise_east * east - rise_south * south) / length;
        lerp(0.35, 1.0, (incidence / up).clamp(0.0, 1.7))
    }

    /// What reaches the sensor from ground of the given reflectance, light on it and cloud above it.
    pub(super) fn through_air(&self, ground: &Spectrum, at @ [x, y]: [f64; 2], light: f64, cloud: f64) -> Spectrum {
        let shadow = self.shadow(at);
        // Skylight is blue: in shadow the short wavelengths lose least.
        let lit: Spectrum = std::array::from_fn(|band| {
            let left = lerp(0.46, 0.26, band as f64 / (HAZE.len() - 1) as f64);
            ground[band] * light * lerp(1.0, left, shadow)
        });
        let drift = 0.6 + 0.5 * self.noise.fork(4).fractal(x / 240.0, y / 240.0, 2);
        let haze = (self.haze * self.visit.haze * drift).clamp(0.0, 1.0);
        let hazy: Spectrum =
            std::array::from_fn(|band| lit[band] * (1.0 - 1.8 * haze * HAZE[band]) + haze * HAZE[band]);
        let texture = 0.9 + 0.14 * self.noise.fork(5).fractal(x / 18.0, y / 18.0, 3);
        blend(&hazy, &CLOUD.map(|value| value * texture), cloud)
    }
}
