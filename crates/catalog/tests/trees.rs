//! Real catalogs, as their authors published them: what is read, what is paired, and what is found wrong.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use swath_catalog::{
    DataType, Error, Pairing, Rewrites, Split, Strictness, Tree,
    pairing::{ClassSource, LabelKind, Reason, Rules},
    read_tree,
    repair::{FileFacts, FindingKind, Severity, against_file, examine},
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

/// How many findings of each kind and severity, by the kind's name.
fn summary(tree: &Tree) -> Vec<(FindingKind, Severity, usize)> {
    let mut counts = BTreeMap::new();
    for finding in examine(tree) {
        *counts.entry((finding.kind, finding.severity)).or_insert(0) += 1;
    }
    counts.into_iter().map(|((kind, severity), count)| (kind, severity, count)).collect()
}

#[test]
fn what_is_wrong_with_published_trees_is_known() {
    use FindingKind::*;
    use Severity::*;
    let Some(data) = test_data() else { return };
    let published = data.join("stac/boadella-as-published");

    // Every image is from "2000-01-01", before the satellite's launch and against its own id, and names 3 of its 12 bands;
    // ten labels have no asset; what has one points at a file that was not published with it.
    let tree = read(&published.join("sentinel_2_stac"), &[], Strictness::Lenient).unwrap();
    let expected = [
        (MissingFile, Error, 14),
        (MissingAsset, Error, 10),
        (InvalidField, Warning, 12),
        (BandCount, Error, 12),
        (ImpossibleDatetime, Error, 12),
        (DoubtfulDatetime, Warning, 24),
    ];
    assert_eq!(summary(&tree), expected);

    // EuroSAT's dates are those of its own making, years after the collection ends; its labels are known by ml-aoi:role.
    let rewrite = format!("{EUROSAT}={}", data.join("eurosat").display());
    let tree = read(&data.join("eurosat/stac/subset"), &[rewrite], Strictness::Lenient).unwrap();
    assert_eq!(summary(&tree), [(MissingRole, Warning, 100), (DoubtfulDatetime, Warning, 100)]);

    let tree = read(&data.join("jaca/test_data/jaca_dataset_stac_labels"), &[], Strictness::Lenient).unwrap();
    assert_eq!(summary(&tree), [(InvalidField, Warning, 4), (BandCount, Error, 4)]);
}

#[test]
fn file_and_item_are_compared_band_by_band() {
    let Some(data) = test_data() else { return };
    let rewrite = format!("{EUROSAT}={}", data.join("eurosat").display());
    let tree = read(&data.join("eurosat/stac/subset"), &[rewrite], Strictness::Strict).unwrap();
    let asset = tree.items[0].asset("raster").unwrap();
    let mut names = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A"]
        .map(|name| Some(name.to_owned()));
    let facts = |names: &[Option<String>]| FileFacts {
        band_names: names.to_vec(),
        data_type: Some(DataType::UInt16),
        nodata: None,
        shape: [64, 64],
        code: None,
    };
    let kinds =
        |facts: &FileFacts| against_file(asset, facts).into_iter().map(|finding| finding.kind).collect::<Vec<_>>();
    // B8A is ninth in the item and last in the file: from the ninth on, all five differ. Nodata is 0 against none.
    assert_eq!(kinds(&facts(&names)), [vec![FindingKind::BandOrder; 5], vec![FindingKind::Nodata]].concat());
    names[8..].rotate_right(1);
    assert_eq!(kinds(&facts(&names)), [FindingKind::Nodata]);
    assert_eq!(kinds(&facts(&names[..3])), [FindingKind::BandCount, FindingKind::Nodata]);
    assert_eq!(kinds(&FileFacts { nodata: Some(0.0), ..facts(&vec![None; 13]) }), []);
}
