//! Checksums as the file extension writes them: a multihash in hexadecimal digits.
//!
//! <https://github.com/stac-extensions/file>, v2.1.0.

use sha2::{Digest, Sha256};

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
