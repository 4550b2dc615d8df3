//! `source/maxpool.cu` against the processor's pooling.

use super::host::Host;
use super::images::{Images, address, close, numbers, rounding};
use crate::kernels::cpu::maxpool as cpu;
use crate::kernels::cpu::maxpool::PoolShape;
use crate::kernels::cpu::parallel::Serial;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cuda::element::Element;
use crate::kernels::cuda::maxpool::{max_pool, max_pool_grad};

fn shapes() -> [PoolShape; 3] {
    let usual = PoolShape {
        planes: 3,
        in_size: [9, 11],
        out_size: [5, 6],
        kernel: [3, 3],
        strides: [2, 2],
        dilations: [1, 1],
        pads: [1, 1],
    };
    let apart = PoolShape {
        out_size: [8, 8],
        kernel: [2, 3],
        strides: [1, 1],
        dilations: [3, 2],
        pads: [1, 0],
        ..usual.clone()
    };
    // The last windows lie in the padding alone.
    let beyond =
        PoolShape { in_size: [2, 2], out_size: [4, 2], kernel: [1, 2], strides: [1, 1], pads: [1, 0], ..usual.clone() };
    [usual, apart, beyond]
}

#[test]
fn forward_and_gradient_agree() {
    let Some(host) = Host::new() else { return };
    for shape in shapes() {
        for element in Element::ALL {
            let (in_len, out_len) = (
                shape.planes * shape.in_size[0] * shape.in_size[1],
                shape.planes * shape.out_size[0] * shape.out_size[1],
            );
            // Few values, so that many are equal, and a NaN.
            let mut x: Vec<f32> = numbers(in_len, 1).iter().map(|x| (x * 4.0).round()).collect();
            x[1] = f32::NAN;
            let (mut y, mut argmax) = (vec![0.0; out_len], vec![0; out_len]);
            cpu::max_pool(&Serial, Isa::detect(), &shape, &x, &mut y, &mut argmax);
            let (mut on_host, mut got_y, mut got_argmax) =
                (Images::new(element, &x), Images::room(element, out_len), vec![7i32; out_len]);
            let addresses = [on_host.address(), got_y.address(), address(&mut got_argmax)];
            max_pool(&host, element, &shape, addresses).unwrap();
            close("Y", &got_y.numbers(), &y, 0.0, 0.0);
            assert_eq!(got_argmax, argmax, "{shape:?} {element:?}");

            let mut dy = Images::new(element, &numbers(out_len, 2));
            let mut dx = vec![0.0; in_len];
            let planes = [shape.in_size, shape.out_size].map(|[rows, cols]| rows * cols);
            cpu::max_pool_grad(&Serial, planes, &dy.numbers(), &argmax, &mut dx);
            let mut got_dx = Images::room(element, in_len);
            let addresses = [dy.address(), address(&mut got_argmax), got_dx.address()];
            max_pool_grad(&host, element, &shape, addresses).unwrap();
            // Up to nine numbers below one, added in another order, then rounded.
            close("dX", &got_dx.numbers(), &dx, rounding(element), 1e-6);
        }
    }
}

#[test]
fn places_may_be_left_out() {
    let Some(host) = Host::new() else { return };
    let [shape, ..] = shapes();
    let (mut x, mut y) = (Images::new(Element::F32, &numbers(297, 1)), Images::room(Element::F32, 90));
    max_pool(&host, Element::F32, &shape, [x.address(), y.address(), 0]).unwrap();
    assert!(y.numbers().iter().all(|y| y.is_finite()));
}
