//! Output of attempts: append, read, follow.

use crate::api::v1::logs::{Appended, HEAD_BYTES, OutputPiece, TAIL_BYTES};
use crate::client::error::ClientError;
use crate::client::http::{Care, Client, Payload, bad, read_limited};
use crate::domain::id::{AttemptId, Epoch};
use reqwest::{Method, Response};
use std::time::Duration;

/// Longest line of an event stream.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
/// Longest output that is read at once: what is kept, and room for the mark of a cut.
const MAX_LOG_BYTES: usize = HEAD_BYTES + TAIL_BYTES + 64 * 1024;
/// A stream is silent no longer than this: the coordinator sends a comment in between.
const MAX_SILENCE: Duration = Duration::from_mins(1);

/// One step of a followed output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEvent {
    Output(OutputPiece),
    /// The attempt is over; nothing follows.
    End,
}

/// Output as it appears. Dropping it ends the request.
#[derive(Debug)]
pub struct LogStream {
    client: Client,
    answer: Response,
    lines: Lines,
}

impl Client {
    /// Adds raw output of a running attempt. `offset` counts the bytes before it; the
    /// answer says where the next piece belongs, which after a lost answer may lie
    /// behind what was sent.
    pub async fn append_log(
        &self,
        attempt: AttemptId,
        epoch: Epoch,
        offset: u64,
        bytes: Vec<u8>,
    ) -> Result<Appended, ClientError> {
        let path = format!("api/v1/attempts/{attempt}/log");
        let request = self
            .request(Method::POST, &path)
            .query(&[("epoch", epoch.to_string()), ("offset", offset.to_string())]);
        let answer = self.send(request, &Payload::Bytes(bytes), Care::REPEATABLE).await?;
        let body = read_limited(answer, MAX_LINE_BYTES).await.map_err(|r| bad(&path, r))?;
        serde_json::from_slice(&body).map_err(|error| bad(&path, error.to_string()))
    }

    /// What the attempt has written so far, from `offset` on.
    pub async fn log(&self, attempt: AttemptId, offset: u64) -> Result<Vec<u8>, ClientError> {
        let path = format!("api/v1/attempts/{attempt}/log");
        let request = self.request(Method::GET, &path).query(&[("offset", offset)]);
        let answer = self.send(request, &Payload::None, Care::REPEATABLE).await?;
        read_limited(answer, MAX_LOG_BYTES).await.map_err(|reason| bad(&path, reason))
    }

    /// Follows the output from `offset` on until the attempt ends.
    pub async fn follow_log(
        &self,
        attempt: AttemptId,
        offset: u64,
    ) -> Result<LogStream, ClientError> {
        let path = format!("api/v1/attempts/{attempt}/log/stream");
        // No total timeout: a test may run for hours. `next` watches for silence.
        let request = self.request(Method::GET, &path).query(&[("offset", offset)]);
        let answer = self.send_once(request, &Payload::None).await?;
        Ok(LogStream { client: self.clone(), answer, lines: Lines::default() })
    }
}

impl LogStream {
    /// The next event. After a failure that may pass: follow again.
    ///
    /// # Errors
    /// A broken or silent connection, one that ends without `End`, a malformed event.
    pub async fn next(&mut self) -> Result<LogEvent, ClientError> {
        loop {
            while let Some((event, data)) = self.lines.event() {
                match event.as_str() {
                    "end" => return Ok(LogEvent::End),
                    "output" => {
                        let piece = serde_json::from_str(&data)
                            .map_err(|error| bad("output", error.to_string()))?;
                        return Ok(LogEvent::Output(piece));
                    }
                    // Kinds of a newer coordinator.
                    _ => {}
                }
            }
            let chunk = tokio::time::timeout(MAX_SILENCE, self.answer.chunk()).await;
            let chunk = chunk.map_err(|_| self.lost("the stream went silent"))?;
            let chunk = chunk.map_err(|error| self.client.unreachable(&error))?;
            let chunk = chunk.ok_or_else(|| self.lost("the stream ended early"))?;
            self.lines.push(&chunk)?;
        }
    }

    fn lost(&self, reason: &str) -> ClientError {
        let (url, reason) = (self.client.url().to_owned(), reason.to_owned());
        ClientError::Unreachable { url, reason, refused: false }
    }
}

/// Cuts a stream of server-sent events into events.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
    /// Searched for a line end so far.
    seen: usize,
    event: String,
    data: String,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        if self.pending.len() + chunk.len() + self.data.len() > MAX_LINE_BYTES {
            return Err(bad("output", format!("an event is longer than {MAX_LINE_BYTES} bytes")));
        }
        self.pending.extend_from_slice(chunk);
        Ok(())
    }

    /// The next whole event (name, data) among what was pushed.
    fn event(&mut self) -> Option<(String, String)> {
        loop {
            let tail = self.pending.get(self.seen..).unwrap_or_default();
            let Some(end) = tail.iter().position(|byte| *byte == b'\n') else {
                self.seen = self.pending.len();
                return None;
            };
            let line: Vec<u8> = self.pending.drain(..=self.seen + end).collect();
            self.seen = 0;
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(name) = line.strip_prefix("event:") {
                name.trim_start().clone_into(&mut self.event);
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            } else if line.is_empty() && !(self.event.is_empty() && self.data.is_empty()) {
                return Some((std::mem::take(&mut self.event), std::mem::take(&mut self.data)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_any_cut_of_the_stream() {
        let text = ": keep\n\nevent: output\ndata: {\"a\":1}\n\nevent:end\r\ndata:\r\n\r\n";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for part in [&text[..cut], &text[cut..]] {
                lines.push(part.as_bytes()).expect("short");
                found.extend(std::iter::from_fn(|| lines.event()));
            }
            let expected = [("output", "{\"a\":1}"), ("end", "")]
                .map(|(event, data)| (event.to_owned(), data.to_owned()));
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 1024 * 1024];
        let refused = (0..20).any(|_| lines.event().is_none() && lines.push(&chunk).is_err());
        assert!(refused);
    }
}
