//! A small HTTP server on the loopback address that answers ranged requests, and misbehaves as a test tells it to.
#![allow(dead_code)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a request gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Range,
    /// The range, under an ETag.
    Tagged(&'static str),
    /// The range, after a while.
    Late(Duration),
    /// Half of the range, then the end of the connection.
    Cut,
    /// Half of the range under a `Content-Length` of half, whatever `Content-Range` says.
    LengthTooShort,
    /// The range and more, under a `Content-Length` that says so.
    LengthTooLong,
    /// Bytes from elsewhere, and a `Content-Range` that says so.
    OtherRange,
    /// The whole file with status 200.
    Whole,
    /// A page with status 200.
    Html,
    /// The range, called compressed.
    Compressed,
    /// A status, with more headers.
    Status(u16, &'static str),
    /// A refusal whose body has no end.
    EndlessError,
    /// The end of the connection, without an answer.
    Nothing,
    /// No answer for longer than anybody waits.
    Hang,
}

/// A request, as a test judges it.
pub(crate) struct Request {
    /// Counted from 0.
    pub(crate) number: usize,
    pub(crate) target: String,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
}

/// Seen by the server so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicUsize,
    under_way: AtomicUsize,
    pub(crate) most_under_way: AtomicUsize,
    pub(crate) times: Mutex<Vec<Instant>>,
}

type Rule = dyn Fn(&Request) -> Answer + Send + Sync;

pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) seen: Arc<Seen>,
    is_over: Arc<AtomicBool>,
}

struct Shared {
    file: Mutex<Arc<Vec<u8>>>,
    rule: Box<Rule>,
    seen: Arc<Seen>,
    is_over: Arc<AtomicBool>,
}

/// Serves `file` under every path.
pub(crate) fn serve(file: Vec<u8>, rule: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (seen, is_over) = (Arc::<Seen>::default(), Arc::<AtomicBool>::default());
    let file = Mutex::new(Arc::new(file));
    let shared = Arc::new(Shared { file, rule: Box::new(rule), seen: seen.clone(), is_over: is_over.clone() });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let shared = shared.clone();
            if shared.is_over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(stream) = stream else { continue };
            // A client that goes away is no failure of the server.
            std::thread::spawn(move || shared.converse(&stream).ok());
        }
    });
    Server { address, seen, is_over }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
    }
}

impl Shared {
    fn converse(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = self.request(&mut reader)? {
            let under_way = self.seen.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.seen.most_under_way.fetch_max(under_way, Ordering::SeqCst);
            let answer = (self.rule)(&request);
            if let Answer::Late(delay) = &answer {
                std::thread::sleep(*delay);
            }
            // From its answer on, a client may ask anew.
            self.seen.under_way.fetch_sub(1, Ordering::SeqCst);
            if !self.answer(stream, &request, &answer)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn request(&self, reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let number = self.seen.requests.fetch_add(1, Ordering::SeqCst);
        self.seen.times.lock().unwrap().push(Instant::now());
        let target = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let fields = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let headers = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        Ok(Some(Request { number, target, headers }))
    }

    /// Answers, and says whether the connection goes on.
    fn answer(&self, mut to: &TcpStream, request: &Request, answer: &Answer) -> std::io::Result<bool> {
        let file = self.file.lock().unwrap().clone();
        let size = file.len();
        let range = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let Some((first, last)) = range else {
            to.write_all(b"HTTP/1.1 400 No Range\r\nContent-Length: 0\r\n\r\n")?;
            return Ok(true);
        };
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let last = last.min(size - 1);
        let partial = |shift: usize, length: usize, more: &str| {
            let (first, last) = (first + shift, last + shift);
            format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{size}\r\nContent-Length: {length}\r\n{more}\r\n"
            )
        };
        let body = &file[first.min(size)..=last.max(first).min(size - 1)];
        let half = &body[..body.len() / 2];
        match answer {
            Answer::Range | Answer::Late(_) => to.write_all(&[partial(0, body.len(), "").as_bytes(), body].concat())?,
            Answer::Tagged(etag) => {
                to.write_all(&[partial(0, body.len(), &format!("ETag: {etag}\r\n")).as_bytes(), body].concat())?;
            }
            Answer::Cut => to.write_all(&[partial(0, body.len(), "").as_bytes(), half].concat())?,
            Answer::LengthTooShort => to.write_all(&[partial(0, half.len(), "").as_bytes(), half].concat())?,
            Answer::LengthTooLong => {
                to.write_all(&[partial(0, body.len() + 9, "").as_bytes(), body, b"lengthier"].concat())?
            }
            Answer::OtherRange => to.write_all(&[partial(1, body.len(), "").as_bytes(), body].concat())?,
            Answer::Compressed => {
                to.write_all(&[partial(0, body.len(), "Content-Encoding: gzip\r\n").as_bytes(), body].concat())?
            }
            Answer::Whole => {
                to.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes())?;
                to.write_all(&file)?;
            }
            Answer::Html => to.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 26\r\n\r\n<html>please log in</html>",
            )?,
            Answer::Status(status, more) => {
                to.write_all(format!("HTTP/1.1 {status} No\r\n{more}Content-Length: 5\r\n\r\nsorry").as_bytes())?;
            }
            Answer::EndlessError => {
                to.write_all(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                // Ends when the client has gone.
                loop {
                    to.write_all(b"400\r\n")?;
                    to.write_all(&[b'x'; 1024])?;
                    to.write_all(b"\r\n")?;
                }
            }
            Answer::Nothing => return Ok(false),
            Answer::Hang => {
                let until = Instant::now() + Duration::from_secs(60);
                while Instant::now() < until && !self.is_over.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                return Ok(false);
            }
        }
        Ok(*answer != Answer::Cut)
    }
}
