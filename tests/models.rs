//! `swath models build` from the command line: the network, its item, and weights fetched from a server.
// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn build(folder: &Path, more: &[&str]) -> assert_cmd::assert::Assert {
    let output = folder.join("model.onnx").to_string_lossy().into_owned();
    let common = ["models", "build", "--encoder", "mobilenet_v2", "--classes", "3", "-o", &output];
    Command::cargo_bin("swath").unwrap().args(common).args(more).assert()
}

fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// A safetensors file without tensors.
const EMPTY: &[u8] = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers one request with `bytes`, of which it says that there are `length`; gives the server's address.
fn serve(bytes: &'static [u8], length: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").unwrap();
        stream.write_all(bytes).unwrap();
    });
    format!("http://{address}/weights.safetensors")
}

#[test]
fn a_network_comes_with_an_item_that_describes_it() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), &["--bands", "4", "--band-names", "red,green,blue,nir"]).success();
    let item: Value = serde_json::from_slice(&std::fs::read(folder.path().join("model.json")).unwrap()).unwrap();
    let properties = &item["properties"];
    assert_eq!(properties["mlm:input"][0]["bands"], serde_json::json!(["red", "green", "blue", "nir"]));
    assert_eq!(properties["mlm:pretrained"], false);
    assert_eq!(properties["mlm:output"][0]["result"]["shape"][1], 3);
    let network = std::fs::read(folder.path().join("model.onnx")).unwrap();
    assert_eq!(item["assets"]["model"]["file:checksum"], format!("1220{}", sha256(&network)));
    // The network can be trained: its gradients can be written.
    let gradients = folder.path().join("gradients.onnx");
    let [model, gradients] =
        [folder.path().join("model.onnx"), gradients].map(|path| path.to_string_lossy().into_owned());
    let arguments = ["gradients", &model, "--size", "64x64", "-o", &gradients];
    Command::cargo_bin("swath").unwrap().args(arguments).assert().success();
}

#[test]
fn weights_are_fetched_whole_with_the_right_checksum_or_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("weights.safetensors");
    let right = sha256(EMPTY);
    let url = serve(EMPTY, EMPTY.len());
    let refused = build(folder.path(), &["--weights", &url, "--sha256", &"0".repeat(64)]).failure();
    assert!(stderr(&refused).contains("another file than was asked for") && !kept.exists(), "{}", stderr(&refused));
    let url = serve(EMPTY, EMPTY.len() + 1);
    let refused = build(folder.path(), &["--weights", &url, "--sha256", &right]).failure();
    assert!(stderr(&refused).contains("cannot fetch") && !kept.exists(), "{}", stderr(&refused));
    // The file arrives, and is then refused for what is in it; the second time no server is asked.
    let url = serve(EMPTY, EMPTY.len());
    for _ in 0..2 {
        let refused = build(folder.path(), &["--weights", &url, "--sha256", &right]).failure();
        assert!(stderr(&refused).contains("no weights of mobilenet_v2"), "{}", stderr(&refused));
        assert_eq!(std::fs::read(&kept).unwrap(), EMPTY);
    }
    assert!(!folder.path().join("model.onnx").exists());
}

#[test]
fn arguments_that_make_no_sense_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for (more, words) in [
        (&["--bands", "4", "--band-names", "red"][..], "1 names for --bands 4"),
        (&["--bands", "0"], "between 1 and 4096 input bands"),
        (&["--weights", "http://127.0.0.1:1/a.pth"], "use https"),
        (&["--weights", "absent.pth"], "absent.pth"),
    ] {
        let refused = build(folder.path(), more).failure();
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
}
