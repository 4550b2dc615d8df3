//! What the names of published weights mean to a network: smp's for whole networks, torchvision's and timm's for encoders.
//!
//! A network bears smp's names. Where another library names the modules of an encoder otherwise, a table made out of the
//! encoder's stages says which is which.

use std::collections::BTreeMap;

use super::StateDict;
use crate::build::{EFFICIENTNET_STAGES, Encoder, MOBILENET_STAGES};

/// What a name of a file means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The network's parameter of this name, if it has one.
    Parameter(String),
    /// What segmentation does not need: classifiers of ImageNet, counts of batches.
    Unused,
}

/// The form of an encoder that weights are for: those of an EfficientNet-B0 with the names of smp's `efficientnet-b0` are
/// for the form with TensorFlow's padding; in all other cases the form is the one that is asked for.
#[must_use]
pub fn form_of(encoder: Encoder, state: &StateDict) -> Encoder {
    let tensorflow = state.names().any(|name| name.ends_with("_conv_stem.weight"));
    if encoder == Encoder::EfficientNetB0 && tensorflow { Encoder::TfEfficientNetB0 } else { encoder }
}

/// The names of one encoder's modules, in every naming.
pub(super) struct Naming {
    encoder: Encoder,
    aliases: BTreeMap<String, String>,
}

impl Naming {
    pub(super) fn of(encoder: Encoder) -> Self {
        let aliases = match encoder {
            Encoder::ResNet18 | Encoder::ResNet34 | Encoder::ResNet50 => BTreeMap::new(),
            Encoder::MobileNetV2 => mobilenet_from_timm(),
            Encoder::EfficientNetB0 => efficientnet_from_torchvision(),
            Encoder::TfEfficientNetB0 => tf_efficientnet_from_timm(),
        };
        Self { encoder, aliases }
    }

    /// What `name` means, prefixes of wrappers around the network aside.
    pub(super) fn meaning(&self, name: &str) -> Meaning {
        let mut name = name;
        while let Some(rest) = name.strip_prefix("module.").or_else(|| name.strip_prefix("_orig_mod.")) {
            name = rest;
        }
        const PARTS: [&str; 3] = ["encoder.", "decoder.", "segmentation_head."];
        if let Some(rest) = name.strip_prefix("model.").filter(|rest| PARTS.iter().any(|part| rest.starts_with(part))) {
            name = rest;
        }
        if name.ends_with(".num_batches_tracked") || name.starts_with("classification_head.") {
            return Meaning::Unused;
        }
        if name.starts_with("decoder.") || name.starts_with("segmentation_head.") {
            return Meaning::Parameter(name.to_owned());
        }
        let inner = name.strip_prefix("encoder.").unwrap_or(name);
        let inner = inner.strip_prefix("model.").unwrap_or(inner);
        if self.unused().iter().any(|module| inner.starts_with(module)) {
            return Meaning::Unused;
        }
        let (module, part) = inner.rsplit_once('.').unwrap_or((inner, ""));
        let module = self.aliases.get(module).map_or(module, String::as_str);
        Meaning::Parameter(format!("encoder.{module}.{part}"))
    }

    /// Modules that a network for classification has beyond the encoder.
    fn unused(&self) -> &'static [&'static str] {
        match self.encoder {
            Encoder::ResNet18 | Encoder::ResNet34 | Encoder::ResNet50 => &["fc."],
            Encoder::MobileNetV2 => &["classifier."],
            Encoder::EfficientNetB0 => &["classifier.", "conv_head.", "bn2.", "features.8."],
            Encoder::TfEfficientNetB0 => &["_fc.", "_conv_head.", "_bn1.", "classifier.", "conv_head.", "bn2."],
        }
    }
}

/// Modules of an inverted bottleneck by timm's names; where nothing is widened, the last three are the first.
const WIDENING: [&str; 6] = ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"];
const PLAIN: [&str; 4] = ["conv_dw", "bn1", "conv_pw", "bn2"];

/// timm's names of a block's modules.
fn timm_modules(expansion: usize) -> &'static [&'static str] {
    if expansion == 1 { &PLAIN } else { &WIDENING }
}

fn table<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())).collect()
}

/// timm's `mobilenetv2_100` to torchvision's names.
fn mobilenet_from_timm() -> BTreeMap<String, String> {
    let mut names = table([
        ("conv_stem", "features.0.0"),
        ("bn1", "features.0.1"),
        ("conv_head", "features.18.0"),
        ("bn2", "features.18.1"),
    ]);
    let mut layer = 0;
    for (stage, &(expansion, _, blocks, _)) in MOBILENET_STAGES.iter().enumerate() {
        for block in 0..blocks {
            layer += 1;
            let ours: &[&str] =
                if expansion == 1 { &["0.0", "0.1", "1", "2"] } else { &["0.0", "0.1", "1.0", "1.1", "2", "3"] };
            let pairs = timm_modules(expansion).iter().zip(ours);
            names.extend(pairs.map(|(theirs, ours)| {
                (format!("blocks.{stage}.{block}.{theirs}"), format!("features.{layer}.conv.{ours}"))
            }));
        }
    }
    names
}

/// torchvision's `efficientnet_b0` to timm's names.
fn efficientnet_from_torchvision() -> BTreeMap<String, String> {
    let mut names = table([("features.0.0", "conv_stem"), ("features.0.1", "bn1")]);
    for (stage, &(expansion, _, blocks, ..)) in EFFICIENTNET_STAGES.iter().enumerate() {
        for block in 0..blocks {
            // Where nothing is widened, torchvision has one step less before the squeeze.
            let squeeze = if expansion == 1 { 1 } else { 2 };
            let steps = (0..=squeeze + 1).filter(|step| *step != squeeze).flat_map(|step| [(step, 0), (step, 1)]);
            let theirs = |inner: String| format!("features.{}.{block}.block.{inner}", stage + 1);
            let ours = |inner: &str| format!("blocks.{stage}.{block}.{inner}");
            let convolutions = steps.zip(timm_modules(expansion));
            names.extend(convolutions.map(|((step, part), inner)| (theirs(format!("{step}.{part}")), ours(inner))));
            names.insert(theirs(format!("{squeeze}.fc1")), ours("se.conv_reduce"));
            names.insert(theirs(format!("{squeeze}.fc2")), ours("se.conv_expand"));
        }
    }
    names
}

/// timm's `tf_efficientnet_b0` to the names of smp's `efficientnet-b0`.
fn tf_efficientnet_from_timm() -> BTreeMap<String, String> {
    let mut names = table([("conv_stem", "_conv_stem"), ("bn1", "_bn0")]);
    let mut counted = 0;
    for (stage, &(expansion, _, blocks, ..)) in EFFICIENTNET_STAGES.iter().enumerate() {
        for block in 0..blocks {
            let all = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"];
            let ours = if expansion == 1 { &all[2..] } else { &all[..] };
            let squeeze = [("se.conv_reduce", "_se_reduce"), ("se.conv_expand", "_se_expand")];
            let pairs = timm_modules(expansion).iter().copied().zip(ours.iter().copied()).chain(squeeze);
            names.extend(pairs.map(|(theirs, ours)| {
                (format!("blocks.{stage}.{block}.{theirs}"), format!("_blocks.{counted}.{ours}"))
            }));
            counted += 1;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(encoder: Encoder, name: &str) -> String {
        match Naming::of(encoder).meaning(name) {
            Meaning::Parameter(name) => name,
            Meaning::Unused => "unused".into(),
        }
    }

    #[test]
    fn names_of_the_libraries_mean_the_same_parameters() {
        use Encoder::{EfficientNetB0, MobileNetV2, ResNet18, TfEfficientNetB0};
        for (encoder, theirs, ours) in [
            (ResNet18, "layer2.0.downsample.0.weight", "encoder.layer2.0.downsample.0.weight"),
            (ResNet18, "module.encoder.bn1.running_var", "encoder.bn1.running_var"),
            (ResNet18, "model.decoder.blocks.0.conv1.0.weight", "decoder.blocks.0.conv1.0.weight"),
            (ResNet18, "fc.weight", "unused"),
            (ResNet18, "bn1.num_batches_tracked", "unused"),
            (MobileNetV2, "blocks.0.0.conv_pw.weight", "encoder.features.1.conv.1.weight"),
            (MobileNetV2, "blocks.6.0.bn3.bias", "encoder.features.17.conv.3.bias"),
            (MobileNetV2, "features.18.1.weight", "encoder.features.18.1.weight"),
            (EfficientNetB0, "features.1.0.block.1.fc2.bias", "encoder.blocks.0.0.se.conv_expand.bias"),
            (EfficientNetB0, "features.1.0.block.2.1.weight", "encoder.blocks.0.0.bn2.weight"),
            (EfficientNetB0, "features.2.1.block.3.0.weight", "encoder.blocks.1.1.conv_pwl.weight"),
            (EfficientNetB0, "encoder.model.blocks.1.1.conv_pwl.weight", "encoder.blocks.1.1.conv_pwl.weight"),
            (EfficientNetB0, "features.8.0.weight", "unused"),
            (TfEfficientNetB0, "blocks.2.1.bn3.weight", "encoder._blocks.4._bn2.weight"),
            (TfEfficientNetB0, "_blocks.15._se_reduce.bias", "encoder._blocks.15._se_reduce.bias"),
        ] {
            assert_eq!(parameter(encoder, theirs), ours, "{theirs}");
        }
    }
}
