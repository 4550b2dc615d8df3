//! Items one a line (NDJSON) as a source: lines are parsed several blocks at a time and handed on in the file's order.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    sync::Arc,
};

use async_trait::async_trait;

use super::{Access, Account, Answer, Around, Sender, Source, channel, http::Request, tree};
use crate::{
    document,
    error::{Error, Result},
    href::{Href, Rewrites},
    item::Item,
    repair::Finding,
    search::{Parts, Search},
};

/// Lines parsed at a time by one thread.
const BLOCK_LINES: usize = 256;
/// The longest line: one item, as any document.
const LONGEST_LINE_BYTES: u64 = document::LIMIT_BYTES;

/// A file of items, one a line.
#[derive(Clone, Debug)]
pub struct Lines {
    name: String,
    href: Href,
    access: Access,
}

/// What is needed to make items out of lines.
struct Reading {
    href: Href,
    really: Href,
    rewrites: Rewrites,
    search: Arc<Search>,
    /// Whether what lies around an item is asked for: then all are read before any is decided on.
    collects: bool,
}

/// Items out of a block of lines, and the faults of those that are none.
type Parsed = Result<(Vec<Item>, u64, Vec<Finding>)>;

impl Lines {
    /// A file of this machine or at an address.
    ///
    /// # Errors
    /// [`Error::BadHref`] when the name is no path or address.
    pub fn new(name: &str, access: Access) -> Result<Self> {
        Ok(Self { name: name.to_owned(), href: Href::parse(name)?, access })
    }
}

#[async_trait]
impl Source for Lines {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, search: Arc<Search>) -> Result<Answer> {
        let really = self.access.rewrites.apply(&self.href)?;
        let mut reader: Box<dyn BufRead + Send> = match &really {
            Href::File(path) => {
                let failed = |source| Error::Read { href: really.clone(), source };
                Box::new(BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?))
            }
            Href::Remote(url) => {
                let answer = self.access.http.ask(&Request::get((**url).clone(), None)).await?;
                Box::new(std::io::Cursor::new(answer.body))
            }
        };
        let account = Account::new(&self.name, "items, one a line", search.parts(), Parts::NONE);
        let reading = Reading {
            href: self.href.clone(),
            really,
            rewrites: self.access.rewrites.clone(),
            collects: search.label().with_image,
            search,
        };
        let (sender, items) = channel();
        let telling = account.clone();
        // Parsing is work of seconds, and waits for those who take its items: a thread of its own, and not the pool's.
        std::thread::spawn(move || {
            if let Err(error) = tell(&reading, reader.as_mut(), &telling, &sender) {
                sender.send_blocking(Err(error));
            }
        });
        Ok(Answer { items, account })
    }
}

/// Reads to the end, or until nobody wants more.
fn tell(reading: &Reading, reader: &mut (dyn BufRead + Send), account: &Account, sender: &Sender) -> Result<()> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let (mut all, mut first) = (Vec::new(), 0);
    loop {
        let blocks = (0..workers).map(|_| block(reader, &reading.really)).collect::<Result<Vec<_>>>()?;
        if blocks.iter().all(Vec::is_empty) {
            break;
        }
        let parsed: Vec<Parsed> = std::thread::scope(|scope| {
            let started: Vec<_> = blocks
                .iter()
                .scan(first, |next, lines| {
                    let own = *next;
                    *next += lines.len();
                    Some((own, lines))
                })
                .map(|(first, lines)| scope.spawn(move || parse(reading, first, lines)))
                .collect();
            started.into_iter().map(|thread| thread.join().unwrap_or(Err(Error::Stopped))).collect()
        });
        first += blocks.iter().map(Vec::len).sum::<usize>();
        for block in parsed {
            let (items, seen, mut findings) = block?;
            account.update(|answered| {
                answered.seen += seen;
                answered.findings.append(&mut findings);
            });
            if reading.collects {
                all.extend(items);
            } else if !items.into_iter().all(|item| sender.send_blocking(Ok(item))) {
                return Ok(());
            }
        }
    }
    let around = Around::of(&all);
    all.retain(|item| reading.search.matches(item, &around));
    let _ = all.into_iter().all(|item| sender.send_blocking(Ok(item)));
    Ok(())
}

/// The next lines; none at the end.
fn block(reader: &mut (dyn BufRead + Send), href: &Href) -> Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    while lines.len() < BLOCK_LINES {
        let mut line = Vec::new();
        let failed = |source| Error::Read { href: href.clone(), source };
        let size_bytes = reader.take(LONGEST_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(failed)?;
        if size_bytes == 0 {
            break;
        }
        if line.len() as u64 > LONGEST_LINE_BYTES {
            let limit_bytes = LONGEST_LINE_BYTES;
            return Err(Error::TooLarge { href: href.clone(), size_bytes: line.len() as u64, limit_bytes });
        }
        lines.push(line);
    }
    Ok(lines)
}

/// The items of a block that answer the question, or all where that cannot be told yet.
fn parse(reading: &Reading, first: usize, lines: &[Vec<u8>]) -> Parsed {
    let (mut items, mut findings, mut seen) = (Vec::new(), Vec::new(), 0);
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let read = document::parse(line, &reading.href)
            .and_then(|value| tree::absolute_item(value, &reading.href, &reading.really, &reading.rewrites));
        let mut note = |error: Error| {
            let mut finding = tree::finding(error, &reading.href)?;
            finding.field = format!("line {} {}", first + at + 1, finding.field).trim_end().to_owned();
            findings.push(finding);
            Ok::<_, Error>(())
        };
        match read {
            Ok((item, faults)) => {
                faults.into_iter().try_for_each(&mut note)?;
                seen += 1;
                // What is no answer by itself may still be the image of one that is.
                if reading.collects || reading.search.matches(&item, &Around::default()) {
                    items.push(item);
                }
            }
            Err(error) => note(error)?,
        }
    }
    Ok((items, seen, findings))
}
