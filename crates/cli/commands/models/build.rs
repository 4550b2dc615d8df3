//! `swath models build`: a network as ONNX with published weights, and the MLM item that describes it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use swath_autodiff::Model;
use swath_autodiff::build::{Encoder, unet};
use swath_autodiff::weights::{Loaded, StateDict, form_of, load_weights};

use super::describe::{Built, Scaling, item};
use super::obtain::obtain;

/// Arguments of `swath models build`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: swath models build --encoder resnet18 --bands 4 --band-names red,green,blue,nir --classes 6 \
                  --weights resnet18-f37072fd.pth -o unet/model.onnx"
)]
pub(crate) struct BuildArgs {
    /// The network's decoder.
    #[arg(long, value_enum, default_value = "unet")]
    arch: Arch,
    /// The network's encoder.
    #[arg(long, value_enum)]
    encoder: EncoderArg,
    /// Input bands.
    #[arg(long, value_name = "N", default_value_t = 3)]
    bands: usize,
    /// Output classes.
    #[arg(long, value_name = "K")]
    classes: usize,
    /// Names of the bands in the order of the input (default: red,green,blue for three, band-1 and so on otherwise).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    band_names: Vec<String>,
    /// Weights of the encoder by the names of torchvision or timm, or of the whole network by those of
    /// segmentation-models-pytorch: a .pth or .safetensors file, or the address of one, which is then kept beside OUT.
    /// Without, all weights are random.
    #[arg(long, value_name = "FILE|URL")]
    weights: Option<String>,
    /// SHA-256 of the weights, or its first digits (8 at least).
    #[arg(long, value_name = "HEX", requires = "weights")]
    sha256: Option<String>,
    /// How the item says that pixel values are scaled: by the mean and deviation of ImageNet on values of 0 to 255, or not at
    /// all, so that fine-tuning takes those of the data (default: imagenet where weights of an encoder are read).
    #[arg(long, value_enum)]
    scaling: Option<Scaling>,
    /// Data that the weights were trained on, for the item.
    #[arg(long, value_name = "TEXT", default_value = "ImageNet-1k")]
    pretrained_on: String,
    /// Seed of the weights that no file gives.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to write the network; its item is written beside it as OUT.json.
    #[arg(short, long, value_name = "OUT.onnx")]
    output: PathBuf,
}

/// Networks by their decoder.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Arch {
    /// U-Net as segmentation-models-pytorch builds it.
    Unet,
}

/// Encoders by name.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum EncoderArg {
    #[value(name = "resnet18")]
    ResNet18,
    #[value(name = "resnet34")]
    ResNet34,
    #[value(name = "resnet50")]
    ResNet50,
    #[value(name = "mobilenet_v2", aliases = ["mobilenet-v2", "mobilenetv2_100"])]
    MobileNetV2,
    /// Symmetric padding, as torchvision and timm train it; with weights by the names of smp's efficientnet-b0, the next.
    #[value(name = "efficientnet_b0", aliases = ["efficientnet-b0", "timm-efficientnet-b0"])]
    EfficientNetB0,
    /// TensorFlow's padding: smp's efficientnet-b0, timm's tf_efficientnet_b0.
    #[value(name = "tf_efficientnet_b0")]
    TfEfficientNetB0,
}

impl From<EncoderArg> for Encoder {
    fn from(encoder: EncoderArg) -> Self {
        match encoder {
            EncoderArg::ResNet18 => Self::ResNet18,
            EncoderArg::ResNet34 => Self::ResNet34,
            EncoderArg::ResNet50 => Self::ResNet50,
            EncoderArg::MobileNetV2 => Self::MobileNetV2,
            EncoderArg::EfficientNetB0 => Self::EfficientNetB0,
            EncoderArg::TfEfficientNetB0 => Self::TfEfficientNetB0,
        }
    }
}

/// Writes the network and its item, and says what became of the weights.
pub(crate) fn run(args: &BuildArgs) -> Result<()> {
    check(args)?;
    let Arch::Unet = args.arch;
    let state = args.weights.as_deref().map(|weights| open(weights, args)).transpose()?;
    let asked = Encoder::from(args.encoder);
    let encoder = state.as_ref().map_or(asked, |state| form_of(asked, state));
    let drawn = unet(encoder, args.bands, args.classes, args.seed)?;
    let (model, loaded) = match &state {
        Some(state) => load_weights(&drawn, encoder, state).map(|(model, loaded)| (model, Some(loaded)))?,
        None => (drawn, None),
    };
    // The item goes last: an item without its network would be a lie.
    let item_path = args.output.with_extension("json");
    save(&model, &args.output)?;
    let built = Built {
        encoder: encoder.name(),
        weights: loaded.as_ref().map(|_| args.pretrained_on.as_str()),
        scaling: args.scaling.unwrap_or_else(|| default_scaling(loaded.as_ref())),
        band_names: band_names(args),
        model_path: &args.output,
        item_path: &item_path,
    };
    let item = item(&built, &model)?;
    swath_catalog::publish::write_json_atomically(&item_path, &item)?;
    tell(encoder, asked, loaded.as_ref());
    println!("{}\n{}", args.output.display(), item_path.display());
    Ok(())
}

fn check(args: &BuildArgs) -> Result<()> {
    let extension = args.output.extension().and_then(|extension| extension.to_str());
    ensure!(extension == Some("onnx"), "{}: a network is an ONNX file; name it .onnx", args.output.display());
    ensure!(
        args.band_names.is_empty() || args.band_names.len() == args.bands,
        "--band-names has {} names for --bands {}; give one for each band",
        args.band_names.len(),
        args.bands
    );
    Ok(())
}

fn open(weights: &str, args: &BuildArgs) -> Result<StateDict> {
    let beside = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(StateDict::open(obtain(weights, args.sha256.as_deref(), beside)?)?)
}

fn save(model: &Model, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    Ok(model.save(path)?)
}

/// Encoders alone are published as trained on ImageNet; of a whole network nothing is known.
fn default_scaling(loaded: Option<&Loaded>) -> Scaling {
    if loaded.is_some_and(|loaded| !loaded.whole) { Scaling::Imagenet } else { Scaling::None }
}

fn band_names(args: &BuildArgs) -> Vec<String> {
    match (args.band_names.is_empty(), args.bands) {
        (false, _) => args.band_names.clone(),
        (true, 3) => ["red", "green", "blue"].map(str::to_owned).to_vec(),
        (true, bands) => (1..=bands).map(|index| format!("band-{index}")).collect(),
    }
}

fn tell(encoder: Encoder, asked: Encoder, loaded: Option<&Loaded>) {
    if encoder != asked {
        eprintln!("network: built as {}: the weights' names are those of its padding", encoder.name());
    }
    let Some(loaded) = loaded else {
        eprintln!("network: all weights are random; give --weights to start from trained ones");
        return;
    };
    for change in &loaded.changes {
        eprintln!("network: {change}");
    }
    let rest = if loaded.whole { "the whole network" } else { "the encoder; decoder and head are random" };
    eprintln!("network: {} tensors read for {rest}", loaded.tensors);
}
