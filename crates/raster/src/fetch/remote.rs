//! Stores behind S3, Google and Azure URLs, and the client for http(s): what they share is TLS, headers and `Retry-After`.
//!
//! Credentials of the cloud stores come from the environment, under the names that their own tools use (`AWS_ACCESS_KEY_ID`,
//! `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, …), or from [`FetchOptions::store_settings`].

use super::FetchOptions;
use super::http::HttpFiles;
use super::request::{Failure, Refusal};
use crate::{Error, Result};
use futures::StreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};
use object_store::azure::{AzureConfigKey, AzureCredentialProvider, MicrosoftAzureBuilder};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService, ReqwestConnector,
};
use object_store::gcp::{GcpCredentialProvider, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// The client for http(s), and the stores made so far, by bucket.
#[derive(Debug)]
pub(super) struct RemoteStores {
    pub(super) http: Arc<HttpFiles>,
    client_options: ClientOptions,
    anonymous: bool,
    settings: Vec<(String, String)>,
    stores: Mutex<HashMap<String, Arc<Cloud>>>,
}

/// A bucket of a cloud store.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) store: Arc<dyn ObjectStore>,
    keys: Keys,
    /// Whether the keys were had once: a later failure may pass.
    had_keys: AtomicBool,
}

/// Where the keys for a store come from; `None` where it is asked without.
#[derive(Debug)]
enum Keys {
    None,
    Amazon(AwsCredentialProvider),
    Google(GcpCredentialProvider),
    Azure(AzureCredentialProvider),
}

impl Cloud {
    fn new(store: Arc<dyn ObjectStore>, keys: Keys) -> Arc<Self> {
        Arc::new(Cloud { store, keys, had_keys: AtomicBool::new(false) })
    }

    /// Has the keys that the next request is signed with, so that a lack of them is told as such. The store keeps them.
    pub(super) async fn ready(&self, href: &str) -> std::result::Result<(), Failure> {
        let (had, store, remedy) = match &self.keys {
            Keys::None => return Ok(()),
            Keys::Amazon(keys) => {
                let remedy = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
                (keys.get_credential().await.err(), "S3", remedy)
            }
            Keys::Google(keys) => {
                (keys.get_credential().await.err(), "Google Cloud Storage", "GOOGLE_APPLICATION_CREDENTIALS")
            }
            Keys::Azure(keys) => {
                let remedy = "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN";
                (keys.get_credential().await.err(), "Azure", remedy)
            }
        };
        match had {
            None => {
                self.had_keys.store(true, Ordering::Relaxed);
                Ok(())
            }
            Some(source) => {
                let error = Error::NoKeys { href: href.to_owned(), store, remedy, source: Box::new(source) };
                Err(Failure { error, may_pass: self.had_keys.load(Ordering::Relaxed), retry_after: None })
            }
        }
    }
}

/// The bucket of a URL: the builders of the three clouds have the same methods and no trait in common.
macro_rules! bucket_of {
    ($stores:expr, $url:expr, $Builder:ident, $Key:ty, $keys:path) => {{
        let mut builder = $Builder::new().with_url($url.as_str());
        for (name, value) in $stores.settings() {
            if let Ok(key) = name.parse::<$Key>() {
                builder = builder.with_config(key, value);
            }
        }
        let anonymous = $stores.is_anonymous();
        if anonymous {
            builder = builder.with_skip_signature(true);
        }
        let builder = builder.with_client_options($stores.client_options.clone()).with_retry(once());
        builder.with_http_connector(FrankConnector).build().map(|store| {
            let keys = if anonymous { Keys::None } else { $keys(store.credentials().clone()) };
            Cloud::new(Arc::new(store), keys)
        })
    }};
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
        Ok(RemoteStores {
            http: Arc::new(HttpFiles::new(options, headers)?),
            client_options,
            anonymous: options.anonymous,
            settings: options.store_settings.clone(),
            stores: Mutex::default(),
        })
    }

    /// The store of a cloud URL's object, and its path there.
    pub(super) fn locate(&self, url: &Url) -> std::result::Result<(Arc<Cloud>, Path), String> {
        let (scheme, path) = ObjectStoreScheme::parse(url).map_err(|error| error.to_string())?;
        let bucket = &url[..url::Position::BeforePath];
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(bucket) {
            return Ok((store.clone(), path));
        }
        let store: object_store::Result<Arc<Cloud>> = match scheme {
            ObjectStoreScheme::AmazonS3 => bucket_of!(self, url, AmazonS3Builder, AmazonS3ConfigKey, Keys::Amazon),
            ObjectStoreScheme::GoogleCloudStorage => {
                bucket_of!(self, url, GoogleCloudStorageBuilder, GoogleConfigKey, Keys::Google)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                bucket_of!(self, url, MicrosoftAzureBuilder, AzureConfigKey, Keys::Azure)
            }
            _ => return Err(format!("the scheme `{}` is not supported", url.scheme())),
        };
        let store = store.map_err(|error| error.to_string())?;
        stores.insert(bucket.to_owned(), store.clone());
        Ok((store, path))
    }

    /// Whether requests go without signature: as the caller says, or as one of the stores' own variables does.
    fn is_anonymous(&self) -> bool {
        const VARIABLES: [&str; 4] =
            ["aws_no_sign_request", "aws_skip_signature", "google_skip_signature", "azure_skip_signature"];
        let is_on = |value: &str| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str());
        self.anonymous || self.settings().any(|(name, value)| VARIABLES.contains(&name.as_str()) && is_on(&value))
    }

    /// Names and values from the environment, then the caller's own, which win. An empty value is none.
    fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let of_environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?.to_ascii_lowercase();
            let is_ours = ["aws_", "google_", "azure_"].iter().any(|prefix| name.starts_with(prefix));
            is_ours.then(|| Some((own_name(name), value.into_string().ok().filter(|value| !value.is_empty())?)))?
        });
        of_environment.chain(self.settings.iter().cloned())
    }
}

/// The store's name of a variable that its command-line tool calls otherwise.
fn own_name(name: String) -> String {
    match name.as_str() {
        "azure_storage_account" => "azure_storage_account_name".to_owned(),
        "azure_storage_key" => "azure_storage_account_key".to_owned(),
        _ => name,
    }
}

/// Requests are tried again by swath, which counts and bounds them.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// Makes the clients of the stores.
#[derive(Clone, Copy, Debug)]
struct FrankConnector;

impl HttpConnector for FrankConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Frank { inner: ReqwestConnector::default().connect(options)? }))
    }
}

/// An HTTP client that passes on what a refusal says: its status, its code, and how long a busy server asks to be left alone.
#[derive(Clone, Debug)]
struct Frank {
    inner: HttpClient,
}

/// Bytes read of a refusal, whose body has no bound; its code stands at the front.
const MAX_REFUSAL_BYTES: usize = 4 << 10;

#[async_trait::async_trait]
impl HttpService for Frank {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        // Requests for keys have no range; the stores themselves make sense of what these are answered.
        let is_for_bytes = request.headers().contains_key(http::header::RANGE);
        let response = self.inner.execute(request).await?;
        let status = response.status();
        if status.is_success() || !is_for_bytes {
            return Ok(response);
        }
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let retry_after = header("retry-after").and_then(|text| super::request::retry_after(&text));
        let (code, region) = (header("x-ms-error-code"), header("x-amz-bucket-region"));
        let code = match code {
            Some(code) => Some(code),
            None if status.is_server_error() => None,
            None => code_of(response.into_body()).await,
        };
        let region = region.filter(|_| matches!(status.as_u16(), 301 | 307 | 400));
        let region = region.map(|region| format!("the bucket is in the region {region}: set AWS_REGION"));
        let why = region.or(code).map_or(String::new(), |why| format!(" ({why})"));
        let refusal = Refusal { status: status.as_u16(), text: format!("{status}{why}"), retry_after };
        Err(HttpError::new(HttpErrorKind::Unknown, refusal))
    }
}

/// The code in a refusal's body: `NoSuchKey` in `<Error><Code>NoSuchKey</Code>…`.
async fn code_of(body: HttpResponseBody) -> Option<String> {
    let mut stream = body.bytes_stream();
    let mut front = Vec::new();
    while front.len() < MAX_REFUSAL_BYTES {
        let Some(Ok(part)) = stream.next().await else { break };
        front.extend_from_slice(&part);
    }
    let text = String::from_utf8_lossy(&front);
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    code.chars().all(|letter| letter.is_ascii_alphanumeric()).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_is_told_by_its_code() {
        let code = async |body: &str| code_of(HttpResponseBody::from(body.to_owned())).await;
        assert_eq!(code("<Error><Code>NoSuchKey</Code></Error>").await.as_deref(), Some("NoSuchKey"));
        assert_eq!(code("<Error><Code>a <b></Code></Error>").await, None);
    }
}
