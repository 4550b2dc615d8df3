//! The regions of a map of classes as polygons, written while rows come in: GeoJSON in degrees longitude and latitude.
//!
//! A region is a set of pixels of one class joined by their sides. Its boundary follows the pixels' sides exactly; neighbours
//! share their vertices, simplified or not. A region is written once the last of its rows has been seen, so that what is held is
//! the boundaries of regions not yet ended.

mod ring;
mod simplify;
mod trace;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ndarray::ArrayView1;
use swath_loader::IGNORE;
use swath_raster::{Crs, Grid, Transformer};
use tempfile::NamedTempFile;

use ring::Vertex;
use trace::{Region, Tracer};

/// Metres along a degree of latitude.
const METRES_PER_DEGREE: f64 = 111_320.0;

/// A file of polygons under construction; nothing lies under its name before [`Polygons::finish`].
pub(super) struct Polygons {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
    tracer: Tracer,
    grid: Grid,
    to_degrees: Transformer,
    /// Value and name of each class.
    classes: Vec<(u8, String)>,
    min_area_m2: f64,
    simplify_m: f64,
    written: u64,
}

impl std::fmt::Debug for Polygons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Polygons").field("path", &self.path).field("written", &self.written).finish_non_exhaustive()
    }
}

impl Polygons {
    /// Starts the file at `path` for maps on `grid`. Lengths of projected systems are taken for metres.
    pub(super) fn create(
        path: &Path,
        grid: &Grid,
        classes: Vec<(u8, String)>,
        min_area_m2: f64,
        simplify_m: f64,
    ) -> Result<Self> {
        let crs = grid.crs.as_ref().context("--polygons needs to know where the scene lies, and it has no CRS")?;
        let cannot = || format!("cannot write {}", path.display());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".swath-").suffix(".geojson.part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut out = BufWriter::new(builder.tempfile_in(folder).with_context(cannot)?);
        out.write_all(b"{\"type\":\"FeatureCollection\",\"features\":[").with_context(cannot)?;
        Ok(Self {
            path: path.to_owned(),
            out,
            tracer: Tracer::new(grid.width_px, IGNORE),
            to_degrees: Transformer::new(crs, &Crs::wgs84())?,
            grid: grid.clone(),
            classes,
            min_area_m2,
            simplify_m,
            written: 0,
        })
    }

    /// Adds the next row of the map.
    pub(super) fn push(&mut self, row: ArrayView1<'_, u8>) -> Result<()> {
        let regions = self.tracer.push(row);
        regions.into_iter().try_for_each(|region| self.write(region))
    }

    /// Writes what is left and gives the file its name.
    pub(super) fn finish(mut self) -> Result<()> {
        let regions = self.tracer.finish();
        regions.into_iter().try_for_each(|region| self.write(region))?;
        let path = self.path;
        let cannot = || format!("cannot write {}", path.display());
        self.out.write_all(b"\n]}\n").with_context(cannot)?;
        let file = self.out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(cannot)?;
        file.persist(&path).map_err(|error| error.error).with_context(cannot)?;
        Ok(())
    }

    fn write(&mut self, region: Region) -> Result<()> {
        let rings: Vec<_> = region.rings.into_iter().flat_map(ring::without_touching).collect();
        let (outer, holes): (Vec<_>, Vec<_>) = rings.into_iter().partition(|ring| ring::area_px(ring) > 0.0);
        let pixel_m2 = self.pixel_m2(outer.first().and_then(|ring| ring.first()));
        let mut rings = outer;
        rings.extend(holes.into_iter().filter(|hole| -ring::area_px(hole) * pixel_m2 >= self.min_area_m2));
        let area_m2 = rings.iter().map(|ring| ring::area_px(ring)).sum::<f64>() * pixel_m2;
        if area_m2 < self.min_area_m2 {
            return Ok(());
        }
        let rings = simplify::polygon(rings, self.simplify_m / pixel_m2.sqrt());
        let rings = rings.iter().map(|ring| self.ring(ring)).collect::<Result<Vec<_>>>()?;
        let name = self.classes.iter().find(|(value, _)| *value == region.class).map(|(_, name)| name.as_str());
        let properties =
            serde_json::json!({"class": region.class, "name": name, "area_m2": (area_m2 * 10.0).round() / 10.0});
        let comma = if self.written == 0 { "" } else { "," };
        let rings = rings.join(",");
        write!(
            self.out,
            "{comma}\n{{\"type\":\"Feature\",\"properties\":{properties},\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[{rings}]}}}}"
        )
        .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.written += 1;
        Ok(())
    }

    /// A closed ring in degrees. Rings run clockwise on the map where the region lies inside, so that they are turned round.
    fn ring(&self, ring: &[Vertex]) -> Result<String> {
        let mut text = String::from("[");
        for vertex in ring.iter().rev().chain(ring.last()) {
            let (x, y) = self.grid.transform.apply(f64::from(vertex.col), f64::from(vertex.row));
            let (lon, lat) = self.to_degrees.apply(x, y)?;
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&format!("[{lon:.8},{lat:.8}]"));
        }
        text.push(']');
        Ok(text)
    }

    /// Area of a pixel in square metres, in degrees by the latitude of a vertex.
    fn pixel_m2(&self, at: Option<&Vertex>) -> f64 {
        let t = &self.grid.transform;
        let area = (t.a * t.e - t.b * t.d).abs();
        if !self.grid.crs.as_ref().is_some_and(Crs::is_geographic) {
            return area;
        }
        let (col, row) = at.map_or((0.0, 0.0), |vertex| (f64::from(vertex.col), f64::from(vertex.row)));
        area * METRES_PER_DEGREE.powi(2) * t.apply(col, row).1.to_radians().cos()
    }
}
