//! The output of attempts: append to it, read it, follow it.

use crate::api::v1::logs::{Appended, HEAD_BYTES, OutputPiece, TAIL_BYTES};
use crate::client::error::ClientError;
use crate::client::http::{Client, Payload, SendOptions, bad_response, decode, read_limited};
use crate::domain::id::{AttemptId, Epoch};
use reqwest::{Method, Response};
use std::time::Duration;

/// Maximum size of a line of an event stream, in bytes.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
/// Maximum size of a stored output, in bytes: its two kept parts, and the line between them.
const MAX_LOG_BYTES: usize = HEAD_BYTES + TAIL_BYTES + 64 * 1024;
/// Maximum time between two messages of a stream. The coordinator sends comments more often than this.
const MAX_SILENCE: Duration = Duration::from_mins(1);

/// One event of a followed output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEvent {
    Output(OutputPiece),
    /// The attempt has ended, and no event follows.
    End,
}

/// The output of an attempt while it is written. Dropping the value ends the request.
#[derive(Debug)]
pub struct LogStream {
    client: Client,
    response: Response,
    parser: EventParser,
}

impl Client {
    /// Appends raw output of a running attempt. `offset` is the number of bytes before it. The response
    /// gives the offset of the next piece, which may be beyond this piece if an earlier response was
    /// lost.
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
        let response = self.send(request, &Payload::Bytes(bytes), SendOptions::REPEATABLE).await?;
        decode(&path, response, MAX_LINE_BYTES).await
    }

    /// Reads the output so far, from `offset` on.
    pub async fn log(&self, attempt: AttemptId, offset: u64) -> Result<Vec<u8>, ClientError> {
        let path = format!("api/v1/attempts/{attempt}/log");
        let request = self.request(Method::GET, &path).query(&[("offset", offset)]);
        let response = self.send(request, &Payload::None, SendOptions::REPEATABLE).await?;
        read_limited(response, MAX_LOG_BYTES).await.map_err(|reason| bad_response(&path, reason))
    }

    /// Follows the output from `offset` on, until the attempt ends.
    pub async fn follow_log(
        &self,
        attempt: AttemptId,
        offset: u64,
    ) -> Result<LogStream, ClientError> {
        let path = format!("api/v1/attempts/{attempt}/log/stream");
        // There is no time limit, since a test may run for hours. `next` limits the silence.
        let request = self.request(Method::GET, &path).query(&[("offset", offset)]);
        let response = self.send_once(request, &Payload::None).await?;
        Ok(LogStream { client: self.clone(), response, parser: EventParser::default() })
    }
}

impl LogStream {
    /// Waits for the next event. After a temporary error, the caller follows the output again.
    ///
    /// # Errors
    /// The connection broke, was silent or ended without `End`, or an event is malformed.
    pub async fn next(&mut self) -> Result<LogEvent, ClientError> {
        loop {
            while let Some((event, data)) = self.parser.event() {
                match event.as_str() {
                    "end" => return Ok(LogEvent::End),
                    "output" => {
                        let piece = serde_json::from_str(&data)
                            .map_err(|error| bad_response("the log stream", error.to_string()))?;
                        return Ok(LogEvent::Output(piece));
                    }
                    // Events of a newer coordinator are ignored.
                    _ => {}
                }
            }
            let chunk = tokio::time::timeout(MAX_SILENCE, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| {
                self.lost(&format!("the log stream sent nothing for {} s", MAX_SILENCE.as_secs()))
            })?;
            let chunk = chunk.map_err(|error| self.client.unreachable(&error))?;
            let chunk =
                chunk.ok_or_else(|| self.lost("the log stream ended before the attempt"))?;
            self.parser.push(&chunk)?;
        }
    }

    fn lost(&self, reason: &str) -> ClientError {
        let (url, reason) = (self.client.url().to_owned(), reason.to_owned());
        ClientError::Unreachable { url, reason, refused: false }
    }
}

/// Divides a stream of server-sent events into events.
#[derive(Debug, Default)]
struct EventParser {
    pending: Vec<u8>,
    /// Number of pending bytes that contain no line end.
    searched: usize,
    event: String,
    data: String,
}

impl EventParser {
    /// Adds a piece of the stream.
    fn push(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        if self.pending.len() + chunk.len() + self.data.len() > MAX_LINE_BYTES {
            return Err(bad_response(
                "the log stream",
                format!("an event is too large (maximum {MAX_LINE_BYTES} bytes)"),
            ));
        }
        self.pending.extend_from_slice(chunk);
        Ok(())
    }

    /// Name and data of the next complete event, if there is one.
    fn event(&mut self) -> Option<(String, String)> {
        loop {
            let tail = self.pending.get(self.searched..).unwrap_or_default();
            let Some(end) = tail.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.pending.len();
                return None;
            };
            let line: Vec<u8> = self.pending.drain(..=self.searched + end).collect();
            self.searched = 0;
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
    fn events_are_found_wherever_the_stream_is_divided() {
        let text = ": keep\n\nevent: output\ndata: {\"a\":1}\n\nevent:end\r\ndata:\r\n\r\n";
        for cut in 0..text.len() {
            let mut parser = EventParser::default();
            let mut events = Vec::new();
            for part in [&text[..cut], &text[cut..]] {
                parser.push(part.as_bytes()).expect("short");
                events.extend(std::iter::from_fn(|| parser.event()));
            }
            let expected = [("output", "{\"a\":1}"), ("end", "")]
                .map(|(event, data)| (event.to_owned(), data.to_owned()));
            assert_eq!(events, expected, "divided at {cut}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = EventParser::default();
        let chunk = vec![b'x'; 1024 * 1024];
        let refused = (0..20).any(|_| parser.event().is_none() && parser.push(&chunk).is_err());
        assert!(refused);
    }
}
