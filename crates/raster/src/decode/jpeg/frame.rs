//! The frame header: sizes, components and the planes they are decoded to.

use super::{Reason, Shape, word};

/// One colour component.
pub(super) struct Component {
    pub(super) id: u8,
    /// Horizontal and vertical sampling factors.
    pub(super) h: usize,
    pub(super) v: usize,
    /// Quantization table.
    pub(super) table: usize,
    /// Size in samples that belong to the image, before scaling.
    pub(super) width: usize,
    pub(super) height: usize,
    /// 2 where the transform makes twice as many columns, or rows, as there are coefficients.
    pub(super) x_scale: usize,
    pub(super) y_scale: usize,
    /// Samples per row of `samples`: whole blocks.
    pub(super) stride: usize,
    pub(super) samples: Vec<u8>,
}

/// An image and its components.
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) h_max: usize,
    pub(super) v_max: usize,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// Reads a frame header, which must be of the block's size.
    pub(super) fn new(segment: &[u8], shape: Shape) -> Result<Frame, Reason> {
        let precision = *segment.first().ok_or("a frame has no header")?;
        if precision != 8 {
            return Err(format!("JPEG of {precision} bits is not supported"));
        }
        let (height, width) = (usize::from(word(segment, 1)?), usize::from(word(segment, 3)?));
        let count = usize::from(*segment.get(5).ok_or("a frame's header is cut short")?);
        if width != shape.cols
            || height < shape.rows
            || height > shape.rows.next_multiple_of(16)
            || count != shape.bands
        {
            return Err(format!("it holds {count} bands of {width} by {height} px"));
        }
        let parts = segment.get(6..6 + 3 * count).ok_or("a frame's header is cut short")?;
        let factors = parts.chunks_exact(3).map(|part| (usize::from(part[1] >> 4), usize::from(part[1] & 15)));
        let factors: Vec<(usize, usize)> = factors.collect();
        let h_max = factors.iter().map(|f| f.0).max().unwrap_or(1);
        let v_max = factors.iter().map(|f| f.1).max().unwrap_or(1);
        let is_usual =
            |(h, v): &(usize, usize)| (1..=4).contains(h) && (1..=4).contains(v) && h_max % h == 0 && v_max % v == 0;
        if !factors.iter().all(is_usual) {
            return Err("its sampling factors are not supported".to_owned());
        }
        let (units_across, units_down) = (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max));
        let component = |(part, (h, v)): (&[u8], &(usize, usize))| {
            let scale = |factor: usize, max: usize| if (max / factor).is_multiple_of(2) { 2 } else { 1 };
            let (x_scale, y_scale) = (scale(*h, h_max), scale(*v, v_max));
            let stride = units_across * h * 8 * x_scale;
            Component {
                id: part[0],
                h: *h,
                v: *v,
                table: usize::from(part[2]),
                width: (width * h).div_ceil(h_max),
                height: (height * v).div_ceil(v_max),
                x_scale,
                y_scale,
                stride,
                samples: vec![0; stride * units_down * v * 8 * y_scale],
            }
        };
        let components = parts.chunks_exact(3).zip(&factors).map(component).collect();
        Ok(Frame { width, height, h_max, v_max, components })
    }

    /// Units of a scan of these components, across and down: blocks of a single one, else groups of blocks.
    pub(super) fn units(&self, members: &[usize]) -> (usize, usize) {
        match members {
            [index] => {
                let component = &self.components[*index];
                (component.width.div_ceil(8), component.height.div_ceil(8))
            }
            _ => (self.width.div_ceil(8 * self.h_max), self.height.div_ceil(8 * self.v_max)),
        }
    }
}

impl Component {
    /// The samples from a block's upper left one on, and their stride.
    pub(super) fn block_mut(&mut self, col: usize, row: usize) -> (&mut [u8], usize) {
        let start = row * 8 * self.y_scale * self.stride + col * 8 * self.x_scale;
        (&mut self.samples[start..], self.stride)
    }
}
