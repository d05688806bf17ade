//! A fake model hub, which serves a few files and records the requests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Commit that every file is from.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub struct Hub {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    /// Value of the header `Authorization`.
    pub authorization: String,
}

impl Hub {
    /// Serves `files` by path until the process ends; anything else is not found.
    pub fn serving(files: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let files: HashMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let request = answer(stream, &files);
                seen.lock().expect("not poisoned").push(request);
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream, files: &HashMap<String, String>) -> Asked {
    let lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
    let head: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
    };
    let authorization = head.iter().find_map(header).unwrap_or_default();
    let plain = path.split('?').next().unwrap_or_default();
    let (status, text) = match files.get(plain) {
        Some(text) => ("200 OK", text.as_str()),
        None => ("404 Not Found", ""),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nx-repo-commit: {COMMIT}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    // The client may have closed the connection.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
    Asked { path: path.to_owned(), authorization }
}
