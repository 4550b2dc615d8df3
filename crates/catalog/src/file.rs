//! Checksums as the file extension writes them: a multihash in hexadecimal digits.
//!
//! <https://github.com/stac-extensions/file>, v2.1.0.

use std::{fs::File, io::Read, path::Path};

use sha2::{Digest, Sha256};

use crate::{
    error::{Error, Result},
    href::Href,
};

/// What stands before the digest: the function's code in the multihash table, and the digest's length in bytes.
const SHA_256: &str = "1220";

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
        let digest = self.0.finalize();
        digest.iter().fold(SHA_256.to_owned(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// Whether a checksum is of the kind that this module makes, and so can be compared.
    #[must_use]
    pub fn is_comparable(checksum: &str) -> bool {
        checksum.len() == SHA_256.len() + 64 && checksum.starts_with(SHA_256)
    }
}

/// The checksum of a file.
///
/// # Errors
/// [`Error::Read`].
pub fn checksum(path: &Path) -> Result<String> {
    let failed = |source| Error::Read { href: Href::File(path.to_path_buf()), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut checksum = Checksum::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(checksum.finish());
        }
        checksum.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Whether a file has the checksum that an item gives for it.
///
/// # Errors
/// [`Error::Read`]; [`Error::Checksum`] when the checksum is of a kind that cannot be compared.
pub fn verify(path: &Path, expected: &str) -> Result<bool> {
    if !Checksum::is_comparable(expected) {
        return Err(Error::Checksum { path: path.to_path_buf(), checksum: expected.to_owned() });
    }
    Ok(checksum(path)? == expected.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn the_digest_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1: SHA-256 of "abc".
        let mut checksum = Checksum::default();
        checksum.update(b"a");
        checksum.update(b"bc");
        let expected = "1220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(checksum.finish(), expected);
        assert!(Checksum::is_comparable(expected));
    }
}
