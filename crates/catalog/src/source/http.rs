//! The one HTTP client of this crate: bounded, timed, tried again, and careful about whom it asks.
//!
//! A host that the user named is asked whatever its address is. One that a document or a redirection of a public host names
//! is refused where its address is private (loopback, link-local, of a local network). Own headers and tokens go to hosts
//! that the user named, and to no other.

mod credentials;
mod hosts;

use std::{
    collections::HashSet,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use url::Url;

use crate::{
    document,
    error::{Error, Result},
    href::Href,
};

pub use credentials::{Auth, TokenCommand};

/// Redirections of one request; browsers follow twenty.
const MOST_REDIRECTIONS: usize = 10;
/// Time for a connection to be made; hosts that are there answer in far less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Characters of a refusal's body that are shown.
const LONGEST_EXCERPT: usize = 200;

/// A hook that is shown every request to a host that the user named and returns headers to add, such as a signature.
#[derive(Clone)]
pub struct Sign(Arc<SignFn>);

type SignFn = dyn Fn(&str, &Url, &[u8]) -> std::result::Result<Vec<(String, String)>, String> + Send + Sync;

impl Sign {
    /// A hook that calls `sign` with method, address and body.
    pub fn new(
        sign: impl Fn(&str, &Url, &[u8]) -> std::result::Result<Vec<(String, String)>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(sign))
    }
}

impl fmt::Debug for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sign")
    }
}

/// How servers are asked.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Names and values sent with every request to a host that the user named.
    pub headers: Vec<(String, String)>,
    /// Where the bearer token comes from.
    pub auth: Auth,
    /// Adds headers of its own to each request.
    pub sign: Option<Sign>,
    /// Tries after the first.
    pub retries: usize,
    /// Wait before the first retry; doubled for each further one, plus a random part.
    pub backoff: Duration,
    /// Longest wait between two tries, whatever the server asks for.
    pub max_backoff: Duration,
    /// Time for one request, from asking to the last byte.
    pub timeout: Duration,
    /// Time for all that this client is asked to do, waits included; `None` for no end.
    pub deadline: Option<Duration>,
    /// The largest body taken.
    pub max_body_bytes: u64,
    /// Public hosts may lead to private addresses.
    pub allow_private: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            auth: Auth::None,
            sign: None,
            retries: 5,
            backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            deadline: None,
            max_body_bytes: document::LIMIT_BYTES,
            allow_private: false,
        }
    }
}

/// What is asked of a server.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where.
    pub url: Url,
    /// The address that named it; `None` when the user did.
    pub from: Option<Url>,
    /// Sent by POST, as JSON; GET without.
    pub body: Option<Value>,
    /// Headers of this request alone.
    pub headers: Vec<(String, String)>,
    /// Bytes wanted, where not all are.
    pub range: Option<Range<u64>>,
}

impl Request {
    /// All of what is at an address, by GET.
    #[must_use]
    pub fn get(url: Url, from: Option<&Url>) -> Self {
        Self { url, from: from.cloned(), body: None, headers: Vec::new(), range: None }
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it was read in the end.
    pub url: Url,
    /// The `Content-Type`, empty when absent.
    pub media_type: String,
    /// Size of the whole, where the server told it with a range.
    pub whole_bytes: Option<u64>,
    /// The body.
    pub body: Bytes,
}

/// The client. Cheap to share behind an [`Arc`].
#[derive(Debug)]
pub struct Http {
    client: Client,
    guarded: Client,
    options: HttpOptions,
    headers: HeaderMap,
    named: Mutex<HashSet<String>>,
    hosts: hosts::Hosts,
    credentials: credentials::Credentials,
    until: Option<Instant>,
}

/// Why one try brought nothing.
struct Failure {
    error: Error,
    may_pass: bool,
    retry_after: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, may_pass: false, retry_after: None }
    }
}

impl Http {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Credential`] when a header is malformed or the client cannot be made.
    pub fn new(options: HttpOptions) -> Result<Self> {
        // A second call finds a provider installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let build = |builder: reqwest::ClientBuilder| {
            let builder = builder.user_agent("swath").connect_timeout(CONNECT_TIMEOUT);
            builder
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|source| Error::Credential { what: "the HTTP client", reason: source.to_string() })
        };
        let client = build(Client::builder())?;
        let guarded = build(Client::builder().dns_resolver(Arc::new(hosts::PublicOnly)))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let (name, value) = header_of(name, value)?;
            headers.append(name, value);
        }
        let until = options.deadline.map(|deadline| Instant::now() + deadline);
        let credentials = credentials::Credentials::default();
        let (named, hosts) = (Mutex::default(), hosts::Hosts::default());
        Ok(Self { client, guarded, options, headers, named, hosts, credentials, until })
    }

    /// What is at an address, as JSON.
    ///
    /// # Errors
    /// As [`Http::ask`]; [`Error::Json`] or [`Error::Answer`] when it is none.
    pub async fn json(&self, request: &Request) -> Result<(Value, Url)> {
        let answer = self.ask(request).await?;
        if answer.media_type.starts_with("text/html") {
            let reason = "it is a page for people (text/html), perhaps one to log in".to_owned();
            return Err(Error::Answer { href: shown(&request.url), reason });
        }
        let href = shown(&request.url);
        // Parsing a page takes long enough to hold up other requests.
        let body = answer.body;
        let parsed = tokio::task::spawn_blocking(move || document::parse(&body, &href)).await;
        let value = parsed.map_err(|_| Error::Stopped)??;
        Ok((value, answer.url))
    }

    /// Asks, and asks again where that may help.
    ///
    /// # Errors
    /// [`Error::Refused`] when the address may not be asked, [`Error::Request`] and [`Error::Answer`] when no try brought
    /// anything, [`Error::Deadline`] when there is no more time.
    pub async fn ask(&self, request: &Request) -> Result<Answer> {
        let mut attempt = 0;
        loop {
            let failure = match self.within(&request.url, self.try_once(request)).await? {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if attempt >= self.options.retries || !failure.may_pass {
                return Err(failure.error);
            }
            tracing::info!(attempt, "{}; asking again", failure.error);
            let asked = failure.retry_after.unwrap_or_default().min(self.options.max_backoff);
            self.within(&request.url, tokio::time::sleep(self.pause(attempt).max(asked))).await?;
            attempt += 1;
        }
    }

    /// Waits for a future, but not past the deadline.
    async fn within<T>(&self, url: &Url, future: impl Future<Output = T>) -> Result<T> {
        let Some(until) = self.until else { return Ok(future.await) };
        let seconds = self.options.deadline.unwrap_or_default().as_secs_f64();
        let late = |_| Error::Deadline { href: shown(url), seconds };
        tokio::time::timeout_at(until.into(), future).await.map_err(late)
    }

    async fn try_once(&self, request: &Request) -> std::result::Result<Answer, Failure> {
        let timeout = self.options.timeout;
        tokio::time::timeout(timeout, self.follow(request)).await.unwrap_or_else(|_| {
            let reason = format!("no whole answer came within {} s", timeout.as_secs_f64());
            Err(Failure {
                error: Error::Answer { href: shown(&request.url), reason },
                may_pass: true,
                retry_after: None,
            })
        })
    }

    /// Sends, following redirections by hand, since each must be allowed.
    async fn follow(&self, request: &Request) -> std::result::Result<Answer, Failure> {
        if request.from.is_none() {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            named.insert(host_key(&request.url));
        }
        let (mut url, mut from) = (request.url.clone(), request.from.clone());
        let mut renewed = false;
        let mut redirections = 0;
        loop {
            let response = self.send(request, &url, from.as_ref(), renewed).await?;
            let status = response.status();
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            if let (true, Some(location)) = (status.is_redirection(), location) {
                let Href::Remote(next) = shown(&url).join(location)? else {
                    return Err(refused(&url, location, "it leads to a file of this machine").into());
                };
                redirections += 1;
                if redirections > MOST_REDIRECTIONS || *next == url {
                    return Err(refused(&url, location, "redirections lead in a circle").into());
                }
                from = Some(std::mem::replace(&mut url, *next));
            } else if status == StatusCode::UNAUTHORIZED && !renewed && self.options.auth.is_renewable() {
                renewed = true;
            } else {
                return self.receive(response, url, request).await;
            }
        }
    }

    async fn send(
        &self,
        request: &Request,
        url: &Url,
        from: Option<&Url>,
        renew: bool,
    ) -> std::result::Result<Response, Failure> {
        let client = self.client_for(url, from).await?;
        let method = if request.body.is_some() { Method::POST } else { Method::GET };
        let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut asked = client.request(method.clone(), url.clone()).header(header::ACCEPT, ACCEPTED);
        if self.is_named(url) {
            asked = asked.headers(self.headers.clone());
            for (name, value) in &request.headers {
                let (name, value) = header_of(name, value)?;
                asked = asked.header(name, value);
            }
            if let Some(token) = self.credentials.token(&self.options, &self.client, renew).await? {
                asked = asked.bearer_auth(token);
            }
            if let Some(Sign(sign)) = &self.options.sign {
                let added = sign(method.as_str(), url, body.as_bytes());
                for (name, value) in added.map_err(|reason| Error::Credential { what: "signing a request", reason })? {
                    let (name, value) = header_of(&name, &value)?;
                    asked = asked.header(name, value);
                }
            }
        }
        if let Some(range) = &request.range {
            asked = asked.header(header::RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        if request.body.is_some() {
            asked = asked.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        asked.send().await.map_err(|error| lost(url, error))
    }

    /// The client that may ask this address, if any may.
    async fn client_for(&self, url: &Url, from: Option<&Url>) -> Result<&Client> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(from.unwrap_or(url), url.as_str(), "only http and https addresses are read"));
        }
        let free = self.options.allow_private || self.is_named(url);
        match from {
            Some(from) if !free && !self.hosts.is_private(from).await => {
                if self.hosts.is_private(url).await {
                    let reason = "a public host may not lead to an address of a private network";
                    return Err(refused(from, url.as_str(), reason));
                }
                Ok(&self.guarded)
            }
            _ => Ok(&self.client),
        }
    }

    fn is_named(&self, url: &Url) -> bool {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).contains(&host_key(url))
    }

    async fn receive(
        &self,
        mut response: Response,
        url: Url,
        request: &Request,
    ) -> std::result::Result<Answer, Failure> {
        let text = |headers: &HeaderMap, name: HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let most = self.options.max_body_bytes;
        let too_large = |size_bytes| Error::TooLarge { href: shown(&url), size_bytes, limit_bytes: most };
        if let Some(length) = response.content_length().filter(|length| *length > most) {
            return Err(too_large(length).into());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(&url, error))? {
            body.extend_from_slice(&chunk);
            if body.len() as u64 > most {
                return Err(too_large(body.len() as u64).into());
            }
        }
        if !status.is_success() {
            let excerpt: String = String::from_utf8_lossy(&body).chars().take(LONGEST_EXCERPT).collect();
            let may_pass = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
                || matches!(status.as_u16(), 408 | 425 | 429);
            let error = Error::Status { href: shown(&url), status: status.as_u16(), excerpt };
            return Err(Failure { error, may_pass, retry_after: retry_after(&text(&headers, header::RETRY_AFTER)) });
        }
        if request.range.is_some() && status != StatusCode::PARTIAL_CONTENT {
            let reason = "it ignores ranges and would send the whole file".to_owned();
            return Err(Error::Answer { href: shown(&url), reason }.into());
        }
        let whole_bytes = text(&headers, header::CONTENT_RANGE).rsplit('/').next().and_then(|size| size.parse().ok());
        Ok(Answer { media_type: text(&headers, header::CONTENT_TYPE), url, whole_bytes, body: body.into() })
    }

    /// Time to wait after a failure: doubled each time, plus up to half as much, so that many do not come back at once.
    fn pause(&self, attempt: usize) -> Duration {
        let doubled = self.options.backoff.saturating_mul(1 << attempt.min(16));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        doubled.mul_f64(1.0 + f64::from(now % 1000) / 2000.0).min(self.options.max_backoff)
    }
}

const ACCEPTED: &str = "application/geo+json, application/json, */*;q=0.5";

fn host_key(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// An address without its query, which may hold a key.
fn shown(url: &Url) -> Href {
    let mut url = url.clone();
    url.set_query(None);
    let _ = url.set_password(None);
    Href::Remote(Box::new(url))
}

fn refused(document: &Url, href: &str, reason: &'static str) -> Error {
    let href = href.split('?').next().unwrap_or(href).to_owned();
    Error::Refused { document: shown(document), href, reason }
}

fn lost(url: &Url, error: reqwest::Error) -> Failure {
    let may_pass = !error.is_builder();
    Failure {
        error: Error::Request { href: shown(url), source: Box::new(error.without_url()) },
        may_pass,
        retry_after: None,
    }
}

fn header_of(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let bad = || Error::Credential { what: "a header", reason: format!("`{name}` is no header that can be sent") };
    let name = HeaderName::try_from(name).map_err(|_| bad())?;
    Ok((name, HeaderValue::try_from(value).map_err(|_| bad())?))
}

/// How long to wait, as `Retry-After` says it: in seconds, or until a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = SystemTime::from(chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?);
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}
