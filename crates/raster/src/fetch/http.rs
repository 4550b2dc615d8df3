//! Files behind http(s): one ranged request, its answer held against what was asked, and a fresh credential where one expired.

use super::FetchOptions;
use super::credentials::Credentials;
use super::request::{Failure, Received};
use crate::{Error, Result};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use std::ops::Range;
use std::time::Duration;

/// Bytes reserved before any has come; what an answer says of its length is not trusted with more.
const MAX_RESERVED_BYTES: u64 = 16 << 20;

/// Time for a connection to be made; hosts that are there answer in far less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The client for all http(s) hosts.
#[derive(Debug)]
pub(super) struct HttpFiles {
    client: Client,
    credentials: Credentials,
    /// Bytes at the front of a whole file that are read and thrown away to come to a range.
    max_skip_bytes: u64,
}

impl HttpFiles {
    pub(super) fn new(options: &FetchOptions, headers: HeaderMap) -> Result<Self> {
        // One connection per request in flight: many ranges over one HTTP/2 connection would share its one window.
        let client = Client::builder().http1_only().user_agent("swath").default_headers(headers);
        let client = client.connect_timeout(CONNECT_TIMEOUT).build();
        let client =
            client.map_err(|source| Error::Open { href: "the HTTP client".to_owned(), source: Box::new(source) })?;
        let max_skip_bytes = options.max_request_bytes.max(options.header_read_bytes);
        Ok(HttpFiles { client, credentials: Credentials::new(options), max_skip_bytes })
    }

    /// The bytes of `range` of `href`; a credential that the server no longer takes is renewed once.
    pub(super) async fn get(&self, href: &str, range: Range<u64>) -> std::result::Result<Received, Failure> {
        let mut used = self.credentials.current(href).await?;
        let mut response = self.ask(href, &used, &range).await?;
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && let Some(fresh) = self.credentials.renewed(href, &used).await?
        {
            used = fresh;
            response = self.ask(href, &used, &range).await?;
        }
        let asked = Asked { href, range };
        let expected = asked.answer(response.status(), response.headers(), self.max_skip_bytes)?;
        asked.body(response, &expected).await
    }

    async fn ask(
        &self,
        href: &str,
        used: &super::credentials::Used,
        range: &Range<u64>,
    ) -> std::result::Result<Response, Failure> {
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let mut request = self.client.get(&used.url).header(header::RANGE, bytes);
        if let Some(token) = &used.token {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| lost(href, range, error))
    }
}

/// A request that brought no answer, or not all of it. The URL may hold a signature and is left out.
fn lost(href: &str, range: &Range<u64>, error: reqwest::Error) -> Failure {
    let may_pass = !error.is_builder() && !error.is_redirect();
    let (start, end) = (range.start, range.end);
    let source = Box::new(error.without_url());
    Failure { error: Error::Fetch { href: href.to_owned(), start, end, source }, may_pass, retry_after: None }
}

/// What a request asked for.
struct Asked<'a> {
    href: &'a str,
    range: Range<u64>,
}

/// What an answer says it brings.
#[derive(Debug, PartialEq)]
struct Expected {
    /// Bytes before those wanted: 0 unless the server sends the whole file.
    skip_bytes: u64,
    /// Bytes wanted, fewer than asked for where the file ends before.
    bytes: u64,
    file_bytes: u64,
    /// The server ignored the range.
    is_whole_file: bool,
    etag: Option<String>,
}

impl Asked<'_> {
    fn wrong(&self, reason: impl Into<String>) -> Failure {
        let (href, start, end) = (self.href.to_owned(), self.range.start, self.range.end);
        let error = Error::Answer { href, start, end, reason: reason.into() };
        Failure { error, may_pass: true, retry_after: None }
    }

    /// Reads an answer's status and headers.
    fn answer(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        max_skip_bytes: u64,
    ) -> std::result::Result<Expected, Failure> {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if status != StatusCode::PARTIAL_CONTENT && status != StatusCode::OK {
            return Err(self.refused(status, text(header::RETRY_AFTER)));
        }
        if let Some(coding) = text(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
            return Err(self.wrong(format!("it is encoded as `{coding}`, so that it has no byte ranges")));
        }
        if let Some(kind) = text(header::CONTENT_TYPE).filter(|kind| kind.starts_with("text/html")) {
            return Err(self.wrong(format!("it is a page (`{kind}`), perhaps one to log in")));
        }
        let etag = text(header::ETAG).filter(|etag| !etag.starts_with("W/")).map(str::to_owned);
        if status == StatusCode::OK {
            let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
            let file_bytes: u64 = length.ok_or_else(|| self.wrong("it has no range and no length"))?;
            if self.range.start > max_skip_bytes {
                return Err(self.wrong("the server ignores ranges and sends the whole file"));
            }
            let bytes = self.range.end.min(file_bytes).saturating_sub(self.range.start);
            return Ok(Expected { skip_bytes: self.range.start, bytes, file_bytes, is_whole_file: true, etag });
        }
        let said = text(header::CONTENT_RANGE).unwrap_or_default();
        let (range, file_bytes) =
            content_range(said).ok_or_else(|| self.wrong(format!("its Content-Range is `{said}`")))?;
        if range != (self.range.start..self.range.end.min(file_bytes)) {
            return Err(self.wrong(format!("it holds bytes {}..{} of {file_bytes}", range.start, range.end)));
        }
        let bytes = range.end - range.start;
        let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if let Some(length) = length.filter(|length| *length != bytes) {
            return Err(self.wrong(format!("its range has {bytes} bytes, its Content-Length is {length}")));
        }
        Ok(Expected { skip_bytes: 0, bytes, file_bytes, is_whole_file: false, etag })
    }

    fn refused(&self, status: StatusCode, retry_after: Option<&str>) -> Failure {
        let (href, start, end) = (self.href.to_owned(), self.range.start, self.range.end);
        let may_pass = super::request::may_pass(status.as_u16());
        let error = Error::Refused { href, start, end, status: status.to_string() };
        Failure { error, may_pass, retry_after: retry_after.and_then(super::request::retry_after) }
    }

    /// Reads a body, never more of it than is wanted.
    async fn body(&self, mut response: Response, expected: &Expected) -> std::result::Result<Received, Failure> {
        let wanted = expected.bytes as usize;
        let mut bytes = Vec::with_capacity(expected.bytes.min(MAX_RESERVED_BYTES) as usize);
        let mut skip = expected.skip_bytes;
        while bytes.len() < wanted {
            let chunk = response.chunk().await.map_err(|error| lost(self.href, &self.range, error))?;
            let Some(chunk) = chunk else { break };
            let skipped = skip.min(chunk.len() as u64);
            skip -= skipped;
            let rest = &chunk[skipped as usize..];
            if !expected.is_whole_file && rest.len() > wanted - bytes.len() {
                return Err(self.wrong("its body is longer than its range"));
            }
            bytes.extend_from_slice(&rest[..rest.len().min(wanted - bytes.len())]);
        }
        // The end of a body that is whole is read too, so that its connection serves the next request.
        if !expected.is_whole_file && bytes.len() == wanted {
            let rest = response.chunk().await.map_err(|error| lost(self.href, &self.range, error))?;
            if rest.is_some_and(|rest| !rest.is_empty()) {
                return Err(self.wrong("its body is longer than its range"));
            }
        }
        Ok(Received { bytes: bytes.into(), file_bytes: expected.file_bytes, etag: expected.etag.clone() })
    }
}

/// `bytes 0-99/1000` as the range `0..100` and 1000.
fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn content_ranges_are_read_or_refused() {
        assert_eq!(content_range("bytes 0-99/1000"), Some((0..100, 1000)));
        for wrong in ["bytes */1000", "bytes 5-4/10", "bytes 0-10/10", "0-9/10", "bytes 0-18446744073709551615/1", ""] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_range_that_was_asked_for_is_taken() {
        let asked = Asked { href: "https://tiles.test/a.tif", range: 100..200 };
        let partial = |range| asked.answer(StatusCode::PARTIAL_CONTENT, &headers(&[(header::CONTENT_RANGE, range)]), 0);
        assert_eq!(partial("bytes 100-199/1000").ok().map(|expected| expected.bytes), Some(100));
        assert_eq!(partial("bytes 100-149/150").ok().map(|expected| expected.bytes), Some(50));
        for wrong in ["bytes 0-99/1000", "bytes 100-198/1000", "bytes 100-299/1000"] {
            assert!(partial(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_files_serve_only_what_lies_near_their_front() {
        let asked = Asked { href: "https://tiles.test/a.tif", range: 100..200 };
        let whole = headers(&[(header::CONTENT_LENGTH, "150")]);
        let answer = |max_skip_bytes| asked.answer(StatusCode::OK, &whole, max_skip_bytes);
        assert_eq!(answer(100).ok().map(|expected| (expected.skip_bytes, expected.bytes)), Some((100, 50)));
        assert!(answer(99).is_err());
    }
}
