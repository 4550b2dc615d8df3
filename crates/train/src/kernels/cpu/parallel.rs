//! Who runs the tasks of a kernel. A kernel cuts its work into tasks by shape alone, never by the number of threads,
//! and every task writes its own part of the output: results are the same bits on any number of threads.

use std::marker::PhantomData;

/// Something that runs `task(0)`, …, `task(tasks - 1)` once each, in any order, at once or not, and returns when all are done.
pub trait Parallel {
    /// Runs the tasks.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// The calling thread alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Serial;

impl Parallel for Serial {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

/// As many threads of the standard library, started for each call: for tests and measurements outside ONNX Runtime.
#[derive(Debug, Clone, Copy)]
pub struct Threads(pub usize);

impl Parallel for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if index >= tasks {
                    break;
                }
                task(index);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.0.min(tasks) {
                scope.spawn(work);
            }
            work();
        });
    }
}

/// A mutable slice that tasks write at the same time, each in places of its own.
pub struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: `Shared` hands out parts only through unsafe functions whose callers promise that parts do not overlap, so
// sharing it among threads is as sound as sending each its part.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: it is a mutable borrow of a slice, which may move to another thread when its elements may.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Borrows `slice` for as long as tasks write to it.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), owner: PhantomData }
    }

    /// Elements `from..from + len`, cut at the end of the slice.
    ///
    /// # Safety
    /// No two live parts may overlap, whichever threads hold them.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, from: usize, len: usize) -> &mut [T] {
        let from = from.min(self.len);
        // SAFETY: `from` and the length are within the borrowed slice; that nothing overlaps is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len.min(self.len - from)) }
    }

    /// Address of element `at`, for kernels that write several rows at once.
    ///
    /// # Safety
    /// `at` must be within the slice, and what is written through the address must belong to the calling task alone.
    pub unsafe fn at(&self, at: usize) -> *mut T {
        debug_assert!(at <= self.len);
        // SAFETY: within the slice by the caller's promise.
        unsafe { self.start.add(at) }
    }
}

/// Runs `task(index, part)` over consecutive parts of `chunk` elements of `out`.
pub fn over_chunks<T: Send>(
    threads: &dyn Parallel,
    out: &mut [T],
    chunk: usize,
    task: impl Fn(usize, &mut [T]) + Sync,
) {
    let tasks = out.len().div_ceil(chunk.max(1));
    let out = Shared::new(out);
    threads.run(tasks, &|index| {
        // SAFETY: parts of different indices are disjoint, and each index runs once.
        task(index, unsafe { out.part(index * chunk, chunk) });
    });
}
