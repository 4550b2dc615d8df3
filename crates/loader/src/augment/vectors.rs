//! Agreement with albumentations where nothing is left to chance, from recorded results (`tests/augment_vectors.py`).

use ndarray::{Array2, Array3};
use swath_raster::DType;

use super::{Pipeline, Step};
use crate::draw::{Draw, Purpose};
use crate::sample::{Domain, Sample};

#[derive(serde::Deserialize)]
struct Recorded {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    transform: Step,
    dtype: String,
    shape: [usize; 3],
    image: Vec<f32>,
    label: Vec<u8>,
}

const SIZE: (usize, usize, usize) = (3, 11, 14);

/// The input that the script makes.
fn input(dtype: &str) -> Sample {
    let value = |(b, r, c): (usize, usize, usize)| ((r * 7 + c * 5 + b * 40 + (r * c) % 11 * 6) % 256) as f32;
    let image = Array3::from_shape_fn(SIZE, value);
    let label = Array2::from_shape_fn((SIZE.1, SIZE.2), |(r, c)| ((r / 6 + c / 7) % 4) as u8);
    let valid = Array2::from_elem((SIZE.1, SIZE.2), true);
    match dtype {
        "uint8" => Sample::new(image, label, valid, Domain::new(DType::U8, false, None)),
        _ => Sample::new(image / 255.0, label, valid, Domain::new(DType::F32, false, Some(1.0))),
    }
}

/// Other ground: the input in reverse order, darker.
fn reference(dtype: &str) -> Sample {
    let mut sample = input(dtype);
    sample.image.invert_axis(ndarray::Axis(1));
    let factor = if dtype == "uint8" { 1.0 } else { 255.0 };
    sample.image.mapv_inplace(|value| (value * factor / 2.0).floor() / factor);
    sample
}

/// Steps for which every value is equal: they only move pixels.
const EXACT: [&str; 6] = ["CenterCrop", "HorizontalFlip", "VerticalFlip", "Transpose", "PadIfNeeded", "CoarseDropout"];

#[test]
fn fixed_augmentations_agree_with_albumentations() {
    let recorded: Recorded = serde_json::from_str(include_str!("../../tests/augment_vectors.json")).unwrap();
    assert_eq!(recorded.cases.len(), 85);
    let mut failures = Vec::new();
    for case in &recorded.cases {
        let name = format!("{} on {}", serde_json::to_string(&case.transform).unwrap(), case.dtype);
        let pipeline = Pipeline::compile(std::slice::from_ref(&case.transform)).unwrap();
        let mut draw = Draw::new(0, Purpose::Augment, 0, 0);
        let mut sample = input(&case.dtype);
        sample.view = pipeline.lead(sample.view, &mut draw).unwrap();
        let reference = |_: &mut Draw| Ok(reference(&case.dtype));
        pipeline.follow(&mut sample, &mut draw, &reference).unwrap();
        sample.settle();
        if sample.image.shape() != case.shape {
            failures.push(format!("{name}: shape {:?}, not {:?}", sample.image.shape(), case.shape));
            continue;
        }
        // One count for bytes. For floats in 0..1, recorded to 5 digits: OpenCV keeps interpolation weights in steps of 2^-15
        // for bytes and in f32 for floats, whose sums of 16 differ by some 1e-6; 2e-5 covers both and the digits. albumentations
        // takes floats through bytes to make them coarser: rounded twice to half a count of 1/255, with weights in steps of
        // 2^-11 that add an eighth of a count in each direction.
        let tolerance = match (EXACT.contains(&case.transform.name.as_str()), case.dtype.as_str()) {
            (true, "uint8") => 0.0,
            (false, "uint8") => 1.0,
            _ if case.transform.name == "Downscale" => 1.25 / 255.0,
            _ => 2e-5,
        };
        let far = |(got, want): (&f32, &f32)| (got - want).abs() > tolerance;
        let wrong = sample.image.iter().zip(&case.image).filter(|pair| far(*pair)).count();
        let worst = sample.image.iter().zip(&case.image).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let labels = sample.label.iter().zip(&case.label).filter(|(got, want)| got != want).count();
        if wrong > 0 || labels > 0 {
            let all = case.image.len();
            failures.push(format!("{name}: {wrong} of {all} values differ, by up to {worst}; {labels} labels differ"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), recorded.cases.len(), failures.join("\n"));
}
