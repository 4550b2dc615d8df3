//! How servers are asked, as arguments. Secrets come from the environment or from a command, never from the command line,
//! which everybody on the machine can read.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use swath_catalog::{
    Rewrites,
    source::{
        Access,
        http::{Auth, Http, HttpOptions, TokenCommand},
    },
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Servers")]
pub(super) struct ServerArgs {
    /// Items that a server is to give at a time.
    #[arg(long, value_name = "N")]
    pub(super) page_size: Option<usize>,
    /// Ask servers for everything, whatever they claim to understand, and decide here again.
    #[arg(long)]
    ignore_conformance: bool,
    /// Send this header to the servers named here; $NAME in VALUE is taken from the environment.
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,
    /// Send the bearer token that this environment variable holds.
    #[arg(long, value_name = "VARIABLE", conflicts_with_all = ["token_command", "oauth"])]
    token_env: Option<String>,
    /// Send the bearer token that this command prints; split at spaces, no shell takes part.
    #[arg(long, value_name = "COMMAND", conflicts_with = "oauth")]
    token_command: Option<String>,
    /// Send the bearer token that this OAuth token endpoint grants for the fields given by --oauth-field.
    #[arg(long, value_name = "URL", requires = "oauth_field")]
    oauth: Option<String>,
    /// A field for --oauth, as in grant_type=client_credentials or client_secret=$SECRET (taken from the environment).
    #[arg(long, value_name = "NAME=VALUE", requires = "oauth")]
    oauth_field: Vec<String>,
    /// Tries after the first.
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: usize,
    /// Seconds for one request.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    timeout: f64,
    /// Seconds for the whole search, waits included (default: no end).
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<f64>,
    /// Let public catalogs lead to addresses of private networks.
    #[arg(long)]
    allow_private: bool,
}

impl ServerArgs {
    pub(super) fn access(&self, rewrites: &[String]) -> Result<Access> {
        let pairs =
            |flag: &str, texts: &[String]| texts.iter().map(|text| pair(flag, text)).collect::<Result<Vec<_>>>();
        let options = HttpOptions {
            headers: pairs("--header", &self.header)?,
            auth: self.auth()?,
            retries: self.retries,
            timeout: seconds("--timeout", self.timeout)?,
            deadline: self.deadline.map(|deadline| seconds("--deadline", deadline)).transpose()?,
            allow_private: self.allow_private,
            ..HttpOptions::default()
        };
        Ok(Access {
            rewrites: Rewrites::parse(rewrites)?,
            http: Arc::new(Http::new(options)?),
            ignore_conformance: self.ignore_conformance,
        })
    }

    fn auth(&self) -> Result<Auth> {
        if let Some(variable) = &self.token_env {
            return variable_of(variable).map(Auth::Bearer);
        }
        if let Some(command) = &self.token_command {
            let mut words = command.split_whitespace().map(str::to_owned);
            let program = words.next().context("--token-command names no command")?;
            return Ok(Auth::Command(TokenCommand { program, arguments: words.collect() }));
        }
        if let Some(url) = &self.oauth {
            let form = self.oauth_field.iter().map(|text| pair("--oauth-field", text)).collect::<Result<Vec<_>>>()?;
            let url = url.parse().with_context(|| format!("--oauth {url} is no address"))?;
            return Ok(Auth::OAuth { url, form });
        }
        Ok(Auth::None)
    }
}

/// `NAME=VALUE`, where `$VARIABLE` as the value, or as the last word of it, stands for what the environment has.
fn pair(flag: &str, text: &str) -> Result<(String, String)> {
    let Some((name, value)) = text.split_once('=') else { bail!("{flag} {text}: write NAME=VALUE") };
    let value = match value.rsplit_once('$') {
        Some((before, variable)) if before.is_empty() || before.ends_with(' ') => {
            format!("{before}{}", variable_of(variable)?)
        }
        _ => value.to_owned(),
    };
    Ok((name.trim().to_owned(), value))
}

fn variable_of(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("the environment variable {name} is not set"))
}

fn seconds(flag: &str, seconds: f64) -> Result<Duration> {
    ensure!(seconds > 0.0, "{flag} takes a positive number of seconds");
    Duration::try_from_secs_f64(seconds).with_context(|| format!("{flag} {seconds} is no time"))
}
