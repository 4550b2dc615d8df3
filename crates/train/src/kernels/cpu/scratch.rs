//! Memory that kernels need while they run: each thread keeps its own and uses it again, so that a training step in
//! steady state allocates nothing here.

use std::cell::RefCell;

/// Sixteen elements that start a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// What the memory is for; each use has its own, so that one kernel may hold several.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// Weights rearranged for a product; filled by the thread that runs the node, read by all.
    Weights,
    /// A window of the input; of one task.
    Window,
    /// A window transformed; of one task.
    Transformed,
    /// Sums not yet in their place; of one task.
    Sums,
}

thread_local! {
    static KEPT: [RefCell<Vec<Line>>; 4] = const { [const { RefCell::new(Vec::new()) }; 4] };
}

/// Calls `f` with `len` elements at the start of a cache line, whose values are whatever the last use left.
pub(super) fn with_scratch<R>(purpose: Use, len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    KEPT.with(|kept| {
        // Taken out while in use: should a kernel ask twice for one purpose it gets fresh memory, not a borrow error.
        let mut lines = kept[purpose as usize].take();
        if lines.len() * 16 < len {
            lines.resize(len.div_ceil(16), Line([0.0; 16]));
        }
        // SAFETY: `Line` is sixteen `f32` without padding, and the vector holds at least `len` of them.
        let elements = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), len) };
        let result = f(elements);
        kept[purpose as usize].replace(lines);
        result
    })
}
