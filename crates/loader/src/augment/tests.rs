use super::*;
use crate::draw::Purpose;
use serde::Deserialize;

fn draw() -> Draw {
    Draw::new(1, Purpose::Augment, 0, 0)
}

fn steps(toml: &str) -> Vec<Step> {
    #[derive(Deserialize)]
    struct Table {
        augment: Vec<Step>,
    }
    toml::from_str::<Table>(toml).unwrap().augment
}

#[test]
fn a_recipe_and_what_albumentations_saved_mean_the_same() {
    let ours = steps(
        r#"augment = [{ name = "RandomCrop", height = 8, width = 9 }, { name = "OneOf", transforms = [{ name = "HorizontalFlip" }] }]"#,
    );
    let saved = r#"[
        {"__class_fullname__": "RandomCrop", "p": 1.0, "border_mode": 0, "fill": 0.0, "fill_mask": 0.0, "height": 8,
         "pad_if_needed": false, "pad_position": "center", "width": 9},
        {"__class_fullname__": "albumentations.core.composition.OneOf", "p": 0.5,
         "transforms": [{"__class_fullname__": "HorizontalFlip", "p": 0.5}]}]"#;
    let theirs: Vec<Step> = serde_json::from_str(saved).unwrap();
    let (ours, theirs) = (Pipeline::compile(&ours).unwrap(), Pipeline::compile(&theirs).unwrap());
    for index in 0..20 {
        let whole = View::whole(20, 30);
        let stream = || Draw::new(7, Purpose::Augment, 0, index);
        assert_eq!(ours.lead(whole, &mut stream()).unwrap(), theirs.lead(whole, &mut stream()).unwrap());
    }
}

#[test]
fn a_whole_saved_pipeline_is_read_and_kept_as_toml() {
    let saved = r#"{"__version__": "2.0.8", "transform": {"__class_fullname__": "Compose", "p": 1.0, "transforms": [
        {"__class_fullname__": "RandomCrop", "p": 1.0, "height": 8, "width": 9, "pad_if_needed": false},
        {"__class_fullname__": "SomeOf", "p": 1, "n": 1, "replace": false, "transforms": [
            {"__class_fullname__": "Affine", "p": 0.5, "translate_percent": null, "translate_px": {"x": [0, 0], "y": [0, 0]}},
            {"__class_fullname__": "Sequential", "p": 0.3, "transforms": [{"__class_fullname__": "VerticalFlip", "p": 1.0}]}]}],
        "bbox_params": null, "keypoint_params": null, "additional_targets": {}, "is_check_shapes": true}}"#;
    let steps = parse(saved, "here").unwrap();
    assert_eq!(steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["RandomCrop", "SomeOf"]);
    // The crop leads, so that only its pixels are read.
    assert_eq!(Pipeline::compile(&steps).unwrap().leading, 1);
    let recipe: crate::Recipe = serde_json::from_str(&format!(r#"{{"classes": ["a"], "augment": {saved}}}"#)).unwrap();
    assert_eq!(recipe.augment, steps);
    let kept: crate::Recipe = toml::from_str(&toml::to_string(&recipe).unwrap()).unwrap();
    assert_eq!(kept, recipe);
    let sometimes = saved.replacen(r#""p": 1.0"#, r#""p": 0.5"#, 1);
    assert_eq!(parse(&sometimes, "here").unwrap()[0].name, "Compose");
}

#[test]
fn a_file_without_augmentations_says_so() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("pipeline.json");
    assert!(matches!(read(&path), Err(Error::ReadAugmentations { .. })));
    for text in ["{", r#"{"transforms": []}"#, r#"[{"p": 1}]"#] {
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(&error, Error::ParseAugmentations { path, .. } if path.ends_with("pipeline.json")), "{error}");
    }
}

#[test]
fn what_cannot_be_understood_is_named() {
    for (toml, words) in [
        (r#"augment = [{ name = "RandomCorp" }]"#, ["RandomCorp", "RandomCrop"]),
        (r#"augment = [{ name = "RandomCrop", height = 8, widht = 8 }]"#, ["RandomCrop", "width"]),
        (r#"augment = [{ name = "HorizontalFlip", q = 1 }]"#, ["'q'", "p"]),
        (r#"augment = [{ name = "HorizontalFlip", p = 1.5 }]"#, ["1.5", "0..1"]),
        (r#"augment = [{ name = "Rotate", border_mode = 5 }]"#, ["border_mode", "4 (mirror)"]),
        (r#"augment = [{ name = "OneOf", transforms = [{ name = "Nope" }] }]"#, ["Nope", "there are Affine"]),
        (r#"augment = [{ name = "HorizontalFlp" }]"#, ["HorizontalFlp", "did you mean HorizontalFlip?"]),
        (r#"augment = [{ name = "Normalize" }]"#, ["Normalize", "`normalise`"]),
        (
            r#"augment = [{ name = "Resize", height = 8, width = 8, area_for_downscale = "image_mask" }]"#,
            ["classes", "area"],
        ),
    ] {
        let error = Pipeline::compile(&steps(toml)).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{toml}: {error}");
    }
}

#[test]
fn a_crop_larger_than_the_sample_says_both_sizes() {
    let pipeline = Pipeline::compile(&[Step::new("RandomCrop").with("height", 30).with("width", 10)]).unwrap();
    let error = pipeline.lead(View::whole(20, 20), &mut draw()).unwrap_err().to_string();
    assert!(error.contains("30 x 10") && error.contains("20 x 20"), "{error}");
}

#[test]
fn probabilities_are_met() {
    let pipeline = Pipeline::compile(&[Step::new("HorizontalFlip").with("p", 0.25)]).unwrap();
    let whole = View::whole(3, 5);
    let flipped = (0..10_000)
        .filter(|&index| pipeline.lead(whole, &mut Draw::new(0, Purpose::Augment, 0, index)).unwrap() != whole);
    // Binomial with n = 10000, p = 1/4: sd = sqrt(1875) = 43.3; five of them.
    assert!(flipped.count().abs_diff(2500) < 217);
}

#[test]
fn steps_survive_writing() {
    let step = Step::new("Affine").with("rotate", vec![-5.0, 5.0]).with("p", 0.5);
    let text = serde_json::to_string(&step).unwrap();
    assert_eq!(serde_json::from_str::<Step>(&text).unwrap(), step);
}
