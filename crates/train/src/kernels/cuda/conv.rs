//! Convolution and its two gradients by cuDNN.

use std::ffi::{c_int, c_void};

use cudarc::cudnn::sys::{
    self, cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionFwdAlgo_t, cudnnHandle_t,
};

use super::call::Call;
use super::cudnn::{Candidate, Description, ONE, ZERO, checked, choose, factor};
use super::device::{Address, Device, Memory};
use super::operator::Build;
use super::pointwise::{Shift, shift_planes};
use crate::kernels::cpu::conv::ConvShape;
use crate::kernels::error::KernelError;

/// Memory that one convolution may use while it runs: a gibibyte is more than any fast algorithm wants at the sizes that
/// fit a GPU together with their gradients.
const WORKSPACE_BYTES: usize = 1 << 30;

/// Which of the three is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Y from X and W.
    Forward,
    /// dX from dY and W.
    GradInput,
    /// dW from dY and X.
    GradWeight,
}

/// An algorithm for one of them.
#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Forward(cudnnConvolutionFwdAlgo_t),
    GradInput(cudnnConvolutionBwdDataAlgo_t),
    GradWeight(cudnnConvolutionBwdFilterAlgo_t),
}

/// Where X, W and Y, or their gradients, lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensors {
    pub(super) x: Address,
    pub(super) w: Address,
    pub(super) y: Address,
}

/// A convolution as cuDNN can run it: padded alike on both sides of an axis. Others run on X with its border written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bordered {
    /// What cuDNN sees.
    pub(super) seen: ConvShape,
    /// Rows and columns of border above and left of X within what cuDNN sees, if it is not X itself.
    pub(super) border: Option<[usize; 2]>,
}

impl Bordered {
    /// Lets cuDNN pad where its count of output positions is that of `shape`, whose padding below and right may differ
    /// from that above and left.
    pub(super) fn new(shape: &ConvShape) -> Self {
        let reach = |axis: usize| (shape.kernel[axis] - 1) * shape.dilations[axis] + 1;
        let alike = |axis: usize| {
            let padded = shape.in_size[axis] + 2 * shape.pads[axis];
            padded >= reach(axis) && (padded - reach(axis)) / shape.strides[axis] + 1 == shape.out_size[axis]
        };
        if alike(0) && alike(1) {
            return Self { seen: shape.clone(), border: None };
        }
        // As many rows and columns as the windows of Y cover.
        let covered = [0, 1].map(|axis| (shape.out_size[axis] - 1) * shape.strides[axis] + reach(axis));
        Self { seen: ConvShape { in_size: covered, pads: [0; 2], ..shape.clone() }, border: Some(shape.pads) }
    }

    /// The copy of X into what cuDNN sees (`inward`), or of that into X.
    pub(super) fn shift(&self, operator: &'static str, shape: &ConvShape, inward: bool) -> Option<Shift> {
        // Padding is below 2^31 in a sound shape.
        let [top, left] = self.border?.map(|border| i32::try_from(border).unwrap_or(i32::MAX));
        let planes = shape.batch * shape.in_channels;
        Some(match inward {
            true => Shift { operator, planes, from: shape.in_size, to: self.seen.in_size, by: [-top, -left] },
            false => Shift { operator, planes, from: self.seen.in_size, to: shape.in_size, by: [top, left] },
        })
    }
}

/// A convolution described, its algorithm chosen.
struct Plan {
    shape: ConvShape,
    bordered: Bordered,
    description: Description,
    algorithm: Algorithm,
    workspace_bytes: usize,
}

/// One of the three passes of a node, planned when sizes are first seen.
pub(super) struct Convolution {
    operator: &'static str,
    pass: Pass,
    build: Build,
    plan: Option<Plan>,
}

/// Asks cuDNN which algorithms it proposes, by its function for the pass and the descriptors in that function's order.
macro_rules! candidates {
    ($operator:expr, $function:ident, $perf:ty, $handle:expr, $($descriptor:expr),*) => {{
        // More than cuDNN has for any pass.
        const MOST: usize = 16;
        let mut found = [const { std::mem::MaybeUninit::<$perf>::uninit() }; MOST];
        let mut count: c_int = 0;
        // SAFETY: handle and descriptors are alive; cuDNN writes `count` results, at most as many as there is room for.
        let status = unsafe {
            sys::$function($handle, $($descriptor,)* MOST as c_int, &raw mut count, found.as_mut_ptr().cast::<$perf>())
        };
        checked($operator, stringify!($function), status)?;
        let count = usize::try_from(count).unwrap_or(0).min(MOST);
        // SAFETY: the first `count` were written.
        let found = found[..count].iter().map(|perf| unsafe { perf.assume_init() });
        let candidate = |perf: $perf| Candidate {
            algorithm: perf.algo,
            status: perf.status,
            memory: perf.memory,
            determinism: perf.determinism,
            math: perf.mathType,
        };
        found.map(candidate).collect::<Vec<_>>()
    }};
}

impl Convolution {
    pub(super) const fn new(operator: &'static str, pass: Pass, build: Build) -> Self {
        Self { operator, pass, build, plan: None }
    }

    /// Queues the pass for `shape`: what it computes goes to its place in `tensors`, the other two are read.
    pub(super) fn run(&mut self, call: &Call, shape: &ConvShape, tensors: Tensors) -> Result<(), KernelError> {
        let handle = call.cudnn()?;
        let (operator, pass, element) = (self.operator, self.pass, self.build.element);
        let plan = self.plan(handle, shape)?;
        let workspace = match plan.workspace_bytes {
            0 => None,
            bytes => Some(call.memory(bytes)?),
        };
        let seen = &plan.bordered.seen;
        let inward = plan.bordered.shift(operator, shape, true);
        let bordered = inward.map(|_| call.memory(seen.x_len() * element.bytes())).transpose()?;
        let x = bordered.as_ref().map_or(tensors.x, |memory| memory.address());
        if let Some(shift) = inward.filter(|_| pass != Pass::GradInput) {
            shift_planes(call, element, &shift, [tensors.x, x])?;
        }
        plan.queue(operator, handle, Tensors { x, ..tensors }, workspace.as_deref())?;
        match plan.bordered.shift(operator, shape, false).filter(|_| pass == Pass::GradInput) {
            Some(shift) => shift_planes(call, element, &shift, [x, tensors.x]),
            None => Ok(()),
        }
    }

    /// The plan for `shape`, which in a training graph never changes.
    fn plan(&mut self, handle: cudnnHandle_t, shape: &ConvShape) -> Result<&Plan, KernelError> {
        let plan = match self.plan.take().filter(|plan| plan.shape == *shape) {
            Some(plan) => plan,
            None => self.made(handle, shape)?,
        };
        Ok(self.plan.insert(plan))
    }

    fn made(&self, handle: cudnnHandle_t, shape: &ConvShape) -> Result<Plan, KernelError> {
        let Build { element, settings } = self.build;
        let (operator, bordered) = (self.operator, Bordered::new(shape));
        let description = Description::new(operator, &bordered.seen, element, settings.tf32)?;
        let (x, w, y) = (description.x.raw(), description.w.raw(), description.y.raw());
        let window = description.window.raw();
        let (algorithm, workspace_bytes) = match self.pass {
            Pass::Forward => {
                let found = candidates!(
                    operator,
                    cudnnGetConvolutionForwardAlgorithm_v7,
                    sys::cudnnConvolutionFwdAlgoPerf_t,
                    handle,
                    x,
                    w,
                    window,
                    y
                );
                let chosen = self.settled(&description, shape, &found)?;
                (Algorithm::Forward(chosen.algorithm), chosen.memory)
            }
            Pass::GradInput => {
                let found = candidates!(
                    operator,
                    cudnnGetConvolutionBackwardDataAlgorithm_v7,
                    sys::cudnnConvolutionBwdDataAlgoPerf_t,
                    handle,
                    w,
                    y,
                    window,
                    x
                );
                let chosen = self.settled(&description, shape, &found)?;
                (Algorithm::GradInput(chosen.algorithm), chosen.memory)
            }
            Pass::GradWeight => {
                let found = candidates!(
                    operator,
                    cudnnGetConvolutionBackwardFilterAlgorithm_v7,
                    sys::cudnnConvolutionBwdFilterAlgoPerf_t,
                    handle,
                    x,
                    y,
                    window,
                    w
                );
                let chosen = self.settled(&description, shape, &found)?;
                (Algorithm::GradWeight(chosen.algorithm), chosen.memory)
            }
        };
        Ok(Plan { shape: shape.clone(), bordered, description, algorithm, workspace_bytes })
    }

    /// The best of `found`, for which the description is made ready.
    fn settled<A: Copy + std::fmt::Debug>(
        &self,
        description: &Description,
        shape: &ConvShape,
        found: &[Candidate<A>],
    ) -> Result<Candidate<A>, KernelError> {
        let settings = self.build.settings;
        let chosen = choose(found, WORKSPACE_BYTES, settings.deterministic).ok_or_else(|| {
            let wish = if settings.deterministic { "deterministic algorithm" } else { "algorithm" };
            let problem = format!("no {wish} for {shape:?} among {found:?}");
            KernelError::Gpu { operator: self.operator, call: "cuDNN's choice", problem }
        })?;
        description.settle(&chosen, self.build.element, settings.tf32)?;
        Ok(chosen)
    }
}

impl Plan {
    fn queue(
        &self,
        operator: &'static str,
        handle: cudnnHandle_t,
        tensors: Tensors,
        workspace: Option<&dyn Memory>,
    ) -> Result<(), KernelError> {
        let (one, zero, bytes) = (factor(&ONE), factor(&ZERO), self.workspace_bytes);
        let described = &self.description;
        let (x, w, y, window) = (described.x.raw(), described.w.raw(), described.y.raw(), described.window.raw());
        let [at_x, at_w, at_y] = [tensors.x, tensors.w, tensors.y].map(|address| address as *mut c_void);
        let room = workspace.map_or(std::ptr::null_mut(), |memory| memory.address() as *mut c_void);
        match self.algorithm {
            Algorithm::Forward(algorithm) => {
                // SAFETY: handle and descriptors are alive; every address is of a tensor of the described sizes on the
                // handle's device, and `room` has as many bytes as the algorithm asked for.
                let status = unsafe {
                    sys::cudnnConvolutionForward(
                        handle, one, x, at_x, w, at_w, window, algorithm, room, bytes, zero, y, at_y,
                    )
                };
                checked(operator, "cudnnConvolutionForward", status)
            }
            Algorithm::GradInput(algorithm) => {
                // SAFETY: as above.
                let status = unsafe {
                    sys::cudnnConvolutionBackwardData(
                        handle, one, w, at_w, y, at_y, window, algorithm, room, bytes, zero, x, at_x,
                    )
                };
                checked(operator, "cudnnConvolutionBackwardData", status)
            }
            Algorithm::GradWeight(algorithm) => {
                // SAFETY: as above.
                let status = unsafe {
                    sys::cudnnConvolutionBackwardFilter(
                        handle, one, x, at_x, y, at_y, window, algorithm, room, bytes, zero, w, at_w,
                    )
                };
                checked(operator, "cudnnConvolutionBackwardFilter", status)
            }
        }
    }
}
