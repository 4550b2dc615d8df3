//! Pixel values in their native type: the data type, the arrays, and what a window holds once read.

use crate::Grid;
use ndarray::Array3;

/// Type of one pixel value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl DType {
    /// All of them.
    pub const ALL: [DType; 10] = [
        DType::U8,
        DType::I8,
        DType::U16,
        DType::I16,
        DType::U32,
        DType::I32,
        DType::U64,
        DType::I64,
        DType::F32,
        DType::F64,
    ];

    /// Bytes of one value.
    pub const fn size_bytes(self) -> usize {
        match self {
            DType::U8 | DType::I8 => 1,
            DType::U16 | DType::I16 => 2,
            DType::U32 | DType::I32 | DType::F32 => 4,
            DType::U64 | DType::I64 | DType::F64 => 8,
        }
    }

    /// The name that STAC, numpy and rasterio use: `uint8`, `int16`, `float32`, ….
    pub const fn name(self) -> &'static str {
        match self {
            DType::U8 => "uint8",
            DType::I8 => "int8",
            DType::U16 => "uint16",
            DType::I16 => "int16",
            DType::U32 => "uint32",
            DType::I32 => "int32",
            DType::U64 => "uint64",
            DType::I64 => "int64",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// `float32` or `float64`.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that a pixel value can have.
pub trait Sample: Copy + Default + PartialEq + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// Its data type.
    const DTYPE: DType;
    /// The value as a float; 64-bit integers beyond 2^53 are rounded.
    fn to_f64(self) -> f64;
    /// The nearest value of this type: integers are rounded half away from zero and clamped, NaN becomes 0, as GDAL does.
    fn from_f64(value: f64) -> Self;
    /// Appends the value in little-endian bytes.
    fn write_le(self, out: &mut Vec<u8>);
    /// The arrays of this type.
    fn wrap(array: Array3<Self>) -> Samples;
    /// The array, if it is of this type.
    fn of(samples: &Samples) -> Option<&Array3<Self>>;
    /// The array to write to, if it is of this type.
    fn of_mut(samples: &mut Samples) -> Option<&mut Array3<Self>>;
}

/// An array `[band, row, col]` in native type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Samples {
    U8(Array3<u8>),
    I8(Array3<i8>),
    U16(Array3<u16>),
    I16(Array3<i16>),
    U32(Array3<u32>),
    I32(Array3<i32>),
    U64(Array3<u64>),
    I64(Array3<i64>),
    F32(Array3<f32>),
    F64(Array3<f64>),
}

/// Runs one expression for whichever type the [`Samples`] hold, with `$array` bound to the `Array3`.
///
/// ```
/// # use swath_raster::{with_samples, Samples};
/// # let samples = Samples::U8(ndarray::Array3::zeros((1, 2, 3)));
/// let count = with_samples!(&samples, array => array.len());
/// assert_eq!(count, 6);
/// ```
#[macro_export]
macro_rules! with_samples {
    ($samples:expr, $array:ident => $body:expr) => {
        match $samples {
            $crate::Samples::U8($array) => $body,
            $crate::Samples::I8($array) => $body,
            $crate::Samples::U16($array) => $body,
            $crate::Samples::I16($array) => $body,
            $crate::Samples::U32($array) => $body,
            $crate::Samples::I32($array) => $body,
            $crate::Samples::U64($array) => $body,
            $crate::Samples::I64($array) => $body,
            $crate::Samples::F32($array) => $body,
            $crate::Samples::F64($array) => $body,
        }
    };
}

/// Runs one expression with the type alias `$t` bound to the Rust type of a [`DType`].
///
/// ```
/// # use swath_raster::{with_dtype, DType};
/// assert_eq!(with_dtype!(DType::I16, T => std::mem::size_of::<T>()), 2);
/// ```
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::DType::U8 => {
                type $t = u8;
                $body
            }
            $crate::DType::I8 => {
                type $t = i8;
                $body
            }
            $crate::DType::U16 => {
                type $t = u16;
                $body
            }
            $crate::DType::I16 => {
                type $t = i16;
                $body
            }
            $crate::DType::U32 => {
                type $t = u32;
                $body
            }
            $crate::DType::I32 => {
                type $t = i32;
                $body
            }
            $crate::DType::U64 => {
                type $t = u64;
                $body
            }
            $crate::DType::I64 => {
                type $t = i64;
                $body
            }
            $crate::DType::F32 => {
                type $t = f32;
                $body
            }
            $crate::DType::F64 => {
                type $t = f64;
                $body
            }
        }
    };
}

macro_rules! impl_sample {
    ($($t:ty, $variant:ident, $from:expr);* $(;)?) => {$(
        impl Sample for $t {
            const DTYPE: DType = DType::$variant;
            #[allow(clippy::cast_lossless)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn from_f64(value: f64) -> Self {
                let from: fn(f64) -> $t = $from;
                from(value)
            }
            fn write_le(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn wrap(array: Array3<Self>) -> Samples {
                Samples::$variant(array)
            }
            fn of(samples: &Samples) -> Option<&Array3<Self>> {
                match samples {
                    Samples::$variant(array) => Some(array),
                    _ => None,
                }
            }
            fn of_mut(samples: &mut Samples) -> Option<&mut Array3<Self>> {
                match samples {
                    Samples::$variant(array) => Some(array),
                    _ => None,
                }
            }
        }
    )*};
}

/// Half away from zero. Values below 2^52 need no call of the library's `round`, which resampling would make for every pixel.
#[inline]
fn rounded(value: f64) -> f64 {
    value + 0.5_f64.copysign(value)
}

// `as` from float to integer truncates, saturates and sends NaN to 0.
impl_sample! {
    u8, U8, |v| rounded(v) as u8;
    i8, I8, |v| rounded(v) as i8;
    u16, U16, |v| rounded(v) as u16;
    i16, I16, |v| rounded(v) as i16;
    u32, U32, |v| rounded(v) as u32;
    i32, I32, |v| rounded(v) as i32;
    u64, U64, |v| v.round() as u64;
    i64, I64, |v| v.round() as i64;
    f32, F32, |v| v as f32;
    f64, F64, |v| v;
}

impl Samples {
    /// An array `[bands, height_px, width_px]` with every value the one nearest to `value`.
    pub fn filled(dtype: DType, shape: (usize, usize, usize), value: f64) -> Samples {
        with_dtype!(dtype, T => <T as Sample>::wrap(Array3::from_elem(shape, <T as Sample>::from_f64(value))))
    }

    /// Type of the values.
    pub fn dtype(&self) -> DType {
        fn of<T: Sample>(_: &Array3<T>) -> DType {
            T::DTYPE
        }
        with_samples!(self, array => of(array))
    }

    /// Bands, rows and columns.
    pub fn shape(&self) -> (usize, usize, usize) {
        with_samples!(self, array => array.dim())
    }

    /// Memory that the values take.
    pub fn size_bytes(&self) -> usize {
        let (bands, rows, cols) = self.shape();
        bands * rows * cols * self.dtype().size_bytes()
    }

    /// The values as `[band, row, col]` of `T`; `None` where they are of another type.
    pub fn as_array<T: Sample>(&self) -> Option<&Array3<T>> {
        T::of(self)
    }

    /// The values converted to `f32`; 32- and 64-bit integers are rounded to the nearest.
    pub fn to_f32(&self) -> Array3<f32> {
        #[allow(clippy::unnecessary_cast)] // one of the types is f32 already
        let converted = with_samples!(self, array => array.mapv(|v| v as f32));
        converted
    }

    /// All values, band after band, row after row, in little-endian bytes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        with_samples!(self, array => array.iter().flat_map(|v| v.to_le_bytes()).collect())
    }
}

/// What a window holds once it has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// Values `[band, row, col]`, as stored: scale and offset are not applied.
    pub samples: Samples,
    /// Where asked for: `[band, row, col]`, true where the value is a measurement, that is inside the image, not nodata
    /// and not masked out.
    pub valid: Option<Array3<bool>>,
    /// Where these pixels lie.
    pub grid: Grid,
}
