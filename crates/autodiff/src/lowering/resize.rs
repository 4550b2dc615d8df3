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
            let mut put = |index: f64, weight: f64| {
                row[index.clamp(0.0, (self.input - 1) as f64) as usize] += weight;
            };
            match self.mode {
                "nearest" => put(self.nearest(source), 1.0),
                "linear" => {
                    let source = source.clamp(0.0, (self.input - 1) as f64);
                    let low = source.floor();
                    put(low, 1.0 - (source - low));
                    put(low + 1.0, source - low);
                }
                _ => {
                    let low = source.floor();
                    for (i, weight) in self.cubic(source - low).into_iter().enumerate() {
                        put(low - 1.0 + i as f64, weight);
                    }
                }
            }
        }
        matrix
    }

    fn nearest(&self, source: f64) -> f64 {
        match self.node.text("nearest_mode", "round_prefer_floor") {
            "floor" => source.floor(),
            "ceil" => source.ceil(),
            "round_prefer_ceil" => (source + 0.5).floor(),
            _ => (source - 0.5).ceil(),
        }
    }

    /// Weights of the four neighbours at a fraction `t` past the second.
    fn cubic(&self, t: f64) -> [f64; 4] {
        let a = f64::from(self.node.float("cubic_coeff_a", -0.75));
        let near = |x: f64| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
        let far = |x: f64| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
        [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
    }
}
