//! What tests of the binary share: running it, a small labelled dataset, and where the real data is.
#![allow(dead_code)] // each test binary uses its own part

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::{Array3, s};
use swath_raster::{Affine, Crs, Grid, Pixels, Samples, WriteOptions, write_cog};

/// Side of a scene of the small dataset, in pixels.
pub(crate) const SIDE_PX: usize = 96;

/// Runs `swath` in `folder`.
pub(crate) fn swath(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_swath")).args(arguments).current_dir(folder).output().expect("swath starts")
}

/// Runs `swath` and expects success; gives what it printed.
pub(crate) fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = swath(folder, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "swath {arguments:?}\n{out}\n{err}");
    out.into_owned()
}

/// Runs `swath` and expects exit code 2 and one line that holds all of `words`; gives the line.
pub(crate) fn refuse(folder: &Path, arguments: &[&str], words: &[&str]) -> String {
    let output = swath(folder, arguments);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "swath {arguments:?}\n{err}");
    let lines: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
    let [line] = lines.as_slice() else { panic!("one line of error is due, not:\n{err}") };
    for word in words {
        assert!(line.contains(word), "`{word}` is missing in: {line}");
    }
    (*line).to_owned()
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file can be read")).expect("the file is JSON")
}

/// The repository's folder.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shipped network's item.
pub(crate) fn shipped_model() -> String {
    repository().join("models/unet-small/item.json").to_string_lossy().into_owned()
}

/// A folder of the real test data; `None`, with the reason printed, where there is none.
pub(crate) fn real_data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SWATH_TEST_DATA").map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there; set SWATH_TEST_DATA to the folder of the test data", path.display());
    None
}

/// Where a scene of the small dataset lies: UTM zone 31 N, 10 m, each place east of the one before.
pub(crate) fn grid(place: u8) -> Grid {
    let x = 500_000.0 + 2_000.0 * f64::from(place);
    let transform = Affine::north_up(x, 5_000_000.0, 10.0, 10.0);
    Grid { crs: Some(Crs::from_epsg(32631).expect("UTM zone 31 N")), transform, width_px: SIDE_PX, height_px: SIDE_PX }
}

/// A scene of four bands, dark in the north where its label says water and bright in the south.
pub(crate) fn image() -> Samples {
    Samples::U16(Array3::from_shape_fn((4, SIDE_PX, SIDE_PX), |(band, row, col)| {
        let grain = ((row * 31 + col * 17) % 13) as u16;
        if row < SIDE_PX / 3 { 200 + grain } else { 1500 + 100 * band as u16 + 10 * grain }
    }))
}

/// The label of [`image`]: 1 is water, 0 land.
pub(crate) fn label() -> Samples {
    let mut label = Array3::zeros((1, SIDE_PX, SIDE_PX));
    label.slice_mut(s![.., ..SIDE_PX / 3, ..]).fill(1_u8);
    Samples::U8(label)
}

/// Writes a raster.
pub(crate) fn write(path: &Path, grid: Grid, samples: Samples) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
    let options = WriteOptions { tile_px: 64, ..WriteOptions::default() };
    write_cog(path, &Pixels { samples, valid: None, grid }, options).expect("the raster can be written");
}

/// Three scenes with labels in `folder/{images,labels}`, the last one far from the others.
pub(crate) fn write_dataset(folder: &Path) {
    for (place, date) in [(0, "2024-05-01"), (0, "2024-07-01"), (1, "2024-05-01")] {
        let name = format!("p{place}_{date}.tif");
        write(&folder.join("images").join(&name), grid(place), image());
        write(&folder.join("labels").join(&name), grid(place), label());
    }
}

/// [`write_dataset`], described as `folder/catalog`, with a config of two steps.
pub(crate) fn prepare(folder: &Path) {
    write_dataset(folder);
    succeed(
        folder,
        &[
            "describe",
            "--images",
            "images/*.tif",
            "--labels",
            "labels/*.tif",
            "--match",
            r"(p\d_\d{4}-\d{2}-\d{2})",
            "--classes",
            "land=0,water=1",
            "--bands",
            "B02,B03,B04,B08",
            "--out",
            "catalog",
        ],
    );
    std::fs::write(folder.join("swath.toml"), config("")).expect("the config can be written");
}

/// The config of the small dataset, with further lines for its `[training]` table.
pub(crate) fn config(training: &str) -> String {
    format!(
        r#"catalog = "catalog"
model = "{}"
classes = ["land", "water"]
out = "run"

[recipe]
bands = ["B02", "B03", "B04", "B08"]
window_px = 32
batch = 4
normalise = {{ method = "mean-std" }}
augment = [{{ name = "RandomRotate90" }}, {{ name = "HorizontalFlip" }}]

[training]
steps = 30
learning_rate = 3e-3
{training}
"#,
        shipped_model()
    )
}

/// Everything in a folder, sorted, for telling whether something was left behind.
pub(crate) fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            }
            paths.push(entry.path());
        }
    }
    paths.sort();
    paths
}
