//! Stores behind http(s), S3, Google and Azure URLs, all over one HTTP client that does as `Retry-After` says.
//!
//! Credentials of the cloud stores come from the environment, under the names that their own tools use (`AWS_ACCESS_KEY_ID`,
//! `AWS_SKIP_SIGNATURE`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, …).

use super::FetchOptions;
use crate::{Error, Result};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// The stores made so far, by host or bucket; signed URLs have one each, over the same connections.
#[derive(Debug)]
pub(super) struct RemoteStores {
    connector: Patient,
    client_options: ClientOptions,
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl RemoteStores {
    pub(super) fn new(options: &FetchOptions) -> Result<Self> {
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
            .with_default_headers(headers)
            .with_user_agent(http::HeaderValue::from_static("swath"));
        let inner = ReqwestConnector::default().connect(&client_options);
        let inner =
            inner.map_err(|source| Error::Open { href: "the HTTP client".to_owned(), source: Box::new(source) })?;
        let connector = Patient { inner, max_wait: options.max_backoff };
        Ok(RemoteStores { connector, client_options, stores: Mutex::default() })
    }

    /// The store that an URL's object is in, and its path there.
    pub(super) fn locate(&self, url: &Url) -> std::result::Result<(Arc<dyn ObjectStore>, Path), String> {
        match url.scheme() {
            "http" | "https" => self.http(url),
            "s3" | "s3a" | "gs" | "az" | "adl" | "azure" | "abfs" | "abfss" => self.cloud(url),
            other => Err(format!("the scheme `{other}` is not supported")),
        }
    }

    fn http(&self, url: &Url) -> std::result::Result<(Arc<dyn ObjectStore>, Path), String> {
        // A store keeps its base's query, and drops an object's: a signed URL is its own base.
        let (base, path) = if url.query().is_some() {
            (url.to_string(), Path::default())
        } else {
            let path = Path::from_url_path(url.path()).map_err(|error| error.to_string())?;
            (url[..url::Position::BeforePath].to_owned(), path)
        };
        let build = || {
            let builder = HttpBuilder::new().with_url(&base).with_client_options(self.client_options.clone());
            let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
            let store = builder.with_retry(retry).with_http_connector(self.connector.clone()).build();
            store.map(|store| Arc::new(store) as Arc<dyn ObjectStore>).map_err(|error| error.to_string())
        };
        if url.query().is_some() {
            return Ok((build()?, path));
        }
        Ok((self.kept(&base, build)?, path))
    }

    fn cloud(&self, url: &Url) -> std::result::Result<(Arc<dyn ObjectStore>, Path), String> {
        let environment = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, path) = object_store::parse_url_opts(url, environment).map_err(|error| error.to_string())?;
        let store: Arc<dyn ObjectStore> = Arc::from(store);
        Ok((self.kept(&url[..url::Position::BeforePath], || Ok(store))?, path))
    }

    fn kept(
        &self,
        key: &str,
        build: impl FnOnce() -> std::result::Result<Arc<dyn ObjectStore>, String>,
    ) -> std::result::Result<Arc<dyn ObjectStore>, String> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(key) {
            return Ok(store.clone());
        }
        let store = build()?;
        stores.insert(key.to_owned(), store.clone());
        Ok(store)
    }
}

/// An HTTP client, shared by all stores, that waits as long as a server asks before it hands over a refusal.
#[derive(Clone, Debug)]
struct Patient {
    inner: HttpClient,
    max_wait: Duration,
}

impl HttpConnector for Patient {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Patient {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let response = self.inner.execute(request).await?;
        let refused = matches!(response.status().as_u16(), 429 | 503);
        let asked =
            response.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(seconds) = asked.filter(|_| refused) {
            tokio::time::sleep(Duration::from_secs(seconds).min(self.max_wait)).await;
        }
        Ok(response)
    }
}
