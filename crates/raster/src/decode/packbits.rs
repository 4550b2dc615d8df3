//! PackBits: runs of literal bytes and of one repeated byte (TIFF 6.0, section 9).

use super::Reason;

/// Appends to `out` until it holds `len` bytes.
pub(super) fn decompress(compressed: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    let mut rest = compressed;
    while out.len() < len {
        let Some((control, after)) = rest.split_first() else {
            return Err(format!("it ends after {} of {len} bytes", out.len()));
        };
        rest = after;
        let left = len - out.len();
        match *control as i8 {
            -128 => {}
            repeat @ -127..=-1 => {
                let Some((byte, after)) = rest.split_first() else { return Err("it ends within a run".to_owned()) };
                let count = (1 - isize::from(repeat)).unsigned_abs().min(left);
                out.resize(out.len() + count, *byte);
                rest = after;
            }
            literal => {
                let count = usize::from(literal.unsigned_abs()) + 1;
                let Some((bytes, after)) = rest.split_at_checked(count) else {
                    return Err("it ends within a run".to_owned());
                };
                out.extend_from_slice(&bytes[..count.min(left)]);
                rest = after;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example() {
        let packed = [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
        let mut out = Vec::new();
        decompress(&packed, 24, &mut out).unwrap();
        let plain = [
            0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22, 0xaa, 0xaa, 0xaa, 0xaa,
            0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        assert_eq!(out, plain);
    }

    #[test]
    fn what_ends_early_is_an_error() {
        assert!(decompress(&[5, 1, 2], 6, &mut Vec::new()).is_err());
        assert!(decompress(&[0xfe], 3, &mut Vec::new()).is_err());
    }
}
