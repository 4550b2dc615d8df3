//! What a kernel's host side asks of a device: memory, and functions of `source/` run over a grid. The GPU of a session
//! answers it (`call`); so does the processor in tests, which run the very same launches on memory of their own.

use super::element::Element;
use crate::kernels::error::KernelError;

/// Where a tensor lies in the device's memory; zero for one that is not there.
pub(super) type Address = u64;

/// Threads of a block, at most: `MAX_THREADS` of `source/reduce.cuh`.
pub(super) const MAX_THREADS: usize = 256;

/// Most blocks along the second axis of a grid, by CUDA's rule; kernels stride over what exceeds it.
const MAX_ROWS: usize = 65_535;

/// Blocks along the first axis of a grid over elements: enough to fill any GPU many times over; kernels stride over more.
const MAX_BLOCKS: usize = 16_384;

/// A source of `source/`, compiled as one.
#[derive(Debug)]
pub(super) struct Unit {
    /// File name.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) source: &'static str,
    /// Whether it deals in images, so that it is compiled for their element type.
    pub(super) images: bool,
}

/// A function of a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    /// Where it is defined.
    pub(super) unit: &'static Unit,
    /// Its name there.
    pub(super) name: &'static str,
    /// What `element` stands for.
    pub(super) element: Element,
}

/// How many blocks of how many threads run a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Blocks along the first axis.
    pub(super) cols: u32,
    /// Blocks along the second axis.
    pub(super) rows: u32,
    /// Threads of a block, a power of two.
    pub(super) threads: u32,
}

impl Grid {
    /// One thread per element, or a stride where there are too many.
    pub(super) fn elements(count: usize) -> Self {
        Self::blocks(count.div_ceil(MAX_THREADS).min(MAX_BLOCKS), 1, MAX_THREADS)
    }

    /// Planes of `plane` elements along the second axis.
    pub(super) fn planes(planes: usize, plane: usize) -> Self {
        let threads = Self::threads(plane);
        Self::blocks(plane.div_ceil(threads).min(MAX_BLOCKS), planes, threads)
    }

    /// One thread per channel, for kernels that do not stride.
    pub(super) fn per_channel(channels: usize) -> Self {
        Self::blocks(channels.div_ceil(32), 1, 32)
    }

    /// This many blocks, of which those beyond what CUDA takes along the second axis are left to strides.
    pub(super) fn blocks(cols: usize, rows: usize, threads: usize) -> Self {
        // Each within its bound, which is far below that of u32.
        Self { cols: cols.max(1) as u32, rows: rows.clamp(1, MAX_ROWS) as u32, threads: threads as u32 }
    }

    /// Threads of a block for work of this many elements: no fewer than a warp, a power of two.
    pub(super) fn threads(elements: usize) -> usize {
        elements.clamp(32, MAX_THREADS).next_power_of_two()
    }
}

/// One argument of a function, of the type its signature in `source/` has at that place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    /// An address.
    Pointer(Address),
    /// `size`
    Size(usize),
    /// `int`
    Int(i32),
    /// `float`
    Float(f32),
    /// `double`
    Double(f64),
}

impl Argument {
    /// Its bytes from the lowest on, as the driver copies as many of them as the parameter has.
    pub(super) fn slot(self) -> u64 {
        match self {
            Self::Pointer(address) => address,
            Self::Size(size) => size as u64,
            Self::Int(int) => u64::from(int.cast_unsigned()),
            Self::Float(float) => u64::from(float.to_bits()),
            Self::Double(double) => double.to_bits(),
        }
    }
}

/// Sizes as `int` arguments.
pub(super) fn ints<const N: usize>(
    operator: &'static str,
    tensor: &'static str,
    sizes: [usize; N],
) -> Result<[Argument; N], KernelError> {
    let mut arguments = [Argument::Int(0); N];
    for (argument, size) in arguments.iter_mut().zip(sizes) {
        *argument = i32::try_from(size).map(Argument::Int).map_err(|_| KernelError::Shape {
            operator,
            tensor,
            expected: String::from("sizes below 2^31"),
            got: sizes.iter().map(|&size| size as i64).collect(),
        })?;
    }
    Ok(arguments)
}

/// Memory of a device, given back when it is dropped. Work that was queued before then may still use it.
pub(super) trait Memory: Send {
    /// Where it begins.
    fn address(&self) -> Address;
}

/// A device in the middle of one call of an operator. What it is asked for is done in order.
pub(super) trait Device {
    /// Queues a function. Its arguments are those of its signature, and every address is of as much memory as it touches.
    fn launch(&self, function: Function, grid: Grid, arguments: &[Argument]) -> Result<(), KernelError>;

    /// Memory of at least this many bytes, of unknown content.
    fn memory(&self, bytes: usize) -> Result<Box<dyn Memory>, KernelError>;

    /// Memory with these bytes, which are in it when this returns.
    fn upload(&self, bytes: &[u8]) -> Result<Box<dyn Memory>, KernelError>;
}
