//! Bearer tokens: given, printed by a command, or granted by an OAuth server; had once, and had anew when one is refused.

use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::HttpOptions;
use crate::error::{Error, Result};

/// Bytes of a token; the longest in use have a few KiB.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// A command that prints a token.
#[derive(Clone, Debug)]
pub struct TokenCommand {
    /// The program, looked for as a shell would.
    pub program: String,
    /// Its arguments, as they are: no shell takes part.
    pub arguments: Vec<String>,
}

/// Where a bearer token comes from.
#[derive(Clone, Default)]
pub enum Auth {
    /// None is sent.
    #[default]
    None,
    /// It is known.
    Bearer(String),
    /// A command prints it.
    Command(TokenCommand),
    /// An OAuth server grants it for the fields of this form: `grant_type` (`password` or `client_credentials`), `client_id`,
    /// `client_secret`, `username`, `password`, `scope`.
    OAuth {
        /// The server's token endpoint.
        url: Url,
        /// Names and values.
        form: Vec<(String, String)>,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bearer(_) => "Bearer",
            Self::Command(_) => "Command",
            Self::OAuth { .. } => "OAuth",
        })
    }
}

impl Auth {
    pub(super) fn is_renewable(&self) -> bool {
        matches!(self, Self::Command(_) | Self::OAuth { .. })
    }
}

/// The token in use; held while a new one is had, so that it is had once for all who wait.
#[derive(Debug, Default)]
pub(super) struct Credentials(Mutex<Option<(String, Instant)>>);

/// A token this young is not renewed again: others were refused with its predecessor.
const YOUNG: Duration = Duration::from_secs(2);

impl Credentials {
    pub(super) async fn token(&self, options: &HttpOptions, client: &Client, renew: bool) -> Result<Option<String>> {
        if let Auth::Bearer(token) = &options.auth {
            return Ok(Some(token.clone()));
        }
        if matches!(options.auth, Auth::None) {
            return Ok(None);
        }
        let mut held = self.0.lock().await;
        if let Some((token, _)) = held.as_ref().filter(|(_, had)| !renew || had.elapsed() < YOUNG) {
            return Ok(Some(token.clone()));
        }
        let token = match &options.auth {
            Auth::Command(command) => {
                let (command, timeout) = (command.clone(), options.timeout / 2);
                let output = tokio::task::spawn_blocking(move || printed(&command, timeout)).await;
                output
                    .map_err(|_| Error::Stopped)?
                    .map_err(|reason| Error::Credential { what: "the command for a token", reason })?
            }
            Auth::OAuth { url, form } => granted(client, url, form)
                .await
                .map_err(|reason| Error::Credential { what: "the OAuth server", reason })?,
            Auth::None | Auth::Bearer(_) => return Ok(None),
        };
        *held = Some((token.clone(), Instant::now()));
        Ok(Some(token))
    }
}

async fn granted(client: &Client, url: &Url, form: &[(String, String)]) -> std::result::Result<String, String> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client.post(url.clone()).header("content-type", "application/x-www-form-urlencoded").body(body);
    let response = request.send().await.map_err(|error| error.without_url().to_string())?;
    let status = response.status();
    if response.content_length().is_some_and(|length| length > MAX_TOKEN_BYTES) {
        return Err("its answer is too long for a token".to_owned());
    }
    let body = response.bytes().await.map_err(|error| error.without_url().to_string())?;
    if !status.is_success() {
        return Err(format!("it answered {status}: check the client's id and secret, or the user's name and password"));
    }
    let answer: Value = serde_json::from_slice(&body).map_err(|_| "its answer is not JSON".to_owned())?;
    let token = answer.get("access_token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| "its answer has no `access_token`".to_owned())
}

/// Runs a command and returns what it prints, without the line's end.
fn printed(command: &TokenCommand, timeout: Duration) -> std::result::Result<String, String> {
    let mut process = Command::new(&command.program);
    let process = process.args(&command.arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = process.spawn().map_err(|error| format!("`{}` cannot be run: {error}", command.program))?;
    let until = Instant::now() + timeout;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("`{}` took longer than {} s", command.program, timeout.as_secs_f64()));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if !status.success() {
        return Err(format!("`{}` ended with {status}", command.program));
    }
    let mut token = String::new();
    if let Some(output) = child.stdout {
        output.take(MAX_TOKEN_BYTES).read_to_string(&mut token).map_err(|error| error.to_string())?;
    }
    match token.trim() {
        "" => Err(format!("`{}` printed nothing", command.program)),
        token => Ok(token.to_owned()),
    }
}
