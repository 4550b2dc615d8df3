//! What is wrong with every published tree among the test data, as recorded in `tests/findings/`. `SWATH_RECORD=1` records anew.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

mod oracle;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::{Path, PathBuf},
};

use serde_json::Value;
use swath_catalog::{
    Href, Rewrites, Strictness, Tree, read_tree,
    repair::{Finding, FindingKind, conformance, examine},
};

const EUROSAT: &str = "https://raw.githubusercontent.com/ai-extensions/stac-data-loader/0.5.0/data/EuroSAT";

/// The findings of a tree, like ones of many items on one line: severity, kind, field, and the items' ids.
fn told(tree: &Tree) -> String {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let not_checked = |finding: &Finding| finding.kind != FindingKind::NotChecked;
    for finding in examine(tree).into_iter().chain(conformance(tree)).filter(not_checked) {
        let kind = serde_json::to_value(finding.kind).unwrap();
        let line = format!("{} {} {}", finding.severity, kind.as_str().unwrap(), finding.field);
        lines.entry(line.trim_end().to_owned()).or_default().push(finding.item.unwrap_or_else(|| "-".to_owned()));
    }
    lines.into_iter().fold(String::new(), |mut text, (line, items)| {
        let ids: BTreeSet<&String> = items.iter().collect();
        let ids: Vec<&str> = ids.into_iter().map(String::as_str).collect();
        writeln!(text, "  {line}: {} in {}", items.len(), ids.join(" ")).unwrap();
        text
    })
}

/// Compares with what was recorded, or records.
fn compare(name: &str, told: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings").join(format!("{name}.txt"));
    if std::env::var_os("SWATH_RECORD").is_some() {
        std::fs::write(&path, told).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap();
    for (told, recorded) in told.lines().zip(recorded.lines()) {
        assert_eq!(told, recorded, "{name}");
    }
    assert_eq!(told.lines().count(), recorded.lines().count(), "{name}");
}

#[test]
fn findings_of_eurosat_are_as_recorded() {
    let Some(data) = oracle::test_data() else { return };
    let rewrites = Rewrites::parse([format!("{EUROSAT}={}", data.join("eurosat").display())]).unwrap();
    let tree = read_tree(&format!("{EUROSAT}/stac/subset/catalog.json"), &rewrites, Strictness::Lenient).unwrap();
    assert_eq!(tree.items.len(), 100);
    compare("eurosat", &told(&tree));
}

/// JSON documents below a folder: catalogs before collections before the rest, each by path.
fn roots(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap_or_default();
                let rank = match document["type"].as_str() {
                    Some("Catalog") => 0,
                    Some("Collection") => 1,
                    Some("Feature") if document.get("stac_version").is_some() => 2,
                    Some("FeatureCollection") if document.pointer("/features/0/stac_version").is_some() => 2,
                    _ => continue,
                };
                found.push((rank, path));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

#[test]
fn findings_of_every_other_tree_are_as_recorded() {
    let Some(data) = oracle::test_data().map(|data| data.join("stac").canonicalize().unwrap()) else { return };
    for folder in ["boadella-as-published", "stac-ext-label", "stac-ext-ml-aoi", "stac-ext-mlm", "rustac", "pystac"] {
        let mut text = String::new();
        let mut read_before: BTreeSet<Href> = BTreeSet::new();
        for root in roots(&data.join(folder)) {
            if read_before.contains(&Href::File(root.clone())) {
                continue;
            }
            let name = root.strip_prefix(&data).unwrap().display();
            match read_tree(root.to_str().unwrap(), &Rewrites::default(), Strictness::Lenient) {
                Ok(tree) => {
                    read_before.extend(tree.items.iter().map(|item| item.href().clone()));
                    writeln!(text, "{name}: {} items\n{}", tree.items.len(), told(&tree).trim_end()).unwrap();
                }
                Err(error) => writeln!(text, "{name}: {}", error.kind()).unwrap(),
            }
        }
        compare(folder, &text.replace("\n\n", "\n"));
    }
}
