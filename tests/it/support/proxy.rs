//! A proxy on loopback that damages the answers of a server: flips a byte, closes a connection, or lets it
//! stall.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Something that happens once to an answer, behind this number of bytes of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    Flip(u64),
    Close(u64),
    /// Nothing more arrives, and the connection stays open.
    Stall(u64),
}

pub struct Proxy {
    pub url: String,
    next: Arc<Mutex<Option<Damage>>>,
    /// Number of bytes of all answers.
    answered: Arc<AtomicU64>,
}

impl Proxy {
    /// A proxy for a server at `HOST:PORT`.
    pub fn new(server: &str, damage: Option<Damage>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let next = Arc::new(Mutex::new(damage));
        let answered = Arc::new(AtomicU64::new(0));
        let (server, shared, count) = (server.to_owned(), next.clone(), answered.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // The server may be restarting.
                let Ok(upstream) = TcpStream::connect(&server) else { continue };
                let (shared, count) = (shared.clone(), count.clone());
                std::thread::spawn(move || forward(client, upstream, &shared, &count));
            }
        });
        Self { url, next, answered }
    }

    pub fn has_damaged(&self) -> bool {
        self.next.lock().expect("a lock").is_none()
    }

    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

fn forward(
    mut client: TcpStream,
    mut upstream: TcpStream,
    next: &Mutex<Option<Damage>>,
    answered: &AtomicU64,
) {
    let (mut requests, mut server) =
        (client.try_clone().expect("a copy"), upstream.try_clone().expect("a copy"));
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut requests, &mut server);
        let _ = server.shutdown(Shutdown::Write);
    });
    let (mut buffer, mut sent) = (vec![0; 64 * 1024], 0);
    while let Ok(count @ 1..) = upstream.read(&mut buffer) {
        let piece = &mut buffer[..count];
        let end = sent + count as u64;
        let mut pending = next.lock().expect("a lock");
        match *pending {
            Some(Damage::Flip(at)) if (sent..end).contains(&at) => {
                piece[usize::try_from(at - sent).expect("small")] ^= 1;
                *pending = None;
            }
            Some(Damage::Close(at)) if end > at => {
                *pending = None;
                break;
            }
            Some(Damage::Stall(at)) if end > at => {
                *pending = None;
                drop(pending);
                loop {
                    std::thread::park();
                }
            }
            _ => {}
        }
        drop(pending);
        if client.write_all(piece).is_err() {
            break;
        }
        sent = end;
        answered.fetch_add(count as u64, Ordering::Relaxed);
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = upstream.shutdown(Shutdown::Both);
}
