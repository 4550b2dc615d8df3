//! Puts the weights of a file in the place of those that a network was drawn with.

use std::collections::{BTreeMap, BTreeSet};

use super::StateDict;
use super::naming::{Meaning, Naming};
use crate::adapt::refit_bands;
use crate::build::Encoder;
use crate::error::{Error, Result};
use crate::graph::{Patch, Tensor};
use crate::model::Model;

/// What was taken from a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// Parameters and running statistics taken.
    pub tensors: usize,
    /// Whether decoder and head came along; where not, they keep what they were drawn with.
    pub whole: bool,
    /// One sentence per change that was made to a tensor, for people.
    pub changes: Vec<String>,
    /// Names in the file that the network has no use for: classifiers, counts of batches.
    pub unused: Vec<String>,
}

/// Names listed in a message before it only counts the rest.
const LISTED: usize = 3;

/// The network of [`crate::build::unet`] over `encoder` with the weights of a file: those of the encoder alone, named as
/// torchvision or timm name them, or those of the whole network, named as smp does. Where the first convolution is for
/// another number of bands, its weights are refitted as [`crate::adapt`] does.
///
/// # Errors
/// When a parameter is missing in the file or of another shape there, or the file has one that the network does not.
pub fn load_weights(model: &Model, encoder: Encoder, state: &StateDict) -> Result<(Model, Loaded)> {
    let wanted: BTreeSet<String> = model.inspect()?.parameters.into_iter().map(|parameter| parameter.name).collect();
    let naming = Naming::of(encoder);
    let (mut found, mut unused, mut unexpected) = (BTreeMap::new(), Vec::new(), Vec::new());
    for theirs in state.names() {
        match naming.meaning(theirs) {
            Meaning::Parameter(ours) if wanted.contains(&ours) => {
                if let Some(twice) = found.insert(ours.clone(), theirs) {
                    return Err(state.error(format!("'{twice}' and '{theirs}' both mean the parameter {ours}")));
                }
            }
            Meaning::Parameter(_) => unexpected.push(theirs.to_owned()),
            Meaning::Unused => unused.push(theirs.to_owned()),
        }
    }
    let whole = found.keys().any(|name| !name.starts_with("encoder."));
    let needed = wanted.iter().filter(|name| whole || name.starts_with("encoder."));
    let missing: Vec<String> = needed.filter(|name| !found.contains_key(*name)).cloned().collect();
    refuse_other_names(encoder, state, &found, &missing, &unexpected)?;
    let mut loaded = Loaded { tensors: found.len(), whole, changes: Vec::new(), unused };
    let mut patch = Patch::default();
    for (ours, theirs) in found {
        let fitted = fitted(model, encoder, state, [&ours, theirs], &mut loaded.changes)?;
        patch.initializers.push((ours, fitted));
    }
    Ok((Model { graph: model.graph.clone().patched(patch)?, header: model.header.clone() }, loaded))
}

/// A parameter's values from the file, in the shape that the network has.
fn fitted(
    model: &Model,
    encoder: Encoder,
    state: &StateDict,
    [ours, theirs]: [&str; 2],
    changes: &mut Vec<String>,
) -> Result<Tensor> {
    let wanted = model.graph.initializers().get(ours).map(|tensor| tensor.dims()).unwrap_or_default();
    let dims = state.dims(theirs).unwrap_or_default();
    if dims == wanted {
        return state.floats(theirs);
    }
    let first = ours == encoder.first_convolution();
    if let (true, &[filters, bands, height, width], &[f, old, h, w]) = (first, wanted, dims)
        && (filters, height, width) == (f, h, w)
        && old > 0
    {
        let tensor = state.floats(theirs)?;
        let refit = tensor.as_f32().and_then(|values| refit_bands(dims, values, bands));
        let how = if bands == 1 { "summed".into() } else { format!("repeated in turn and scaled by {old}/{bands}") };
        changes.push(format!("{ours}: {old} input bands became {bands}, the weights {how}"));
        return refit.ok_or_else(|| state.error(format!("'{theirs}' cannot be brought to {bands} bands")));
    }
    let hint = match (ours.starts_with("segmentation_head."), dims.first()) {
        (true, Some(classes)) => format!("; build it for {classes} classes and change them with swath adapt"),
        _ => String::new(),
    };
    Err(state.error(format!("'{theirs}' has dimensions {dims:?}, the network's {ours} has {wanted:?}{hint}")))
}

/// One sentence about names that do not fit.
fn refuse_other_names(
    encoder: Encoder,
    state: &StateDict,
    found: &BTreeMap<String, &str>,
    missing: &[String],
    unexpected: &[String],
) -> Result<(), Error> {
    let name = encoder.name();
    if !found.keys().any(|ours| ours.starts_with("encoder.")) {
        let theirs: Vec<String> = state.names().map(str::to_owned).collect();
        let what = format!("it holds no weights of {name}: its tensors are {}; name its encoder", listed(&theirs));
        return Err(state.error(what));
    }
    let mut complaints = Vec::new();
    if !missing.is_empty() {
        complaints.push(format!("it lacks {}", listed(missing)));
    }
    if !unexpected.is_empty() {
        complaints.push(format!("it has {}, which the network has not", listed(unexpected)));
    }
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(state.error(format!("it does not fit a Unet over {name}: {}", complaints.join("; ")))),
    }
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    let first =
        names.iter().take(LISTED).map(|name| format!("'{}'", name.escape_debug())).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
