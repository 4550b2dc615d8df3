//! How files are read, as typed (`--memory`, `--cache-folder`, …) and as set (`[reading]` of swath.toml): memory, cache, bounds,
//! credentials, and what becomes of blocks that cannot be had.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use swath_raster::{FailedBlock, FailurePolicy, FetchOptions, MemoryBudget, Renew, TokenCommand};

/// A number of bytes as people write it: `2GiB`, `512MiB`, `1000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Bytes(pub(crate) u64);

const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let bytes = number.trim().parse::<f64>().ok().map(|number| number * unit as f64);
        match bytes.filter(|bytes| bytes.is_finite() && (1.0..1e18).contains(bytes)) {
            Some(bytes) => Ok(Bytes(bytes as u64)),
            None => Err(format!("'{text}' is no number of bytes; write it as 2GiB or 512MiB")),
        }
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Bytes> for String {
    fn from(Bytes(bytes): Bytes) -> String {
        let whole = UNITS[..4].iter().rev().find(|(_, unit)| bytes.is_multiple_of(*unit));
        whole.map_or(format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
    }
}

/// What becomes of a block that cannot be had after all retries, or does not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnFailure {
    /// The command fails.
    #[default]
    Fail,
    /// The sample is replaced by another (training) or left out (evaluation); a map has invalid pixels there.
    Skip,
    /// Its pixels are invalid.
    Mask,
}

/// How files are read: the `[reading]` table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reading {
    /// Bound for all memory of reading; absent: 1 GiB of decoded pixels, 256 MiB in flight, and `prefetch` batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<Bytes>,
    /// Folder in which bytes of remote files are kept between runs; absent: none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_folder: Option<PathBuf>,
    /// What that folder may grow to (default 10GiB).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_size: Option<Bytes>,
    /// What becomes of blocks that cannot be had.
    pub(crate) on_failure: OnFailure,
    /// Requests to one host at a time (default 32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requests_per_host: Option<usize>,
    /// Tries after the first (default 5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retries: Option<usize>,
    /// Seconds for one request (default 60).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_s: Option<f64>,
    /// Headers sent with http(s) requests, as `NAME: VALUE`. They may be secret and are not written to a run's folder.
    #[serde(skip_serializing)]
    pub(crate) headers: Vec<String>,
    /// Command, with its arguments, that prints a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_command: Option<String>,
    /// Command, with its arguments, that is given an href that a server refuses and prints a signed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sign_command: Option<String>,
    /// Cloud stores are asked without credentials, and no token is sent.
    pub(crate) anonymous: bool,
}

/// How files are read, as typed; what is not typed is as the settings say.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct ReadingArgs {
    /// Bound for all memory of reading, such as 2GiB: bytes in flight, decoded pixels kept, batches made ahead.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Bytes>,
    /// Keep bytes of remote files in this folder between runs.
    #[arg(long, value_name = "FOLDER")]
    cache_folder: Option<PathBuf>,
    /// What that folder may grow to [default: 10GiB].
    #[arg(long, value_name = "SIZE")]
    cache_size: Option<Bytes>,
    /// What becomes of blocks that cannot be had.
    #[arg(long, value_enum)]
    on_failure: Option<OnFailure>,
    /// Requests to one host at a time [default: 32].
    #[arg(long, value_name = "N")]
    requests_per_host: Option<usize>,
    /// Tries after the first [default: 5].
    #[arg(long, value_name = "N")]
    retries: Option<usize>,
    /// Seconds for one request [default: 60].
    #[arg(long, value_name = "S")]
    timeout_s: Option<f64>,
    /// Send this header with http(s) requests; may be given again.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Command that prints a bearer token for http(s) requests.
    #[arg(long, value_name = "COMMAND")]
    token_command: Option<String>,
    /// Command that is given an http(s) address that a server refuses and prints a signed one.
    #[arg(long, value_name = "COMMAND")]
    sign_command: Option<String>,
    /// Ask cloud stores without credentials, and send no token.
    #[arg(long)]
    anonymous: bool,
}

impl ReadingArgs {
    /// These, and where nothing was typed, `settings`.
    pub(crate) fn over(&self, settings: &Reading) -> Reading {
        let typed = self.clone();
        let headers = if typed.headers.is_empty() { settings.headers.clone() } else { typed.headers };
        Reading {
            memory: typed.memory.or(settings.memory),
            cache_folder: typed.cache_folder.or(settings.cache_folder.clone()),
            cache_size: typed.cache_size.or(settings.cache_size),
            on_failure: typed.on_failure.unwrap_or(settings.on_failure),
            requests_per_host: typed.requests_per_host.or(settings.requests_per_host),
            retries: typed.retries.or(settings.retries),
            timeout_s: typed.timeout_s.or(settings.timeout_s),
            headers,
            token_command: typed.token_command.or(settings.token_command.clone()),
            sign_command: typed.sign_command.or(settings.sign_command.clone()),
            anonymous: typed.anonymous || settings.anonymous,
        }
    }
}

/// Less than this holds no block of a usual file.
const LEAST_MEMORY_BYTES: u64 = 64 << 20;

impl Reading {
    /// The bound for memory, where one is set.
    pub(crate) fn budget(&self) -> Result<Option<MemoryBudget>> {
        let Some(Bytes(bytes)) = self.memory else { return Ok(None) };
        ensure!(bytes >= LEAST_MEMORY_BYTES, "--memory (reading.memory) must be 64MiB at least");
        Ok(Some(MemoryBudget::new(bytes)))
    }

    /// How bytes are fetched.
    pub(crate) fn fetch_options(&self) -> Result<FetchOptions> {
        let defaults = FetchOptions::default();
        let timeout_s = self.timeout_s.unwrap_or(defaults.timeout.as_secs_f64());
        let timeout = Duration::try_from_secs_f64(timeout_s).ok().filter(|timeout| !timeout.is_zero());
        let Some(timeout) = timeout else { anyhow::bail!("a time-out must be above 0 s, not {timeout_s}") };
        Ok(FetchOptions {
            requests_per_host: self.requests_per_host.unwrap_or(defaults.requests_per_host),
            retries: self.retries.unwrap_or(defaults.retries),
            timeout,
            on_failure: match self.on_failure {
                OnFailure::Fail => FailurePolicy::Fail,
                OnFailure::Skip => FailurePolicy::Skip,
                OnFailure::Mask => FailurePolicy::Mask,
            },
            headers: self.headers.iter().map(|header| split_header(header)).collect::<Result<_>>()?,
            token_command: self
                .token_command
                .as_deref()
                .map(words)
                .transpose()?
                .map(|(program, arguments)| TokenCommand { program, arguments }),
            renew: self
                .sign_command
                .as_deref()
                .map(words)
                .transpose()?
                .map(|(program, arguments)| Renew::by_command(program, arguments)),
            anonymous: self.anonymous,
            cache_folder: self.cache_folder.clone(),
            cache_folder_bytes: self.cache_size.map_or(defaults.cache_folder_bytes, |Bytes(bytes)| bytes),
            ..defaults
        })
    }
}

fn split_header(header: &str) -> Result<(String, String)> {
    let parts = header.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
    match parts.filter(|(name, _)| !name.is_empty()) {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        // The text may be a secret in the wrong place.
        None => anyhow::bail!("a header has no name; write it as 'NAME: VALUE'"),
    }
}

/// A program and its arguments, parted by blanks; no shell takes part.
fn words(command: &str) -> Result<(String, Vec<String>)> {
    let mut words = command.split_whitespace().map(str::to_owned);
    let Some(program) = words.next() else { anyhow::bail!("a command is empty; name a program and its arguments") };
    Ok((program, words.collect()))
}

/// Tells what could not be read and was gone on without.
pub(crate) fn tell_failed(blocks: &[FailedBlock]) {
    const SHOWN: usize = 5;
    for block in blocks.iter().take(SHOWN) {
        eprintln!("could not be read: {}", line_of(block));
    }
    if blocks.len() > SHOWN {
        eprintln!("could not be read: {} blocks more", blocks.len() - SHOWN);
    }
}

/// A failed block in words.
pub(crate) fn line_of(block: &FailedBlock) -> String {
    let kind = if block.is_mask { "mask block" } else { "block" };
    format!("{} {kind} {} of level {}: {}", block.href, block.block, block.level, block.reason)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [("2GiB", 2 << 30), ("1.5 MiB", 3 << 19), ("4096", 4096), ("3GB", 3_000_000_000)] {
            assert_eq!(text.parse::<Bytes>().unwrap(), Bytes(bytes), "{text}");
        }
        for text in ["", "GiB", "-1GiB", "2 apples", "nan", "1e40"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!(String::from(Bytes(2 << 30)), "2GiB");
        assert_eq!(String::from(Bytes(1025)), "1025B");
    }

    #[test]
    fn what_is_typed_goes_before_what_is_set() {
        let set: Reading =
            toml::from_str("memory = \"1GiB\"\nretries = 2\nheaders = [\"X-Key: secret\"]\non_failure = \"mask\"")
                .unwrap();
        let typed = ReadingArgs { memory: Some(Bytes(2 << 30)), ..ReadingArgs::default() };
        let reading = typed.over(&set);
        assert_eq!((reading.memory, reading.retries), (Some(Bytes(2 << 30)), Some(2)));
        let options = reading.fetch_options().unwrap();
        assert_eq!(options.headers, [("X-Key".to_owned(), "secret".to_owned())]);
        assert_eq!((options.retries, options.on_failure), (2, FailurePolicy::Mask));
        let written = toml::to_string(&reading).unwrap();
        assert!(!written.contains("secret") && written.contains("2GiB"), "{written}");
    }

    #[test]
    fn too_little_memory_and_nameless_headers_are_refused() {
        let little = Reading { memory: Some(Bytes(1 << 20)), ..Reading::default() };
        assert!(little.budget().unwrap_err().to_string().contains("64MiB"));
        let nameless = Reading { headers: vec!["secret".to_owned()], ..Reading::default() };
        let error = nameless.fetch_options().unwrap_err().to_string();
        assert!(error.contains("NAME: VALUE") && !error.contains("secret"), "{error}");
    }
}
