//! Attributes that several operators share, checked once.

use crate::kernels::error::KernelError;
use crate::kernels::operator::Attributes;

/// `attribute` as two positive sizes, `default` twice when absent.
pub(in crate::kernels) fn pair(
    operator: &'static str,
    attributes: &dyn Attributes,
    name: &'static str,
    default: usize,
) -> Result<[usize; 2], KernelError> {
    match sizes(operator, attributes, name)?.as_deref() {
        None => Ok([default; 2]),
        Some(&[rows, cols]) if rows > 0 && cols > 0 => Ok([rows, cols]),
        Some(other) => Err(KernelError::Attribute {
            operator,
            name,
            problem: format!("is {other:?}, expected two positive sizes"),
        }),
    }
}

/// `pads` as top, left, bottom, right; zeros when absent.
pub(in crate::kernels) fn pads(operator: &'static str, attributes: &dyn Attributes) -> Result<[usize; 4], KernelError> {
    let padding = attributes.string("auto_pad");
    if let Some(padding) = padding.filter(|padding| !padding.is_empty() && padding != "NOTSET") {
        let problem = format!("is {padding}, expected pads stated as numbers");
        return Err(KernelError::Attribute { operator, name: "auto_pad", problem });
    }
    match sizes(operator, attributes, "pads")?.as_deref() {
        None => Ok([0; 4]),
        Some(&[top, left, bottom, right]) => Ok([top, left, bottom, right]),
        Some(other) => {
            let problem = format!("is {other:?}, expected four sizes");
            Err(KernelError::Attribute { operator, name: "pads", problem })
        }
    }
}

/// `attribute` as four sizes of a tensor, which must be there.
pub(in crate::kernels) fn shape(
    operator: &'static str,
    attributes: &dyn Attributes,
    name: &'static str,
) -> Result<[usize; 4], KernelError> {
    let given = sizes(operator, attributes, name)?;
    match given.as_deref() {
        Some(&[a, b, c, d]) if [a, b, c, d].iter().all(|&size| size > 0) => Ok([a, b, c, d]),
        _ => {
            let problem = format!("is {given:?}, expected four positive sizes");
            Err(KernelError::Attribute { operator, name, problem })
        }
    }
}

/// An `INTS` attribute whose values are sizes.
pub(in crate::kernels) fn sizes(
    operator: &'static str,
    attributes: &dyn Attributes,
    name: &'static str,
) -> Result<Option<Vec<usize>>, KernelError> {
    let Some(values) = attributes.ints(name) else { return Ok(None) };
    let sizes = values.iter().map(|&value| usize::try_from(value)).collect::<Result<Vec<_>, _>>();
    sizes.map(Some).map_err(|_| KernelError::Attribute {
        operator,
        name,
        problem: format!("is {values:?}, expected sizes of zero or more"),
    })
}

/// The four dimensions of an image tensor's shape.
pub(in crate::kernels) fn image(
    operator: &'static str,
    tensor: &'static str,
    shape: &[i64],
) -> Result<[usize; 4], KernelError> {
    let sizes: Option<Vec<usize>> = shape.iter().map(|&size| usize::try_from(size).ok()).collect();
    match sizes.as_deref() {
        Some(&[n, c, h, w]) if n > 0 && c > 0 && h > 0 && w > 0 => Ok([n, c, h, w]),
        _ => {
            let expected = String::from("[n, channel, row, col] with nothing empty");
            Err(KernelError::Shape { operator, tensor, expected, got: shape.to_vec() })
        }
    }
}

/// Refuses a tensor whose shape is not the expected one.
pub(in crate::kernels) fn expect(
    operator: &'static str,
    tensor: &'static str,
    got: &[i64],
    expected: &[usize],
) -> Result<(), KernelError> {
    if got.len() == expected.len() && got.iter().zip(expected).all(|(&got, &size)| usize::try_from(got) == Ok(size)) {
        return Ok(());
    }
    Err(KernelError::Shape { operator, tensor, expected: format!("{expected:?}"), got: got.to_vec() })
}

/// Refuses a tensor that has not the shape of another, which the error calls `other`.
pub(in crate::kernels) fn alike(
    operator: &'static str,
    tensor: &'static str,
    got: &[i64],
    other: &str,
    shape: &[i64],
) -> Result<(), KernelError> {
    if got == shape {
        return Ok(());
    }
    Err(KernelError::Shape { operator, tensor, expected: format!("that of {other}, {shape:?}"), got: got.to_vec() })
}

/// Rows and columns of dY, which has the images and channels of X.
pub(in crate::kernels) fn size_of_gradient(
    operator: &'static str,
    dy: &[i64],
    x: &[usize; 4],
) -> Result<[usize; 2], KernelError> {
    let [_, _, rows, cols] = image(operator, "dY", dy)?;
    expect(operator, "dY", dy, &[x[0], x[1], rows, cols])?;
    Ok([rows, cols])
}

/// Sizes as ONNX Runtime takes them.
pub(in crate::kernels) fn dims(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&size| size as i64).collect()
}

/// Whether an `INT` attribute is set and not zero.
pub(in crate::kernels) fn flag(attributes: &dyn Attributes, name: &'static str) -> bool {
    attributes.int(name).unwrap_or(0) != 0
}

/// Elements of a tensor of ONNX Runtime's, whose sizes are zero or more.
pub(in crate::kernels) fn sized(shape: &[i64]) -> usize {
    shape.iter().map(|&size| usize::try_from(size).unwrap_or(0)).product()
}
