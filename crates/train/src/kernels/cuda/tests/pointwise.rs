//! `source/pointwise.cu` against plain loops.

use super::host::Host;
use super::images::{Images, close, numbers, rounding};
use crate::kernels::cuda::element::Element;
use crate::kernels::cuda::pointwise::{Shift, add_bias, relu_grad, shift_planes};

#[test]
fn relu_grad_agrees() {
    let Some(host) = Host::new() else { return };
    for element in Element::ALL {
        let (mut dy, mut y) = (Images::new(element, &numbers(999, 1)), Images::new(element, &numbers(999, 2)));
        let mut dx = Images::room(element, 999);
        relu_grad(&host, element, [dy.address(), y.address(), dx.address()], 999).unwrap();
        let pairs = dy.numbers().into_iter().zip(y.numbers());
        let expected: Vec<f32> = pairs.map(|(dy, y)| if y > 0.0 { dy } else { 0.0 }).collect();
        assert_eq!(dx.numbers(), expected, "{element:?}");
    }
}

#[test]
fn bias_agrees() {
    let Some(host) = Host::new() else { return };
    let [batch, channels, plane] = [2, 3, 45];
    for element in Element::ALL {
        let (mut y, mut bias) = (Images::new(element, &numbers(270, 1)), Images::new(element, &numbers(3, 2)));
        let of = bias.numbers();
        let expected: Vec<f32> = y.numbers().iter().enumerate().map(|(i, y)| y + of[i / plane % channels]).collect();
        add_bias(&host, element, [y.address(), bias.address()], [batch, channels, plane]).unwrap();
        close("Y", &y.numbers(), &expected, rounding(element), 0.0);
    }
}

#[test]
fn borders_come_and_go() {
    let Some(host) = Host::new() else { return };
    for element in Element::ALL {
        let mut x = Images::new(element, &numbers(2 * 3 * 4, 1));
        let mut wide = Images::room(element, 2 * 5 * 6);
        let operator = "Conv";
        let on = Shift { operator, planes: 2, from: [3, 4], to: [5, 6], by: [-2, -1] };
        shift_planes(&host, element, &on, [x.address(), wide.address()]).unwrap();
        let got = wide.numbers();
        for (i, got) in got.iter().enumerate() {
            let (plane, row, col) = (i / 30, i / 6 % 5, i % 6);
            let inside = (2..5).contains(&row) && (1..5).contains(&col);
            let expected = if inside { x.numbers()[plane * 12 + (row - 2) * 4 + col - 1] } else { 0.0 };
            assert_eq!(*got, expected, "{element:?} {plane} {row} {col}");
        }
        let mut back = Images::room(element, 2 * 3 * 4);
        let off = Shift { operator, planes: 2, from: [5, 6], to: [3, 4], by: [2, 1] };
        shift_planes(&host, element, &off, [wide.address(), back.address()]).unwrap();
        assert_eq!(back.numbers(), x.numbers(), "{element:?}");
    }
}
