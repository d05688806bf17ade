//! Sends requests and reads responses. A request is repeated if that is harmless.

use crate::client::error::ClientError;
use crate::client::part;
use crate::client::proxy::Proxy;
use crate::client::retry::Retry;
use crate::client::secret::Secret;
use crate::sys::ids;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Maximum size of a response that is read into memory.
const MAX_RESPONSE_BYTES: usize = 512 * 1024 * 1024;
/// Maximum size of an error response that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Address of the coordinator, such as `http://127.0.0.1:7700`. Its path precedes all paths.
    pub url: String,
    pub token: Option<Secret>,
    pub connect_timeout: Duration,
    /// Time limit of one request with its response. A request that waits adds its waiting time.
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

/// A client of one coordinator. Cloning is cheap, and clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// The proxy that every request passes.
    proxy: Option<Proxy>,
    timeout: Duration,
    retry: Retry,
    has_token: bool,
    /// Whether the coordinator has responded to this client or a clone of it.
    has_responded: Arc<AtomicBool>,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendOptions {
    /// The request may be repeated although the coordinator may have received it.
    pub repeatable: bool,
    /// Time that the request needs beyond the usual time limit.
    pub extra_time: Duration,
}

impl SendOptions {
    pub const REPEATABLE: Self = Self { repeatable: true, extra_time: Duration::ZERO };
    pub const ONCE: Self = Self { repeatable: false, extra_time: Duration::ZERO };
}

/// The query of a request without parameters.
pub(crate) const NO_QUERY: [(&str, &str); 0] = [];

/// The body of a request.
pub(crate) enum Payload {
    None,
    Json(Vec<u8>),
    Bytes(Vec<u8>),
    /// A file of this size in bytes, which is read while it is sent.
    File(PathBuf, u64),
    /// `size` bytes of a file from `offset`, which are read while they are sent.
    Part {
        file: PathBuf,
        offset: u64,
        size: u64,
    },
}

impl Client {
    /// # Errors
    /// The address is not one of a coordinator, or an HTTP header cannot carry the token.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::BadUrl { url: options.url.clone(), reason };
        let mut base: Url = options.url.parse().map_err(|error| bad(format!("{error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("expected http:// or https:// and a host".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(bad("it contains a user name or a password".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = &options.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
                .map_err(|_| ClientError::BadToken)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("dtf/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .tcp_nodelay(true)
            .connect_timeout(options.connect_timeout)
            // Less than the time for which the coordinator keeps an idle connection.
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // A connection without TLS does not need the certificates of this machine.
            builder = builder.tls_certs_only([]);
        }
        let proxy = if is_loopback(&base) {
            builder = builder.no_proxy();
            None
        } else {
            Proxy::of(&base)
        };
        let http = builder.build().map_err(|error| bad(reason(&error)))?;
        let (timeout, retry) = (options.timeout, options.retry);
        let has_token = options.token.is_some();
        Ok(Self { http, base, proxy, timeout, retry, has_token, has_responded: Arc::default() })
    }

    /// The address of the coordinator.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether requests carry a token.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.has_token
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.http.get(self.address(path)).query(query);
        let response = self.send(request, &Payload::None, SendOptions::REPEATABLE).await?;
        decode(path, response, MAX_RESPONSE_BYTES).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        options: SendOptions,
    ) -> Result<T, ClientError> {
        let request = self.http.post(self.address(path));
        let response = self.send(request, &encode(path, body)?, options).await?;
        decode(path, response, MAX_RESPONSE_BYTES).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.address(path))
    }

    fn address(&self, path: &str) -> String {
        format!("{}{}", self.base, path.trim_start_matches('/'))
    }

    /// Sends the request, and repeats it while `options` and [`Retry`] allow it.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        payload: &Payload,
        options: SendOptions,
    ) -> Result<Response, ClientError> {
        let timeout = self.timeout.saturating_add(options.extra_time);
        let retry = if options.repeatable { self.retry } else { Retry::NEVER };
        let mut repeats = 0;
        loop {
            let Some(copy) = request.try_clone() else {
                return self.send_once(request.timeout(timeout), payload).await;
            };
            let error = match self.send_once(copy.timeout(timeout), payload).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if self.is_not_running(&error) {
                return Err(error);
            }
            let Some(pause) = retry.pause(repeats, &error, ids::fraction()) else {
                return Err(error);
            };
            tracing::debug!(%error, ?pause, "repeating the request");
            tokio::time::sleep(pause).await;
            repeats += 1;
        }
    }

    /// Whether no coordinator runs at the address: this machine refused the connection. A repeat within
    /// a second would only delay the command. A coordinator that has responded before may be
    /// restarting, so a repeat is useful then.
    fn is_not_running(&self, error: &ClientError) -> bool {
        matches!(error, ClientError::Unreachable { refused: true, .. })
            && is_loopback(&self.base)
            && !self.has_responded.load(Ordering::Relaxed)
    }

    /// Sends the request once. A status outside 2xx is an error.
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
            Payload::File(path, size) => {
                let opened = tokio::fs::File::open(path).await;
                let file = opened.map_err(|error| ClientError::local(path, error))?;
                // Without a length the coordinator could not refuse the file before it is sent.
                request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, *size)
                    .body(file)
            }
            Payload::Part { file, offset, size } => {
                let part = part::open(file, *offset, *size).await;
                let part = part.map_err(|error| ClientError::local(file, error))?;
                request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, *size)
                    .body(part)
            }
        };
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.has_responded.store(true, Ordering::Relaxed);
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = read_limited(response, MAX_ERROR_BYTES).await.unwrap_or_default();
        let error = ClientError::from_response(status, retry_after, &body);
        Err(match &self.proxy {
            // The response comes from the proxy.
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
    let text = serde_json::to_vec(body).map_err(|error| ClientError::BadResponse {
        what: path.to_owned(),
        reason: format!("cannot write the request: {error}"),
    })?;
    Ok(Payload::Json(text))
}

/// Reads the JSON body of a response of at most `max_bytes` bytes.
pub(crate) async fn decode<T: DeserializeOwned>(
    path: &str,
    response: Response,
    max_bytes: usize,
) -> Result<T, ClientError> {
    let body =
        read_limited(response, max_bytes).await.map_err(|reason| bad_response(path, reason))?;
    serde_json::from_slice(&body).map_err(|error| bad_response(path, error.to_string()))
}

pub(crate) fn bad_response(path: &str, reason: String) -> ClientError {
    ClientError::BadResponse { what: path.to_owned(), reason }
}

/// Reads the body of a response of at most `max_bytes` bytes.
///
/// # Errors
/// The reason why the body was not read, as a text.
pub(crate) async fn read_limited(
    mut response: Response,
    max_bytes: usize,
) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(format!("it is too large (maximum {max_bytes} bytes)"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost cause, since "connection refused" is more helpful than "error sending request".
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no response within the time limit".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Whether no program listens at the address.
fn is_refused(error: &reqwest::Error) -> bool {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source())
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// The protocol of the port, if the error of the transport shows that it differs from the scheme of the
/// address. The transport has no error types for this, so a test sends requests to a real port.
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
    use crate::domain::retry::backoff::Backoff;

    #[test]
    fn addresses_and_tokens_are_checked() {
        for url in ["", "127.0.0.1:7700", "ftp://x", "http://user:pass@host"] {
            let error = Client::new(ClientOptions::new(url)).expect_err(url);
            assert!(matches!(error, ClientError::BadUrl { .. }), "{url}: {error}");
        }
        let token = Some(Secret::new("two\nlines"));
        let options = ClientOptions { token, ..ClientOptions::new("http://h:1") };
        let error = Client::new(options).expect_err("a bad token");
        assert!(matches!(error, ClientError::BadToken), "{error}");
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

    /// The number of a port that sends `response` to every connection.
    fn port_with_response(response: &'static [u8]) -> u16 {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // The client may have closed the connection already.
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(response);
            }
        });
        port
    }

    #[tokio::test]
    async fn the_wrong_scheme_is_a_permanent_error_with_a_hint() {
        let plain = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        // A TLS alert: handshake failure.
        let tls = b"\x15\x03\x01\x00\x02\x02\x28";
        for (scheme, response, right) in
            [("https", &plain[..], "http://"), ("http", &tls[..], "https://")]
        {
            let port = port_with_response(response);
            let options = ClientOptions::new(format!("{scheme}://127.0.0.1:{port}"));
            let error = Client::new(options).expect("a client").status().await.expect_err(scheme);
            let is_other = matches!(error, ClientError::OtherProtocol { .. });
            assert!(is_other && !error.is_temporary(), "{scheme}: {error:?}");
            let hint = error.hint().expect("a hint");
            assert!(hint.contains(&format!("{right}127.0.0.1:{port}")), "{hint}");
        }
    }

    #[tokio::test]
    async fn a_port_without_a_program_is_unreachable_with_a_hint() {
        // The port of a listener that is closed. No other program takes it during the test.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let mut options = ClientOptions::new(format!("http://127.0.0.1:{port}"));
        // A repeat would exceed every time limit of the test.
        options.retry.backoff = Backoff { first: Duration::from_hours(1), max: Duration::MAX };
        options.token = Some(Secret::new("hunter2"));
        let client = Client::new(options).expect("a client");
        let error = client.status().await.expect_err("no program there");
        assert!(matches!(error, ClientError::Unreachable { refused: true, .. }), "{error:?}");
        client.has_responded.store(true, Ordering::Relaxed);
        assert!(!client.is_not_running(&error), "a coordinator may be restarting");
        assert!(error.hint().expect("a hint").contains(&port.to_string()));
        assert!(!format!("{client:?} {error:?}").contains("hunter2"));
    }
}
