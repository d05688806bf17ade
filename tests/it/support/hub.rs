//! A fake model hub, which serves a few files, records the requests, and fails where a test requests it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// Commit that every file is from.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Something that happens once to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Status 429, with a second to wait.
    Busy,
    /// The connection is closed after half of the content.
    Cut,
    /// The second half of the content is sent after [`Hub::release`].
    Held,
}

pub struct Hub {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    /// Faults by path, the next one last.
    faults: Mutex<Vec<(String, Fault)>>,
    asked: Mutex<Vec<Asked>>,
    is_released: Mutex<bool>,
    released: Condvar,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    /// Value of the header `Authorization`.
    pub authorization: String,
    /// Value of the header `Range`.
    pub range: String,
}

impl Hub {
    /// Serves `files` by path until the process ends; anything else is not found.
    pub fn serving(files: &[(&str, &str)]) -> Self {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        Self::failing(&files, &[])
    }

    /// The same with a fault for each of the next requests of these paths.
    pub fn failing(files: &[(&str, &[u8])], faults: &[(&str, Fault)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec()));
        let faults = faults.iter().rev().map(|(path, fault)| ((*path).to_owned(), *fault));
        let (files, faults) = (files.collect(), Mutex::new(faults.collect()));
        let state = Arc::new(State { files, faults, ..State::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { url, state }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().expect("not poisoned").clone()
    }

    /// Lets held answers continue.
    pub fn release(&self) {
        *self.state.is_released.lock().expect("not poisoned") = true;
        self.state.released.notify_all();
    }
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream, state: &State) {
    let lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
    let head: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let header = |wanted: &str| {
        let value = |line: &String| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case(wanted).then(|| value.to_owned())
        };
        head.iter().find_map(value).unwrap_or_default()
    };
    let (authorization, range) = (header("authorization"), header("range"));
    let asked = Asked { path: path.to_owned(), authorization, range: range.clone() };
    state.asked.lock().expect("not poisoned").push(asked);
    let plain = path.split('?').next().unwrap_or_default();
    let fault = {
        let mut faults = state.faults.lock().expect("not poisoned");
        let at = faults.iter().rposition(|(path, _)| path == plain);
        at.map(|at| faults.remove(at).1)
    };
    let Some(content) = state.files.get(plain) else {
        return send(&mut stream, "404 Not Found", "", 0, &[]);
    };
    if fault == Some(Fault::Busy) {
        return send(&mut stream, "429 Too Many Requests", "retry-after: 1\r\n", 0, &[]);
    }
    let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
    let from: usize = from.unwrap_or_default();
    let (all, rest) = (content.len(), &content[from.min(content.len())..]);
    let partial = format!("content-range: bytes {from}-{}/{all}\r\n", all.saturating_sub(1));
    let (status, more) = if from > 0 { ("206 Partial Content", &*partial) } else { ("200 OK", "") };
    let (first, second) = rest.split_at(if fault.is_some() { rest.len() / 2 } else { rest.len() });
    send(&mut stream, status, more, rest.len(), first);
    if fault == Some(Fault::Held) {
        let released = state.is_released.lock().expect("not poisoned");
        drop(state.released.wait_while(released, |released| !*released).expect("not poisoned"));
        let _ = stream.write_all(second);
    }
}

/// Sends the head of an answer with content of this size, and the first part of the content.
fn send(stream: &mut TcpStream, status: &str, more: &str, size: usize, content: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\nx-repo-commit: {COMMIT}\r\n{more}content-length: {size}\r\n\
         connection: close\r\n\r\n"
    );
    // The client may have closed the connection.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(content));
}
