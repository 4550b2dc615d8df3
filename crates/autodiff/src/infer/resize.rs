//! Shape of Resize, and the scale that each axis really has.

use super::{Fact, Query};
use crate::error::Result;

pub(super) fn resize(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let (dims, _) = resize_scales(query)?;
    Ok(vec![Fact::new(x.dtype, &dims)])
}

/// Output dimensions and the scale of every axis: as given by `scales`, else output over input size.
pub(crate) fn resize_scales(query: &Query<'_>) -> Result<(Vec<usize>, Vec<f32>)> {
    let x = query.input(0)?;
    let rank = x.dims.len();
    if query.node.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
        return Err(query.node.error("only keep_aspect_ratio_policy 'stretch' is supported"));
    }
    let axes = match query.node.ints("axes") {
        Some(axes) => axes.iter().map(|&axis| query.axis(axis, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    let (mut dims, mut scales) = (x.dims.clone(), vec![1.0f32; rank]);
    if query.optional(3).is_some_and(|sizes| sizes.len() > 0) {
        let sizes = query.known_ints(3)?;
        check_count(query, sizes.len(), axes.len())?;
        for (&axis, &size) in axes.iter().zip(&sizes) {
            dims[axis] = usize::try_from(size)
                .ok()
                .filter(|&s| s > 0)
                .ok_or_else(|| query.fail(format!("it would resize to {sizes:?}; use larger images")))?;
            scales[axis] = dims[axis] as f32 / x.dims[axis] as f32;
        }
        return Ok((dims, scales));
    }
    let given = query.input(2)?.constant.as_ref().and_then(|t| t.as_f32());
    let given = given.ok_or_else(|| query.node.error("its scales depend on the data; export with fixed sizes"))?;
    check_count(query, given.len(), axes.len())?;
    for (&axis, &scale) in axes.iter().zip(given) {
        let size = f64::from(scale) * x.dims[axis] as f64;
        if !(1.0..=1e9).contains(&size) {
            return Err(query.fail(format!("its scales {given:?} leave nothing, or far too much")));
        }
        dims[axis] = size.floor() as usize;
        scales[axis] = scale;
    }
    Ok((dims, scales))
}

fn check_count(query: &Query<'_>, found: usize, wanted: usize) -> Result<()> {
    if found == wanted {
        Ok(())
    } else {
        Err(query.fail(format!("{wanted} sizes or scales are needed, it has {found}")))
    }
}
