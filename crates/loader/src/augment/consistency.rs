//! What every augmentation promises: image, label and validity move together, and integers of any width are treated as floats
//! are, rounded.

use ndarray::{Array2, Array3};
use proptest::prelude::*;
use serde_json::{Value, json};
use swath_raster::DType;

use super::{Pipeline, Step, names};
use crate::draw::{Draw, Purpose};
use crate::error::Error;
use crate::recipe::IGNORE;
use crate::sample::{Domain, Sample};

const SIZE: (usize, usize) = (23, 19);

/// Parameters of each augmentation under which it moves whole pixels only, or none; `None` for what changes values.
fn moving(name: &str) -> Option<Vec<Value>> {
    let inner = json!([{"name": "Rotate", "interpolation": 0}, {"name": "Transpose", "p": 0.5}, {"name": "CenterCrop", "height": 12, "width": 13}]);
    let borders = |more: Value| {
        (0..5).map(move |mode| {
            let mut all = json!({"border_mode": mode, "interpolation": 0});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        })
    };
    let padded = |more: Value| {
        borders(more).map(|mut all| {
            all.as_object_mut().unwrap().remove("interpolation");
            all
        })
    };
    Some(match name {
        "RandomCrop" | "CenterCrop" => padded(json!({"height": 27, "width": 11, "pad_if_needed": true})).collect(),
        "PadIfNeeded" => padded(json!({"min_height": 30, "min_width": 25, "position": "random"})).collect(),
        "HorizontalFlip" | "VerticalFlip" | "Transpose" | "RandomRotate90" | "D4" | "NoOp" => vec![json!({})],
        "Resize" => vec![json!({"height": 31, "width": 12, "interpolation": 0})],
        "RandomResizedCrop" => vec![json!({"size": [17, 21], "interpolation": 0})],
        "Rotate" => {
            borders(json!({"crop_border": false})).chain([json!({"crop_border": true, "interpolation": 0})]).collect()
        }
        "ShiftScaleRotate" => borders(json!({})).collect(),
        "Affine" => borders(json!({"scale": [0.6, 1.5], "rotate": [-90, 90], "shear": [-15, 15], "fit_output": true}))
            .chain([json!({"scale": [0.5, 2.0], "translate_px": [-4, 4], "balanced_scale": true, "interpolation": 0})])
            .collect(),
        "Perspective" => borders(json!({"scale": [0.05, 0.2]}))
            .chain([json!({"fit_output": true, "interpolation": 0}), json!({"keep_size": false, "interpolation": 0})])
            .collect(),
        "ElasticTransform" => borders(json!({"alpha": 60, "sigma": 4})).collect(),
        "GridDistortion" => borders(json!({"normalized": false})).collect(),
        "Compose" | "Sequential" | "OneOf" => vec![json!({"transforms": inner})],
        "SomeOf" | "RandomOrder" => vec![json!({"transforms": inner, "n": 2})],
        _ => return None,
    })
}

/// Parameters of those that change values and leave every pixel where it is.
fn changing(name: &str) -> Option<Value> {
    Some(match name {
        "RandomBrightnessContrast"
        | "RandomGamma"
        | "MultiplicativeNoise"
        | "ChannelShuffle"
        | "GaussNoise"
        | "GaussianBlur"
        | "Downscale"
        | "ChannelDropout"
        | "CoarseDropout"
        | "BandJitter"
        | "CloudShadow"
        | "HistogramMatching"
        | "FDA" => json!({}),
        _ => return None,
    })
}

fn pipeline(name: &str, parameters: &Value) -> Pipeline {
    let mut step = Step { name: name.to_owned(), parameters: parameters.as_object().unwrap().clone() };
    step.parameters.insert("p".to_owned(), json!(1.0));
    Pipeline::compile(&[step]).unwrap()
}

/// Blobs of four classes; band 0 holds 1000 times the class, band 1 something else. Class 3 is invalid ground.
fn classes(domain: Domain) -> Sample {
    let label = Array2::from_shape_fn(SIZE, |(r, c)| ((r * r / 9 + c * 3 / 7 + r * c / 31) % 4) as u8);
    let image = Array3::from_shape_fn((3, SIZE.0, SIZE.1), |(b, r, c)| match b {
        0 => f32::from(label[[r, c]]) * 1000.0,
        _ => ((r * 37 + c * 91 + b * 500) % 3000) as f32,
    });
    let valid = label.mapv(|class| class != 3);
    Sample::new(image, label, valid, domain)
}

fn run(pipeline: &Pipeline, domain: Domain, seed: u64) -> Result<Sample, Error> {
    let mut draw = Draw::new(seed, Purpose::Augment, 0, 0);
    let mut sample = classes(domain);
    sample.view = pipeline.lead(sample.view, &mut draw)?;
    let other = |draw: &mut Draw| {
        let mut other = classes(domain);
        let factor = draw.uniform(0.3, 0.9) as f32;
        other.image.mapv_inplace(|value| (value * factor).floor());
        Ok(other)
    };
    pipeline.follow(&mut sample, &mut draw, &other)?;
    sample.settle();
    Ok(sample)
}

fn uint16() -> Domain {
    Domain::new(DType::U16, false, None)
}

#[test]
fn every_augmentation_is_looked_at() {
    for name in names() {
        assert!(moving(name).is_some() != changing(name).is_some(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn image_label_and_validity_move_together(seed in any::<u64>()) {
        for (name, all) in names().into_iter().filter_map(|name| Some((name, moving(name)?))) {
            for parameters in all {
                let sample = run(&pipeline(name, &parameters), uint16(), seed).unwrap();
                for (at, &label) in sample.label.indexed_iter() {
                    let value = sample.image[[0, at.0, at.1]];
                    if label == IGNORE {
                        // Beyond the edge: nothing, and known to be nothing.
                        prop_assert!(value == 0.0 && !sample.valid[at], "{name} {parameters} at {at:?}: {value}");
                    } else {
                        prop_assert_eq!(value, f32::from(label) * 1000.0, "{} {} at {:?}", name, parameters, at);
                        prop_assert_eq!(sample.valid[at], label != 3, "{} {} at {:?}", name, parameters, at);
                    }
                }
            }
        }
    }

    #[test]
    fn what_changes_values_moves_nothing(seed in any::<u64>()) {
        for (name, parameters) in names().into_iter().filter_map(|name| Some((name, changing(name)?))) {
            let (before, after) = (classes(uint16()), run(&pipeline(name, &parameters), uint16(), seed).unwrap());
            prop_assert_eq!(&after.valid, &before.valid, "{}", name);
            // A cloud hides the ground below it; nothing else touches a label.
            let kept = |(after, before): (&u8, &u8)| after == before || name == "CloudShadow" && *after == IGNORE;
            prop_assert!(after.label.iter().zip(&before.label).all(kept), "{name}");
        }
    }

    #[test]
    fn integers_are_rounded_floats(seed in any::<u64>()) {
        let float = Domain { integral: false, range: (0.0, f32::INFINITY), ..uint16() };
        for name in names() {
            let parameters = changing(name).into_iter().chain(moving(name).into_iter().flatten());
            for mut parameters in parameters {
                // Between pixels, too.
                parameters.as_object_mut().unwrap().entry("interpolation").and_modify(|method| *method = json!(1));
                let pipeline = pipeline(name, &parameters);
                let exact = run(&pipeline, float, seed).unwrap();
                for domain in [uint16(), Domain::new(DType::I16, false, None), Domain::new(DType::I32, false, None)] {
                    let whole = run(&pipeline, domain, seed).unwrap();
                    prop_assert_eq!(&whole.label, &exact.label, "{}", name);
                    for (whole, exact) in whole.image.iter().zip(&exact.image) {
                        prop_assert_eq!(whole.fract(), 0.0, "{} {}", name, parameters);
                        // Half a count, or a whole one where a step rounds twice; noise may be negative only where the type is.
                        let below = *exact == 0.0 && domain.range.0 < 0.0 && *whole < 0.0;
                        prop_assert!(below || (whole - exact).abs() <= 1.0, "{name} {parameters}: {whole}, {exact}");
                    }
                }
            }
        }
    }
}
