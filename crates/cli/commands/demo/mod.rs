//! `swath demo`: a made-up labelled landscape, a network fine-tuned on it with and without pre-training, scores, a map and a report.

mod pretrain;
mod scenes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser};
use swath_loader::Part;

use crate::args;
use crate::commands::finetune::{Existing, Finished, finetune, publish};
use crate::landscape::{BANDS, CLASSES, Region};
use crate::report::{self, write_html};
use crate::settings::Settings;
use crate::summary;
use scenes::Ground;

/// Arguments of `swath demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder to make; what it held is replaced if an earlier demo made it.
    #[arg(short, long, value_name = "FOLDER", default_value = "demo")]
    out: PathBuf,
    /// Seed of landscape, sampling and new weights.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Optimiser steps of each of the two trainings.
    #[arg(long, value_name = "STEPS", default_value_t = 80)]
    steps: u64,
    /// Make the shipped network anew instead: train it from random weights on region A.
    #[arg(long)]
    pretrain: bool,
}

/// The shipped network and its item, so that the binary alone can run the demo.
const SHIPPED_MODEL: &[u8] = include_bytes!("../../../../models/unet-small/model.onnx");
const SHIPPED_ITEM: &str = include_str!("../../../../models/unet-small/item.json");

/// Written into the folder, so that a later demo knows that it may replace it.
const MARKER: &str = ".swath-demo";

/// Runs the demo.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    prepare(&args.out)?;
    if args.pretrain {
        return pretrain::run(&args.out, args.seed, args.steps);
    }
    let started = Instant::now();
    let out = &args.out;
    say(&format!("1. A labelled landscape (region B) in {}", out.join("data").display()));
    scenes::write(&out.join("data"), args.seed, &Ground::of_demo(Region::B))?;
    describe(out)?;

    say("2. Fine-tuning the shipped network, then a fresh one with the same budget");
    let pretrained = out.join("model");
    fs::create_dir_all(&pretrained)?;
    fs::write(pretrained.join("model.onnx"), SHIPPED_MODEL)?;
    swath_catalog::publish::write_json_atomically(&pretrained.join("item.json"), &alone(SHIPPED_ITEM)?)?;
    swath_autodiff::build::small_unet(BANDS.len(), CLASSES.len(), args.seed)?.save(out.join("fresh.onnx"))?;
    let tuned = train(out, "pre-trained", "model/item.json", args)?;
    let fresh = train(out, "from-scratch", "fresh.onnx", args)?;

    say("3. A map of a scene that no training window touches");
    let scene = scenes::mapped(&out.join("data"))?;
    let map = out.join("map.tif");
    let run = tuned.folder.root().to_path_buf();
    typed(["predict", text(&run)?, text(&scene)?, "--tile", "192", "--overlap", "32", "--output", text(&map)?])?;

    report(out, &tuned, &fresh, &scene, &map)?;
    for (name, run) in [("pre-trained", &tuned), ("from scratch", &fresh)] {
        println!("\n{name}\n{}", run.scores.table());
    }
    println!("\n{}  ({:.0} s)", out.join("report.html").display(), started.elapsed().as_secs_f64());
    Ok(())
}

/// Empties the folder of an earlier demo; refuses any other one.
fn prepare(out: &Path) -> Result<()> {
    let holds_something = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if holds_something {
        ensure!(out.join(MARKER).is_file(), "{} is not empty and no demo made it: choose another --out", out.display());
        fs::remove_dir_all(out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    fs::write(out.join(MARKER), "made by swath demo\n").with_context(|| format!("cannot write into {}", out.display()))
}

fn say(what: &str) {
    eprintln!("\n{what}");
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8; choose another --out", path.display()))
}

/// Runs another command of swath as it would be typed, and shows it.
fn typed<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let words: Vec<&str> = std::iter::once("swath").chain(words).collect();
    let quoted = words
        .iter()
        .map(|word| if word.contains(['*', '(', ' ', '\\']) { format!("'{word}'") } else { (*word).to_owned() });
    eprintln!("$ {}", quoted.collect::<Vec<_>>().join(" "));
    args::Args::try_parse_from(words)?.command.run()
}

/// An item as it stands without its collection.
fn alone(item: &str) -> Result<serde_json::Value> {
    let mut item: serde_json::Value = serde_json::from_str(item)?;
    if let Some(item) = item.as_object_mut() {
        item.remove("collection");
        item.insert("links".to_owned(), serde_json::json!([]));
    }
    Ok(item)
}

/// Images and labels in `out/data` as the catalog `out/catalog`.
fn describe(out: &Path) -> Result<()> {
    let (images, labels) = (out.join("data/images/*/*.tif"), out.join("data/labels/*/*.tif"));
    let catalog = out.join("catalog");
    let bands: Vec<&str> = BANDS.iter().map(|band| band.name).collect();
    let values = (0..).zip(&CLASSES).map(|(value, class): (u8, _)| format!("{}={value}", class.name));
    let (bands, classes) = (bands.join(","), values.collect::<Vec<_>>().join(","));
    typed([
        "describe",
        "--images",
        text(&images)?,
        "--labels",
        text(&labels)?,
        "--match",
        r"(place\d+_\d{4}-\d{2}-\d{2})",
        "--classes",
        &classes,
        "--bands",
        &bands,
        "--split-from",
        "images/(train|test)/",
        "--license",
        "CC0-1.0",
        "--description",
        "A made-up landscape under a made-up Sentinel-2",
        "--out",
        text(&catalog)?,
    ])
}

/// Writes the config of a run and trains by it.
fn train(out: &Path, name: &str, model: &str, args: &DemoArgs) -> Result<Finished> {
    let config = out.join(format!("{name}.toml"));
    crate::whole_file::write_text(&config, &settings(name, model, args.seed, args.steps, 1e-3))?;
    eprintln!("$ swath finetune {}", config.display());
    let settings = Settings::read(&config, &[])?;
    let finished = finetune(&settings, Existing::Overwrite)?;
    publish::report(&settings, &finished)?;
    Ok(finished)
}

/// A config as someone would write it.
fn settings(name: &str, model: &str, seed: u64, steps: u64, learning_rate: f64) -> String {
    let classes: Vec<String> = CLASSES.iter().map(|class| format!("{:?}", class.name)).collect();
    let colours = CLASSES.iter().map(|class| {
        let [r, g, b] = class.colour;
        format!("{} = \"{r:02x}{g:02x}{b:02x}\"", class.name)
    });
    let bands: Vec<String> = BANDS.iter().map(|band| format!("{:?}", band.name)).collect();
    format!(
        r#"catalog = "catalog/catalog.json"
model = "{model}"
classes = [{classes}]
out = "{name}"

[colours]
{colours}

[recipe]
bands = [{bands}]
window_px = 96
batch = 8
seed = {seed}
split = {{ method = "ml-aoi" }}
normalise = {{ method = "fixed", scale = [{SCALE}], offset = [{OFFSET}] }}
augment = [
  {{ name = "RandomRotate90" }},
  {{ name = "HorizontalFlip" }},
  {{ name = "VerticalFlip" }},
]

[training]
steps = {steps}
learning_rate = {learning_rate}
"#,
        classes = classes.join(", "),
        colours = colours.collect::<Vec<_>>().join("\n"),
        bands = bands.join(", "),
    )
}

/// Counts to network inputs: reflectance (counts / 10000 - 0.1), less 0.2, in units of 0.2. The same for both regions, so
/// that the shipped network sees in region B what it learnt to see in region A.
const SCALE: f64 = 1.0 / 2000.0;
const OFFSET: f64 = -1.5;

fn report(out: &Path, tuned: &Finished, fresh: &Finished, scene: &Path, map: &Path) -> Result<()> {
    let settings = Settings::read(&out.join("pre-trained.toml"), &[])?;
    let names = ["pre-trained".to_owned(), "from scratch".to_owned()];
    let gain = tuned.scores.mean_iou.zip(fresh.scores.mean_iou).map_or(String::new(), |(tuned, fresh)| {
        format!(
            " Mean IoU on unseen ground: {tuned:.3} pre-trained, {fresh:.3} from scratch, both after {} steps.",
            tuned_steps(&settings)
        )
    });
    let mut provenance = summary::provenance(&settings, tuned)?;
    provenance.commands.push("swath predict demo/pre-trained <scene> --output demo/map.tif".to_owned());
    let judged = [(names[0].clone(), &tuned.gallery), (names[1].clone(), &fresh.gallery)];
    let mut galleries = summary::galleries(&tuned.dataset, &judged)?;
    galleries.push(report::Gallery {
        heading: "A map".to_owned(),
        note: "A scene that no training window touches, mapped tile by tile.".to_owned(),
        samples: vec![scenes::map_sample(scene, map)?],
    });
    let page = report::RunReport {
        title: "Land cover of a made-up region".to_owned(),
        summary: format!(
            "A small UNet pre-trained on region A, fine-tuned on {} scenes of region B.{gain}",
            summary::scenes_of(tuned, Part::Train)
        ),
        made_at: tuned.record.finished_at.clone(),
        classes: summary::classes(&settings),
        runs: vec![summary::run(&names[0], tuned)?, summary::run(&names[1], fresh)?],
        test_data: summary::test_data(tuned),
        galleries,
        training_data: summary::training_data(tuned)?,
        provenance,
        remarks: vec![
            "Landscape, sensor and labels are made up; the scores say nothing about real scenes.".to_owned(),
            "Both runs saw the same batches in the same order with the same settings; only the initial weights differ."
                .to_owned(),
        ],
    };
    write_html(&page, &out.join("report.html"))
}

fn tuned_steps(settings: &Settings) -> u64 {
    settings.training.total_steps(0)
}
