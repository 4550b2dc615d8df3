//! What statistics of the training part depend on, as one number: with the same one they need not be computed again.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::dataset::Inner;

/// Takes text into a hash.
struct Hash(Sha256);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// SHA-256, hexadecimal, of the recipe's bands, classes and split, and of what every file says of itself: its header, with
/// the place and length of all blocks, and size and time of change where it is local.
pub(crate) fn of(dataset: &Inner) -> String {
    let mut hash = Hash(Sha256::new());
    let r = &dataset.recipe;
    // Writing into a hash does not fail.
    let _ =
        write!(hash, "{} {:?} {:?} {:?} {:?}", env!("CARGO_PKG_VERSION"), r.bands, r.classes, r.background, r.ignore);
    for (scene, parts) in dataset.scenes.iter().zip(&dataset.parts) {
        let _ = write!(hash, " {} {parts:?}", scene.id());
        for raster in scene.rasters() {
            let _ = write!(hash, " {:?}", raster.header);
        }
    }
    for href in &dataset.files {
        let file = std::fs::metadata(href).ok();
        let changed = file.as_ref().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let _ = write!(hash, " {href} {:?} {changed:?}", file.map(|file| file.len()));
    }
    hash.0.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
