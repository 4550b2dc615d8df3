//! A small UNet made from nothing, for machines without Python and budgets of minutes: what `models/unet-small` was
//! trained from, and what a run from scratch starts with.
//!
//! ```text
//! x [n, bands, rows, cols] ─ stem 16 ───────────────────────────────── cat ─ 16 ─ head ─ logits [n, classes, rows, cols]
//!                              └ residual 32, /2 ──────────── cat ─ 32 ─┘ x2
//!                                  └ residual 64, /4 ──── cat ─ 48 ─┘ x2
//!                                      └ residual 96, /8 cat ─ 64 ─┘ x2
//!                                          └ residual 96, /16 ─┘ x2
//! ```
//! Convolutions are 3 x 3 without bias, each with a BatchNormalization of its own and a Relu; upsampling repeats pixels.
//! Rows and columns must be multiples of 16. Parameters are named as a PyTorch `state_dict` names them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use swath_autodiff::Model;
use swath_autodiff::graph::{Attribute, Data, DataType, Dimension, Graph, Node, Tensor, ValueInfo};

/// Channels of the stem and of the four residual stages, each at half the resolution of the one before.
const ENCODER: [usize; 5] = [16, 32, 64, 96, 96];
/// Channels of the decoder's blocks, each at twice the resolution of the one before.
const DECODER: [usize; 4] = [64, 48, 32, 16];
/// Version of the standard operators that the network is written in.
const OPSET: i64 = 17;
/// PyTorch's epsilon of BatchNorm.
const EPSILON: f32 = 1e-5;

/// A network with weights drawn from `seed` (He et al. 2015, uniform, by fan-in; the head by Glorot and Bengio 2010).
/// Input `x` float32 `[batch, bands, height, width]`, output `logits` float32 `[batch, classes, height, width]`.
///
/// # Errors
/// When `bands` or `classes` is zero or beyond 4,096.
pub(crate) fn small(bands: usize, classes: usize, seed: u64) -> Result<Model> {
    // A network for one satellite has tens of bands and at most 255 classes; far beyond, a typing error is likelier.
    ensure!((1..=4_096).contains(&bands), "a network needs between 1 and 4096 input bands, not {bands}");
    ensure!((1..=4_096).contains(&classes), "a network needs between 1 and 4096 classes, not {classes}");
    let mut net = Writer { nodes: Vec::new(), weights: BTreeMap::new(), random: ChaCha8Rng::seed_from_u64(seed) };

    let mut levels = vec![net.convolve("x", "encoder.stem", "", [bands, ENCODER[0]], 1)?];
    for (stage, channels) in ENCODER.windows(2).enumerate() {
        let below = levels[stage].clone();
        levels.push(net.residual(&below, &format!("encoder.stages.{stage}"), [channels[0], channels[1]])?);
    }
    let (mut value, mut width) = (levels.pop().unwrap_or_default(), ENCODER[4]);
    for (block, &to) in DECODER.iter().enumerate() {
        let skip = levels.pop().unwrap_or_default();
        let skip_width = ENCODER[3 - block];
        value = net.upsample(&value, &skip, &format!("decoder.blocks.{block}"), width + skip_width, to)?;
        width = to;
    }
    net.head(&value, [width, classes])?;

    let image = |name: &str, channels: usize| ValueInfo {
        name: name.to_owned(),
        dtype: DataType::F32,
        dims: Some(vec![
            Dimension::Dynamic(Some("batch".into())),
            Dimension::Fixed(channels),
            Dimension::Dynamic(Some("height".into())),
            Dimension::Dynamic(Some("width".into())),
        ]),
    };
    let graph = Graph::new(net.nodes, vec![image("x", bands)], vec![image("logits", classes)], net.weights)?;
    Ok(Model::new(graph, OPSET)?)
}

/// Writes nodes and draws their weights.
struct Writer {
    nodes: Vec<Node>,
    weights: BTreeMap<String, Tensor>,
    random: ChaCha8Rng,
}

impl Writer {
    /// Two convolutions, the first with stride 2, around a shortcut; gives the name of the result.
    fn residual(&mut self, from: &str, module: &str, [inward, outward]: [usize; 2]) -> Result<String> {
        let inner = self.convolve(from, module, "1", [inward, outward], 2)?;
        let inner = self.normalised(&inner, module, "2", [outward, outward], 3, 1)?;
        let shortcut = self.normalised(from, module, "_skip", [inward, outward], 1, 2)?;
        let sum = format!("/{module}/Add");
        self.push("Add", &[&inner, &shortcut], &sum, &[]);
        Ok(self.relu(&sum))
    }

    /// Twice the resolution, joined with the encoder's features of that resolution, then two convolutions; at full
    /// resolution, where most of the time goes, only one.
    fn upsample(&mut self, from: &str, skip: &str, module: &str, inward: usize, outward: usize) -> Result<String> {
        let (large, joined) = (format!("/{module}/Resize"), format!("/{module}/Concat"));
        self.weights.insert("scales".into(), Tensor::floats(&[1.0, 1.0, 2.0, 2.0]));
        let text = |value: &str| Attribute::String(value.to_owned());
        let nearest = [
            ("mode", text("nearest")),
            ("coordinate_transformation_mode", text("asymmetric")),
            ("nearest_mode", text("floor")),
        ];
        self.push("Resize", &[from, "", "scales"], &large, &nearest);
        self.push("Concat", &[&large, skip], &joined, &[("axis", Attribute::Int(1))]);
        let value = self.convolve(&joined, module, "1", [inward, outward], 1)?;
        match outward == DECODER[3] {
            true => Ok(value),
            false => self.convolve(&value, module, "2", [outward, outward], 1),
        }
    }

    /// A 3 x 3 convolution, its normalisation and a Relu.
    fn convolve(
        &mut self,
        from: &str,
        module: &str,
        suffix: &str,
        channels: [usize; 2],
        stride: i64,
    ) -> Result<String> {
        let value = self.normalised(from, module, suffix, channels, 3, stride)?;
        Ok(self.relu(&value))
    }

    /// A convolution of `size` x `size` and its normalisation, which starts as the identity.
    fn normalised(
        &mut self,
        from: &str,
        module: &str,
        suffix: &str,
        channels: [usize; 2],
        size: usize,
        stride: i64,
    ) -> Result<String> {
        let (conv, bn) = (format!("{module}.conv{suffix}"), format!("{module}.bn{suffix}"));
        let weight = format!("{conv}.weight");
        // He's bound for a uniform draw: the variance is 2 / fan-in.
        let bound = (6.0 / (channels[0] * size * size) as f32).sqrt();
        self.draw(&weight, vec![channels[1], channels[0], size, size], bound)?;
        let convolved = format!("/{conv}/Conv");
        self.push("Conv", &[from, &weight], &convolved, &window(size, stride));
        let start = [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)];
        let names = start.map(|(part, value)| {
            let name = format!("{bn}.{part}");
            self.weights.insert(name.clone(), Tensor::floats(&vec![value; channels[1]]));
            name
        });
        let normal = format!("/{bn}/BatchNormalization");
        let inputs = [&convolved, &names[0], &names[1], &names[2], &names[3]].map(String::as_str);
        // ONNX counts what is kept, PyTorch what is new: 0.9 here is PyTorch's 0.1.
        let attributes = [("epsilon", Attribute::Float(EPSILON)), ("momentum", Attribute::Float(0.9))];
        self.push("BatchNormalization", &inputs, &normal, &attributes);
        Ok(normal)
    }

    fn relu(&mut self, from: &str) -> String {
        let value = format!("{from}/Relu");
        self.push("Relu", &[from], &value, &[]);
        value
    }

    /// A 1 x 1 convolution with bias to one logit per class.
    fn head(&mut self, from: &str, [inward, classes]: [usize; 2]) -> Result<()> {
        let (weight, bias) = ("segmentation_head.weight", "segmentation_head.bias");
        self.draw(weight, vec![classes, inward, 1, 1], (6.0 / (inward + classes) as f32).sqrt())?;
        self.weights.insert(bias.into(), Tensor::floats(&vec![0.0; classes]));
        self.push("Conv", &[from, weight, bias], "logits", &window(1, 1));
        Ok(())
    }

    fn draw(&mut self, name: &str, dims: Vec<usize>, bound: f32) -> Result<()> {
        let values: Vec<f32> =
            (0..dims.iter().product()).map(|_| (2.0 * self.random.random::<f32>() - 1.0) * bound).collect();
        let tensor = Tensor::new(dims, Data::F32(values.into()));
        ensure!(tensor.is_some(), "the weights {name} do not fill their shape");
        self.weights.extend(tensor.map(|tensor| (name.to_owned(), tensor)));
        Ok(())
    }

    fn push(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) {
        let mut node = Node::new(operator, inputs, &[output]);
        node.name = output.to_owned();
        node.attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.nodes.push(node);
    }
}

/// Attributes of a convolution that keeps the size but for its stride.
fn window(size: usize, stride: i64) -> [(&'static str, Attribute); 5] {
    let (size, pad) = (size as i64, (size as i64 - 1) / 2);
    [
        ("dilations", Attribute::Ints(vec![1, 1])),
        ("group", Attribute::Int(1)),
        ("kernel_shape", Attribute::Ints(vec![size, size])),
        ("pads", Attribute::Ints(vec![pad; 4])),
        ("strides", Attribute::Ints(vec![stride, stride])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(model: &Model) -> usize {
        model.graph().initializers().values().map(Tensor::len).sum()
    }

    #[test]
    fn the_weights_fit_into_three_megabytes() {
        assert!(floats(&small(10, 6, 0).unwrap()) * 4 < 3_000_000);
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let bytes = |seed| small(10, 6, seed).unwrap().to_bytes().unwrap();
        let (first, again) = (bytes(1), bytes(1));
        assert_eq!(first, again);
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn weights_have_the_spread_that_their_fan_in_asks_for() {
        let model = small(10, 6, 3).unwrap();
        let weights = model.graph().initializers()["encoder.stages.2.conv2.weight"].as_f32().unwrap();
        let variance = weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / weights.len() as f64;
        // Of 82,944 uniform draws; the relative deviation of their variance is sqrt(0.8 / 82,944) = 0.3 %.
        let wanted = 2.0 / (96.0 * 9.0);
        assert!((variance / wanted - 1.0).abs() < 0.02, "{variance} beside {wanted}");
    }

    #[test]
    fn impossible_shapes_are_refused() {
        assert!(small(0, 6, 0).unwrap_err().to_string().contains("bands"));
        assert!(small(10, 0, 0).unwrap_err().to_string().contains("classes"));
    }
}
