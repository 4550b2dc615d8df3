//! `source/resize.cu` against the processor's gradient of Resize.

use super::host::Host;
use super::images::{Images, close, numbers, rounding};
use crate::kernels::cpu::parallel::Serial;
use crate::kernels::cpu::resize as cpu;
use crate::kernels::cpu::resize::{Axis, Coordinates, Interpolation, Rounding};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cuda::element::Element;
use crate::kernels::cuda::resize::{Tables, resize_grad};

#[test]
fn gradient_agrees() {
    let Some(host) = Host::new() else { return };
    let cases = [
        ([4, 5], [8, 10], Coordinates::Asymmetric, Interpolation::Nearest(Rounding::Floor)),
        ([4, 5], [7, 13], Coordinates::HalfPixel, Interpolation::Linear),
        ([3, 6], [9, 11], Coordinates::AlignCorners, Interpolation::Linear),
        ([5, 4], [3, 9], Coordinates::PytorchHalfPixel, Interpolation::Cubic(-0.75)),
        // Input positions that no output reads.
        ([9, 1], [3, 2], Coordinates::Asymmetric, Interpolation::Nearest(Rounding::HalfDown)),
    ];
    let planes = 3;
    for (input, output, coordinates, reading) in cases {
        let axes = [0, 1].map(|axis| {
            Axis::new(input[axis], output[axis], output[axis] as f32 / input[axis] as f32, coordinates, reading)
        });
        let tables = Tables::new(&host, &axes, output).unwrap();
        assert_eq!(tables.out_size(), output);
        for element in Element::ALL {
            let mut dy = Images::new(element, &numbers(planes * output[0] * output[1], 3));
            let mut dx = vec![0.0; planes * input[0] * input[1]];
            cpu::resize_grad(&Serial, Isa::detect(), &axes[0], &axes[1], &dy.numbers(), &mut dx);
            let mut got = Images::room(element, dx.len());
            resize_grad(&host, element, &tables, planes, [dy.address(), got.address()]).unwrap();
            // Some twenty products below one in another order.
            let what = format!("{input:?} to {output:?}, {coordinates:?} {reading:?} {element:?}");
            close(&what, &got.numbers(), &dx, rounding(element), 3e-6);
        }
    }
}
