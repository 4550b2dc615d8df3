//! How far the kernels' results are from sums in `f64`, at places drawn at random.

use swath_train::kernels::cpu::conv::{ConvShape, conv, conv_grad_input, conv_grad_weight};
use swath_train::kernels::cpu::parallel::Parallel;
use swath_train::kernels::cpu::simd::Isa;

/// Places of each result that are looked at.
const PLACES: usize = 1500;

/// Numbers about evenly distributed within -1..1.
struct Noise(u64);

impl Noise {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.bits() as f32 / (1u64 << 30) as f32 - 1.0).collect()
    }
}

/// Prints a line for each layer. X is noise without its negative half, as behind a rectifier; W and dY are noise.
pub(crate) fn print(pool: &dyn Parallel, isa: Isa, layers: impl Iterator<Item = (String, ConvShape)>) {
    println!("  layer                 forward  input gradient  weight gradient   (1e-7)");
    for (name, s) in layers {
        let mut noise = Noise(7);
        let (mut x, w, dy) = (noise.values(s.x_len()), noise.values(s.w_len()), noise.values(s.y_len()));
        x.iter_mut().for_each(|x| *x = x.max(0.0));
        let (mut y, mut dx, mut dw) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()], vec![0.0; s.w_len()]);
        conv(pool, isa, &s, &x, &w, None, &mut y);
        conv_grad_input(pool, isa, &s, &dy, &w, &mut dx);
        conv_grad_weight(pool, isa, &s, &dy, &x, &mut dw);
        let errors = [
            error(&mut noise, &y, |at| forward(&s, &x, &w, at)),
            error(&mut noise, &dx, |at| grad_input(&s, &dy, &w, at)),
            error(&mut noise, &dw, |at| grad_weight(&s, &dy, &x, at)),
        ];
        println!("  {name:<20}  {:7.1}  {:14.1}  {:15.1}", errors[0] * 1e7, errors[1] * 1e7, errors[2] * 1e7);
    }
}

/// Norm of the difference over that of the truth.
fn error(noise: &mut Noise, found: &[f32], truth: impl Fn(usize) -> f64) -> f64 {
    let (mut off, mut all) = (0.0, 0.0);
    for _ in 0..PLACES {
        let at = noise.bits() as usize % found.len();
        let truth = truth(at);
        off += (f64::from(found[at]) - truth).powi(2);
        all += truth * truth;
    }
    (off / all).sqrt()
}

/// The pixel that tap `t` reads at output pixel `p`.
fn pixel(s: &ConvShape, p: usize, t: usize) -> Option<usize> {
    let at = |axis: usize, out: usize, tap: usize| {
        let at = (out * s.strides[axis] + tap * s.dilations[axis]).checked_sub(s.pads[axis])?;
        (at < s.in_size[axis]).then_some(at)
    };
    let row = at(0, p / s.out_size[1], t / s.kernel[1])?;
    Some(row * s.in_size[1] + at(1, p % s.out_size[1], t % s.kernel[1])?)
}

fn product(a: f32, b: f32) -> f64 {
    f64::from(a) * f64::from(b)
}

fn forward(s: &ConvShape, x: &[f32], w: &[f32], at: usize) -> f64 {
    let (plane, p) = (at / s.out_plane(), at % s.out_plane());
    let (image, o) = (plane / s.out_channels, plane % s.out_channels);
    let mut sum = 0.0;
    for c in 0..s.group_in() {
        let from = (image * s.in_channels + o / s.group_out() * s.group_in() + c) * s.in_plane();
        for t in 0..s.taps() {
            sum += pixel(s, p, t).map_or(0.0, |at| product(x[from + at], w[(o * s.group_in() + c) * s.taps() + t]));
        }
    }
    sum
}

fn grad_input(s: &ConvShape, dy: &[f32], w: &[f32], at: usize) -> f64 {
    let (plane, p) = (at / s.in_plane(), at % s.in_plane());
    let (image, c) = (plane / s.in_channels, plane % s.in_channels);
    let group = c / s.group_in();
    let mut sum = 0.0;
    for t in 0..s.taps() {
        // The output pixel, if any, that read this one through tap t.
        let along = |axis: usize, at: usize, tap: usize| {
            let at = (at + s.pads[axis]).checked_sub(tap * s.dilations[axis])?;
            (at % s.strides[axis] == 0 && at / s.strides[axis] < s.out_size[axis]).then_some(at / s.strides[axis])
        };
        let rows = along(0, p / s.in_size[1], t / s.kernel[1]);
        let Some((row, col)) = rows.zip(along(1, p % s.in_size[1], t % s.kernel[1])) else { continue };
        for o in group * s.group_out()..(group + 1) * s.group_out() {
            let dy = dy[(image * s.out_channels + o) * s.out_plane() + row * s.out_size[1] + col];
            sum += product(dy, w[(o * s.group_in() + c % s.group_in()) * s.taps() + t]);
        }
    }
    sum
}

fn grad_weight(s: &ConvShape, dy: &[f32], x: &[f32], at: usize) -> f64 {
    let (kernel, t) = (at / s.taps(), at % s.taps());
    let (o, c) = (kernel / s.group_in(), kernel % s.group_in());
    let mut sum = 0.0;
    for image in 0..s.batch {
        let from = (image * s.in_channels + o / s.group_out() * s.group_in() + c) * s.in_plane();
        let dy = &dy[(image * s.out_channels + o) * s.out_plane()..][..s.out_plane()];
        for (p, dy) in dy.iter().enumerate() {
            sum += pixel(s, p, t).map_or(0.0, |at| product(*dy, x[from + at]));
        }
    }
    sum
}
