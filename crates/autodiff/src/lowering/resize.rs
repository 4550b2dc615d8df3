//! Plain form of the gradient of Resize.
//!
//! Resize is linear and works axis by axis: along one axis it multiplies by a small constant matrix `A [out, in]`. Its gradient multiplies
//! by the transposed matrices.

use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Data, Node, Tensor};

/// Largest matrix written into a graph: an axis of 4096 resized to 4096, 64 MiB.
const LARGEST_MATRIX: usize = 1 << 24;

/// dY -> dX
pub(super) fn gradient(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let dtype = builder.dtype(node.required(0)?)?;
    let mut value = builder.widened(node.required(0)?)?;
    let out = builder.dims(&value)?;
    let input: Vec<usize> =
        node.ints("input_shape").unwrap_or_default().iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
    let scales = node.floats("scales").unwrap_or_default();
    let rank = out.len();
    for axis in (0..rank).rev().filter(|&axis| input[axis] != out[axis] || scales[axis] != 1.0) {
        let sampling = Sampling::of(node, input[axis], out[axis], f64::from(scales[axis]))?;
        let matrix = sampling.matrix();
        let dims = builder.dims(&value)?;
        if axis + 1 == rank {
            let matrix = tensor(&matrix, [out[axis], input[axis]]);
            let matrix = builder.constant(matrix)?;
            value = builder.op("MatMul", &[&value, &matrix])?;
        } else {
            let (before, after) = (dims[..axis].iter().product(), dims[axis + 1..].iter().product());
            let transposed = transpose(&matrix, out[axis], input[axis]);
            let matrix = builder.constant(tensor(&transposed, [input[axis], out[axis]]))?;
            let flat = builder.reshape(&value, &[before, out[axis], after])?;
            let summed = builder.op("MatMul", &[&matrix, &flat])?;
            let mut dims = dims;
            dims[axis] = input[axis];
            value = builder.reshape(&summed, &dims)?;
        }
    }
    Ok(vec![builder.cast(&value, dtype)?])
}

fn tensor(values: &[f64], dims: [usize; 2]) -> Tensor {
    let data = Data::F32(values.iter().map(|&v| v as f32).collect());
    Tensor::new(dims.to_vec(), data).unwrap_or_else(|| Tensor::floats(&[]))
}

fn transpose(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| matrix[r * columns + c])).collect()
}

/// How one axis is sampled.
struct Sampling<'a> {
    node: &'a Node,
    input: usize,
    output: usize,
    scale: f64,
    coordinates: &'a str,
    mode: &'a str,
}

impl<'a> Sampling<'a> {
    fn of(node: &'a Node, input: usize, output: usize, scale: f64) -> Result<Self> {
        let coordinates = node.text("coordinate_transformation_mode", "half_pixel");
        let mode = node.text("mode", "nearest");
        let known = ["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric"];
        if !known.contains(&coordinates) || !["nearest", "linear", "cubic"].contains(&mode) {
            return Err(node.error(format!("there is no gradient for mode {mode} with coordinates {coordinates}")));
        }
        if input.saturating_mul(output) > LARGEST_MATRIX {
            return Err(node.error(format!("an axis resized from {input} to {output} is too long for plain operators")));
        }
        Ok(Self { node, input, output, scale, coordinates, mode })
    }

    /// Where in the input an output position samples.
    fn source(&self, at: usize) -> f64 {
        let (at, input, output) = (at as f64, self.input as f64, self.output as f64);
        match self.coordinates {
            "align_corners" if self.output > 1 => at * (input - 1.0) / (output - 1.0),
            "align_corners" => 0.0,
            "asymmetric" => at / self.scale,
            "pytorch_half_pixel" if self.output <= 1 => 0.0,
            "half_pixel_symmetric" => {
                let adjustment = output / (input * self.scale);
                let centre = input / 2.0;
                centre * (1.0 - adjustment) + (at + 0.5) / self.scale - 0.5
            }
            _ => (at + 0.5) / self.scale - 0.5,
        }
    }

    /// The matrix `[output, input]`, row-major.
    fn matrix(&self) -> Vec<f64> {
        let mut matrix = vec![0.0; self.output * self.input];
        for at in 0..self.output {
            // The runtime computes coordinates in float32; a tie must fall to the same side here.
            let source = f64::from(self.source(at) as f32);
            let row = &mut matrix[at * self.input..(at + 1) * self.input];
            let last = (self.input - 1) as f64;
            for (index, weight) in self.read_at(source) {
                row[index.clamp(0.0, last) as usize] += weight;
            }
        }
        matrix
    }

    /// Positions that are read at a point of the input, and their weights. One beyond the border reads the border's value.
    fn read_at(&self, source: f64) -> Vec<(f64, f64)> {
        let last = (self.input - 1) as f64;
        let low = source.floor();
        match self.mode {
            "nearest" => vec![(self.nearest(source), 1.0)],
            _ if self.widening() > 1.0 || self.mode == "cubic" && self.node.int("exclude_outside", 0) != 0 => {
                self.averaged(source)
            }
            "linear" => {
                let source = source.clamp(0.0, last);
                let low = source.floor();
                vec![(low, 1.0 - (source - low)), (low + 1.0, source - low)]
            }
            _ => (-1..=2).map(|i| low + f64::from(i)).map(|index| (index, self.filter(source - index))).collect(),
        }
    }

    /// How many times as wide as an input pixel the filter is, against aliases in what shrinks.
    fn widening(&self) -> f64 {
        if self.node.int("antialias", 0) != 0 { (1.0 / self.scale).max(1.0) } else { 1.0 }
    }

    /// All positions within reach of the filter, their weights adding up to one; those outside not among them where they are excluded.
    fn averaged(&self, source: f64) -> Vec<(f64, f64)> {
        let (widening, last) = (self.widening(), (self.input - 1) as f64);
        let reach = if self.mode == "linear" { widening } else { 2.0 * widening };
        let outside = self.node.int("exclude_outside", 0) != 0;
        let (from, to) = ((source - reach).floor() + 1.0, (source + reach).floor() + 1.0);
        let from = if outside { from.max(0.0) } else { from };
        let to = if outside { to.min(last + 1.0) } else { to };
        let count = (to - from).max(0.0) as usize;
        let read = (0..count).map(|i| from + i as f64).map(|index| (index, self.filter((index - source) / widening)));
        let read: Vec<(f64, f64)> = read.collect();
        let total: f64 = read.iter().map(|(_, weight)| weight).sum();
        read.into_iter().map(|(index, weight)| (index, if total == 0.0 { weight } else { weight / total })).collect()
    }

    fn nearest(&self, source: f64) -> f64 {
        match self.node.text("nearest_mode", "round_prefer_floor") {
            "floor" => source.floor(),
            "ceil" => source.ceil(),
            "round_prefer_ceil" => (source + 0.5).floor(),
            _ => (source - 0.5).ceil(),
        }
    }

    /// The weight of a pixel at some distance, linear or cubic.
    fn filter(&self, distance: f64) -> f64 {
        let (x, a) = (distance.abs(), f64::from(self.node.float("cubic_coeff_a", -0.75)));
        match self.mode {
            "linear" => (1.0 - x).max(0.0),
            _ if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            _ if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            _ => 0.0,
        }
    }
}
