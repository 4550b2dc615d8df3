//! Writes the nodes of a network one after another and draws the weights that they need.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Feature, OPSET};
use crate::error::{Error, Result};
use crate::graph::{Attribute, Data, DataType, Dimension, Graph, Node, Tensor, ValueInfo};
use crate::model::Model;

/// The nodes and weights written so far.
pub(super) struct Writer {
    nodes: Vec<Node>,
    weights: BTreeMap<String, Tensor>,
    random: ChaCha8Rng,
}

/// A convolution without bias.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conv {
    /// Filters.
    pub(super) to: usize,
    /// Side of the window.
    pub(super) size: usize,
    /// Step of the window.
    pub(super) stride: usize,
    /// Whether each channel has a filter of its own and sees no other.
    pub(super) depthwise: bool,
    /// Rows above and columns to the left that are padded, then those below and to the right.
    pub(super) pads: [usize; 2],
}

impl Conv {
    /// A window of `size` with as much padding on either side as keeps the size but for the stride.
    pub(super) fn new(to: usize, size: usize, stride: usize) -> Self {
        Self { to, size, stride, depthwise: false, pads: [(size - 1) / 2; 2] }
    }
}

/// What a BatchNormalization does beside its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    /// Added to the variance.
    pub(super) epsilon: f32,
    /// Share of the running statistics that a step keeps: ONNX counts what is kept, PyTorch what is new.
    pub(super) keep: f32,
}

/// PyTorch's BatchNorm2d as it comes: epsilon 1e-5, momentum 0.1.
pub(super) const PYTORCH: Norm = Norm { epsilon: 1e-5, keep: 0.9 };

/// A non-linear function of each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// max(x, 0)
    Relu,
    /// x held between 0 and 6
    Relu6,
    /// x · sigmoid(x), also called SiLU
    Swish,
}

impl Writer {
    /// Nothing written; weights will be drawn from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self { nodes: Vec::new(), weights: BTreeMap::new(), random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The image that networks read.
    pub(super) fn image(bands: usize) -> Feature {
        Feature { name: "x".into(), channels: bands }
    }

    /// A convolution and its normalisation; parameters are `conv`.weight and those of `bn`.
    pub(super) fn normalised(
        &mut self,
        from: &Feature,
        [conv, bn]: [&str; 2],
        shape: Conv,
        norm: Norm,
    ) -> Result<Feature> {
        let Conv { to, size, stride, depthwise, pads: [before, after] } = shape;
        let inward = if depthwise { 1 } else { from.channels };
        let weight = format!("{conv}.weight");
        self.draw(&weight, vec![to, inward, size, size], he(inward * size * size))?;
        let convolved = format!("/{conv}/Conv");
        let attributes = window(size, stride, if depthwise { from.channels } else { 1 }, [before, after]);
        self.push("Conv", &[&from.name, &weight], &convolved, &attributes);
        let start = [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)];
        let names = start.map(|(part, value)| {
            let name = format!("{bn}.{part}");
            self.weights.insert(name.clone(), Tensor::floats(&vec![value; to]));
            name
        });
        let normal = format!("/{bn}/BatchNormalization");
        let inputs = [&convolved, &names[0], &names[1], &names[2], &names[3]].map(String::as_str);
        let attributes = [("epsilon", Attribute::Float(norm.epsilon)), ("momentum", Attribute::Float(norm.keep))];
        self.push("BatchNormalization", &inputs, &normal, &attributes);
        Ok(Feature { name: normal, channels: to })
    }

    /// A convolution of 1 x 1 with a bias that starts at zero.
    pub(super) fn biased(&mut self, from: &Feature, module: &str, to: usize) -> Result<Feature> {
        let name = format!("/{module}/Conv");
        self.with_bias(from, module, [to, 1], he(from.channels), &name)
    }

    /// The convolution of `size` x `size` with bias that gives the logits.
    pub(super) fn head(&mut self, from: &Feature, module: &str, classes: usize, size: usize) -> Result<()> {
        let bound = (6.0 / ((from.channels + classes) * size * size) as f32).sqrt();
        self.with_bias(from, module, [classes, size], bound, "logits").map(|_| ())
    }

    fn with_bias(
        &mut self,
        from: &Feature,
        module: &str,
        [to, size]: [usize; 2],
        bound: f32,
        name: &str,
    ) -> Result<Feature> {
        let (weight, bias) = (format!("{module}.weight"), format!("{module}.bias"));
        self.draw(&weight, vec![to, from.channels, size, size], bound)?;
        self.weights.insert(bias.clone(), Tensor::floats(&vec![0.0; to]));
        self.push("Conv", &[&from.name, &weight, &bias], name, &window(size, 1, 1, [(size - 1) / 2; 2]));
        Ok(Feature { name: name.to_owned(), channels: to })
    }

    pub(super) fn activated(&mut self, from: &Feature, activation: Activation) -> Feature {
        let inner = &from.name;
        let name = match activation {
            Activation::Relu => {
                let name = format!("{inner}/Relu");
                self.push("Relu", &[inner], &name, &[]);
                name
            }
            Activation::Relu6 => {
                self.weights.insert("relu6.min".into(), Tensor::scalar(0.0));
                self.weights.insert("relu6.max".into(), Tensor::scalar(6.0));
                let name = format!("{inner}/Clip");
                self.push("Clip", &[inner, "relu6.min", "relu6.max"], &name, &[]);
                name
            }
            Activation::Swish => {
                let (gate, name) = (format!("{inner}/Sigmoid"), format!("{inner}/Swish"));
                self.push("Sigmoid", &[inner], &gate, &[]);
                self.push("Mul", &[inner, &gate], &name, &[]);
                name
            }
        };
        Feature { name, channels: from.channels }
    }

    /// Two values of one shape by an operator.
    pub(super) fn joined(&mut self, operator: &str, module: &str, [a, b]: [&Feature; 2]) -> Feature {
        let name = format!("/{module}/{operator}");
        self.push(operator, &[&a.name, &b.name], &name, &[]);
        Feature { name, channels: a.channels }
    }

    /// One operator over one value.
    pub(super) fn applied(&mut self, operator: &str, module: &str, from: &Feature) -> Feature {
        let name = format!("/{module}/{operator}");
        self.push(operator, &[&from.name], &name, &[]);
        Feature { name, channels: from.channels }
    }

    /// The largest value of each window of 3 x 3, at every second row and column.
    pub(super) fn pooled(&mut self, from: &Feature, module: &str) -> Feature {
        let name = format!("/{module}/MaxPool");
        let ints = |values: [i64; 2]| Attribute::Ints(values.to_vec());
        let attributes =
            [("kernel_shape", ints([3, 3])), ("pads", Attribute::Ints(vec![1; 4])), ("strides", ints([2, 2]))];
        self.push("MaxPool", &[&from.name], &name, &attributes);
        Feature { name, channels: from.channels }
    }

    /// Twice the resolution by repetition, and beside it the encoder's features of that resolution.
    pub(super) fn upsampled(&mut self, from: &Feature, skip: Option<&Feature>, module: &str) -> Feature {
        let large = format!("/{module}/Resize");
        self.weights.insert("scales".into(), Tensor::floats(&[1.0, 1.0, 2.0, 2.0]));
        let text = |value: &str| Attribute::String(value.to_owned());
        let nearest = [
            ("mode", text("nearest")),
            ("coordinate_transformation_mode", text("asymmetric")),
            ("nearest_mode", text("floor")),
        ];
        self.push("Resize", &[&from.name, "", "scales"], &large, &nearest);
        let Some(skip) = skip else { return Feature { name: large, channels: from.channels } };
        let name = format!("/{module}/Concat");
        self.push("Concat", &[&large, &skip.name], &name, &[("axis", Attribute::Int(1))]);
        Feature { name, channels: from.channels + skip.channels }
    }

    /// The network, once its logits are written.
    pub(super) fn finish(self, bands: usize, classes: usize) -> Result<Model> {
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
        Model::new(
            Graph::new(self.nodes, vec![image("x", bands)], vec![image("logits", classes)], self.weights)?,
            OPSET,
        )
    }

    fn draw(&mut self, name: &str, dims: Vec<usize>, bound: f32) -> Result<()> {
        let values: Vec<f32> =
            (0..dims.iter().product()).map(|_| (2.0 * self.random.random::<f32>() - 1.0) * bound).collect();
        let tensor = Tensor::new(dims, Data::F32(values.into()));
        let tensor = tensor.ok_or_else(|| Error::Build { reason: format!("{name} does not fill its shape") })?;
        self.weights.insert(name.to_owned(), tensor);
        Ok(())
    }

    fn push(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) {
        let mut node = Node::new(operator, inputs, &[output]);
        node.name = output.to_owned();
        node.attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.nodes.push(node);
    }
}

/// He's bound for a uniform draw: the variance is 2 / fan-in.
fn he(fan_in: usize) -> f32 {
    (6.0 / fan_in as f32).sqrt()
}

/// Attributes of a convolution.
fn window(size: usize, stride: usize, group: usize, [before, after]: [usize; 2]) -> [(&'static str, Attribute); 5] {
    let [size, stride, group, before, after] = [size, stride, group, before, after].map(|value| value as i64);
    [
        ("dilations", Attribute::Ints(vec![1, 1])),
        ("group", Attribute::Int(group)),
        ("kernel_shape", Attribute::Ints(vec![size, size])),
        ("pads", Attribute::Ints(vec![before, before, after, after])),
        ("strides", Attribute::Ints(vec![stride, stride])),
    ]
}
