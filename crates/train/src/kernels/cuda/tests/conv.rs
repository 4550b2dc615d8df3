//! Convolutions that cuDNN cannot pad, run on the processor with their border written out, against the processor's own;
//! and the choice among algorithms.

use cudarc::cudnn::sys::{cudnnDeterminism_t, cudnnMathType_t, cudnnStatus_t};

use super::host::Host;
use super::images::{Images, close, numbers};
use crate::kernels::cpu::conv::{self as cpu, ConvShape};
use crate::kernels::cpu::parallel::Serial;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cuda::conv::Bordered;
use crate::kernels::cuda::cudnn::{Candidate, choose};
use crate::kernels::cuda::element::Element;
use crate::kernels::cuda::pointwise::shift_planes;

/// 3 x 3 at stride 2, `pads` as ONNX has them.
fn shape(pads: [usize; 4]) -> ConvShape {
    let (in_size, kernel, strides, dilations) = ([8, 9], [3, 3], [2, 2], [1, 1]);
    ConvShape {
        batch: 2,
        in_channels: 3,
        in_size,
        out_channels: 4,
        out_size: ConvShape::out_size(in_size, kernel, strides, dilations, pads).unwrap(),
        kernel,
        strides,
        dilations,
        pads: [pads[0], pads[1]],
        groups: 1,
    }
}

#[test]
fn padding_alike_on_both_sides_is_left_to_cudnn() {
    let alike = shape([1, 1, 1, 1]);
    assert_eq!(Bordered::new(&alike), Bordered { seen: alike.clone(), border: None });
    // Eight rows padded below alone: a padding of none above and below counts one row of Y less.
    let unlike = Bordered::new(&shape([0, 0, 1, 0]));
    assert_eq!(unlike.border, Some([0, 0]));
    assert_eq!((unlike.seen.in_size, unlike.seen.pads, unlike.seen.out_size), ([9, 9], [0, 0], [4, 4]));
    // A padding below that no window reaches makes no difference.
    assert_eq!(Bordered::new(&shape([1, 1, 0, 1])).border, None);
}

#[test]
fn a_border_written_out_gives_the_same_convolution() {
    let Some(host) = Host::new() else { return };
    let shape = shape([0, 2, 1, 1]);
    let bordered = Bordered::new(&shape);
    let seen = &bordered.seen;
    let copied = |from: &[f32], len, inward| {
        let (mut from, mut to) = (Images::new(Element::F32, from), Images::room(Element::F32, len));
        let shift = bordered.shift("Conv", &shape, inward).unwrap();
        shift_planes(&host, Element::F32, &shift, [from.address(), to.address()]).unwrap();
        to.numbers()
    };
    let (x, w, dy) = (numbers(shape.x_len(), 1), numbers(shape.w_len(), 2), numbers(shape.y_len(), 3));
    let wide = copied(&x, seen.x_len(), true);
    let isa = Isa::detect();
    let both = |run: &dyn Fn(&ConvShape, &[f32]) -> Vec<f32>| [run(&shape, &x), run(seen, &wide)];

    let [expected, got] = both(&|shape, x| {
        let mut y = vec![0.0; shape.y_len()];
        cpu::conv(&Serial, isa, shape, x, &w, None, &mut y);
        y
    });
    close("Y", &got, &expected, 0.0, 1e-5);
    let [expected, got] = both(&|shape, x| {
        let mut dw = vec![0.0; shape.w_len()];
        cpu::conv_grad_weight(&Serial, isa, shape, &dy, x, &mut dw);
        dw
    });
    close("dW", &got, &expected, 0.0, 1e-5);
    let [expected, got] = both(&|shape, x| {
        let mut dx = vec![0.0; x.len()];
        cpu::conv_grad_input(&Serial, isa, shape, &dy, &w, &mut dx);
        dx
    });
    close("dX", &copied(&got, shape.x_len(), false), &expected, 0.0, 1e-5);
}

#[test]
fn the_fastest_algorithm_that_may_be_used_is() {
    let candidate = |algorithm, status, memory, determinism| Candidate {
        algorithm,
        status,
        memory,
        determinism,
        math: cudnnMathType_t::CUDNN_DEFAULT_MATH,
    };
    let (works, refuses) = (cudnnStatus_t::CUDNN_STATUS_SUCCESS, cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED);
    let (same, other) = (cudnnDeterminism_t::CUDNN_DETERMINISTIC, cudnnDeterminism_t::CUDNN_NON_DETERMINISTIC);
    let found = [
        candidate(0, refuses, 0, same),
        candidate(1, works, 1000, same),
        candidate(2, works, 10, other),
        candidate(3, works, 10, same),
    ];
    let chosen = |limit, deterministic| choose(&found, limit, deterministic).map(|candidate| candidate.algorithm);
    assert_eq!(chosen(1000, false), Some(1));
    assert_eq!(chosen(999, false), Some(2));
    assert_eq!(chosen(999, true), Some(3));
    assert_eq!(chosen(9, false), None);
}
