//! Points from one CRS to another.

use super::Crs;
use crate::{Error, Result};
use proj4rs::Proj;

/// Takes points from one CRS to another. Geographic coordinates are (longitude, latitude) in degrees.
pub struct Transformer {
    from: Crs,
    to: Crs,
    /// `None` where both are the same and nothing is to be done.
    projections: Option<(Proj, Proj)>,
}

impl Transformer {
    /// Prepares the way between two CRS.
    ///
    /// # Errors
    /// [`Error::UnknownCrs`] where either has no projection that this crate can compute.
    pub fn new(from: &Crs, to: &Crs) -> Result<Self> {
        let projections = if from == to { None } else { Some((projection(from)?, projection(to)?)) };
        Ok(Transformer { from: from.clone(), to: to.clone(), projections })
    }

    /// True where points come out as they went in.
    pub fn is_identity(&self) -> bool {
        self.projections.is_none()
    }

    /// The point (x, y), or (longitude, latitude) in degrees, in the other CRS.
    ///
    /// # Errors
    /// [`Error::Projection`] where the point has no image, such as a pole in Mercator.
    pub fn apply(&self, x: f64, y: f64) -> Result<(f64, f64)> {
        let Some((from, to)) = &self.projections else { return Ok((x, y)) };
        let (x, y) = if from.is_latlong() { (x.to_radians(), y.to_radians()) } else { (x, y) };
        let moved = proj4rs::adaptors::transform_xy(from, to, x, y);
        match moved {
            Ok((x, y)) if x.is_finite() && y.is_finite() => {
                Ok(if to.is_latlong() { (x.to_degrees(), y.to_degrees()) } else { (x, y) })
            }
            Ok(_) => Err(self.error(format!("({x}, {y}) has no image"))),
            Err(source) => Err(self.error(format!("({x}, {y}): {source}"))),
        }
    }

    fn error(&self, reason: String) -> Error {
        Error::Projection { from: self.from.to_string(), to: self.to.to_string(), reason }
    }
}

fn projection(crs: &Crs) -> Result<Proj> {
    let unknown = |reason: String| Error::UnknownCrs { crs: crs.to_string(), reason };
    let definition = crs.proj4().ok_or_else(|| unknown("it has no definition as a projection".to_owned()))?;
    Proj::from_proj_string(definition).map_err(|source| unknown(format!("`{definition}`: {source}")))
}
