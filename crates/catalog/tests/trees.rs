//! Real catalogs, as their authors published them: what is read, what is paired, and what is found wrong.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

use std::path::{Path, PathBuf};

use swath_catalog::{
    DataType, Error, Pairing, Rewrites, Split, Strictness, Tree,
    pairing::{ClassSource, LabelKind, Reason, Rules},
    read_tree,
};

fn test_data() -> Option<PathBuf> {
    let folder = std::env::var_os("SWATH_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let found = folder.canonicalize().ok();
    if found.is_none() {
        eprintln!("skipped: there is no {}; set SWATH_TEST_DATA to the folder of test data", folder.display());
    }
    found
}

fn read(root: &Path, rewrites: &[String], strictness: Strictness) -> Result<Tree, Error> {
    read_tree(root.to_str().unwrap(), &Rewrites::parse(rewrites).unwrap(), strictness)
}

const EUROSAT: &str = "https://raw.githubusercontent.com/ai-extensions/stac-data-loader/0.5.0/data/EuroSAT";

#[test]
fn eurosat_is_read_through_a_rewrite_and_pairs_by_its_links() {
    let Some(data) = test_data() else { return };
    let rewrite = format!("{EUROSAT}={}", data.join("eurosat").display());
    let tree = read(&data.join("eurosat/stac/subset"), &[rewrite], Strictness::Strict).unwrap();
    assert_eq!((tree.items.len(), tree.collections.len()), (100, 4));
    let pairing = Pairing::of(&tree, &Rules::default()).unwrap();
    assert_eq!((pairing.pairs.len(), pairing.orphans.len()), (100, 0));
    assert_eq!(pairing.reasons().into_iter().collect::<Vec<_>>(), [(Reason::SourceLink, 100)]);
    let of_split = |split| pairing.pairs.iter().filter(|pair| pair.split == Some(split)).count();
    assert_eq!([Split::Train, Split::Validate, Split::Test].map(of_split), [60, 20, 20]);
    for pair in &pairing.pairs {
        let [image] = pair.images.as_slice() else { panic!("{}: one image each", pair.id) };
        assert!(image.href.as_file().unwrap().is_file() && pair.label.href.as_file().unwrap().is_file());
        assert_eq!(image.bands.len(), 13);
        // As the items say it; the files carry B8A last.
        assert!(image.bands[8].answers_to("B8A"));
        assert_eq!((image.bands[0].data_type, image.bands[0].nodata), (Some(DataType::UInt16), Some(0.0)));
        let LabelKind::Vector { class, .. } = &pair.label.kind else { panic!("{}: vector labels", pair.id) };
        assert_eq!(*class, ClassSource::Property("class".to_owned()));
    }
}

#[test]
fn jaca_pairs_by_source_links_to_items() {
    let Some(data) = test_data() else { return };
    let tree =
        read(&data.join("jaca/test_data/jaca_dataset_stac_labels/catalog.json"), &[], Strictness::Strict).unwrap();
    let pairing = Pairing::of(&tree, &Rules::default()).unwrap();
    let ids: Vec<_> = pairing.pairs.iter().map(|pair| pair.id.as_str()).collect();
    assert_eq!(ids, ["Jaca_1", "Jaca_2", "Jaca_3", "Jaca_4"]);
    assert!(pairing.orphans.is_empty());
    for pair in &pairing.pairs {
        assert!(pair.images[0].href.as_file().unwrap().is_file() && pair.label.href.as_file().unwrap().is_file());
        assert_eq!(pair.images[0].projection.authority_code().as_deref(), Some("EPSG:4326"));
        assert_eq!(pair.label.classes, ["grass"]);
    }
}

#[test]
fn labels_without_an_asset_are_orphans_with_a_reason() {
    let Some(data) = test_data() else { return };
    let root = data.join("stac/boadella-as-published/sentinel_2_stac/catalog.json");
    let pairing = Pairing::of(&read(&root, &[], Strictness::Strict).unwrap(), &Rules::default()).unwrap();
    let ids: Vec<_> = pairing.pairs.iter().map(|pair| pair.id.as_str()).collect();
    assert_eq!(ids, ["Boadella_2020-02-02", "Boadella_2020-01-13"]);
    let labels: Vec<_> = pairing.orphans.iter().filter(|orphan| orphan.is_label).collect();
    assert_eq!(labels.len(), 10);
    assert!(labels.iter().all(|orphan| orphan.reason.contains("no label asset")), "{labels:?}");
    assert_eq!(pairing.orphans.len() - labels.len(), 10);
}

#[test]
fn a_catalog_that_moved_says_how_to_read_it() {
    let Some(data) = test_data() else { return };
    let root = data.join("stac/boadella-as-published/sentinel_2_q2");
    let error = read(&root, &[], Strictness::Strict).unwrap_err();
    assert!(matches!(error, Error::BrokenLink { .. }), "{error:?}");
    let message = error.to_string();
    let (_, rule) = message.split_once("pass --rewrite ").unwrap();
    let tree = read(&root, &[rule.to_owned()], Strictness::Strict).unwrap();
    // Each item is linked to twice, relative and absolute, and read once.
    assert_eq!(tree.items.len(), 20);
    let pairing = Pairing::of(&tree, &Rules::default()).unwrap();
    assert_eq!(pairing.pairs[0].split, Some(Split::Train));
}

#[test]
fn lenient_reading_turns_dead_links_into_findings() {
    let Some(data) = test_data() else { return };
    let root = data.join("stac/boadella-as-published/sentinel_2_q2");
    let tree = read(&root, &[], Strictness::Lenient).unwrap();
    // Both children of the root are dead: nothing is left but the faults.
    assert_eq!((tree.items.len(), tree.findings.len()), (0, 3));
}
