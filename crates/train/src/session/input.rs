//! Arrays as a graph takes them: a name, an element type, a shape, row-major values.

use ndarray::{ArrayView, ArrayViewD, Dimension};

/// One array for one graph input. Any strides; axes in the graph's order.
#[derive(Debug, Clone)]
pub enum InputTensor<'a> {
    /// float32, such as images `[n, band, row, col]`.
    F32(ArrayViewD<'a, f32>),
    /// int64, such as class numbers `[n, row, col]`.
    I64(ArrayViewD<'a, i64>),
}

impl InputTensor<'_> {
    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(array) => array.shape(),
            Self::I64(array) => array.shape(),
        }
    }
}

impl<'a, D: Dimension> From<ArrayView<'a, f32, D>> for InputTensor<'a> {
    fn from(array: ArrayView<'a, f32, D>) -> Self {
        Self::F32(array.into_dyn())
    }
}

impl<'a, D: Dimension> From<ArrayView<'a, i64, D>> for InputTensor<'a> {
    fn from(array: ArrayView<'a, i64, D>) -> Self {
        Self::I64(array.into_dyn())
    }
}

/// Copies an array of any strides into row-major memory of the same number of elements.
pub(super) fn copy_row_major<T: Copy>(from: &ArrayViewD<'_, T>, to: &mut [T]) {
    match from.as_slice() {
        Some(values) => to.copy_from_slice(values),
        None => to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = *from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_view_is_copied_in_row_major_order() {
        let array = ndarray::arr2(&[[1, 2, 3], [4, 5, 6]]);
        let mut to = [0; 6];
        copy_row_major(&array.t().into_dyn(), &mut to);
        assert_eq!(to, [1, 4, 2, 5, 3, 6]);
        copy_row_major(&array.view().into_dyn(), &mut to);
        assert_eq!(to, [1, 2, 3, 4, 5, 6]);
    }
}
