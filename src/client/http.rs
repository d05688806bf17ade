//! Sends one request, reads one answer, again where that is harmless.

use crate::client::error::ClientError;
use crate::client::proxy::Proxy;
use crate::client::retry::Retry;
use crate::client::secret::Secret;
use crate::sys::ids;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Largest answer that is read into memory.
const MAX_ANSWER_BYTES: usize = 512 * 1024 * 1024;
/// Largest error answer that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// `http://127.0.0.1:7700`; a path in it is a prefix.
    pub url: String,
    pub token: Option<Secret>,
    pub connect_timeout: Duration,
    /// For one whole request, body included. Waiting requests add their wait.
    pub timeout: Duration,
    pub retry: Retry,
}

impl ClientOptions {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_mins(1),
            retry: Retry::default(),
        }
    }
}

/// Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// Asked for every request.
    proxy: Option<Proxy>,
    timeout: Duration,
    retry: Retry,
    /// Whether the coordinator has answered this client or a clone of it.
    answered: Arc<AtomicBool>,
}

/// How a request may be treated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Care {
    /// Sent again when the first try may or may not have arrived.
    pub repeatable: bool,
    /// Wait that the request itself asks for.
    pub extra: Duration,
}

impl Care {
    pub const REPEATABLE: Care = Care { repeatable: true, extra: Duration::ZERO };
    pub const ONCE: Care = Care { repeatable: false, extra: Duration::ZERO };
}

/// What a request carries.
pub(crate) enum Payload {
    None,
    Json(Vec<u8>),
    Bytes(Vec<u8>),
}

impl Client {
    /// # Errors
    /// An address that is none, a token that no header can carry.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::BadUrl { url: options.url.clone(), reason };
        let mut base: Url = options.url.parse().map_err(|error| bad(format!("{error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("expected http:// or https:// and a host".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(bad("a token does not belong in the address".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = &options.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
                .map_err(|_| bad("the token holds characters that no header carries".into()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("dtf/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .tcp_nodelay(true)
            .connect_timeout(options.connect_timeout)
            // Shorter than the coordinator keeps an idle connection.
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // Spares reading the machine's certificates for a connection without TLS.
            builder = builder.tls_certs_only([]);
        }
        let proxy = if is_loopback(&base) {
            builder = builder.no_proxy();
            None
        } else {
            Proxy::of(&base)
        };
        let http = builder.build().map_err(|error| bad(reason(&error)))?;
        let (timeout, retry, answered) = (options.timeout, options.retry, Arc::default());
        Ok(Self { http, base, proxy, timeout, retry, answered })
    }

    /// The address that was given.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.http.get(self.address(path)).query(query);
        decode(path, self.send(request, &Payload::None, Care::REPEATABLE).await?).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        care: Care,
    ) -> Result<T, ClientError> {
        let request = self.http.post(self.address(path));
        decode(path, self.send(request, &encode(path, body)?, care).await?).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.address(path))
    }

    fn address(&self, path: &str) -> String {
        format!("{}{}", self.base, path.trim_start_matches('/'))
    }

    /// Sends, and sends again while `care` and the retry policy allow it.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        payload: &Payload,
        care: Care,
    ) -> Result<Response, ClientError> {
        let timeout = self.timeout.saturating_add(care.extra);
        let retry = if care.repeatable { self.retry } else { Retry::NEVER };
        let mut done = 0;
        loop {
            let Some(again) = request.try_clone() else {
                return self.send_once(request.timeout(timeout), payload).await;
            };
            let error = match self.send_once(again.timeout(timeout), payload).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if self.is_nobody_there(&error) {
                return Err(error);
            }
            let Some(pause) = retry.pause(done, &error, ids::fraction()) else { return Err(error) };
            tracing::debug!(%error, ?pause, "the request is sent again");
            tokio::time::sleep(pause).await;
            done += 1;
        }
    }

    /// A refused connection on this machine says for certain that nothing listens, and a
    /// repeat within a second would only make the command slower. A coordinator that has
    /// answered before may be restarting: that is worth a repeat.
    fn is_nobody_there(&self, error: &ClientError) -> bool {
        matches!(error, ClientError::Unreachable { refused: true, .. })
            && is_loopback(&self.base)
            && !self.answered.load(Ordering::Relaxed)
    }

    /// One try; an answer outside 2xx is an error.
    pub(crate) async fn send_once(
        &self,
        request: RequestBuilder,
        payload: &Payload,
    ) -> Result<Response, ClientError> {
        let request = match payload {
            Payload::None => request,
            Payload::Json(body) => {
                request.header(CONTENT_TYPE, "application/json").body(body.clone())
            }
            Payload::Bytes(body) => {
                request.header(CONTENT_TYPE, "application/octet-stream").body(body.clone())
            }
        };
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.answered.store(true, Ordering::Relaxed);
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = read_limited(answer, MAX_ERROR_BYTES).await.unwrap_or_default();
        let error = ClientError::from_answer(status, retry_after, &body);
        Err(match &self.proxy {
            // No coordinator answers like this.
            Some(proxy) if error.is_foreign() => ClientError::ThroughProxy {
                url: self.url().to_owned(),
                proxy: proxy.clone(),
                reason: error.to_string(),
            },
            _ => error,
        })
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let (url, reason) = (self.url().to_owned(), reason(error));
        if let Some(protocol) = other_protocol(self.base.scheme(), &reason) {
            return ClientError::OtherProtocol { url, protocol };
        }
        match &self.proxy {
            Some(proxy) => ClientError::ThroughProxy { url, proxy: proxy.clone(), reason },
            None => ClientError::Unreachable { url, reason, refused: is_refused(error) },
        }
    }
}

pub(crate) fn encode(path: &str, body: &impl Serialize) -> Result<Payload, ClientError> {
    let text = serde_json::to_vec(body).map_err(|error| ClientError::BadAnswer {
        what: path.to_owned(),
        reason: format!("cannot write the request: {error}"),
    })?;
    Ok(Payload::Json(text))
}

async fn decode<T: DeserializeOwned>(path: &str, answer: Response) -> Result<T, ClientError> {
    let body = read_limited(answer, MAX_ANSWER_BYTES).await.map_err(|reason| bad(path, reason))?;
    serde_json::from_slice(&body).map_err(|error| bad(path, error.to_string()))
}

pub(crate) fn bad(path: &str, reason: String) -> ClientError {
    ClientError::BadAnswer { what: path.to_owned(), reason }
}

/// The body, unless it is longer than `most`.
pub(crate) async fn read_limited(mut answer: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > most {
            return Err(format!("it is longer than {most} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost cause: "connection refused" says more than "error sending request".
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Whether nothing listens at the address.
fn is_refused(error: &reqwest::Error) -> bool {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source())
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// What the other end speaks, where the error of the transport says that it is not what the
/// address says. The transport has no types for these; a test asks a real port.
fn other_protocol(scheme: &str, reason: &str) -> Option<&'static str> {
    match scheme {
        "https" if reason.contains("InvalidContentType") => Some("http"),
        "http" if reason.contains("invalid HTTP version parsed") => Some("https"),
        _ => None,
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let host = host.trim_end_matches('.');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::backoff::Backoff;

    #[test]
    fn addresses_are_checked() {
        for url in ["", "127.0.0.1:7700", "ftp://x", "http://user:pass@host"] {
            let error = Client::new(ClientOptions::new(url)).expect_err(url);
            assert!(matches!(error, ClientError::BadUrl { .. }), "{url}: {error}");
        }
        let client = Client::new(ClientOptions::new("http://h:1/prefix")).expect("a client");
        assert_eq!(client.address("/api/v1/status"), "http://h:1/prefix/api/v1/status");
        assert_eq!(client.url(), "http://h:1/prefix");
    }

    #[test]
    fn loopback_is_recognised() {
        let loopback = |text: &str| is_loopback(&text.parse().expect("an address"));
        assert!(loopback("http://127.0.0.1:1") && loopback("http://[::1]:1"));
        assert!(loopback("http://localhost") && !loopback("http://10.0.0.1"));
        assert!(loopback("http://dtf.localhost.:1") && !loopback("http://localhost.example"));
    }

    /// A port that answers each connection with `answer`, whatever is asked.
    fn port_that_says(answer: &'static [u8]) -> u16 {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // A client that has hung up is not its business.
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer);
            }
        });
        port
    }

    #[tokio::test]
    async fn the_wrong_scheme_is_told_and_final() {
        let plain = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        // An alert of TLS: handshake failure.
        let tls = b"\x15\x03\x01\x00\x02\x02\x28";
        for (scheme, answer, right) in
            [("https", &plain[..], "http://"), ("http", &tls[..], "https://")]
        {
            let port = port_that_says(answer);
            let options = ClientOptions::new(format!("{scheme}://127.0.0.1:{port}"));
            let error = Client::new(options).expect("a client").status().await.expect_err(scheme);
            let other = matches!(error, ClientError::OtherProtocol { .. });
            assert!(other && !error.is_temporary(), "{scheme}: {error:?}");
            let hint = error.hint().expect("a hint");
            assert!(hint.contains(&format!("{right}127.0.0.1:{port}")), "{hint}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable_with_a_hint() {
        // Port of a listener that is gone: nobody else takes it within the test.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let mut options = ClientOptions::new(format!("http://127.0.0.1:{port}"));
        // A repeat would exceed every limit that a test has.
        options.retry.backoff = Backoff { first: Duration::from_hours(1), max: Duration::MAX };
        options.token = Some(Secret::new("hunter2"));
        let client = Client::new(options).expect("a client");
        let error = client.status().await.expect_err("nobody there");
        assert!(matches!(error, ClientError::Unreachable { refused: true, .. }), "{error:?}");
        client.answered.store(true, Ordering::Relaxed);
        assert!(!client.is_nobody_there(&error), "a coordinator that restarts is asked again");
        assert!(error.hint().expect("a hint").contains(&port.to_string()));
        assert!(!format!("{client:?} {error:?}").contains("hunter2"));
    }
}
