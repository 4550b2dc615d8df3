//! Geometry of a sliding window: what Conv, ConvTranspose and the pools have in common.

use super::Query;
use crate::error::Result;

/// Which way the window maps sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowKind {
    /// Input to output shrinks by the stride: Conv and pools.
    Gather,
    /// Input to output grows by the stride: ConvTranspose.
    Scatter,
}

/// A window over the spatial axes, with padding resolved to numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) kernel: Vec<usize>,
    pub(crate) strides: Vec<usize>,
    pub(crate) dilations: Vec<usize>,
    /// Padding before each axis.
    pub(crate) pads_begin: Vec<usize>,
    /// Padding after each axis.
    pub(crate) pads_end: Vec<usize>,
    pub(crate) input: Vec<usize>,
    pub(crate) output: Vec<usize>,
}

impl Window {
    /// The window of a node over spatial dimensions `input`; `kernel` where it does not come from the attribute.
    pub(crate) fn of(query: &Query<'_>, input: &[usize], kernel: Option<&[usize]>, kind: WindowKind) -> Result<Self> {
        let rank = input.len();
        let kernel = match kernel {
            Some(kernel) => kernel.to_vec(),
            None => sizes(query, "kernel_shape", rank)?.ok_or_else(|| query.node.error("it has no kernel_shape"))?,
        };
        if kernel.len() != rank || kernel.contains(&0) {
            return Err(query.fail(format!("its kernel {kernel:?} does not fit {rank} spatial axes")));
        }
        let strides = sizes(query, "strides", rank)?.unwrap_or_else(|| vec![1; rank]);
        let dilations = sizes(query, "dilations", rank)?.unwrap_or_else(|| vec![1; rank]);
        if strides.contains(&0) || dilations.contains(&0) {
            return Err(query.node.error("a stride or dilation of 0 is impossible"));
        }
        let mut window = Self {
            kernel,
            strides,
            dilations,
            pads_begin: vec![0; rank],
            pads_end: vec![0; rank],
            input: input.to_vec(),
            output: Vec::new(),
        };
        match kind {
            WindowKind::Gather => window.resolve_gather(query)?,
            WindowKind::Scatter => window.resolve_scatter(query)?,
        }
        Ok(window)
    }

    /// Extent of the dilated kernel along an axis.
    pub(crate) fn extent(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1).saturating_mul(self.dilations[axis]).saturating_add(1)
    }

    /// Pads in ONNX's order: all beginnings, then all ends.
    pub(crate) fn pads(&self) -> Vec<i64> {
        self.pads_begin.iter().chain(&self.pads_end).map(|&p| p as i64).collect()
    }

    fn explicit_pads(&mut self, query: &Query<'_>) -> Result<()> {
        let rank = self.input.len();
        if let Some(pads) = sizes(query, "pads", 2 * rank)? {
            self.pads_begin = pads[..rank].to_vec();
            self.pads_end = pads[rank..].to_vec();
        }
        Ok(())
    }

    fn resolve_gather(&mut self, query: &Query<'_>) -> Result<()> {
        let auto_pad = query.node.text("auto_pad", "NOTSET").to_owned();
        if auto_pad == "NOTSET" {
            self.explicit_pads(query)?;
        }
        let ceil = query.node.int("ceil_mode", 0) != 0;
        for axis in 0..self.input.len() {
            let (size, stride, extent) = (self.input[axis], self.strides[axis], self.extent(axis));
            if auto_pad.starts_with("SAME") {
                let wanted = size.div_ceil(stride);
                let total =
                    (wanted.saturating_sub(1)).saturating_mul(stride).saturating_add(extent).saturating_sub(size);
                let smaller = total / 2;
                let upper = auto_pad == "SAME_UPPER";
                self.pads_begin[axis] = if upper { smaller } else { total - smaller };
                self.pads_end[axis] = total - self.pads_begin[axis];
            }
            let padded = size.saturating_add(self.pads_begin[axis]).saturating_add(self.pads_end[axis]);
            let room = padded.checked_sub(extent).ok_or_else(|| {
                query.fail(format!("its window of {extent} is larger than the padded size {padded}; use larger images"))
            })?;
            let mut steps = if ceil { room.div_ceil(stride) } else { room / stride };
            // A window may not start in the padding after the end.
            if ceil && steps.saturating_mul(stride) >= size.saturating_add(self.pads_begin[axis]) {
                steps = steps.saturating_sub(1);
            }
            self.output.push(steps + 1);
        }
        Ok(())
    }

    fn resolve_scatter(&mut self, query: &Query<'_>) -> Result<()> {
        let rank = self.input.len();
        let auto_pad = query.node.text("auto_pad", "NOTSET").to_owned();
        let same = auto_pad.starts_with("SAME");
        if auto_pad == "NOTSET" {
            self.explicit_pads(query)?;
        }
        let extra = sizes(query, "output_padding", rank)?.unwrap_or_else(|| vec![0; rank]);
        let asked = sizes(query, "output_shape", rank)?;
        for (axis, extra) in extra.into_iter().enumerate() {
            let (size, stride) = (self.input[axis], self.strides[axis]);
            let grown = size.saturating_sub(1).saturating_mul(stride);
            let grown = grown.saturating_add(self.extent(axis)).saturating_add(extra);
            let output = match &asked {
                Some(asked) => Some(asked[axis]),
                None => same.then(|| size.saturating_mul(stride)),
            };
            if let Some(output) = output {
                let total = grown.checked_sub(output).ok_or_else(|| {
                    query.fail(format!("its windows reach {grown} positions where an output of {output} is asked for"))
                })?;
                let smaller = total / 2;
                self.pads_begin[axis] = if auto_pad == "SAME_UPPER" { smaller } else { total - smaller };
                self.pads_end[axis] = total - self.pads_begin[axis];
            }
            let cut = self.pads_begin[axis].saturating_add(self.pads_end[axis]);
            let size = grown.checked_sub(cut).filter(|&s| s > 0);
            self.output.push(size.ok_or_else(|| query.fail("its padding leaves nothing of the output"))?);
        }
        Ok(())
    }
}

/// Largest kernel, stride, dilation or padding believed: no layer comes near it, and sums of a few cannot overflow.
const LARGEST_SETTING: i64 = 1 << 20;

fn sizes(query: &Query<'_>, name: &str, count: usize) -> Result<Option<Vec<usize>>> {
    let Some(values) = query.node.ints(name) else { return Ok(None) };
    let fits = values.len() == count && values.iter().all(|v| (0..=LARGEST_SETTING).contains(v));
    if !fits {
        return Err(query.node.error(format!(
            "its attribute {name} is {values:?}; {count} sizes from 0 to {LARGEST_SETTING} are needed"
        )));
    }
    Ok(Some(values.iter().map(|&v| v as usize).collect()))
}
