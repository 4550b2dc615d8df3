//! Numbers out of a blob, little-endian, never beyond its end.

use super::Reason;

/// Type of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

const KINDS: [Kind; 8] = [Kind::I8, Kind::U8, Kind::I16, Kind::U16, Kind::I32, Kind::U32, Kind::F32, Kind::F64];

impl Kind {
    pub(super) fn of(number: i32) -> Result<Kind, Reason> {
        let kind = usize::try_from(number).ok().and_then(|number| KINDS.get(number));
        kind.copied().ok_or_else(|| format!("data type {number} does not exist"))
    }

    /// The shorter type in which an offset is stored, by a code of two bits.
    pub(super) fn narrowed(self, code: u8) -> Result<Kind, Reason> {
        let code = i32::from(code);
        let number = KINDS.iter().position(|kind| *kind == self).map_or(0, |n| n as i32);
        match self {
            Kind::I16 | Kind::I32 => Kind::of(number - code),
            Kind::U16 | Kind::U32 => Kind::of(number - 2 * code),
            Kind::F32 => Ok([Kind::F32, Kind::I16, Kind::U8, Kind::U8][code as usize & 3]),
            Kind::F64 if code > 0 => Kind::of(number - 2 * code + 1),
            _ => Ok(self),
        }
    }
}

/// A blob and how far it has been read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Reason> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("it ends early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        <[u8; N]>::try_from(self.take(N)?).map_err(|error| error.to_string())
    }

    pub(super) fn u8(&mut self) -> Result<u8, Reason> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn i16(&mut self) -> Result<i16, Reason> {
        self.array().map(i16::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Reason> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Reason> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Reason> {
        self.array().map(f64::from_le_bytes)
    }

    /// A size, which is stored as a signed number.
    pub(super) fn size(&mut self) -> Result<usize, Reason> {
        let value = self.i32()?;
        usize::try_from(value).map_err(|_| format!("a size of {value} makes no sense"))
    }

    pub(super) fn value(&mut self, kind: Kind) -> Result<f64, Reason> {
        Ok(match kind {
            Kind::I8 => f64::from(self.u8()? as i8),
            Kind::U8 => f64::from(self.u8()?),
            Kind::I16 => f64::from(self.i16()?),
            Kind::U16 => f64::from(self.i16()? as u16),
            Kind::I32 => f64::from(self.i32()?),
            Kind::U32 => f64::from(self.u32()?),
            Kind::F32 => f64::from(f32::from_bits(self.u32()?)),
            Kind::F64 => self.f64()?,
        })
    }
}
