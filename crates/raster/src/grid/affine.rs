//! The affine map from pixel to CRS coordinates, in rasterio's order.

/// Affine map from pixel coordinates (column, row) to CRS coordinates (x, y):
/// `x = a * col + b * row + c`, `y = d * col + e * row + f`.
///
/// (0, 0) is the outer corner of the first pixel, (0.5, 0.5) its centre.
/// The order is rasterio's and STAC's `proj:transform`; GDAL's is `[c, a, b, f, d, e]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// x per column.
    pub a: f64,
    /// x per row.
    pub b: f64,
    /// x of the outer corner of the first pixel.
    pub c: f64,
    /// y per column.
    pub d: f64,
    /// y per row; negative in a north-up image.
    pub e: f64,
    /// y of the outer corner of the first pixel.
    pub f: f64,
}

impl Affine {
    /// CRS coordinates are pixel coordinates.
    pub const IDENTITY: Affine = Affine::new(1.0, 0.0, 0.0, 0.0, 1.0, 0.0);

    /// The six coefficients in rasterio's order.
    pub const fn new(a: f64, b: f64, c: f64, d: f64, e: f64, f: f64) -> Self {
        Affine { a, b, c, d, e, f }
    }

    /// A north-up map: upper left corner (x, y), pixel width and height, both positive.
    pub const fn north_up(x: f64, y: f64, pixel_width: f64, pixel_height: f64) -> Self {
        Affine::new(pixel_width, 0.0, x, 0.0, -pixel_height, y)
    }

    /// From GDAL's geotransform `[c, a, b, f, d, e]`.
    pub const fn from_gdal(g: [f64; 6]) -> Self {
        Affine::new(g[1], g[2], g[0], g[4], g[5], g[3])
    }

    /// As GDAL's geotransform `[c, a, b, f, d, e]`.
    pub const fn to_gdal(self) -> [f64; 6] {
        [self.c, self.a, self.b, self.f, self.d, self.e]
    }

    /// `[a, b, c, d, e, f]`.
    pub const fn to_array(self) -> [f64; 6] {
        [self.a, self.b, self.c, self.d, self.e, self.f]
    }

    /// CRS coordinates of a pixel position.
    pub fn apply(&self, col: f64, row: f64) -> (f64, f64) {
        // Summed in GDAL's order, so that positions on a pixel's very edge fall on the same side.
        (self.c + col * self.a + row * self.b, self.f + col * self.d + row * self.e)
    }

    /// The map from CRS to pixel coordinates; `None` where the map is singular or not finite.
    pub fn invert(&self) -> Option<Affine> {
        let det = self.a * self.e - self.b * self.d;
        if !det.is_finite() || det == 0.0 || !self.c.is_finite() || !self.f.is_finite() {
            return None;
        }
        if self.is_axis_aligned() {
            // As GDAL does it; the general way below rounds differently.
            let (a, e) = (1.0 / self.a, 1.0 / self.e);
            return Some(Affine::new(a, 0.0, -self.c / self.a, 0.0, e, -self.f / self.e));
        }
        let (a, b, d, e) = (self.e / det, -self.b / det, -self.d / det, self.a / det);
        Some(Affine::new(a, b, -(a * self.c + b * self.f), d, e, -(d * self.c + e * self.f)))
    }

    /// First `inner`, then this map.
    pub fn compose(&self, inner: &Affine) -> Affine {
        let (c, f) = self.apply(inner.c, inner.f);
        Affine {
            a: self.a * inner.a + self.b * inner.d,
            b: self.a * inner.b + self.b * inner.e,
            c,
            d: self.d * inner.a + self.e * inner.d,
            e: self.d * inner.b + self.e * inner.e,
            f,
        }
    }

    /// The same map with its origin moved to pixel position (col, row).
    pub fn translated_px(&self, col: f64, row: f64) -> Affine {
        let (c, f) = self.apply(col, row);
        Affine { c, f, ..*self }
    }

    /// The same extent with pixels `x_factor` times as wide and `y_factor` times as high.
    pub fn scaled_px(&self, x_factor: f64, y_factor: f64) -> Affine {
        Affine { a: self.a * x_factor, b: self.b * y_factor, d: self.d * x_factor, e: self.e * y_factor, ..*self }
    }

    /// Width and height of a pixel in CRS units, both positive, also for rotated maps.
    pub fn pixel_size(&self) -> (f64, f64) {
        (self.a.hypot(self.d), self.b.hypot(self.e))
    }

    /// True where rows run along x and columns along y: no rotation or shear.
    pub fn is_axis_aligned(&self) -> bool {
        self.b == 0.0 && self.d == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_undoes_a_rotated_map() {
        let map = Affine::new(8.66, 5.0, 300_000.0, 5.0, -8.66, 4_700_000.0);
        let (x, y) = map.apply(12.5, 7.25);
        let (col, row) = map.invert().unwrap().apply(x, y);
        // Coordinates near 5e6 leave about 1e-9 of a pixel.
        assert!((col - 12.5).abs() < 1e-8 && (row - 7.25).abs() < 1e-8);
    }

    #[test]
    fn singular_map_has_no_inverse() {
        assert_eq!(Affine::new(1.0, 2.0, 0.0, 2.0, 4.0, 0.0).invert(), None);
    }

    #[test]
    fn gdal_order_round_trips() {
        let map = Affine::new(1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
        assert_eq!(map.to_gdal(), [3.0, 1.0, 2.0, 6.0, 4.0, 5.0]);
        assert_eq!(Affine::from_gdal(map.to_gdal()), map);
    }
}
