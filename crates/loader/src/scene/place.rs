//! Where a file lies, as its item says: by code, WKT 2 or PROJJSON, for files that do not say it themselves.

use std::sync::Arc;

use swath_catalog::projection::Projection;
use swath_raster::{Crs, Raster};

use crate::error::Error;

/// The CRS that the `proj:` fields of an item or asset give; `None` where they give none. What is not understood in one form is
/// looked for in the others.
///
/// # Errors
/// [`Error::Raster`] where no form is understood.
pub(crate) fn crs_of(projection: &Projection, item: &str) -> Result<Option<Crs>, Error> {
    let code = projection.authority_code().map(|code| Crs::from_text(&code));
    let wkt = projection.wkt2.as_deref().map(Crs::from_wkt);
    let json = projection.projjson.as_ref().map(Crs::from_projjson);
    let mut refused = None;
    for crs in [code, wkt, json].into_iter().flatten() {
        match crs {
            Ok(crs) => return Ok(Some(crs)),
            Err(source) => refused = refused.or(Some(source)),
        }
    }
    match refused {
        None => Ok(None),
        Some(source) => Err(Error::Raster { item: item.to_owned(), source }),
    }
}

/// The file, in the CRS that its item gives where it has none of its own.
pub(crate) fn placed(raster: Arc<Raster>, projection: &Projection, item: &str) -> Result<Arc<Raster>, Error> {
    if raster.header.grid.crs.is_some() {
        return Ok(raster);
    }
    Ok(match crs_of(projection, item)? {
        Some(crs) => Arc::new(raster.in_crs(crs)),
        None => raster,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_form_that_is_understood_counts() {
        let of = |fields: serde_json::Value| {
            let projection: Projection = serde_json::from_value(fields).unwrap();
            crs_of(&projection, "item").map(|crs| crs.and_then(|crs| crs.epsg()))
        };
        let wkt = r#"GEOGCRS["WGS 84", DATUM["World Geodetic System 1984", ELLIPSOID["WGS 84",6378137,298.257223563]], ID["EPSG",4326]]"#;
        let projjson = json!({"type": "ProjectedCRS", "id": {"authority": "EPSG", "code": 3035}});
        assert_eq!(of(json!({})).unwrap(), None);
        assert_eq!(of(json!({"proj:epsg": 32631, "proj:wkt2": wkt})).unwrap(), Some(32631));
        assert_eq!(of(json!({"proj:code": "IAU_2015:30100", "proj:wkt2": wkt})).unwrap(), Some(4326));
        assert_eq!(of(json!({"proj:code": null, "proj:projjson": projjson})).unwrap(), Some(3035));
        let error = of(json!({"proj:code": "IAU_2015:30100", "proj:wkt2": "PROJCRS["})).unwrap_err();
        assert!(matches!(&error, Error::Raster { item, .. } if item == "item"), "{error}");
    }
}
