//! Fits a pre-trained network to other data: number of input bands, number of classes.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::forward::image_input;
use crate::graph::{Data, Dimension, Graph, Node, Patch, Tensor, ValueInfo};
use crate::inspect::score_output;
use crate::model::Model;
use crate::parameters::separate;

/// What to change; `None` leaves a side as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adaptation {
    /// Number of input bands wanted.
    pub input_channels: Option<usize>,
    /// Number of classes wanted; the head is drawn anew only where this differs from the model's.
    pub classes: Option<usize>,
    /// Seed of the new head's weights.
    pub seed: u64,
}

/// What an adaptation changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdaptationReport {
    /// One sentence per change, for people.
    pub changes: Vec<String>,
    /// Names of the parameters whose values were drawn anew.
    pub fresh: Vec<String>,
}

/// Bands and classes beyond this are a slip of the keyboard: hyperspectral sensors have a few hundred bands.
const LARGEST_COUNT: usize = 1 << 16;

/// Changes the number of input bands and of classes.
///
/// Input: one band sums the old band weights; N bands take `w[:, i % old] * old / N` (smp's rule). Head: the last convolution
/// before the output gets weights and bias drawn uniformly within ±1/√(fan-in), as PyTorch's `Conv2d` starts; a head without
/// bias (some exporters drop one that is all zeros) gets one.
///
/// # Errors
/// When the output is no map of scores, or the first or the last layer is not a convolution that can be changed.
pub fn adapt(model: &Model, adaptation: &Adaptation) -> Result<(Model, AdaptationReport)> {
    let mut report = AdaptationReport::default();
    let mut graph = separate(model.graph.clone())?;
    for (what, count) in [("input bands", adaptation.input_channels), ("classes", adaptation.classes)] {
        if count.is_some_and(|count| !(1..=LARGEST_COUNT).contains(&count)) {
            return Err(refuse(format!("between 1 and {LARGEST_COUNT} {what} are possible")));
        }
    }
    score_output(&graph)?;
    if let Some(bands) = adaptation.input_channels {
        let patch = change_input(&graph, bands, &mut report)?;
        graph = graph.patched(patch)?;
    }
    if let Some(classes) = adaptation.classes {
        let patch = change_head(&graph, classes, adaptation.seed, &mut report)?;
        graph = graph.patched(patch)?;
    }
    Ok((Model { graph, header: model.header.clone() }, report))
}

fn refuse(reason: impl Into<String>) -> Error {
    Error::Adapt { reason: reason.into() }
}

/// The float weights that enter a convolution, which must be an initializer.
fn weights<'a>(graph: &'a Graph, node: &'a Node) -> Result<(&'a str, &'a Tensor, &'a [f32])> {
    let name = node.required(1)?;
    let tensor = graph.initializers().get(name);
    let found = tensor.and_then(|t| t.as_f32().filter(|_| t.dims().len() == 4).map(|values| (name, t, values)));
    found.ok_or_else(|| refuse(format!("the weights of '{}' are computed; export without optimisation", node.label())))
}

fn with_channels(infos: &[ValueInfo], name: &str, channels: usize) -> Vec<ValueInfo> {
    let mut infos = infos.to_vec();
    for info in infos.iter_mut().filter(|i| i.name == name) {
        if let Some(channel) = info.dims.as_mut().and_then(|dims| dims.get_mut(1)) {
            *channel = Dimension::Fixed(channels);
        }
    }
    infos
}

fn change_input(graph: &Graph, bands: usize, report: &mut AdaptationReport) -> Result<Patch> {
    let input = image_input(graph)?;
    let mut patch = Patch::default();
    let mut seen: Vec<&str> = Vec::new();
    let readers = graph.nodes().iter().filter(|n| n.inputs.contains(&input.name));
    for node in readers.filter(|n| n.kind() != "Shape") {
        if node.kind() != "Conv" || node.int("group", 1) != 1 {
            let what = format!(
                "'{}' ({}) reads the image; only plain convolutions can be refitted",
                node.label(),
                node.kind()
            );
            return Err(refuse(format!("{what}, so keep the model's own number of bands")));
        }
        let (name, tensor, values) = weights(graph, node)?;
        let old = tensor.dims()[1];
        if old == bands || seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let new =
            refit_bands(tensor.dims(), values, bands).ok_or_else(|| refuse("the first layer would be too large"))?;
        patch.initializers.push((name.to_owned(), new));
        let how =
            if bands == 1 { "summed".to_owned() } else { format!("repeated in turn and scaled by {old}/{bands}") };
        report.changes.push(format!("{name}: {old} input bands became {bands}, the weights {how}"));
    }
    patch.inputs = Some(with_channels(graph.inputs(), &input.name, bands));
    Ok(patch)
}

/// Weights `[M, old, kH, kW]` for another number of bands.
pub(crate) fn refit_bands(dims: &[usize], values: &[f32], bands: usize) -> Option<Tensor> {
    let &[filters, old, height, width] = dims else { return None };
    let plane = height * width;
    let band = |filter: usize, band: usize| &values[(filter * old + band) * plane..][..plane];
    let mut new = Vec::with_capacity(filters.checked_mul(bands)?.checked_mul(plane)?);
    for filter in 0..filters {
        if bands == 1 {
            new.extend((0..plane).map(|i| (0..old).map(|b| band(filter, b)[i]).sum::<f32>()));
        } else {
            let factor = old as f32 / bands as f32;
            new.extend((0..bands).flat_map(|b| band(filter, b % old)).map(|v| v * factor));
        }
    }
    Tensor::new(vec![filters, bands, height, width], Data::F32(new.into()))
}

/// Operators that may stand between the head and the output: they treat every class alike.
const AFTER_HEAD: [&str; 7] = ["Identity", "Resize", "Relu", "Sigmoid", "Softmax", "LogSoftmax", "Dropout"];

/// The convolution that the output comes from, and the nodes between.
fn head<'a>(graph: &'a Graph, output: &str) -> Result<(usize, Vec<&'a Node>)> {
    let producers = graph.producers();
    let mut value = output;
    let mut between = Vec::new();
    loop {
        let index = *producers.get(value).ok_or_else(|| refuse("the output is not computed by any layer"))?;
        let node = &graph.nodes()[index];
        if node.kind() == "Conv" && node.int("group", 1) == 1 {
            return Ok((index, between));
        }
        if !AFTER_HEAD.contains(&node.kind().as_str()) {
            let what = format!("the output comes from '{}' ({})", node.label(), node.kind());
            return Err(refuse(format!("{what}; only a convolution can be replaced by one for other classes")));
        }
        between.push(node);
        value = node.required(0)?;
    }
}

fn change_head(graph: &Graph, classes: usize, seed: u64, report: &mut AdaptationReport) -> Result<Patch> {
    let output = score_output(graph)?;
    let (index, between) = head(graph, &output.name)?;
    let node = &graph.nodes()[index];
    let (name, tensor, _) = weights(graph, node)?;
    let &[old, channels, height, width] = tensor.dims() else { return Err(refuse("the head is not two-dimensional")) };
    if old == classes {
        return Ok(Patch::default());
    }
    if tensor.is_empty() {
        return Err(refuse(format!("the head '{name}' has no weights: its dimensions are {:?}", tensor.dims())));
    }
    let mut patch = Patch { outputs: Some(with_channels(graph.outputs(), &output.name, classes)), ..Patch::default() };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let fan_in = channels * height * width;
    let bound = 1.0 / (fan_in as f32).sqrt();
    let mut draw = |dims: Vec<usize>| {
        let count = dims.iter().product::<usize>();
        Tensor::new(dims, Data::F32((0..count).map(|_| random.random_range(-bound..bound)).collect()))
            .ok_or_else(|| refuse("the head would be too large"))
    };
    let weight = draw(vec![classes, channels, height, width])?;
    let bias = draw(vec![classes])?;
    let bias_name = node.input(2).map_or_else(|| beside(graph, name), str::to_owned);
    let mut head = node.clone();
    head.inputs.resize(3, String::new());
    head.inputs[2].clone_from(&bias_name);
    patch.remove.insert(index);
    patch.nodes.push(head);
    report
        .changes
        .push(format!("{name}: {old} classes became {classes}, weights and bias drawn anew within ±{bound:.4}"));
    report.fresh.extend([name.to_owned(), bias_name.clone()]);
    patch.initializers.extend([(name.to_owned(), weight), (bias_name, bias)]);
    for resize in between.iter().filter(|n| n.operator == "Resize") {
        patch.initializers.extend(refit_sizes(graph, resize, old, classes));
    }
    Ok(patch)
}

/// A name for the bias of weights that have none: `head.bias` beside `head.weight`.
fn beside(graph: &Graph, weight: &str) -> String {
    let name = format!("{}.bias", weight.strip_suffix(".weight").unwrap_or(weight));
    if graph.initializers().contains_key(&name) { format!("{name}.new") } else { name }
}

/// The sizes that a Resize after the head was exported with, where they count the classes.
fn refit_sizes(graph: &Graph, resize: &Node, old: usize, classes: usize) -> Option<(String, Tensor)> {
    let name = resize.input(3)?;
    let mut sizes = graph.initializers().get(name)?.as_i64()?.to_vec();
    let channel = sizes.get_mut(1).filter(|size| **size == old as i64)?;
    *channel = classes as i64;
    Some((name.to_owned(), Tensor::ints(&sizes)))
}
