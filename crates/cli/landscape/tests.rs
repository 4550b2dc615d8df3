use super::*;
use spectra::BAND_COUNT;

fn spec(region: Region, visit: u32) -> SceneSpec {
    SceneSpec { seed: 1, region, place: 0, visit, rows: 192, cols: 160 }
}

#[test]
fn shapes_and_values_are_what_the_docs_say() {
    let scene = scene(&spec(Region::A, 0));
    assert_eq!(scene.image.dim(), (BAND_COUNT, 192, 160));
    assert_eq!(scene.label.dim(), (192, 160));
    assert!(scene.image.iter().all(|&count| count != NODATA));
    assert!(scene.label.iter().all(|&class| class == IGNORE || usize::from(class) < CLASSES.len()));
}

#[test]
fn the_same_spec_gives_the_same_scene_and_another_seed_another() {
    let first = scene(&spec(Region::B, 1));
    assert_eq!(first.image, scene(&spec(Region::B, 1)).image);
    assert_ne!(first.image, scene(&SceneSpec { seed: 2, ..spec(Region::B, 1) }).image);
}

#[test]
fn visits_see_the_same_ground() {
    let (summer, winter) = (scene(&spec(Region::A, 0)), scene(&spec(Region::A, 3)));
    let seen = |class: u8| class != IGNORE;
    for (&a, &b) in summer.label.iter().zip(&winter.label) {
        assert!(a == b || !seen(a) || !seen(b));
    }
    assert_ne!(summer.image, winter.image);
}

#[test]
fn a_part_of_a_place_is_that_part_of_the_whole() {
    // A scene's upper left corner is its place's, whatever the size.
    let whole = scene(&spec(Region::A, 2));
    let part = scene(&SceneSpec { rows: 64, cols: 48, ..spec(Region::A, 2) });
    assert_eq!(part.label, whole.label.slice(s![..64, ..48]));
    // The last row and column of an even-sized part hold whole 20 m pixels, so counts agree too.
    assert_eq!(part.image, whole.image.slice(s![.., ..64, ..48]));
}

#[test]
fn every_class_occurs_in_both_regions() {
    for region in [Region::A, Region::B] {
        let scenes: Vec<Scene> = (0..3)
            .map(|place| scene(&SceneSpec { place, rows: 512, cols: 512, visit: 3, ..spec(region, 0) }))
            .collect();
        for class in 0..CLASSES.len() as u8 {
            let pixels: usize =
                scenes.iter().map(|scene| scene.label.iter().filter(|&&label| label == class).count()).sum();
            // 3 x 512 x 512 pixels; one in a hundred is enough to learn from.
            assert!(pixels > 7_800, "{region:?}: {pixels} pixels of {}", CLASSES[usize::from(class)].name);
        }
    }
}

#[test]
fn spectra_are_told_apart_the_way_plants_and_water_are() {
    let scene = scene(&SceneSpec { rows: 512, cols: 512, ..spec(Region::A, 0) });
    let mean = |class: u8, band: usize| {
        let pixels: Vec<f64> = scene
            .label
            .indexed_iter()
            .filter(|(_, label)| **label == class)
            .map(|((row, col), _)| f64::from(scene.image[[band, row, col]]) * SCALE + OFFSET)
            .collect();
        pixels.iter().sum::<f64>() / pixels.len() as f64
    };
    let (red, nir) = (2, 6);
    assert!(mean(4, nir) > 3.0 * mean(4, red), "a wood in July has a red edge");
    assert!(mean(0, nir) < mean(0, red), "water swallows the near infrared");
}

#[test]
fn the_first_bytes_are_pinned() {
    // Drawn with exact arithmetic only; a change here is a change of the landscape, and of what the shipped weights saw.
    let scene = scene(&SceneSpec { rows: 64, cols: 64, ..spec(Region::B, 0) });
    let sum = scene.image.iter().fold(0u64, |sum, &count| noise::mix(sum ^ u64::from(count)));
    let sum = scene.label.iter().fold(sum, |sum, &class| noise::mix(sum ^ u64::from(class)));
    assert_eq!(sum, 12697984731419843339);
}
