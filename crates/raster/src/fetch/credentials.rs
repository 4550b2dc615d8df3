//! Bearer tokens from a command and signed hrefs from a hook: had once, kept, and had anew when a server no longer takes them.

use super::FetchOptions;
use super::address::is_signed;
use super::command::printed;
use super::options::{Renew, TokenCommand};
use super::request::Failure;
use crate::{BoxError, Error};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;

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
    /// Time for a command.
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
                let (renew, old, timeout) = (renew.clone(), href.to_owned(), self.timeout);
                let fresh = tokio::task::spawn_blocking(move || renew.renew(&old, timeout)).await;
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
        let output = tokio::task::spawn_blocking(move || printed(&command, None, "token", timeout)).await;
        let output = output.map_err(|_| Failure::lasting(Error::Stopped))?;
        output.map_err(|source| no_credential(href, "the command for a token", source))
    }
}

fn no_credential(href: &str, what: &'static str, source: BoxError) -> Failure {
    Failure::lasting(Error::Credential { href: href.to_owned(), what, source })
}
