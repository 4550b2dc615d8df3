//! A tensor as its file describes it: where its numbers lie and in which steps.

use std::ops::Range;

use half::{bf16, f16};

use crate::graph::{Data, Tensor};

/// Type of the numbers of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F16,
    Bf16,
    F32,
    F64,
    /// Whole numbers and what is rarer, of so many bytes each; no network's weights.
    Other(usize),
}

impl Kind {
    /// Bytes of one number.
    pub(super) fn size_bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Other(bytes) => bytes,
        }
    }
}

/// Numbers in a file's bytes. Nothing here was checked against the storage.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) kind: Kind,
    pub(super) dims: Vec<usize>,
    /// Numbers from one element to the next, by dimension.
    pub(super) strides: Vec<usize>,
    /// Numbers before the first.
    pub(super) offset: usize,
    /// Bytes of the storage in the file.
    pub(super) storage: Range<usize>,
}

impl View {
    /// The numbers as float32 in row-major order.
    pub(super) fn floats(&self, file: &[u8]) -> Result<Tensor, String> {
        let storage = file.get(self.storage.clone()).ok_or("its storage lies beyond the end of the file")?;
        let size = self.kind.size_bytes();
        let count = self.count(storage.len() / size.max(1))?;
        let number: fn(&[u8]) -> f32 = match self.kind {
            Kind::F16 => |bytes| f16::from_le_bytes(array(bytes)).to_f32(),
            Kind::Bf16 => |bytes| bf16::from_le_bytes(array(bytes)).to_f32(),
            Kind::F32 => |bytes| f32::from_le_bytes(array(bytes)),
            Kind::F64 => |bytes| f64::from_le_bytes(array(bytes)) as f32,
            Kind::Other(_) => return Err("it holds no floating-point numbers".into()),
        };
        let values = match self.is_contiguous() {
            true => storage
                .get(self.offset * size..(self.offset + count) * size)
                .unwrap_or_default()
                .chunks_exact(size)
                .map(number)
                .collect(),
            false => self.gathered(storage, count, number),
        };
        Tensor::new(self.dims.clone(), Data::F32(values)).ok_or_else(|| "it does not fill its dimensions".into())
    }

    /// Elements, once all are known to lie within a storage of `held` numbers. A view of more elements than its storage
    /// has repeats some; no weights do, and the memory for it would have no bound.
    fn count(&self, held: usize) -> Result<usize, String> {
        let beyond = || format!("its dimensions {:?} reach beyond a storage of {held} numbers", self.dims);
        if self.strides.len() != self.dims.len() {
            return Err(format!("it has {} strides for {} dimensions", self.strides.len(), self.dims.len()));
        }
        let count = self.dims.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim)).ok_or_else(beyond)?;
        let last = self.dims.iter().zip(&self.strides).try_fold(self.offset, |last, (&dim, &stride)| {
            last.checked_add(dim.saturating_sub(1).checked_mul(stride)?)
        });
        let fits = count == 0 || last.is_some_and(|last| last < held && count <= held);
        if fits { Ok(count) } else { Err(beyond()) }
    }

    fn is_contiguous(&self) -> bool {
        let mut step = 1_usize;
        self.dims.iter().zip(&self.strides).rev().all(|(&dim, &stride)| {
            let fits = dim == 1 || stride == step;
            step = step.saturating_mul(dim);
            fits
        })
    }

    /// The numbers one by one, the last dimension the fastest.
    fn gathered(&self, storage: &[u8], count: usize, number: fn(&[u8]) -> f32) -> std::sync::Arc<[f32]> {
        let size = self.kind.size_bytes();
        let at = |index: usize| {
            let mut left = index;
            let steps = self.dims.iter().zip(&self.strides).rev();
            let place = steps.fold(self.offset, |place, (&dim, &stride)| {
                let step = left % dim;
                left /= dim;
                place + step * stride
            });
            number(&storage[place * size..][..size])
        };
        (0..count).map(at).collect()
    }
}

/// Bytes of one number; the caller cuts them to its size.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(dims: &[usize], strides: &[usize], offset: usize) -> View {
        View { kind: Kind::F32, dims: dims.to_vec(), strides: strides.to_vec(), offset, storage: 0..24 }
    }

    fn file() -> Vec<u8> {
        (0..6).flat_map(|value| (value as f32).to_le_bytes()).collect()
    }

    #[test]
    fn strides_and_offsets_are_followed() {
        let read = |view: View| view.floats(&file()).unwrap().as_f32().unwrap().to_vec();
        assert_eq!(read(view(&[2, 3], &[3, 1], 0)), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read(view(&[3, 2], &[1, 3], 0)), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(view(&[2], &[2], 1)), [1.0, 3.0]);
        assert_eq!(read(view(&[], &[], 4)), [4.0]);
        assert_eq!(read(view(&[0, 7], &[7, 1], 0)), [0.0; 0]);
    }

    #[test]
    fn views_beyond_their_storage_are_refused() {
        for (dims, strides, offset) in [
            (&[2_usize, 3][..], &[3_usize, 1][..], 1),
            (&[2, 3], &[4, 1], 0),
            (&[7], &[0], 0),
            (&[1 << 40, 1 << 40], &[0, 0], 0),
            (&[2, 2], &[usize::MAX, 1], 0),
            (&[1], &[1], usize::MAX),
        ] {
            let error = view(dims, strides, offset).floats(&file()).unwrap_err();
            assert!(error.contains("beyond"), "{error}");
        }
        assert!(view(&[2, 3], &[1], 0).floats(&file()).unwrap_err().contains("1 strides for 2"));
        let short = View { storage: 0..25, ..view(&[1], &[1], 0) };
        assert!(short.floats(&file()).unwrap_err().contains("end of the file"));
    }
}
