//! Every file of the encodings collection decodes to the pixels that its manifest records.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use serde_json::Value;
use sha2::{Digest, Sha256};
use swath_raster::{BlockCache, FetchOptions, Fetcher, ReadPlan, ReadRequest};

fn problem_with(file: &Value, folder: &std::path::Path) -> Option<String> {
    let name = file["file"].as_str().unwrap();
    let run = || -> swath_raster::Result<Option<String>> {
        data::block_on(async {
            let fetcher = Fetcher::new(FetchOptions::default())?;
            let raster = fetcher.open(folder.join(name).to_str().unwrap()).await?;
            let header = &raster.header;
            let seen = (header.bands.len() as u64, header.grid.height_px as u64, header.grid.width_px as u64);
            let said =
                (file["bands"].as_u64().unwrap(), file["height"].as_u64().unwrap(), file["width"].as_u64().unwrap());
            let dtype = file["dtype"].as_str().unwrap();
            let epsg = header.grid.crs.as_ref().and_then(swath_raster::Crs::epsg);
            let transform: Vec<f64> =
                file["transform"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let nodata = match &file["nodata"] {
                Value::String(text) => text.parse().ok(),
                value => value.as_f64(),
            };
            let block = (file["block"][0].as_u64().unwrap() as usize, file["block"][1].as_u64().unwrap() as usize);
            let level = &header.levels[0];
            if seen != said || header.dtype.name() != dtype {
                return Ok(Some(format!("{seen:?} {} but the manifest says {said:?} {dtype}", header.dtype)));
            }
            if epsg.map(u64::from) != file["epsg"].as_u64() {
                return Ok(Some(format!("EPSG {epsg:?} but the manifest says {}", file["epsg"])));
            }
            if header.grid.transform.to_array()[..] != transform[..6] {
                return Ok(Some(format!("{:?} but the manifest says {transform:?}", header.grid.transform)));
            }
            if header.nodata.map(f64::to_bits) != nodata.map(f64::to_bits) {
                return Ok(Some(format!("nodata {:?} but the manifest says {nodata:?}", header.nodata)));
            }
            if (level.block_height_px, level.block_width_px, level.is_tiled)
                != (block.0, block.1, file["tiled"] == true)
            {
                return Ok(Some(format!("blocks of {} by {}", level.block_height_px, level.block_width_px)));
            }
            if header.levels.len() - 1 != file["overviews"].as_array().unwrap().len() {
                return Ok(Some(format!("{} overviews", header.levels.len() - 1)));
            }
            let plan = ReadPlan::new(&raster, ReadRequest::window(header.grid.window()))?;
            let pixels = fetcher.read(plan, &BlockCache::new(0)).await?;
            let hash: String =
                Sha256::digest(pixels.samples.to_le_bytes()).iter().map(|b| format!("{b:02x}")).collect();
            Ok((hash != file["sha256_bsq_le"].as_str().unwrap()).then(|| "its pixels differ".to_owned()))
        })
    };
    match run() {
        Ok(problem) => problem.map(|problem| format!("{name}: {problem}")),
        Err(error) => Some(format!("{name}: {error}")),
    }
}

#[test]
fn every_encoding_decodes_to_its_recorded_pixels() {
    let Some(folder) = data::folder("tiff/encodings") else { return };
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert!(files.len() > 80, "the manifest lists {} files", files.len());
    let problems: Vec<String> = files.iter().filter_map(|file| problem_with(file, &folder)).collect();
    assert!(problems.is_empty(), "{} of {} files:\n{}", problems.len(), files.len(), problems.join("\n"));
}
