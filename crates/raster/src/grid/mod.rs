//! Where pixels lie: CRS, affine transform, windows, extents. Pure; reads nothing.

mod affine;
mod crs;
mod definition;
mod extent;
mod geokeys;
mod projection;

pub use affine::Affine;
pub use crs::Crs;
pub use extent::{Bounds, Window};
pub(crate) use geokeys::GeoKeys;
pub use projection::Transformer;

use crate::{Error, Result};

/// A raster's place on Earth: CRS, pixel-to-CRS map and size.
///
/// Position (0, 0) is the outer corner of the first pixel and (0.5, 0.5) its centre, whatever the file says about
/// `PixelIsPoint`: such files are shifted by half a pixel on reading, as GDAL does.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// `None` where the file has none.
    pub crs: Option<Crs>,
    /// From pixel to CRS coordinates.
    pub transform: Affine,
    /// Columns.
    pub width_px: usize,
    /// Rows.
    pub height_px: usize,
}

impl Grid {
    /// All of it as a window.
    pub fn window(&self) -> Window {
        Window::new(0, 0, self.width_px, self.height_px)
    }

    /// The grid of a window of this one, which may reach outside.
    pub fn of_window(&self, window: &Window) -> Grid {
        Grid {
            crs: self.crs.clone(),
            transform: self.transform.translated_px(window.col_px as f64, window.row_px as f64),
            width_px: window.width_px,
            height_px: window.height_px,
        }
    }

    /// The same extent cut into `width_px` by `height_px` pixels, as an overview is.
    pub fn with_size(&self, width_px: usize, height_px: usize) -> Grid {
        let x_factor = self.width_px as f64 / width_px.max(1) as f64;
        let y_factor = self.height_px as f64 / height_px.max(1) as f64;
        Grid { crs: self.crs.clone(), transform: self.transform.scaled_px(x_factor, y_factor), width_px, height_px }
    }

    /// Smallest rectangle in CRS coordinates that holds all pixels.
    pub fn bounds(&self) -> Bounds {
        let (w, h) = (self.width_px as f64, self.height_px as f64);
        let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(col, row)| self.transform.apply(col, row));
        Bounds::of_points(corners).unwrap_or(Bounds { min_x: 0.0, min_y: 0.0, max_x: 0.0, max_y: 0.0 })
    }

    /// CRS coordinates of the centre of pixel (row, col).
    pub fn pixel_centre(&self, row_px: usize, col_px: usize) -> (f64, f64) {
        self.transform.apply(col_px as f64 + 0.5, row_px as f64 + 0.5)
    }

    /// Width and height of a pixel in CRS units (metres or degrees, mostly), both positive.
    pub fn pixel_size(&self) -> (f64, f64) {
        self.transform.pixel_size()
    }

    /// The map from CRS to pixel coordinates.
    ///
    /// # Errors
    /// [`Error::SingularTransform`] where the transform cannot be inverted.
    pub fn crs_to_px(&self) -> Result<Affine> {
        self.transform.invert().ok_or(Error::SingularTransform { transform: self.transform.to_array() })
    }

    /// The smallest window of whole pixels that covers `bounds` (in this grid's CRS), clipped to the grid; `None` where
    /// they do not meet.
    ///
    /// # Errors
    /// [`Error::SingularTransform`] where the transform cannot be inverted.
    pub fn window_of(&self, bounds: &Bounds) -> Result<Option<Window>> {
        let to_px = self.crs_to_px()?;
        let b = bounds;
        let corners = [(b.min_x, b.min_y), (b.max_x, b.min_y), (b.max_x, b.max_y), (b.min_x, b.max_y)];
        let Some(px) = Bounds::of_points(corners.map(|(x, y)| to_px.apply(x, y))) else { return Ok(None) };
        let (w, h) = (self.width_px as f64, self.height_px as f64);
        // A millionth of a pixel beyond a pixel's edge is rounding of coordinates, not a pixel more.
        let edge = 1e-6;
        let left = (px.min_x + edge).floor().clamp(0.0, w) as i64;
        let top = (px.min_y + edge).floor().clamp(0.0, h) as i64;
        let right = (px.max_x - edge).ceil().clamp(0.0, w) as i64;
        let bottom = (px.max_y - edge).ceil().clamp(0.0, h) as i64;
        if left >= right || top >= bottom {
            return Ok(None);
        }
        Ok(Some(Window::new(left, top, (right - left) as usize, (bottom - top) as usize)))
    }

    /// True where both have the same CRS and size and their corners lie within a hundredth of a pixel of each other.
    pub fn is_same_as(&self, other: &Grid) -> bool {
        if self.crs != other.crs || (self.width_px, self.height_px) != (other.width_px, other.height_px) {
            return false;
        }
        let Some(to_px) = self.transform.invert() else { return self.transform == other.transform };
        let (w, h) = (self.width_px as f64, self.height_px as f64);
        [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].into_iter().all(|(col, row)| {
            let (x, y) = other.transform.apply(col, row);
            let (c, r) = to_px.apply(x, y);
            (c - col).abs() < 0.01 && (r - row).abs() < 0.01
        })
    }

    /// The outline in longitude and latitude (degrees, WGS 84): a closed ring, counter-clockwise, each edge cut into
    /// `parts_per_edge` pieces so that a curved outline is followed (1 gives the four corners only).
    ///
    /// Longitudes run on beyond 180 where the outline crosses the antimeridian, so that the ring stays in one piece.
    ///
    /// # Errors
    /// [`Error::NoCrs`] without a CRS; [`Error::Projection`] where a point of the outline has no longitude and latitude.
    pub fn footprint_lon_lat(&self, parts_per_edge: usize) -> Result<Vec<[f64; 2]>> {
        let crs = self.crs.as_ref().ok_or_else(|| Error::NoCrs { what: "the grid".to_owned() })?;
        let to_lon_lat = Transformer::new(crs, &Crs::wgs84())?;
        let (w, h) = (self.width_px as f64, self.height_px as f64);
        let corners = [(0.0, 0.0), (0.0, h), (w, h), (w, 0.0), (0.0, 0.0)];
        let parts = parts_per_edge.max(1);
        let mut ring: Vec<[f64; 2]> = Vec::with_capacity(4 * parts + 1);
        for edge in corners.windows(2) {
            for part in 0..parts {
                let t = part as f64 / parts as f64;
                let (col, row) = (edge[0].0 + t * (edge[1].0 - edge[0].0), edge[0].1 + t * (edge[1].1 - edge[0].1));
                let (x, y) = self.transform.apply(col, row);
                let (mut lon, lat) = to_lon_lat.apply(x, y)?;
                if let Some(&[before, _]) = ring.last() {
                    lon += 360.0 * ((before - lon) / 360.0).round();
                }
                ring.push([lon, lat]);
            }
        }
        let doubled_area: f64 =
            ring.iter().zip(ring.iter().cycle().skip(1)).map(|(p, q)| p[0] * q[1] - q[0] * p[1]).sum();
        if doubled_area < 0.0 {
            ring.reverse();
        }
        ring.push(ring[0]);
        Ok(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utm_grid() -> Grid {
        let crs = Crs::from_epsg(32631).unwrap();
        Grid {
            crs: Some(crs),
            transform: Affine::north_up(483_000.0, 4_690_000.0, 10.0, 10.0),
            width_px: 100,
            height_px: 50,
        }
    }

    #[test]
    fn window_of_bounds_ignores_rounding_and_clips() {
        let grid = utm_grid();
        let bounds = Bounds { min_x: 482_000.0, min_y: 4_689_900.0, max_x: 483_020.000_000_1, max_y: 4_689_980.0 };
        assert_eq!(grid.window_of(&bounds).unwrap(), Some(Window::new(0, 2, 2, 8)));
        let elsewhere = Bounds { min_x: 0.0, min_y: 0.0, max_x: 1.0, max_y: 1.0 };
        assert_eq!(grid.window_of(&elsewhere).unwrap(), None);
    }

    #[test]
    fn footprint_is_closed_and_counter_clockwise() {
        let ring = utm_grid().footprint_lon_lat(1).unwrap();
        assert_eq!(ring.len(), 5);
        assert_eq!(ring[0], ring[4]);
        let doubled: f64 = ring.windows(2).map(|p| p[0][0] * p[1][1] - p[1][0] * p[0][1]).sum();
        assert!(doubled > 0.0);
        assert!(ring.iter().all(|p| (p[0] - 2.8).abs() < 0.1 && (p[1] - 42.36).abs() < 0.1));
    }

    #[test]
    fn window_grid_keeps_pixel_centres() {
        let grid = utm_grid();
        let part = grid.of_window(&Window::new(-3, 7, 5, 5));
        assert_eq!(part.pixel_centre(0, 4), grid.pixel_centre(7, 1));
    }
}
