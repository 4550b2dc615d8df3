//! Bearer tokens from a command and signed hrefs from a hook: had once, kept, and had anew when a server no longer takes them.

use super::FetchOptions;
use super::address::is_signed;
use super::options::{Renew, TokenCommand};
use super::request::Failure;
use crate::{BoxError, Error};
use std::collections::HashMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as AsyncMutex;

/// Bytes of a token; the longest in use, with groups and claims in them, have a few KiB.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// What a request goes with.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) url: String,
    pub(super) token: Option<String>,
    /// How often the token and the URL had been renewed.
    generation: (u64, u64),
}

#[derive(Debug, Default)]
struct Token {
    value: Option<String>,
    generation: u64,
}

#[derive(Debug, Default)]
struct Signed {
    url: Option<String>,
    generation: u64,
}

#[derive(Debug)]
pub(super) struct Credentials {
    command: Option<TokenCommand>,
    renew: Option<Renew>,
    timeout: Duration,
    /// Held while the command runs, so that it runs once for all who wait.
    token: AsyncMutex<Token>,
    /// By href as it was first given; each is held while its hook runs.
    signed: Mutex<HashMap<String, Arc<AsyncMutex<Signed>>>>,
}

impl Credentials {
    pub(super) fn new(options: &FetchOptions) -> Self {
        let command = options.token_command.clone().filter(|_| !options.anonymous);
        Credentials {
            command,
            renew: options.renew.clone(),
            // Less than a request may take, so that what is told is what really took too long.
            timeout: options.timeout / 2,
            token: AsyncMutex::default(),
            signed: Mutex::default(),
        }
    }

    /// The URL and token to ask with.
    pub(super) async fn current(&self, href: &str) -> Result<Used, Failure> {
        let (url, url_generation) = match &self.renew {
            None => (href.to_owned(), 0),
            Some(_) => {
                let signed = self.signed(href);
                let signed = signed.lock().await;
                (signed.url.clone().unwrap_or_else(|| href.to_owned()), signed.generation)
            }
        };
        let mut used = Used { url, token: None, generation: (0, url_generation) };
        if let Some(command) = self.command.as_ref().filter(|_| !is_signed(&used.url)) {
            let mut token = self.token.lock().await;
            if token.value.is_none() {
                token.value = Some(self.run(href, command).await?);
            }
            (used.token, used.generation.0) = (token.value.clone(), token.generation);
        }
        Ok(used)
    }

    /// A URL and token newer than those `used`; `None` where nothing can renew them.
    pub(super) async fn renewed(&self, href: &str, used: &Used) -> Result<Option<Used>, Failure> {
        if let Some(renew) = &self.renew {
            let signed = self.signed(href);
            let mut signed = signed.lock().await;
            if signed.generation == used.generation.1 {
                let (renew, old) = (renew.clone(), href.to_owned());
                let fresh = tokio::task::spawn_blocking(move || renew.renew(&old)).await;
                let fresh = fresh.map_err(|_| Failure::lasting(Error::Stopped))?;
                signed.url = Some(fresh.map_err(|source| no_credential(href, "signing it again", source))?);
                signed.generation += 1;
            }
        } else if let Some(command) = self.command.as_ref().filter(|_| used.token.is_some()) {
            let mut token = self.token.lock().await;
            if token.generation == used.generation.0 {
                token.value = Some(self.run(href, command).await?);
                token.generation += 1;
            }
        } else {
            return Ok(None);
        }
        self.current(href).await.map(Some)
    }

    fn signed(&self, href: &str) -> Arc<AsyncMutex<Signed>> {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.entry(href.to_owned()).or_default().clone()
    }

    async fn run(&self, href: &str, command: &TokenCommand) -> Result<String, Failure> {
        let (command, timeout) = (command.clone(), self.timeout);
        let output = tokio::task::spawn_blocking(move || token_of(&command, timeout)).await;
        let output = output.map_err(|_| Failure::lasting(Error::Stopped))?;
        output.map_err(|source| no_credential(href, "the command for a token", source))
    }
}

fn no_credential(href: &str, what: &'static str, source: BoxError) -> Failure {
    Failure::lasting(Error::Credential { href: href.to_owned(), what, source })
}

/// Runs a command and returns what it prints, without the line's end.
fn token_of(command: &TokenCommand, timeout: Duration) -> Result<String, BoxError> {
    let mut process = Command::new(&command.program);
    let process = process.args(&command.arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = process.spawn().map_err(|error| format!("`{}` cannot be run: {error}", command.program))?;
    let until = Instant::now() + timeout;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Err(format!("`{}` took longer than {} s", command.program, timeout.as_secs_f64()).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if !status.success() {
        return Err(format!("`{}` ended with {status}", command.program).into());
    }
    let mut printed = String::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_TOKEN_BYTES).read_to_string(&mut printed)?;
    }
    let token = printed.trim();
    if token.is_empty() || token.chars().any(|character| character.is_ascii_control() || character == ' ') {
        return Err(format!("`{}` printed no token", command.program).into());
    }
    Ok(token.to_owned())
}
