//! Stores behind S3, Google and Azure URLs, and the client for http(s): what they share is TLS, headers and `Retry-After`.
//!
//! Credentials of the cloud stores come from the environment, under the names that their own tools use (`AWS_ACCESS_KEY_ID`,
//! `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, …), or from [`FetchOptions::store_settings`].

use super::FetchOptions;
use super::http::HttpFiles;
use super::request::Busy;
use crate::{Error, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// The client for http(s), and the stores made so far, by bucket.
#[derive(Debug)]
pub(super) struct RemoteStores {
    pub(super) http: Arc<HttpFiles>,
    connector: Frank,
    client_options: ClientOptions,
    anonymous: bool,
    settings: Vec<(String, String)>,
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl RemoteStores {
    pub(super) fn new(options: &FetchOptions) -> Result<Self> {
        // Fails where the process has chosen its provider of cryptography, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = http::HeaderMap::new();
        for (name, value) in &options.headers {
            let wrong = |reason: String| Error::Address { href: format!("header `{name}`"), reason };
            let name = http::HeaderName::try_from(name).map_err(|error| wrong(error.to_string()))?;
            let value = http::HeaderValue::try_from(value).map_err(|error| wrong(error.to_string()))?;
            headers.insert(name, value);
        }
        let client_options = ClientOptions::new()
            .with_allow_http(true)
            .with_timeout(options.timeout)
            .with_user_agent(http::HeaderValue::from_static("swath"));
        let inner = ReqwestConnector::default().connect(&client_options);
        let inner =
            inner.map_err(|source| Error::Open { href: "the HTTP client".to_owned(), source: Box::new(source) })?;
        Ok(RemoteStores {
            http: Arc::new(HttpFiles::new(options, headers)?),
            connector: Frank { inner },
            client_options,
            anonymous: options.anonymous,
            settings: options.store_settings.clone(),
            stores: Mutex::default(),
        })
    }

    /// The store of a cloud URL's object, and its path there.
    pub(super) fn locate(&self, url: &Url) -> std::result::Result<(Arc<dyn ObjectStore>, Path), String> {
        let (scheme, path) = ObjectStoreScheme::parse(url).map_err(|error| error.to_string())?;
        let bucket = &url[..url::Position::BeforePath];
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(bucket) {
            return Ok((store.clone(), path));
        }
        let store = match scheme {
            ObjectStoreScheme::AmazonS3 => self.s3(url),
            ObjectStoreScheme::GoogleCloudStorage => self.google(url),
            ObjectStoreScheme::MicrosoftAzure => self.azure(url),
            _ => return Err(format!("the scheme `{}` is not supported", url.scheme())),
        };
        let store = store.map_err(|error| error.to_string())?;
        stores.insert(bucket.to_owned(), store.clone());
        Ok((store, path))
    }

    fn s3(&self, url: &Url) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = AmazonS3Builder::new().with_url(url.as_str());
        for (name, value) in self.settings() {
            if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if self.anonymous {
            builder = builder.with_skip_signature(true);
        }
        let builder = builder.with_client_options(self.client_options.clone()).with_retry(once());
        Ok(Arc::new(builder.with_http_connector(self.connector.clone()).build()?))
    }

    fn google(&self, url: &Url) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = GoogleCloudStorageBuilder::new().with_url(url.as_str());
        for (name, value) in self.settings() {
            if let Ok(key) = name.parse::<GoogleConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if self.anonymous {
            builder = builder.with_skip_signature(true);
        }
        let builder = builder.with_client_options(self.client_options.clone()).with_retry(once());
        Ok(Arc::new(builder.with_http_connector(self.connector.clone()).build()?))
    }

    fn azure(&self, url: &Url) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = MicrosoftAzureBuilder::new().with_url(url.as_str());
        for (name, value) in self.settings() {
            if let Ok(key) = name.parse::<AzureConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if self.anonymous {
            builder = builder.with_skip_signature(true);
        }
        let builder = builder.with_client_options(self.client_options.clone()).with_retry(once());
        Ok(Arc::new(builder.with_http_connector(self.connector.clone()).build()?))
    }

    /// Names and values from the environment, then the caller's own, which win.
    fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let of_environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?.to_ascii_lowercase();
            let is_ours = ["aws_", "google_", "azure_"].iter().any(|prefix| name.starts_with(prefix));
            is_ours.then(|| Some((name, value.into_string().ok()?)))?
        });
        of_environment.chain(self.settings.iter().cloned())
    }
}

/// Requests are tried again by swath, which counts and bounds them.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// An HTTP client that passes on how long a busy server asks to be left alone, which the stores' own errors leave out.
#[derive(Clone, Debug)]
struct Frank {
    inner: HttpClient,
}

impl HttpConnector for Frank {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Frank {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let response = self.inner.execute(request).await?;
        let status = response.status();
        // Refusals are not read to their end, since an error's body has no bound.
        if status.as_u16() == 429 || status.is_server_error() {
            let asked = response.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = asked.and_then(super::request::retry_after);
            return Err(HttpError::new(HttpErrorKind::Unknown, Busy { status: status.to_string(), retry_after }));
        }
        Ok(response)
    }
}
