//! Reports in a real browser: nothing is asked for, nothing fails, figures are there, numbers are those of `metrics.json`, a phone
//! needs no scrolling sideways, the keyboard reaches everything, texts stand out from their ground, and prints are complete.
//! Skipped, with the reason printed, where there is no Chromium.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may stop at the first surprise

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{json, prepare, repository, succeed};

/// What a browser saw of each page; `None`, with the reason printed, where there is none.
fn look(folder: &Path, pages: &[PathBuf]) -> Option<Vec<Value>> {
    let screenshots = std::env::var_os("SWATH_TEST_SCREENSHOTS").map_or_else(|| folder.join("seen"), PathBuf::from);
    let script = repository().join("tests/browser/look.sh");
    let output = Command::new("bash").arg(script).arg(screenshots).args(pages).output().expect("bash starts");
    let err = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(3) {
        println!("skipped: no browser can be used here: {err}");
        return None;
    }
    assert!(output.status.success(), "{err}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn list<'v>(seen: &'v Value, key: &str) -> &'v Vec<Value> {
    seen[key].as_array().unwrap_or_else(|| panic!("{key} of {seen}"))
}

/// What holds of every page.
fn check(seen: &Value) {
    let title = &seen["title"];
    assert_eq!(seen["console"], serde_json::json!([]), "{title}");
    assert_eq!(seen["scripts"], 0, "{title}");
    assert_eq!(seen["lang"], "en");
    for request in list(seen, "requests") {
        let address = request.as_str().unwrap();
        assert!(address.starts_with("file:") || address.starts_with("data:"), "{title} asks for {address}");
    }
    for chart in list(seen, "charts") {
        assert!(chart["marks"].as_u64() > Some(0) && chart["broken"] == false, "{title}: {chart}");
        assert!(chart["width"].as_f64() > Some(50.0) && chart["height"].as_f64() > Some(50.0), "{title}: {chart}");
        assert!(chart["label"].as_str().unwrap().len() > 10, "{title}: {chart}");
    }
    for picture in list(seen, "pictures") {
        assert!(
            picture["width"].as_u64() > Some(0) && !picture["alt"].as_str().unwrap().is_empty(),
            "{title}: {picture}"
        );
    }
    let targets: Vec<String> = list(seen, "sections").iter().map(|id| format!("#{}", id.as_str().unwrap())).collect();
    assert_eq!(seen["links"], serde_json::json!(targets), "every section has a link, in their order");
    let levels: Vec<u64> = list(seen, "headings").iter().map(|level| level.as_u64().unwrap()).collect();
    assert!(levels.first() == Some(&1) && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{title}: {levels:?}");

    assert_eq!((&seen["phone_width"], &seen["too_wide"]), (&360.into(), &serde_json::json!([])), "{title}");
    for key in ["faint", "faint_in_dark"] {
        assert_eq!(seen[key], serde_json::json!([]), "{title}: {key}");
    }
    assert_eq!(seen["not_printed"], 0, "{title}");

    let tabs = list(seen, "tabs");
    assert_eq!(tabs[0]["href"], "#main", "the first stop leads past the navigation");
    assert!(tabs.iter().all(|stop| stop["seen"] == true), "{title}: a stop does not show: {tabs:?}");
    let reached: Vec<&Value> = tabs.iter().map(|stop| &stop["href"]).collect();
    assert!(targets.iter().all(|target| reached.contains(&&Value::from(target.as_str()))), "{title}: {reached:?}");
    let summaries = tabs.iter().filter(|stop| stop["tag"] == "SUMMARY").count() as u64;
    assert_eq!(seen["summaries"], summaries, "{title}");
    assert!(seen["unfolds"] == true || summaries == 0, "{title}");
}

/// Numbers of a page against the scores of its runs; gives how many there are.
fn check_numbers(seen: &Value, scores: &[&Value]) -> usize {
    let numbers = list(seen, "numbers");
    for number in numbers {
        let run: usize = number["run"].as_str().unwrap().parse().unwrap();
        let path = number["path"].as_str().unwrap();
        let wanted = scores[run].pointer(path).unwrap_or_else(|| panic!("metrics.json has no {path}"));
        let (value, shown) = (number["value"].as_str().unwrap(), number["shown"].as_str().unwrap());
        // Both are the shortest decimals that name one double.
        assert_eq!(value.parse::<f64>().unwrap(), wanted.as_f64().unwrap(), "{path}");
        match wanted.as_u64() {
            Some(count) => assert_eq!(shown.replace('\u{202f}', ""), count.to_string(), "{path}"),
            None => assert_eq!(shown, format!("{:.3}", wanted.as_f64().unwrap()), "{path}"),
        }
    }
    numbers.len()
}

#[test]
fn reports_are_what_they_say_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    succeed(folder, &["finetune", "swath.toml"]);
    succeed(folder, &["finetune", "swath.toml", "--set", "out=short", "--set", "training.steps=4"]);
    succeed(folder, &["evaluate", "run", "short", "--report", "both.html", "--output", "both.json"]);
    succeed(folder, &["stats", "swath.toml", "--out", "stats"]);

    let pages = ["run/report.html", "both.html", "stats/report.html"].map(|page| folder.join(page));
    let Some(seen) = look(folder, &pages) else { return };
    seen.iter().for_each(check);

    // A curve and a rate, a reliability diagram, a histogram of each of four bands.
    assert_eq!(list(&seen[0], "charts").len(), 2 + 1 + 4);
    let metrics = json(&folder.join("run/metrics.json"));
    // Of each of two classes six numbers, of the whole eight, and those of answers without a network and of images.
    assert!(check_numbers(&seen[0], &[&metrics]) > 40);

    let both = json(&folder.join("both.json"));
    let scores = [&both["models"][0]["scores"], &both["models"][1]["scores"]];
    assert_eq!(scores[0], &metrics, "the run is judged as it was when it was trained");
    assert!(check_numbers(&seen[1], &scores) > 80);
    assert_eq!(list(&seen[1], "sections")[0], "comparison");
}
