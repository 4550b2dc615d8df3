//! Images of any element type in a test's memory, and how far two may lie apart.

use half::{bf16, f16};

use crate::kernels::cuda::device::Address;
use crate::kernels::cuda::element::Element;

/// Numbers between -1 and 1 that look random and are the same each time.
pub(super) fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Images as a kernel sees them.
pub(super) enum Images {
    F32(Vec<f32>),
    Low(Element, Vec<u16>),
}

impl Images {
    /// These numbers, rounded to the element type.
    pub(super) fn new(element: Element, numbers: &[f32]) -> Self {
        match element {
            Element::F32 => Self::F32(numbers.to_vec()),
            Element::F16 => Self::Low(element, numbers.iter().map(|&x| f16::from_f32(x).to_bits()).collect()),
            Element::Bf16 => Self::Low(element, numbers.iter().map(|&x| bf16::from_f32(x).to_bits()).collect()),
        }
    }

    /// Room for this many, filled with NaN.
    pub(super) fn room(element: Element, len: usize) -> Self {
        Self::new(element, &vec![f32::NAN; len])
    }

    /// What they hold.
    pub(super) fn numbers(&self) -> Vec<f32> {
        match self {
            Self::F32(numbers) => numbers.clone(),
            Self::Low(Element::F16, bits) => bits.iter().map(|&x| f16::from_bits(x).to_f32()).collect(),
            Self::Low(_, bits) => bits.iter().map(|&x| bf16::from_bits(x).to_f32()).collect(),
        }
    }

    /// Where they are. Kernels write there: what is read afterwards is what they wrote.
    pub(super) fn address(&mut self) -> Address {
        match self {
            Self::F32(numbers) => numbers.as_mut_ptr() as Address,
            Self::Low(_, bits) => bits.as_mut_ptr() as Address,
        }
    }
}

/// Where floats are.
pub(super) fn address<T>(numbers: &mut [T]) -> Address {
    numbers.as_mut_ptr() as Address
}

/// Half a unit in the last place, relative: what rounding to the element type costs at most, in its normal range.
pub(super) fn rounding(element: Element) -> f32 {
    match element {
        Element::F32 => f32::EPSILON / 2.0,
        Element::F16 => 1.0 / 2048.0,
        Element::Bf16 => 1.0 / 256.0,
    }
}

/// Fails where `got` is further from `expected` than `relative` of it and `absolute` together.
#[track_caller]
pub(super) fn close(what: &str, got: &[f32], expected: &[f32], relative: f32, absolute: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let alike = got == expected || (got.is_nan() && expected.is_nan());
        let room = relative * expected.abs() + absolute;
        assert!(alike || (got - expected).abs() <= room, "{what}: [{index}] is {got}, expected {expected} ± {room}");
    }
}
