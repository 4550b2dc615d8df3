//! Times the convolution kernels on the layers of a UNet (3 x 256 x 256, 5 classes) with one of the encoders below:
//! milliseconds and GFLOP/s of forward pass, input gradient and weight gradient, layer by layer and in sum. With `error`
//! as the first word it says instead how far each is from sums in `f64`, in units of 1e-7 of the result's magnitude.
//!
//! `kernel_bench [error] [ENCODER [THREADS [SECONDS [INSTRUCTION_SET]]]]`, seconds being those spent on each number. One thread is timed by
//! the processor time it gets, several by the clock on the wall, the fastest call counting.

mod error;
mod layers;

use std::time::Instant;

use swath_train::kernels::cpu::conv::{ConvShape, conv, conv_grad_input, conv_grad_weight};
use swath_train::kernels::cpu::parallel::{Parallel, Serial, Threads};
use swath_train::kernels::cpu::simd::Isa;

use layers::{Layer, NETWORKS};

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

fn name(layer: &Layer) -> String {
    let out = if layer.2 == 0 { layer.1 } else { layer.2 };
    format!("{}->{out} {}x{} k{} s{}", layer.1, layer.3, layer.3, layer.4, layer.5)
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
    let mut args = std::env::args().skip(1).peekable();
    let only_error = args.next_if(|arg| arg == "error").is_some();
    let encoder = args.next().unwrap_or_default();
    let (encoder, batch, layers) =
        NETWORKS.iter().find(|(name, ..)| *name == encoder).or(NETWORKS.first()).copied().unwrap_or_default();
    let threads: usize = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(1);
    let budget_s: f64 = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(0.1);
    let set = args.next().unwrap_or_default();
    let isa = Isa::available().into_iter().find(|isa| format!("{isa:?}") == set).unwrap_or(Isa::detect());
    let pool: &dyn Parallel = if threads > 1 { &Threads(threads) } else { &Serial };
    println!("{encoder}, batch {batch}, {threads} threads, {isa:?}");
    if only_error {
        error::print(pool, isa, layers.iter().map(|layer| (name(layer), shape(batch, layer))));
        return;
    }
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
        print!("  {:>5}  {:<20}", layer.0, name(layer));
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
