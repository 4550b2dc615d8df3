//! Multihashes: which function made a digest, and the digest.

use std::fmt;

use sha2::digest::DynDigest;

/// A function that makes digests, by its code in the multihash table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// MD5, code 0xd5.
    Md5,
    /// SHA-1, code 0x11.
    Sha1,
    /// SHA-256, code 0x12.
    Sha256,
    /// SHA-512, code 0x13.
    Sha512,
    /// Any other code of the table.
    Other(u64),
}

/// Function, code in the multihash table, length of the digest in bytes.
const KNOWN: [(Function, u64, usize); 4] =
    [(Function::Md5, 0xd5, 16), (Function::Sha1, 0x11, 20), (Function::Sha256, 0x12, 32), (Function::Sha512, 0x13, 64)];

impl Function {
    fn of_code(code: u64) -> Self {
        KNOWN.iter().find(|(_, known, _)| *known == code).map_or(Self::Other(code), |(function, ..)| *function)
    }

    fn code(self) -> u64 {
        match self {
            Self::Other(code) => code,
            known => KNOWN.iter().find(|(function, ..)| *function == known).map_or(0, |(_, code, _)| *code),
        }
    }

    /// Computes digests; `None` for functions that this crate does not have.
    pub(super) fn hasher(self) -> Option<Box<dyn DynDigest>> {
        match self {
            Self::Md5 => Some(Box::new(md5::Md5::default())),
            Self::Sha1 => Some(Box::new(sha1::Sha1::default())),
            Self::Sha256 => Some(Box::new(sha2::Sha256::default())),
            Self::Sha512 => Some(Box::new(sha2::Sha512::default())),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5 => f.write_str("MD5"),
            Self::Sha1 => f.write_str("SHA-1"),
            Self::Sha256 => f.write_str("SHA-256"),
            Self::Sha512 => f.write_str("SHA-512"),
            Self::Other(code) => write!(f, "the multihash function {code:#x}"),
        }
    }
}

/// A digest and the function that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multihash {
    /// The function.
    pub function: Function,
    /// The digest's bytes.
    pub digest: Vec<u8>,
}

impl Multihash {
    /// Reads hexadecimal digits in either letter case.
    ///
    /// # Errors
    /// Why they are no multihash.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = bytes_of(text).ok_or("it is not an even number of hexadecimal digits")?;
        let (code, rest) = varint(&bytes).ok_or("it ends within the code of its function")?;
        let (length, digest) = varint(rest).ok_or("it ends within the length of its digest")?;
        let function = Function::of_code(code);
        let known = KNOWN.iter().find(|(known, ..)| *known == function).map(|(.., length)| *length);
        if digest.len() as u64 != length || known.is_some_and(|known| known != digest.len()) {
            let needed = known.map_or(length, |known| known as u64);
            return Err(format!("a digest of {function} has {needed} bytes and this one {}", digest.len()));
        }
        Ok(Self { function, digest: digest.to_vec() })
    }
}

impl fmt::Display for Multihash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(self.digest.len() + 4);
        push_varint(&mut bytes, self.function.code());
        push_varint(&mut bytes, self.digest.len() as u64);
        bytes.extend_from_slice(&self.digest);
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// An unsigned number of seven bits a byte, the lowest first; nine bytes at most.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(code in 0_u64..1 << 40, digest in prop::collection::vec(any::<u8>(), 0..200)) {
            let known = KNOWN.iter().any(|(_, known, length)| *known == code && *length != digest.len());
            prop_assume!(!known);
            let hash = Multihash { function: Function::of_code(code), digest };
            prop_assert_eq!(Multihash::parse(&hash.to_string()), Ok(hash));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}", digits in "[0-9a-f]{0,80}") {
            let _ = Multihash::parse(&text);
            if let Ok(hash) = Multihash::parse(&digits) {
                // A varint may be padded; the shortest form is written.
                prop_assert!(hash.to_string().len() <= digits.len());
            }
        }
    }
}
