//! From href to where its bytes are: a local path, an http(s) URL, or an object of an S3, Google, Azure or registered store.

use super::FetchOptions;
use super::disk::Version;
use super::request::Received;
use crate::{Error, Result};
use object_store::{ObjectStore, path::Path};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Semaphore;
use url::Url;

/// Where a file's bytes are, and how many requests may go there at once.
#[derive(Debug)]
pub(crate) struct Location {
    pub(super) place: Place,
    pub(super) requests: Arc<Semaphore>,
    /// Size and ETag, from the first answer.
    version: OnceLock<(u64, Option<String>)>,
}

impl Location {
    fn new(place: Place, requests: Arc<Semaphore>) -> Self {
        Location { place, requests, version: OnceLock::new() }
    }

    /// Size and ETag of the file, where a server named one.
    pub(super) fn version<'a>(&'a self, href: &'a str) -> Option<Version<'a>> {
        let (file_bytes, etag) = self.version.get()?;
        Some(Version { href, etag: etag.as_deref()?, file_bytes: *file_bytes })
    }

    /// Whether an answer is of the version of the file that the first one was of.
    pub(super) fn check(&self, href: &str, received: &Received) -> Result<()> {
        let (bytes, etag) = self.version.get_or_init(|| (received.file_bytes, received.etag.clone()));
        let is_other = etag.as_ref().zip(received.etag.as_ref()).is_some_and(|(first, now)| first != now);
        if *bytes != received.file_bytes || is_other {
            return Err(Error::Changed { href: href.to_owned() });
        }
        Ok(())
    }
}

/// How bytes are reached.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Local(PathBuf),
    Remote(Arc<dyn ObjectStore>, Path),
    #[cfg(feature = "remote")]
    Cloud(Arc<super::remote::Cloud>, Path),
    #[cfg(feature = "remote")]
    Http(Arc<super::http::HttpFiles>),
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
            return Ok(Location::new(Place::Remote(store, path), self.requests_to(&prefix)));
        }
        // A single letter before the colon is a drive, not a scheme.
        let url = Url::parse(href).ok().filter(|url| url.scheme().len() > 1);
        let (host, place) = match &url {
            None => (String::new(), Place::Local(PathBuf::from(href))),
            Some(url) if url.scheme() == "file" => {
                let path = url.to_file_path().map_err(|()| wrong("it names another host".to_owned()))?;
                (String::new(), Place::Local(path))
            }
            Some(url) => (url.host_str().unwrap_or_default().to_owned(), self.remote(url).map_err(wrong)?),
        };
        Ok(Location::new(place, self.requests_to(&host)))
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
    fn remote(&self, url: &Url) -> std::result::Result<Place, String> {
        match url.scheme() {
            "http" | "https" => Ok(Place::Http(self.remote.http.clone())),
            _ => self.remote.locate(url).map(|(cloud, path)| Place::Cloud(cloud, path)),
        }
    }

    #[cfg(not(feature = "remote"))]
    fn remote(&self, url: &Url) -> std::result::Result<Place, String> {
        Err(format!("the scheme `{}` needs swath built with the feature `remote`", url.scheme()))
    }
}

/// Query names that say that a URL is signed. Stores refuse a request that has a token besides.
const SIGNATURES: [&str; 5] = ["x-amz-signature", "x-goog-signature", "sig", "signature", "x-oss-signature"];

/// Whether the href carries its own permission.
pub(super) fn is_signed(href: &str) -> bool {
    let url = Url::parse(href).ok();
    let is_signature = |name: &str| SIGNATURES.contains(&name.to_ascii_lowercase().as_str());
    url.is_some_and(|url| url.query_pairs().any(|(name, _)| is_signature(&name)))
}

/// The href without its signature, which is secret and another one in each run.
pub(super) fn unsigned(href: &str) -> &str {
    if is_signed(href) { href.split_once('?').map_or(href, |(path, _)| path) } else { href }
}
