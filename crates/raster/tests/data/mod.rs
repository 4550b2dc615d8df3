//! Where test data lies, and a runtime to read it with.
#![allow(dead_code)]

use std::future::Future;
use std::path::PathBuf;

/// A folder of the test data: below `SWATH_TEST_DATA`, else beside the workspace. `None`, with a printed reason, where it is absent.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("SWATH_TEST_DATA").map_or_else(beside, PathBuf::from).join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: there is no test data at {}", path.display());
    None
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}
