//! The list of supported operators in the README is the table's, and every rule in the table has a case that checks it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use swath_autodiff::supported_operators;

const BEGIN: &str = "<!-- operators -->\n";
const END: &str = "<!-- /operators -->";

/// The list as the README holds it: one row per family.
fn listed() -> String {
    let mut families: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for supported in supported_operators() {
        families.entry(supported.family).or_default().push(format!("`{}`", supported.operator));
    }
    let rows = families
        .iter()
        .map(|(family, operators)| format!("| {} | {} |\n", family.replace('_', " "), operators.join(", ")));
    format!("{BEGIN}| family | operators |\n|---|---|\n{}", rows.collect::<String>())
}

/// With `SWATH_WRITE_DOCS` set the list is written rather than compared.
#[test]
fn the_readme_lists_what_the_table_holds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let begin = readme.find(BEGIN).expect("the README has no list of operators");
    let end = readme.find(END).expect("the list of operators has no end");
    let list = listed();
    if std::env::var_os("SWATH_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{}{list}{}", &readme[..begin], &readme[end..])).unwrap();
    } else {
        assert_eq!(readme[begin..end], list, "run this test with SWATH_WRITE_DOCS=1 to write the list anew");
    }
}

#[test]
fn every_rule_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let cases: String =
        fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let missing: Vec<&str> = supported_operators()
        .iter()
        .map(|s| s.operator)
        .filter(|name| !cases.contains(&format!("\"{name}\"")))
        .collect();
    assert!(missing.is_empty(), "no case checks the rules of {missing:?}");
}
