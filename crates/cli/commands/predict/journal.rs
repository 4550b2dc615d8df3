//! What an interrupted map leaves behind, to go on from: the finished rows, and of what they were made.
//!
//! `MAP.tif.part/rows` holds the rows of all files, one row of tiles after the other, compressed; `MAP.tif.part/state.json` says
//! how many of them count. The state is written after the rows, as a whole, so that it never counts rows that are not there.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail, ensure};
use ndarray::Array3;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use swath_catalog::publish::write_json_atomically;
use swath_loader::Dataset;
use swath_raster::Samples;

use super::PredictArgs;
use super::outputs::{Band, Outputs};
use super::scene::Scene;
use crate::network::{Card, Network, sha256_file};

/// What counts of the rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    /// Of what the rows were made.
    fingerprint: String,
    rows: usize,
    bytes: u64,
}

/// Finished rows beside the map.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: File,
    state: State,
}

impl Journal {
    /// Opens what is there for `map`; starts anew where that was made of something else, or on request.
    pub(super) fn open(map: &Path, fingerprint: &str, restart: bool) -> Result<Self> {
        let mut name = map.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let folder = map.with_file_name(name);
        let cannot = || format!("cannot keep finished rows in {}", folder.display());
        std::fs::create_dir_all(&folder).with_context(cannot)?;
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("rows"))
            .with_context(cannot)?;
        let kept = std::fs::read(folder.join("state.json")).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
        let length = file.metadata().with_context(cannot)?.len();
        let kept = kept.filter(|kept| !restart && kept.fingerprint == fingerprint && kept.bytes <= length);
        let state = kept.unwrap_or_else(|| State { fingerprint: fingerprint.to_owned(), rows: 0, bytes: 0 });
        file.set_len(state.bytes).with_context(cannot)?;
        file.seek(SeekFrom::Start(state.bytes)).with_context(cannot)?;
        Ok(Self { folder, file, state })
    }

    /// Writes the rows that are there into the files of the map.
    pub(super) fn replay(&mut self, outputs: &mut Outputs) -> Result<()> {
        if self.state.rows == 0 {
            return Ok(());
        }
        eprintln!("going on after {} rows", self.state.rows);
        let broken = || format!("the rows in {} are damaged; start again with --restart", self.folder.display());
        let mut file = File::open(self.folder.join("rows")).with_context(broken)?;
        let mut reader = BufReader::new(&mut file).take(self.state.bytes);
        while outputs.rows() < self.state.rows {
            let band = read_band(&mut reader, outputs.rows()).with_context(broken)?;
            outputs.write(&band)?;
        }
        ensure!(outputs.rows() == self.state.rows, "{}", broken());
        Ok(())
    }

    /// Adds rows that have been written.
    pub(super) fn append(&mut self, band: &Band) -> Result<()> {
        let cannot = || format!("cannot keep finished rows in {}", self.folder.display());
        let bytes = write_band(band).with_context(cannot)?;
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).with_context(cannot)?;
        self.state.bytes += bytes.len() as u64;
        self.state.rows += band.rows();
        write_json_atomically(&self.folder.join("state.json"), &self.state)?;
        Ok(())
    }

    /// Forgets the rows of a map that is complete.
    pub(super) fn remove(self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!("{} cannot be removed: {error}", self.folder.display());
        }
    }
}

/// A row of tiles holds less than this; more is damage.
const MAX_ARRAY_BYTES: usize = 8 << 30;

fn write_band(band: &Band) -> Result<Vec<u8>> {
    let mut out = vec![u8::try_from(band.arrays.len())?];
    for array in &band.arrays {
        let (shape, kind, raw) = match array {
            Samples::U8(array) => (array.dim(), 0, array.iter().copied().collect::<Vec<u8>>()),
            Samples::F32(array) => (array.dim(), 1, array.iter().flat_map(|value| value.to_le_bytes()).collect()),
            other => bail!("{} is not kept", other.dtype()),
        };
        let packed = zstd::bulk::compress(&raw, 1)?;
        out.push(kind);
        for size in [shape.0, shape.1, shape.2, packed.len()] {
            out.extend((size as u64).to_le_bytes());
        }
        out.extend(packed);
    }
    Ok(out)
}

fn read_band(reader: &mut impl Read, row_px: usize) -> Result<Band> {
    let mut count = [0_u8];
    reader.read_exact(&mut count)?;
    let arrays = (0..count[0]).map(|_| read_array(reader)).collect::<Result<_>>()?;
    Ok(Band { row_px, arrays })
}

fn read_array(reader: &mut impl Read) -> Result<Samples> {
    let (mut kind, mut sizes) = ([0_u8], [0_u8; 32]);
    reader.read_exact(&mut kind)?;
    reader.read_exact(&mut sizes)?;
    let mut number = sizes
        .chunks_exact(8)
        .map(|bytes| bytes.iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)));
    let mut next = || number.next().unwrap_or(0);
    let (shape, packed) = ((next(), next(), next()), next());
    let width = if kind[0] == 0 { 1 } else { 4 };
    let bytes = [shape.0, shape.1, shape.2].iter().try_fold(width, |size: usize, side| size.checked_mul(*side));
    let bytes =
        bytes.filter(|bytes| *bytes <= MAX_ARRAY_BYTES && packed <= MAX_ARRAY_BYTES).context("of impossible size")?;
    let mut compressed = Vec::new();
    reader.take(packed as u64).read_to_end(&mut compressed)?;
    let raw = zstd::bulk::decompress(&compressed, bytes)?;
    ensure!(raw.len() == bytes, "cut short");
    Ok(match kind[0] {
        0 => Samples::U8(Array3::from_shape_vec(shape, raw)?),
        _ => {
            let values = raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            Samples::F32(Array3::from_shape_vec(shape, values.collect())?)
        }
    })
}

/// SHA-256 of all that the rows depend on: the network's file, the model's item, the scene's files, and how it is cut, run and
/// written.
pub(super) fn fingerprint(
    args: &PredictArgs,
    network: &Network,
    card: &Card,
    scene: &Scene,
    dataset: &Dataset,
) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(sha256_file(&network.path)?);
    hash.update(format!("{:?} {:?} {:?}", card.bands, card.classes, card.scaling));
    hash.update(format!("{} {:?} {}", scene.image.id, scene.image.assets, dataset.statistics_key()));
    for file in scene.files() {
        let found = std::fs::metadata(&file).ok();
        let changed = found.as_ref().and_then(|found| found.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        hash.update(format!("{} {:?} {changed:?}", file.display(), found.map(|found| found.len())));
    }
    hash.update(format!("{:?} {:?} {} {:?}", args.tiles, args.probabilities, args.entropy, args.polygons));
    hash.update(format!("{} {}", args.min_area, args.simplify));
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_and_damage_is_told() {
        let class = Samples::U8(Array3::from_shape_fn((1, 3, 5), |(_, r, c)| (r * 5 + c) as u8));
        let scores = Samples::F32(Array3::from_shape_fn((2, 3, 5), |(k, r, c)| (k + r * c) as f32 / 7.0));
        let bytes = write_band(&Band { row_px: 4, arrays: vec![class, scores] }).unwrap();
        let band = read_band(&mut bytes.as_slice(), 4).unwrap();
        assert_eq!(write_band(&band).unwrap(), bytes);
        for end in 0..bytes.len() {
            assert!(read_band(&mut &bytes[..end], 0).is_err(), "{end}");
        }
    }
}
