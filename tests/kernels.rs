//! `swath bench kernels` where there is no GPU: everything is compared, with itself, and nothing differs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use support::{refuse, swath};

fn network() -> String {
    support::repository().join("models/unet-small/model.onnx").to_string_lossy().into_owned()
}

#[test]
fn the_processor_agrees_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let run = swath(folder.path(), &["bench", "kernels", &network(), "--device", "cpu"]);
    let lines = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (network, operators) = lines.split_last().unwrap();
    assert!(operators.len() > 30 && operators.iter().all(|line| line["agrees"] == true), "{operators:?}");
    assert!(network["gradients"].as_u64() > Some(10) && network["difference"] == 0.0, "{network}");
}

#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    if std::path::Path::new("/dev/nvidia0").exists() {
        eprintln!("skipped: this machine has a GPU");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    refuse(folder.path(), &["bench", "kernels"], &["device cuda"]);
}
