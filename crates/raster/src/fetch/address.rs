//! From href to where its bytes are: a local path, or an object of an http(s), S3, Google or Azure store.

use super::FetchOptions;
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

/// The stores made so far, and how many requests each host may get.
#[derive(Debug)]
pub(super) struct Stores {
    requests_per_host: usize,
    requests: Mutex<HashMap<String, Arc<Semaphore>>>,
    registered: Mutex<Vec<(String, Arc<dyn ObjectStore>)>>,
    #[cfg(feature = "remote")]
    remote: super::remote::RemoteStores,
}

impl Stores {
    pub(super) fn new(options: &FetchOptions) -> Result<Self> {
        Ok(Stores {
            requests_per_host: options.requests_per_host.max(1),
            requests: Mutex::default(),
            registered: Mutex::default(),
            #[cfg(feature = "remote")]
            remote: super::remote::RemoteStores::new(options)?,
        })
    }

    /// From now on, hrefs that begin with `prefix` are paths in `store`.
    pub(super) fn register(&self, prefix: &str, store: Arc<dyn ObjectStore>) {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.push((prefix.to_owned(), store));
        // The longest prefix that fits is the one meant.
        registered.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    }

    /// Where `href` is.
    pub(super) fn locate(&self, href: &str) -> Result<Location> {
        let wrong = |reason: String| Error::Address { href: href.to_owned(), reason };
        if let Some((prefix, store)) = self.registered_for(href) {
            let path = Path::from_url_path(&href[prefix.len()..]).map_err(|error| wrong(error.to_string()))?;
            return Ok(Location { place: Place::Remote(store, path), requests: self.requests_to(&prefix) });
        }
        // A single letter before the colon is a drive, not a scheme.
        let url = Url::parse(href).ok().filter(|url| url.scheme().len() > 1);
        let (host, place) = match &url {
            None => (String::new(), Place::Local(PathBuf::from(href))),
            Some(url) if url.scheme() == "file" => {
                let path = url.to_file_path().map_err(|()| wrong("it names another host".to_owned()))?;
                (String::new(), Place::Local(path))
            }
            Some(url) => {
                let (store, path) = self.remote(url).map_err(wrong)?;
                (url.host_str().unwrap_or_default().to_owned(), Place::Remote(store, path))
            }
        };
        Ok(Location { place, requests: self.requests_to(&host) })
    }

    fn registered_for(&self, href: &str) -> Option<(String, Arc<dyn ObjectStore>)> {
        let registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.iter().find(|(prefix, _)| href.starts_with(prefix.as_str())).cloned()
    }

    fn requests_to(&self, host: &str) -> Arc<Semaphore> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(self.requests_per_host));
        requests.entry(host.to_owned()).or_insert_with(new).clone()
    }

    #[cfg(feature = "remote")]
    fn remote(&self, url: &Url) -> std::result::Result<(Arc<dyn ObjectStore>, Path), String> {
        self.remote.locate(url)
    }

    #[cfg(not(feature = "remote"))]
    fn remote(&self, url: &Url) -> std::result::Result<(Arc<dyn ObjectStore>, Path), String> {
        Err(format!("the scheme `{}` needs swath built with the feature `remote`", url.scheme()))
    }
}
