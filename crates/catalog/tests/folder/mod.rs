//! A server of the files in a folder, ranges included, with answers of its own for some paths.
#![allow(dead_code)] // each test binary uses its own part

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
};

/// A server that runs until the test ends.
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    /// The paths that were asked for, in order.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

/// Serves `folder`; `instead` gives whole answers for some paths, head included.
pub(crate) fn serve(folder: PathBuf, instead: &[(&str, &str)]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let instead: HashMap<String, String> =
        instead.iter().map(|(path, answer)| ((*path).to_owned(), (*answer).to_owned())).collect();
    let shared = Arc::new((folder, instead, asked.clone()));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = shared.clone();
            std::thread::spawn(move || answer(stream, &shared.0, &shared.1, &shared.2));
        }
    });
    Server { address, asked }
}

fn answer(stream: TcpStream, folder: &std::path::Path, instead: &HashMap<String, String>, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut path, mut range) = (String::new(), None);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(asked) = line.strip_prefix("GET ") {
                path = asked.split_whitespace().next().unwrap().to_owned();
            }
            if let Some(bytes) = line.to_lowercase().strip_prefix("range: bytes=") {
                let (from, to) = bytes.trim().split_once('-').unwrap();
                range = Some((from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap()));
            }
        }
        asked.lock().unwrap().push(path.clone());
        let sent = match (instead.get(&path), std::fs::read(folder.join(path.trim_start_matches('/')))) {
            (Some(whole), _) => stream.write_all(whole.as_bytes()),
            (None, Ok(bytes)) => {
                let (status, more, body) = match range {
                    Some((from, to)) => {
                        let to = to.min(bytes.len() - 1);
                        let more = format!("content-range: bytes {from}-{to}/{}\r\n", bytes.len());
                        ("206 Partial Content", more, &bytes[from..=to])
                    }
                    None => ("200 OK", String::new(), &bytes[..]),
                };
                let head = format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body))
            }
            (None, Err(_)) => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The head of an answer with a body, as [`serve`] takes it.
pub(crate) fn whole(status: &str, media_type: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
