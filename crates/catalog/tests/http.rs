//! The HTTP client against a server that misbehaves in known ways.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at the first surprise

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use swath_catalog::{
    Error,
    source::http::{Auth, Http, HttpOptions, Request},
};
use url::Url;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"a\": 1}";

/// Serves one prepared answer a connection, the last one for ever; keeps what it was asked.
fn serve(answers: Vec<String>) -> (Url, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/page?key=secret", listener.local_addr().unwrap())).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            kept.lock().unwrap().push(head + &String::from_utf8(body).unwrap());
            let answer = &answers[at.min(answers.len() - 1)];
            stream.write_all(answer.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes()).unwrap();
        }
    });
    (url, asked)
}

fn quick() -> HttpOptions {
    HttpOptions { backoff: Duration::from_millis(1), retries: 2, ..HttpOptions::default() }
}

fn ask(options: HttpOptions, request: &Request) -> Result<serde_json::Value, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async { Http::new(options)?.json(request).await.map(|(value, _)| value) })
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn what_may_pass_is_asked_for_again_by_get_and_by_post() {
    let cut = OK.trim_end_matches(" 1}").to_owned();
    let faults = [answer("429 Too Many Requests", "retry-after: 0\r\n", ""), answer("502 Bad Gateway", "", ""), cut];
    for fault in faults {
        for body in [None, Some(json!({"limit": 7}))] {
            let (url, asked) = serve(vec![fault.clone(), OK.to_owned()]);
            let request = Request { body: body.clone(), ..Request::get(url, None) };
            assert_eq!(ask(quick(), &request).unwrap(), json!({"a": 1}), "{fault}");
            let asked = asked.lock().unwrap();
            assert_eq!(asked.len(), 2);
            assert!(asked.iter().all(|text| text.contains("limit") == body.is_some()), "{asked:?}");
        }
    }
}

#[test]
fn what_lasts_is_an_error_that_shows_no_key() {
    for (fault, times, told) in [
        (answer("500 Internal Server Error", "", "boom"), 3, "answered 500: boom"),
        (answer("404 Not Found", "", "none"), 1, "answered 404: none"),
        (answer("200 OK", "content-type: text/html\r\n", "<html>"), 1, "a page for people"),
        (answer("302 Found", "location: file:///etc/passwd\r\n", ""), 1, "may not name files"),
        (answer("302 Found", "location: /page?key=secret\r\n", ""), 1, "in a circle"),
        (answer("200 OK", "", &"[".repeat(200)), 1, "not readable JSON"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_owned(), 1, "more than"),
    ] {
        let (url, asked) = serve(vec![fault]);
        let error = ask(quick(), &Request::get(url, None)).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert_eq!(asked.lock().unwrap().len(), times, "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn public_hosts_lead_to_no_private_address() {
    let (url, asked) = serve(vec![OK.to_owned()]);
    // By address, so that no name has to be looked up.
    let public = Url::parse("https://8.8.8.8/catalog.json").unwrap();
    match ask(quick(), &Request::get(url.clone(), Some(&public))) {
        Err(Error::Refused { reason, .. }) => assert!(reason.contains("private network"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(asked.lock().unwrap().is_empty());
    let allowed = HttpOptions { allow_private: true, ..quick() };
    assert!(ask(allowed, &Request::get(url, Some(&public))).is_ok());
}

#[test]
fn tokens_go_to_named_hosts_only_and_the_deadline_ends_all() {
    let options = || HttpOptions { auth: Auth::Bearer("t0ken".to_owned()), ..quick() };
    let (other, other_asked) = serve(vec![OK.to_owned()]);
    let (url, asked) = serve(vec![answer("302 Found", &format!("location: {other}\r\n"), "")]);
    ask(options(), &Request::get(url, None)).unwrap();
    assert!(asked.lock().unwrap()[0].contains("Bearer t0ken"));
    assert!(!other_asked.lock().unwrap()[0].contains("t0ken"));

    let (url, _) = serve(vec![answer("503 Service Unavailable", "retry-after: 60\r\n", "")]);
    let late = HttpOptions { deadline: Some(Duration::from_millis(100)), ..quick() };
    assert!(matches!(ask(late, &Request::get(url, None)), Err(Error::Deadline { .. })));
}

#[test]
fn a_token_is_granted_for_the_fields_of_a_form() {
    let grant = r#"{"access_token": "granted"}"#;
    let (token_url, token_asked) = serve(vec![answer("200 OK", "", grant)]);
    let (url, asked) = serve(vec![OK.to_owned()]);
    let form =
        vec![("grant_type".to_owned(), "client_credentials".to_owned()), ("client_id".to_owned(), "a b".to_owned())];
    let options = HttpOptions { auth: Auth::OAuth { url: token_url, form }, ..quick() };
    ask(options, &Request::get(url, None)).unwrap();
    assert!(asked.lock().unwrap()[0].contains("Bearer granted"));
    let token_asked = token_asked.lock().unwrap();
    assert_eq!(token_asked.len(), 1);
    assert!(token_asked[0].ends_with("grant_type=client_credentials&client_id=a+b"), "{}", token_asked[0]);
}
