//! The file extension: size and checksum of an asset's file.
//!
//! <https://github.com/stac-extensions/file>, v2.1.0. A checksum is a multihash in hexadecimal digits: a code for the function, the
//! digest's length in bytes (both as varints), and the digest.

mod multihash;

use std::{fs::File, io::Read, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use multihash::{Function, Multihash};

use crate::{
    error::{Error, Result},
    extension::Extension,
    href::Href,
};

/// The `file:` fields of an asset or link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileInfo {
    /// `big-endian` or `little-endian`.
    #[serde(default, rename = "file:byte_order", skip_serializing_if = "Option::is_none")]
    pub byte_order: Option<String>,
    /// A multihash in hexadecimal digits.
    #[serde(default, rename = "file:checksum", skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// The size of the file's header, in bytes.
    #[serde(default, rename = "file:header_size", skip_serializing_if = "Option::is_none")]
    pub header_size_bytes: Option<u64>,
    /// The size of the file, in bytes.
    #[serde(default, rename = "file:size", skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Where the file lies when it is fetched with its item.
    #[serde(default, rename = "file:local_path", skip_serializing_if = "Option::is_none")]
    pub local_path: Option<String>,
    /// Fields that this struct does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Extension for FileInfo {
    const SCHEMA: &'static str = "https://stac-extensions.github.io/file/v2.1.0/schema.json";
    const FAMILY: &'static str = "https://stac-extensions.github.io/file/";
    const PREFIX: &'static str = "file:";

    fn check(&self) -> std::result::Result<(), String> {
        if let Some(order) = self.byte_order.as_deref()
            && !matches!(order, "big-endian" | "little-endian")
        {
            return Err(format!("file:byte_order is `{order}`, neither big-endian nor little-endian"));
        }
        match self.checksum.as_deref().map(Multihash::parse) {
            Some(Err(reason)) => Err(format!("file:checksum is no multihash: {reason}")),
            _ => Ok(()),
        }
    }
}

/// A SHA-256 in the making.
#[derive(Clone, Debug, Default)]
pub struct Checksum(Sha256);

impl Checksum {
    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The multihash: `1220` and 64 hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        Multihash { function: Function::Sha256, digest: self.0.finalize().to_vec() }.to_string()
    }

    /// Whether a checksum is of a function that can be computed here, and so can be compared.
    #[must_use]
    pub fn is_comparable(checksum: &str) -> bool {
        Multihash::parse(checksum).is_ok_and(|hash| hash.function.hasher().is_some())
    }
}

/// The checksum of a file.
///
/// # Errors
/// [`Error::Read`].
pub fn checksum(path: &Path) -> Result<String> {
    let mut checksum = Checksum::default();
    read_through(path, |bytes| checksum.update(bytes))?;
    Ok(checksum.finish())
}

/// Whether a file has the checksum that an item gives for it: MD5, SHA-1, SHA-256 or SHA-512.
///
/// # Errors
/// [`Error::Read`]; [`Error::Checksum`] when the checksum is no multihash, or of a function that cannot be computed here.
pub fn verify(path: &Path, expected: &str) -> Result<bool> {
    let failed = |reason: String| Error::Checksum { path: path.to_path_buf(), checksum: expected.to_owned(), reason };
    let expected = Multihash::parse(expected).map_err(failed)?;
    let mut hasher =
        expected.function.hasher().ok_or_else(|| failed(format!("{} cannot be computed here", expected.function)))?;
    read_through(path, |bytes| hasher.update(bytes))?;
    Ok(*hasher.finalize() == *expected.digest)
}

fn read_through(path: &Path, mut take: impl FnMut(&[u8])) -> Result<()> {
    let failed = |source| Error::Read { href: Href::File(path.to_path_buf()), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        take(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the three bytes "abc": RFC 1321, FIPS 180-2 and `multihash`'s table of codes.
    const ABC: [&str; 4] = [
        "d50110900150983cd24fb0d6963f7d28e17f72",
        "1114a9993e364706816aba3e25717850c26c9cd0d89d",
        "1220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "1340ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ];

    #[test]
    fn the_digest_is_that_of_the_standard() {
        let mut checksum = Checksum::default();
        checksum.update(b"a");
        checksum.update(b"bc");
        assert_eq!(checksum.finish(), ABC[2]);
    }

    #[test]
    fn files_are_compared_by_any_of_four_functions() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        for expected in ABC {
            assert!(verify(file.path(), expected).unwrap() && Checksum::is_comparable(expected), "{expected}");
            assert!(verify(file.path(), &expected.to_uppercase()).unwrap());
            let changed =
                format!("{}{}", &expected[..expected.len() - 1], if expected.ends_with('0') { '1' } else { '0' });
            assert!(!verify(file.path(), &changed).unwrap(), "{changed}");
        }
        let unknown = "1b20".to_owned() + &"0".repeat(64);
        let error = verify(file.path(), &unknown).unwrap_err().to_string();
        assert!(error.contains("keccak") || error.contains("0x1b"), "{error}");
        assert!(verify(file.path(), "1220ab").unwrap_err().to_string().contains("32"));
    }
}
