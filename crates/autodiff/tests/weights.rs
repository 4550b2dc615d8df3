//! Files of weights as PyTorch writes them: what is read, and what is refused without being run. `data/weights.py` made
//! the files.
// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use swath_autodiff::Model;
use swath_autodiff::build::{Encoder, unet};
use swath_autodiff::graph::Tensor;
use swath_autodiff::weights::{StateDict, form_of, load_weights};

const WEIGHTS: &[u8] = include_bytes!("data/weights.pth");

fn open(bytes: &[u8]) -> Result<StateDict, String> {
    StateDict::from_bytes("weights.pth", bytes.to_vec()).map_err(|error| error.to_string())
}

#[test]
fn every_kind_of_tensor_is_read_whatever_its_strides() {
    let state = open(WEIGHTS).unwrap();
    let read = |name: &str| state.floats(name).unwrap();
    let values = |name: &str| read(name).as_f32().unwrap().to_vec();
    assert_eq!(values("plain"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!((read("turned").dims(), values("turned")), (&[3, 2][..], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
    assert_eq!(values("part"), [4.0, 7.0, 10.0]);
    assert_eq!((values("half"), values("brain")), (vec![0.0, 0.5, 1.0], vec![0.0, 0.5, 1.0]));
    assert_eq!(values("double"), [0.0, 0.25, 0.5]);
    assert_eq!((read("number").dims(), values("number")), (&[][..], vec![1.5]));
    assert_eq!(values("parameter"), [0.0, 1.0]);
    assert_eq!(read("none").dims(), [0, 4]);
    for (name, words) in [("whole", "floating-point"), ("repeated", "beyond"), ("absent", "not there")] {
        let error = state.floats(name).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{error}");
    }
}

#[test]
fn what_is_no_state_dict_is_refused_in_words() {
    for (bytes, words) in [
        (&include_bytes!("data/old.pth")[..], "before PyTorch 1.6"),
        (include_bytes!("data/evil.pth"), "system', which no state dict needs and which is never run"),
        (b"GIF89a", "neither safetensors nor"),
        (b"", "neither safetensors nor"),
    ] {
        let error = open(bytes).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn damaged_files_are_refused_or_read_but_never_more() {
    for length in 0..WEIGHTS.len() {
        assert!(open(&WEIGHTS[..length]).is_err(), "the first {length} bytes were taken for the whole");
    }
    for at in 0..WEIGHTS.len() {
        let mut bytes = WEIGHTS.to_vec();
        bytes[at] ^= 0x81;
        if let Ok(state) = open(&bytes) {
            for name in state.names().map(str::to_owned).collect::<Vec<_>>() {
                // What a changed name, size or stride gives is not known here; a panic or huge memory would fail the test.
                let _ = state.floats(&name);
            }
        }
    }
}

/// Safetensors of a network's parameters, renamed and reshaped by `change`; `None` leaves one out.
fn file(model: &Model, change: impl Fn(&str, &Tensor) -> Option<(String, Vec<usize>)>) -> StateDict {
    let parameters = model.inspect().unwrap().parameters;
    let named = parameters.iter().filter_map(|parameter| {
        let tensor = &model.graph().initializers()[&parameter.name];
        change(&parameter.name, tensor).map(|(name, dims)| {
            let count = dims.iter().product::<usize>();
            let bytes: Vec<u8> = (0..count).flat_map(|index| (index as f32 / count as f32).to_le_bytes()).collect();
            (name, dims, bytes)
        })
    });
    let held: Vec<(String, Vec<usize>, Vec<u8>)> = named.collect();
    let views = held.iter().map(|(name, dims, bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, dims.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    StateDict::from_bytes("made.safetensors", safetensors::serialize(views, None).unwrap()).unwrap()
}

fn same(name: &str, tensor: &Tensor) -> Option<(String, Vec<usize>)> {
    Some((name.to_owned(), tensor.dims().to_vec()))
}

fn encoder_only(name: &str, tensor: &Tensor) -> Option<(String, Vec<usize>)> {
    name.strip_prefix("encoder.").map(|name| (name.to_owned(), tensor.dims().to_vec()))
}

#[test]
fn an_encoder_alone_leaves_decoder_and_head_as_drawn() {
    let model = unet(Encoder::ResNet18, 3, 2, 5).unwrap();
    let (filled, loaded) = load_weights(&model, Encoder::ResNet18, &file(&model, encoder_only)).unwrap();
    assert!(!loaded.whole && loaded.changes.is_empty());
    let (before, after) = (model.graph().initializers(), filled.graph().initializers());
    assert_eq!(before["decoder.blocks.0.conv1.0.weight"], after["decoder.blocks.0.conv1.0.weight"]);
    assert_ne!(before["encoder.conv1.weight"], after["encoder.conv1.weight"]);
}

#[test]
fn another_number_of_bands_is_refitted_as_smp_does() {
    let (rgb, five) = (unet(Encoder::ResNet18, 3, 2, 5).unwrap(), unet(Encoder::ResNet18, 5, 2, 5).unwrap());
    let state = file(&rgb, encoder_only);
    let (filled, loaded) = load_weights(&five, Encoder::ResNet18, &state).unwrap();
    let given = state.floats("conv1.weight").unwrap();
    let (given, taken) = (given.as_f32().unwrap(), filled.graph().initializers()["encoder.conv1.weight"].clone());
    assert_eq!(taken.dims(), [64, 5, 7, 7]);
    for (band, from) in [(0, 0), (2, 2), (3, 0), (4, 1)] {
        let at = |dims: usize, band: usize| (7 * dims + band) * 49 + 24;
        assert_eq!(taken.as_f32().unwrap()[at(5, band)], given[at(3, from)] * (3.0 / 5.0), "band {band}");
    }
    assert!(loaded.changes[0].contains("3 input bands became 5"), "{:?}", loaded.changes);
}

#[test]
fn names_and_shapes_that_do_not_fit_are_named() {
    let model = unet(Encoder::ResNet18, 3, 2, 5).unwrap();
    let other_head = unet(Encoder::ResNet18, 3, 7, 5).unwrap();
    let without = |name: &str, tensor: &Tensor| same(name, tensor).filter(|_| name != "encoder.bn1.running_var");
    let strange = |name: &str, tensor: &Tensor| Some((name.replace("layer4.1", "layer5.0"), tensor.dims().to_vec()));
    let flat = |name: &str, tensor: &Tensor| {
        let dims = if name == "encoder.bn1.weight" { vec![65] } else { tensor.dims().to_vec() };
        Some((name.to_owned(), dims))
    };
    let foreign = |name: &str, tensor: &Tensor| Some((format!("backbone.{name}"), tensor.dims().to_vec()));
    for (state, words) in [
        (file(&model, without), "lacks 'encoder.bn1.running_var'"),
        (file(&model, strange), "has 'encoder.layer5.0.bn1.bias'"),
        (file(&model, flat), "'encoder.bn1.weight' has dimensions [65], the network's encoder.bn1.weight has [64]"),
        (file(&model, foreign), "no weights of resnet18"),
        (file(&other_head, same), "build it for 7 classes"),
    ] {
        let error = load_weights(&model, Encoder::ResNet18, &state).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn weights_by_the_names_of_tensorflow_s_padding_are_for_that_form() {
    let model = unet(Encoder::TfEfficientNetB0, 3, 2, 0).unwrap();
    assert_eq!(form_of(Encoder::EfficientNetB0, &file(&model, same)), Encoder::TfEfficientNetB0);
    let model = unet(Encoder::EfficientNetB0, 3, 2, 0).unwrap();
    assert_eq!(form_of(Encoder::EfficientNetB0, &file(&model, same)), Encoder::EfficientNetB0);
}
