//! The dependency rule of the workspace, read from `cargo metadata`: which crate may know which.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every edge that may exist between the workspace's own packages.
const ALLOWED: &[(&str, &[&str])] = &[
    ("swath", &["swath-autodiff", "swath-catalog", "swath-loader", "swath-raster", "swath-train"]),
    ("swath-autodiff", &[]),
    ("swath-catalog", &[]),
    ("swath-loader", &["swath-catalog", "swath-raster"]),
    ("swath-raster", &[]),
    ("swath-train", &["swath-autodiff"]),
];

/// Direct dependencies of every workspace package, tests and build scripts included.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    packages
        .iter()
        .map(|package| {
            let needs = package["dependencies"].as_array().expect("dependencies").iter().map(name).collect();
            (name(package), needs)
        })
        .collect()
}

#[test]
fn no_edge_outside_the_design() {
    let found = dependencies();
    let expected: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    for (package, allowed) in ALLOWED {
        for dependency in found[*package].iter().filter(|name| name.starts_with("swath")) {
            assert!(allowed.contains(&dependency.as_str()), "{package} may not depend on {dependency}");
        }
    }
}

#[test]
fn only_train_names_the_runtime() {
    for (package, needs) in dependencies() {
        for runtime in ["ort", "ort-sys"] {
            assert!(package == "swath-train" || !needs.contains(runtime), "{package} may not depend on {runtime}");
        }
    }
}

#[test]
fn libraries_keep_anyhow_out() {
    for (package, needs) in dependencies() {
        assert!(package == "swath" || !needs.contains("anyhow"), "{package} needs typed errors, not anyhow");
    }
}
