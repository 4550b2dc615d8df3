//! Components to the image's size, and luminance and chrominance to red, green, blue (libjpeg's `jdcolor`).

use super::frame::{Component, Frame};

/// The component at the image's size, row by row. What the transform has not brought to size is repeated.
pub(super) fn to_full_size(component: &Component, frame: &Frame) -> Vec<u8> {
    let across = frame.h_max / (component.h * component.x_scale);
    let down = frame.v_max / (component.v * component.y_scale);
    let mut out = Vec::with_capacity(frame.width * frame.height);
    for y in 0..frame.height {
        let row = &component.samples[y / down * component.stride..];
        match across {
            1 => out.extend_from_slice(&row[..frame.width]),
            _ => out.extend((0..frame.width).map(|x| row[x / across])),
        }
    }
    out
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
    // 1.402, 1.772, 0.714136286 and 0.344136286 times 2^16, rounded.
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_553 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greys_stay_grey_and_primaries_are_where_jfif_puts_them() {
        assert_eq!(rgb(77, 128, 128), [77, 77, 77]);
        assert_eq!(rgb(76, 85, 255), [254, 0, 0]);
    }
}
