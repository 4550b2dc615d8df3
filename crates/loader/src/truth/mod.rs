//! The truth of an image: its label on the image's own grid, as target values.
//!
//! Vector labels are burned once, when a window of them is first wanted, and kept as runs of equal values: a 10980 x 10980
//! target of a few thousand polygons takes kilobytes. Raster labels are read window by window, nearest neighbour where their
//! grid is another one.

mod runs;
mod values;
mod vector;

pub(crate) use runs::Runs;
pub(crate) use values::ValueMap;
pub(crate) use vector::Vector;

use std::sync::OnceLock;

use swath_catalog::{LabelRef, pairing::LabelKind};
use swath_raster::{Fetcher, Grid};

use crate::error::Error;
use crate::recipe::Recipe;
use crate::scene::{Layer, placed};

/// Where the target of a scene comes from.
#[derive(Debug)]
pub(crate) enum Truth {
    /// There is none.
    None,
    /// Polygons, burned when first wanted.
    Vector { vector: Vector, burned: OnceLock<Runs> },
    /// Class values of a raster.
    Raster { layer: Box<Layer>, values: ValueMap },
}

impl Truth {
    /// The polygons of a vector label burned onto the image's grid; `None` for other labels.
    pub(crate) fn burned(&self, grid: &Grid) -> Result<Option<&Runs>, Error> {
        let Truth::Vector { vector, burned } = self else { return Ok(None) };
        if burned.get().is_none() {
            // Two threads that come first burn the same image twice; one of the equal results is kept.
            let runs = vector.burn(grid)?;
            burned.get_or_init(|| runs);
        }
        Ok(burned.get())
    }

    /// Opens a raster label for an image on `grid`.
    pub(crate) async fn open_raster(
        label: &LabelRef,
        recipe: &Recipe,
        grid: &Grid,
        fetcher: &Fetcher,
    ) -> Result<Truth, Error> {
        let href = label.href.to_string();
        let LabelKind::Raster { values, nodata } = &label.kind else { return Ok(Truth::None) };
        let opened = fetcher.open(&href).await;
        let raster = opened.map_err(|source| Error::Raster { item: label.item.to_string(), source })?;
        let raster = placed(raster, &label.projection, &label.item.to_string())?;
        let values = ValueMap::new(&href, values, &label.classes, nodata.or(raster.header.nodata), recipe)?;
        let layer = Layer::label(&label.item.to_string(), raster, grid)?;
        Ok(Truth::Raster { layer: Box::new(layer), values })
    }
}

/// The target value of a class: its index, or [`crate::IGNORE`] where the recipe ignores it.
pub(crate) fn target_of(class: &str, recipe: &Recipe, href: &str) -> Result<u8, Error> {
    match recipe.class_index(class) {
        Some(index) => Ok(index),
        None if recipe.ignore.iter().any(|ignored| ignored == class) => Ok(crate::IGNORE),
        None => Err(Error::UnknownClass { href: href.to_owned(), class: class.to_owned() }),
    }
}
