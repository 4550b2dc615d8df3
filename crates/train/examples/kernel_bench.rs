//! Times the convolution kernels on the layers of a UNet (3 x 256 x 256, 5 classes) with one of the encoders below:
//! milliseconds and GFLOP/s of forward pass, input gradient and weight gradient, layer by layer and in sum.
//!
//! `kernel_bench [ENCODER [THREADS [SECONDS [INSTRUCTION_SET]]]]`, seconds being those spent on each number. One thread is timed by
//! the processor time it gets, several by the clock on the wall, the fastest call counting.

use std::time::Instant;

use swath_train::kernels::cpu::conv::{ConvShape, conv, conv_grad_input, conv_grad_weight};
use swath_train::kernels::cpu::parallel::{Parallel, Serial, Threads};
use swath_train::kernels::cpu::simd::Isa;

/// How often the layer occurs, channels in and out, side of the input, kernel, stride.
type Layer = (usize, usize, usize, usize, usize, usize);

/// A network by its encoder, and the batch that is timed.
const NETWORKS: &[(&str, usize, &[Layer])] =
    &[("resnet18", 4, RESNET18), ("resnet50", 2, RESNET50), ("mobilenet_v2", 4, MOBILENET)];

const RESNET18: &[Layer] = &[
    (1, 3, 64, 256, 7, 2),
    (4, 64, 64, 64, 3, 1),
    (1, 64, 128, 64, 3, 2),
    (1, 64, 128, 64, 1, 2),
    (3, 128, 128, 32, 3, 1),
    (1, 128, 256, 32, 3, 2),
    (1, 128, 256, 32, 1, 2),
    (3, 256, 256, 16, 3, 1),
    (1, 256, 512, 16, 3, 2),
    (1, 256, 512, 16, 1, 2),
    (3, 512, 512, 8, 3, 1),
    (1, 768, 256, 16, 3, 1),
    (1, 256, 256, 16, 3, 1),
    (1, 384, 128, 32, 3, 1),
    (1, 128, 128, 32, 3, 1),
    (1, 192, 64, 64, 3, 1),
    (1, 64, 64, 64, 3, 1),
    (1, 128, 32, 128, 3, 1),
    (1, 32, 32, 128, 3, 1),
    (1, 32, 16, 256, 3, 1),
    (1, 16, 16, 256, 3, 1),
    (1, 16, 5, 256, 3, 1),
];

const RESNET50: &[Layer] = &[
    (1, 3, 64, 256, 7, 2),
    (4, 64, 256, 64, 1, 1),
    (2, 256, 64, 64, 1, 1),
    (4, 64, 64, 64, 3, 1),
    (1, 256, 512, 64, 1, 2),
    (1, 128, 128, 64, 3, 2),
    (4, 128, 512, 32, 1, 1),
    (3, 512, 128, 32, 1, 1),
    (4, 128, 128, 32, 3, 1),
    (1, 512, 1024, 32, 1, 2),
    (1, 256, 256, 32, 3, 2),
    (6, 256, 1024, 16, 1, 1),
    (5, 1024, 256, 16, 1, 1),
    (6, 256, 256, 16, 3, 1),
    (1, 1024, 2048, 16, 1, 2),
    (1, 512, 512, 16, 3, 2),
    (3, 512, 2048, 8, 1, 1),
    (2, 2048, 512, 8, 1, 1),
    (2, 512, 512, 8, 3, 1),
    (1, 3072, 256, 16, 3, 1),
    (1, 768, 128, 32, 3, 1),
    (1, 384, 64, 64, 3, 1),
    (1, 128, 32, 128, 3, 1),
    (1, 32, 32, 128, 3, 1),
    (1, 32, 16, 256, 3, 1),
    (1, 16, 16, 256, 3, 1),
    (1, 16, 5, 256, 3, 1),
];

/// No channels out: as many as in, each a group of its own.
const MOBILENET: &[Layer] = &[
    (1, 3, 32, 256, 3, 2),
    (1, 32, 0, 128, 3, 1),
    (1, 32, 16, 128, 1, 1),
    (1, 16, 96, 128, 1, 1),
    (1, 96, 0, 128, 3, 2),
    (1, 96, 24, 64, 1, 1),
    (2, 24, 144, 64, 1, 1),
    (1, 144, 0, 64, 3, 1),
    (1, 144, 0, 64, 3, 2),
    (3, 32, 192, 32, 1, 1),
    (2, 192, 0, 32, 3, 1),
    (2, 192, 32, 32, 1, 1),
    (1, 192, 0, 32, 3, 2),
    (4, 64, 384, 16, 1, 1),
    (4, 384, 0, 16, 3, 1),
    (3, 384, 64, 16, 1, 1),
    (3, 96, 576, 16, 1, 1),
    (1, 576, 0, 16, 3, 2),
    (3, 160, 960, 8, 1, 1),
    (3, 960, 0, 8, 3, 1),
    (2, 960, 160, 8, 1, 1),
    (1, 320, 1280, 8, 1, 1),
    (1, 1376, 256, 16, 3, 1),
    (1, 256, 256, 16, 3, 1),
    (1, 288, 128, 32, 3, 1),
    (1, 152, 64, 64, 3, 1),
    (1, 80, 32, 128, 3, 1),
    (1, 32, 32, 128, 3, 1),
    (1, 32, 16, 256, 3, 1),
    (1, 16, 16, 256, 3, 1),
    (1, 16, 5, 256, 3, 1),
];

fn shape(batch: usize, &(_, in_channels, out_channels, side, kernel, stride): &Layer) -> ConvShape {
    let depthwise = out_channels == 0;
    ConvShape {
        batch,
        in_channels,
        in_size: [side; 2],
        out_channels: if depthwise { in_channels } else { out_channels },
        out_size: [side / stride; 2],
        kernel: [kernel; 2],
        strides: [stride; 2],
        dilations: [1; 2],
        pads: [kernel / 2; 2],
        groups: if depthwise { in_channels } else { 1 },
    }
}

/// Seconds that this thread has had a processor, by the kernel's account; `None` where there is no such account.
fn processor_s() -> Option<f64> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    account.split(' ').next()?.parse::<f64>().ok().map(|ns| ns * 1e-9)
}

/// Seconds per call over `budget_s` of them: processor time if `alone`, which a busy machine does not stretch, else the
/// fastest call by the clock on the wall.
fn per_call_s(alone: bool, budget_s: f64, mut call: impl FnMut()) -> f64 {
    call();
    let start = processor_s().filter(|_| alone);
    let (began, mut calls, mut fastest) = (Instant::now(), 0.0, f64::INFINITY);
    loop {
        let before = Instant::now();
        call();
        fastest = before.elapsed().as_secs_f64().min(fastest);
        calls += 1.0;
        match start.zip(processor_s()) {
            Some((start, now)) if now - start > budget_s => return (now - start) / calls,
            None if began.elapsed().as_secs_f64() > budget_s => return fastest,
            _ => {}
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let encoder = args.next().unwrap_or_default();
    let (encoder, batch, layers) =
        NETWORKS.iter().find(|(name, ..)| *name == encoder).or(NETWORKS.first()).copied().unwrap_or_default();
    let threads: usize = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(1);
    let budget_s: f64 = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(0.1);
    let set = args.next().unwrap_or_default();
    let isa = Isa::available().into_iter().find(|isa| format!("{isa:?}") == set).unwrap_or(Isa::detect());
    let pool: &dyn Parallel = if threads > 1 { &Threads(threads) } else { &Serial };
    println!("{encoder}, batch {batch}, {threads} threads, {isa:?}");
    println!("  times  layer                 forward          input gradient   weight gradient");
    let mut totals = [0.0f64; 3];
    let mut flops = 0.0;
    for layer in layers {
        let s = shape(batch, layer);
        let values = |len: usize| (0..len).map(|i| (i * 31 % 97) as f32 * 0.01 - 0.5).collect::<Vec<f32>>();
        let (x, w, dy) = (values(s.x_len()), values(s.w_len()), values(s.y_len()));
        let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), w.clone());
        let times = [
            per_call_s(threads == 1, budget_s, || conv(pool, isa, &s, &x, &w, None, &mut y)),
            per_call_s(threads == 1, budget_s, || conv_grad_input(pool, isa, &s, &dy, &w, &mut dx)),
            per_call_s(threads == 1, budget_s, || conv_grad_weight(pool, isa, &s, &dy, &x, &mut dw)),
        ];
        let name = format!("{}->{} {}x{} k{} s{}", layer.1, s.out_channels, layer.3, layer.3, layer.4, layer.5);
        print!("  {:>5}  {name:<20}", layer.0);
        for (total, time) in totals.iter_mut().zip(times) {
            *total += time * layer.0 as f64;
            print!("  {:7.2} ms {:4.0}", time * 1e3, s.flops() / time * 1e-9);
        }
        println!();
        flops += s.flops() * layer.0 as f64;
    }
    print!("  all    {:<20}", format!("{:.1} GFLOP", flops * 1e-9));
    for total in totals {
        print!("  {:7.2} ms {:4.0}", total * 1e3, flops / total * 1e-9);
    }
    println!("\n  {:.1} ms in all", totals.iter().sum::<f64>() * 1e3);
}
