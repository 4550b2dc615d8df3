//! A network as a command meets it: the ONNX file, and what its MLM item says of bands, scaling and classes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use swath_autodiff::{Inspection, Model};
use swath_catalog::classification::Class;
use swath_catalog::mlm::{ARTIFACT_TYPE, MODEL_ROLE, Mlm, ONNX, ValueScaling};
use swath_catalog::{Asset, Band, Href, Item, extension};
use swath_loader::Normaliser;

/// Key of an ONNX file's metadata that keeps patterns of parameters to leave as they are, one a line.
const FREEZE: &str = "swath.freeze";

/// Patterns of parameters that a network asks to leave as they are, beside those that a run names.
pub(crate) fn frozen(model: &Model) -> Vec<String> {
    let noted = model.metadata().iter().filter(|(key, _)| key == FREEZE);
    noted.flat_map(|(_, patterns)| patterns.lines()).map(str::to_owned).collect()
}

/// Writes such patterns into a network.
pub(crate) fn freeze(model: &mut Model, patterns: &[String]) {
    model.set_metadata(FREEZE, &patterns.join("\n"));
}

/// An ONNX network and what is known of it.
#[derive(Debug)]
pub(crate) struct Network {
    /// The ONNX file.
    pub(crate) path: PathBuf,
    /// Its graph.
    pub(crate) model: Model,
    /// What the graph takes, gives and learns.
    pub(crate) inspection: Inspection,
    /// What its item says; absent where a bare ONNX file was given.
    pub(crate) card: Option<Card>,
}

/// What the MLM item of a network says.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    /// The item's file.
    pub(crate) path: PathBuf,
    /// The fields.
    pub(crate) mlm: Mlm,
    /// The bands in the order of the input.
    pub(crate) bands: Vec<Band>,
    /// The classes by index.
    pub(crate) classes: Vec<Class>,
    /// What is done to pixel values; `None` where the item does not say.
    pub(crate) scaling: Option<Normaliser>,
}

impl Network {
    /// Opens an ONNX file, the STAC item of a model, or a run's folder with its `item.json`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join("item.json") } else { path.to_owned() };
        if path.extension().is_some_and(|extension| extension == "json" || extension == "geojson") {
            return Self::from_item(&path);
        }
        let (model, inspection) = load(&path)?;
        Ok(Self { path, model, inspection, card: None })
    }

    fn from_item(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read the model item {}: give an ONNX file, a model's STAC item or a run's folder",
                path.display()
            )
        })?;
        let document = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        let item = Item::new(document, Href::parse(&path.to_string_lossy())?)?;
        let Some(mlm) = extension::read::<Mlm>(&item)? else {
            bail!("{} is no model: its item does not use the mlm extension", path.display());
        };
        let onnx = model_file(&item, path)?;
        let (model, inspection) = load(&onnx)?;
        let card = Card::new(path, &item, mlm)?;
        ensure!(
            card.bands.is_empty() || card.bands.len() == inspection.bands,
            "{} names {} bands and {} takes {}: the item does not belong to the file",
            path.display(),
            card.bands.len(),
            onnx.display(),
            inspection.bands
        );
        Ok(Self { path: onnx, model, inspection, card: Some(card) })
    }
}

impl Card {
    fn new(path: &Path, item: &Item, mlm: Mlm) -> Result<Self> {
        let [input] = mlm.input.as_slice() else {
            bail!("{} describes {} inputs; models of one image input are supported", path.display(), mlm.input.len());
        };
        let described: Vec<Band> = item
            .property("bands")
            .or_else(|| item.property("eo:bands"))
            .and_then(|bands| serde_json::from_value(bands.clone()).ok())
            .unwrap_or_default();
        let bands = input.bands.iter().map(|band| {
            let known = described.iter().find(|known| known.answers_to(band.name()));
            known.cloned().unwrap_or_else(|| Band::named(band.name()))
        });
        let bands: Vec<Band> = bands.collect();
        let scaling = match &input.scaling() {
            Some(scaling) => Some(normaliser(scaling, bands.len()).with_context(|| format!("{}", path.display()))?),
            None => None,
        };
        let classes = mlm.output.first().map(|output| output.classes.clone()).unwrap_or_default();
        Ok(Self { path: path.to_owned(), mlm, bands, classes, scaling })
    }

    /// Class names by index, empty where the item has none.
    pub(crate) fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.full_name().to_owned()).collect()
    }
}

/// The ONNX file that a model's item points at, its checksum compared where the item has one.
fn model_file(item: &Item, path: &Path) -> Result<PathBuf> {
    let models: Vec<_> = item.assets().filter(|asset| asset.has_role(MODEL_ROLE)).collect();
    ensure!(!models.is_empty(), "{} has no asset with role {MODEL_ROLE}", path.display());
    let format = |asset: &Asset<'_>| {
        asset.fields.get(ARTIFACT_TYPE).and_then(|format| format.as_str()).unwrap_or_default().to_owned()
    };
    let is_onnx = |asset: &&Asset<'_>| {
        format(asset).eq_ignore_ascii_case(ONNX) || asset.href().is_some_and(|href| href.ends_with(".onnx"))
    };
    let Some(asset) = models.iter().find(|asset| is_onnx(asset)) else {
        let kinds: Vec<String> = models.iter().map(|asset| format!("{} ({})", asset.key, format(asset))).collect();
        bail!(
            "{} has no model as ONNX, only {}: export it to ONNX and add that as an asset of role {MODEL_ROLE} with {ARTIFACT_TYPE} {ONNX}",
            path.display(),
            kinds.join(", ")
        );
    };
    let href =
        asset.href().with_context(|| format!("{}: the asset of role {MODEL_ROLE} has no href", path.display()))?;
    let onnx = item.href().join(href)?;
    let onnx = onnx
        .as_file()
        .with_context(|| {
            format!("the model of {} is remote ({href}); download it beside the item first", path.display())
        })?
        .to_owned();
    let hint = item.property("swath:obtain").and_then(|hint| hint.as_str());
    ensure!(
        onnx.exists(),
        "the model {} that {} describes is not there{}",
        onnx.display(),
        path.display(),
        hint.map(|hint| format!("; make it with: {hint}")).unwrap_or_default()
    );
    if let Some(expected) = asset.fields.get("file:checksum").and_then(|checksum| checksum.as_str()) {
        let found = sha256_file(&onnx)?;
        // A multihash: 0x12 names SHA-256, 0x20 its 32 bytes.
        ensure!(
            !expected.starts_with("1220") || expected[4..].eq_ignore_ascii_case(&found),
            "{} is not the file that {} describes: its SHA-256 is {found}, the item says {}",
            onnx.display(),
            path.display(),
            &expected[4..]
        );
    }
    Ok(onnx)
}

fn load(path: &Path) -> Result<(Model, Inspection)> {
    let model = load_model(path)?;
    let inspection = model.inspect().with_context(|| format!("{}", path.display()))?;
    Ok((model, inspection))
}

/// Reads an ONNX file; its path is named once, whatever fails.
pub(crate) fn load_model(path: &Path) -> Result<Model> {
    Model::load(path).map_err(|error| match error {
        error @ swath_autodiff::Error::Read { .. } => error.into(),
        error => anyhow::Error::from(error).context(format!("{}", path.display())),
    })
}

/// SHA-256 of a file, hexadecimal.
pub(crate) fn sha256_file(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A normaliser from MLM `value_scaling`: one entry for each band, or one for all.
fn normaliser(scaling: &[ValueScaling], bands: usize) -> Result<Normaliser> {
    ensure!(
        scaling.len() == 1 || scaling.len() == bands,
        "value_scaling has {} entries for {bands} bands; one, or one per band is needed",
        scaling.len()
    );
    let one = |scaling: &ValueScaling| match scaling {
        ValueScaling::MinMax { minimum, maximum } => Ok((1.0 / (maximum - minimum), -minimum / (maximum - minimum))),
        ValueScaling::ZScore { mean, stddev } => Ok((1.0 / stddev, -mean / stddev)),
        ValueScaling::Offset { value } => Ok((1.0, -value)),
        ValueScaling::Scale { value } => Ok((1.0 / value, 0.0)),
        other => bail!("value_scaling {other:?} is not linear, which this version cannot apply"),
    };
    let pairs = scaling.iter().map(one).collect::<Result<Vec<(f64, f64)>>>()?;
    ensure!(
        pairs.iter().all(|(scale, offset)| scale.is_finite() && offset.is_finite()),
        "value_scaling divides by zero"
    );
    let at = |band: usize| pairs[if pairs.len() == 1 { 0 } else { band }];
    Ok(Normaliser {
        scale: (0..bands).map(|band| at(band).0).collect(),
        offset: (0..bands).map(|band| at(band).1).collect(),
    })
}

/// The MLM `value_scaling` of a normaliser, one z-score per band.
pub(crate) fn value_scaling(normaliser: &Normaliser) -> Vec<ValueScaling> {
    let pairs = normaliser.scale.iter().zip(&normaliser.offset);
    pairs.map(|(scale, offset)| ValueScaling::ZScore { mean: -offset / scale, stddev: 1.0 / scale }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaling_survives_its_item() {
        let given = Normaliser { scale: vec![0.5, 1e-4], offset: vec![-2.0, 0.1] };
        let back = normaliser(&value_scaling(&given), 2).unwrap();
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs());
        assert!(close(&back.scale, &given.scale) && close(&back.offset, &given.offset), "{back:?}");
    }

    #[test]
    fn one_entry_serves_all_bands_and_a_wrong_number_is_refused() {
        let one = [ValueScaling::MinMax { minimum: 0.0, maximum: 10_000.0 }];
        assert_eq!(normaliser(&one, 3).unwrap().scale, vec![1e-4; 3]);
        assert!(normaliser(&[one[0].clone(), one[0].clone()], 3).is_err());
    }
}
