//! `swath search`: the items that answer a question, wherever they are.

mod output;
mod question;
mod server;
mod summary;

use std::{io::IsTerminal, ops::ControlFlow, sync::Arc};

use anyhow::Result;
use clap::Args;
use swath_catalog::{
    Item,
    search::Search,
    source::{self, Source},
};

/// Arguments of `swath search`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swath search catalog --label-class water --split train --bands red,nir --output ndjson
  swath search https://example.org/stac items.parquet --bbox 2,42,3,43 --filter \"eo:cloud_cover < 10\"
docs/search.md says what each part of a question means and which source answers it itself.")]
pub(crate) struct SearchArgs {
    /// Where to look: STAC APIs; catalogs, collections, items, item collections (JSON, or a folder with a catalog.json);
    /// lines of items (.ndjson); stac-geoparquet (.parquet). Paths or addresses.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    /// Read what is below PREFIX from FOLDER instead, as in https://example.org/data=/mnt/data; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
    #[command(flatten)]
    question: question::QuestionArgs,
    #[command(flatten)]
    server: server::ServerArgs,
    #[command(flatten)]
    output: output::OutputArgs,
    /// Say on standard error what was asked of which source and decided where (default: on a terminal).
    #[arg(long)]
    summary: bool,
}

/// Asks all sources at once; of items with one id and collection, the first is kept.
pub(crate) fn run(args: &SearchArgs) -> Result<()> {
    let search = Search::new(args.question.query(args.server.page_size)?)?;
    let access = args.server.access(&args.rewrite)?;
    let sources = args.sources.iter().map(|name| source::open(name, &access)).collect::<Result<Vec<_>, _>>()?;
    let mut writer = output::Writer::new(&args.output, !search.sort().is_empty())?;
    let answered = ask(&sources, &search, &mut writer)?;
    for finding in answered.iter().flat_map(|answered| &answered.findings) {
        tracing::warn!("{finding}");
    }
    writer.finish()?;
    if args.summary || std::io::stderr().is_terminal() {
        summary::tell(&answered);
    }
    Ok(())
}

fn ask(sources: &[Arc<dyn Source>], search: &Search, writer: &mut output::Writer) -> Result<Vec<source::Answered>> {
    let progress = summary::Progress::default();
    let mut failed = None;
    let watch = |accounts: &[source::Account]| progress.begin(accounts, search.max_items());
    let take = |item: Item| {
        progress.advance();
        match writer.push(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    let answered = source::gather(sources, search, watch, take);
    progress.end();
    // A writer that failed stopped the search; that is what went wrong.
    match failed {
        Some(error) => Err(error),
        None => Ok(answered?),
    }
}
