//! `swath bench predict`: a scene mapped as `swath predict` maps it, and where the time went.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::commands::predict::{TileArgs, measure};
use crate::network::Network;

/// Arguments of `swath bench predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// The model: a run's folder, a model's STAC item, or an ONNX file, which is given all bands unscaled.
    model: PathBuf,
    /// The scene: a GeoTIFF or a STAC item.
    scene: String,
    #[command(flatten)]
    tiles: TileArgs,
}

/// Prints one JSON line. Loading the network is not in its seconds.
pub(crate) fn run(args: &PredictArgs) -> Result<()> {
    let network = Network::open(&args.model)?;
    let folder = tempfile::tempdir()?;
    let (pixels, tally) = measure(&network, &args.scene, &args.tiles, folder.path())?;
    let line = json!({
        "pixels": pixels, "seconds": tally.total_s, "megapixels_per_s": pixels as f64 / tally.total_s / 1e6,
        "read_s": tally.read_s, "infer_s": tally.infer_s, "infer_wait_s": tally.infer_wait_s, "stitch_s": tally.stitch_s,
        "write_s": tally.write_s, "write_wait_s": tally.write_wait_s, "peak_mib": super::peak_mib(),
    });
    println!("{line}");
    Ok(())
}
