//! The gradient of Resize on a GPU: the tables of both axes on the device, and the launch of `source/resize.cu`.

use super::device::{Address, Argument, Device, Function, Grid, Memory, ints};
use super::element::Element;
use super::units::RESIZE;
use crate::kernels::cpu::resize::Axis;
use crate::kernels::error::KernelError;

const OPERATOR: &str = "ResizeGrad";

/// Where a table of words begins in a device's memory.
struct Table {
    starts: Address,
    positions: Address,
    weights: Address,
    memory: Box<dyn Memory>,
}

impl Table {
    /// Puts an axis on the device.
    fn new(device: &dyn Device, axis: &Axis) -> Result<Self, KernelError> {
        let readers: Vec<&[(u32, f32)]> = (0..axis.inputs()).map(|input| axis.readers(input)).collect();
        let ends = readers.iter().scan(0, |at, readers| {
            *at += readers.len();
            Some(*at)
        });
        let taps = || readers.iter().copied().flatten();
        let [count] = [taps().count()];
        let starts = std::iter::once(0).chain(ends).map(|start| u32::try_from(start).unwrap_or(u32::MAX));
        let words = starts.chain(taps().map(|tap| tap.0)).chain(taps().map(|tap| tap.1.to_bits()));
        let bytes: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
        // What `source/resize.cu` counts in `int` fits one.
        ints(OPERATOR, "dY", [bytes.len()])?;
        let memory = device.upload(&bytes)?;
        let word = |place: usize| memory.address() + 4 * place as u64;
        let (positions, weights) = (word(readers.len() + 1), word(readers.len() + 1 + count));
        Ok(Self { starts: memory.address(), positions, weights, memory })
    }

    fn arguments(&self) -> [Argument; 3] {
        debug_assert_eq!(self.memory.address(), self.starts);
        [self.starts, self.positions, self.weights].map(Argument::Pointer)
    }
}

/// Rows and columns of a resize on a device, for one size of dY.
pub(super) struct Tables {
    rows: Table,
    cols: Table,
    in_size: [usize; 2],
    out_size: [usize; 2],
}

impl Tables {
    /// Puts both axes on the device.
    pub(super) fn new(
        device: &dyn Device,
        [rows, cols]: &[Axis; 2],
        out_size: [usize; 2],
    ) -> Result<Self, KernelError> {
        let in_size = [rows.inputs(), cols.inputs()];
        Ok(Self { rows: Table::new(device, rows)?, cols: Table::new(device, cols)?, in_size, out_size })
    }

    /// Height and width of dY that these are for.
    pub(super) fn out_size(&self) -> [usize; 2] {
        self.out_size
    }
}

/// `dx` from `dy`, plane by plane.
pub(super) fn resize_grad(
    device: &dyn Device,
    element: Element,
    tables: &Tables,
    planes: usize,
    [dy, dx]: [Address; 2],
) -> Result<(), KernelError> {
    let ([in_rows, in_cols], [out_rows, out_cols]) = (tables.in_size, tables.out_size);
    let sizes = ints(OPERATOR, "dX", [in_rows, in_cols])?;
    let [width] = ints(OPERATOR, "dY", [out_cols])?;
    let tensors = [dy, dx].map(Argument::Pointer);
    let of_planes = [Argument::Size(planes)];
    let out = [Argument::Size(out_rows * out_cols), width];
    let arguments =
        [&tensors[..], &tables.rows.arguments(), &tables.cols.arguments(), &of_planes, &sizes, &out].concat();
    let function = Function { unit: &RESIZE, name: "resize_grad", element };
    device.launch(function, Grid::planes(planes, in_rows * in_cols), &arguments)
}
