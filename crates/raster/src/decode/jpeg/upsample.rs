//! Components to full size and to red, green, blue, as libjpeg does it (`jdsample`, "fancy", and `jdcolor`).

use super::frame::{Component, Frame};

/// The component at the image's size, row by row.
pub(super) fn to_full_size(component: &Component, frame: &Frame) -> Vec<u8> {
    let (across, down) = (frame.h_max / component.h, frame.v_max / component.v);
    let row = |row: usize| {
        let row = row.min(component.height.saturating_sub(1));
        &component.samples[row * component.stride..row * component.stride + component.width]
    };
    let is_wide = component.width > 2;
    let mut out = Vec::with_capacity(frame.width * frame.height);
    let mut line: Vec<u8> = Vec::new();
    for y in 0..frame.height {
        let (near, is_upper) = (y / down, y % down == 0);
        // The row beside the near one on the side that `y` lies on; at the image's edge the near one itself.
        let far = if is_upper { near.saturating_sub(1) } else { near + 1 };
        line.clear();
        match (across, down) {
            (1, 1) => line.extend_from_slice(row(y)),
            (2, 1) if is_wide => wide(row(near).iter().map(|v| i32::from(*v)), (1, 2, 2), &mut line),
            (2, 2) if is_wide => {
                let sums = row(near).iter().zip(row(far)).map(|(near, far)| 3 * i32::from(*near) + i32::from(*far));
                wide(sums, (8, 7, 4), &mut line);
            }
            (1, 2) => {
                let bias = if is_upper { 1 } else { 2 };
                let mixed = row(near)
                    .iter()
                    .zip(row(far))
                    .map(|(n, f)| ((3 * i32::from(*n) + i32::from(*f) + bias) >> 2) as u8);
                line.extend(mixed);
            }
            _ => line.extend(row(near).iter().flat_map(|value| std::iter::repeat_n(*value, across))),
        }
        line.resize(frame.width, 0);
        out.extend_from_slice(&line);
    }
    out
}

/// Twice as many values, each three parts its own and one part its neighbour's. `rounding`: for left, for right, and the shift.
fn wide(values: impl Iterator<Item = i32>, rounding: (i32, i32, u32), out: &mut Vec<u8>) {
    let (left, right, shift) = rounding;
    let values: Vec<i32> = values.collect();
    let last = values.len() - 1;
    for (i, value) in values.iter().enumerate() {
        let before = values[i.saturating_sub(1)];
        let after = values[(i + 1).min(last)];
        out.push(((3 * value + before + left) >> shift) as u8);
        out.push(((3 * value + after + right) >> shift) as u8);
    }
}

/// Appends `rows` rows, bands interleaved, converted from luminance and chrominance where asked.
pub(super) fn interleave(planes: &[Vec<u8>], width: usize, rows: usize, is_ycc: bool, out: &mut Vec<u8>) {
    for i in 0..width * rows {
        match planes {
            [y, cb, cr] if is_ycc => out.extend(rgb(y[i], cb[i], cr[i])),
            _ => out.extend(planes.iter().map(|plane| plane[i])),
        }
    }
}

/// Red, green and blue of JFIF's luminance and chrominance, in libjpeg's 16-bit fixed point.
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    // 1.402, 1.772, 0.71414 and 0.34414 times 2^16, rounded.
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_keep_their_value_and_greys_stay_grey() {
        let mut out = Vec::new();
        wide([10, 20, 30].into_iter(), (1, 2, 2), &mut out);
        // First: (30 + 10 + 1) >> 2 = 10; then (30 + 20 + 2) >> 2 = 13, (60 + 10 + 1) >> 2 = 17, ….
        assert_eq!(out, [10, 13, 17, 23, 27, 30]);
        assert_eq!(rgb(77, 128, 128), [77, 77, 77]);
    }
}
