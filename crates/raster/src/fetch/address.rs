//! From href to where its bytes are: a local path, or an object of an http(s), S3, Google or Azure store.

use crate::{Error, Result};
use object_store::{ObjectStore, path::Path};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use url::Url;

/// Where a file's bytes are, and how many requests may go there at once.
#[derive(Debug)]
pub(crate) struct Location {
    pub(super) place: Place,
    pub(super) requests: Arc<Semaphore>,
}

/// How bytes are reached.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Local(PathBuf),
    Remote(Arc<dyn ObjectStore>, Path),
}

/// The stores made so far, one per host or bucket.
#[derive(Debug)]
pub(super) struct Stores {
    requests_per_host: usize,
    requests: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Stores {
    pub(super) fn new(requests_per_host: usize) -> Self {
        Stores { requests_per_host: requests_per_host.max(1), requests: Mutex::default() }
    }

    /// Where `href` is.
    pub(super) fn locate(&self, href: &str) -> Result<Location> {
        let wrong = |reason: String| Error::Address { href: href.to_owned(), reason };
        // A single letter before the colon is a drive, not a scheme.
        let url = Url::parse(href).ok().filter(|url| url.scheme().len() > 1);
        let (host, place) = match &url {
            None => (String::new(), Place::Local(PathBuf::from(href))),
            Some(url) if url.scheme() == "file" => {
                let path = url.to_file_path().map_err(|()| wrong("it names another host".to_owned()))?;
                (String::new(), Place::Local(path))
            }
            Some(url) => return Err(wrong(format!("the scheme `{}` is not supported", url.scheme()))),
        };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = requests.entry(host).or_insert_with(|| Arc::new(Semaphore::new(self.requests_per_host))).clone();
        Ok(Location { place, requests })
    }
}
