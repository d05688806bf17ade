//! Authentication: which principal sends a request.
//!
//! Every way to prove who sends a request is an [`Authenticator`]: the session of a browser, the static
//! tokens of a file, or access to the loopback address of this machine. Further ways are added to the chain in
//! [`Authenticators`]; nothing else changes.
//!
//! Promises: only digests of tokens are kept, and they are compared in constant time; a token
//! file that others can read is refused; without a token file every program on this machine is an
//! admin, while a web page of another site can neither change anything nor read an answer (see
//! [`LocalAdmin`] and [`SessionCookie`]).

use crate::coordinator::http::refusals::Peer;
use crate::coordinator::pages::sessions::Sessions;
use crate::domain::access::{Principal, Role};
use crate::sys::private::{PrivateFileError, read_private};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use futures::future::BoxFuture;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Beginning of the paths of the forms of pages: the only ones that a session can change something by.
pub(crate) const FORMS: &str = "/actions/";
/// Maximum size of a token file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Minimum length of a token, in bytes.
const MIN_TOKEN_BYTES: usize = 16;
/// Maximum number of tokens in a file.
const MAX_TOKENS: usize = 1000;

/// The reason why a request has no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("this coordinator requires a token")]
    NoToken,
    #[error("this coordinator does not know the token")]
    UnknownToken,
    #[error("a coordinator without tokens accepts requests from programs on its own machine only")]
    ForeignPage,
    #[error(
        "the session of a browser changes something only by a form of a page of this coordinator"
    )]
    ForeignForm,
}

/// One way to prove who sends a request.
///
/// The answer is `None` when the request has no credentials of this kind, so that the next
/// authenticator is asked. Wrong credentials are an error.
pub(crate) trait Authenticator: Send + Sync {
    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Option<Principal>, AuthError>>;
}

/// Authenticators in the order in which they are asked.
pub(crate) struct Authenticators {
    chain: Vec<Box<dyn Authenticator>>,
    sessions: Arc<Sessions>,
}

impl Authenticators {
    /// A chain that starts with the sessions of browsers.
    pub fn new(chain: Vec<Box<dyn Authenticator>>) -> Self {
        let sessions = Arc::new(Sessions::new());
        let first: Box<dyn Authenticator> = Box::new(SessionCookie(Arc::clone(&sessions)));
        Self { chain: std::iter::once(first).chain(chain).collect(), sessions }
    }

    /// The sessions of browsers.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The cookie of the session of a browser, and its principal, if the session has not ended.
    pub fn session(&self, headers: &HeaderMap) -> Option<(String, Principal)> {
        open_session(&self.sessions, headers)
    }

    /// The principal of the first authenticator that recognizes the credentials.
    ///
    /// # Errors
    /// Wrong credentials, or none that any authenticator recognizes.
    pub async fn authenticate(&self, head: &Parts) -> Result<Principal, AuthError> {
        for authenticator in &self.chain {
            if let Some(principal) = authenticator.authenticate(head).await? {
                return Ok(principal);
            }
        }
        Err(AuthError::NoToken)
    }
}

/// The session of a browser that has logged in, by its cookie.
///
/// Browsers send a cookie without being asked, also when a page of another site starts the request.
/// `SameSite=Strict` prevents this; a browser that ignores it is refused by the origin of its requests.
/// A session reads everything that its principal may read; it changes something only by the forms
/// under [`FORMS`], each of which contains a token as well.
pub(crate) struct SessionCookie(Arc<Sessions>);

impl SessionCookie {
    fn check(&self, head: &Parts) -> Result<Option<Principal>, AuthError> {
        if head.headers.contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        let known = open_session(&self.0, &head.headers).map(|(_, principal)| principal);
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        let is_form = head.uri.path().starts_with(FORMS) && is_own_form(&head.headers);
        if known.is_some() && !reads && !is_form {
            return Err(AuthError::ForeignForm);
        }
        Ok(known)
    }
}

impl Authenticator for SessionCookie {
    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Option<Principal>, AuthError>> {
        Box::pin(async { self.check(head) })
    }
}

/// Name of the cookie of a session. Browsers send the cookies of a host to all of its ports, so it
/// contains the port.
pub(crate) fn cookie_name(headers: &HeaderMap) -> String {
    let host = text(headers, &HOST).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let port = if port.bytes().all(|byte| byte.is_ascii_digit()) { port } else { "" };
    format!("dtf-session{port}")
}

fn open_session(sessions: &Sessions, headers: &HeaderMap) -> Option<(String, Principal)> {
    let cookie = session_cookie(headers)?;
    let principal = sessions.find(&cookie, Instant::now())?;
    Some((cookie, principal))
}

/// Value of the cookie of a session, which may have ended.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(headers);
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
    pairs.find_map(|pair| {
        let (given, value) = pair.trim().split_once('=')?;
        (given == name).then(|| value.to_owned())
    })
}

/// Whether a form was sent by a page of this coordinator: browsers state the origin of the page.
pub(crate) fn is_own_form(headers: &HeaderMap) -> bool {
    let host = text(headers, &HOST).unwrap_or_default();
    let origin = text(headers, &ORIGIN).and_then(|origin| origin.split_once("://"));
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    origin.is_some_and(|(_, origin)| !host.is_empty() && origin.eq_ignore_ascii_case(host))
        && site.is_none_or(|site| site == "same-origin")
}

/// Everybody who reaches the loopback address is an admin, except for web pages.
///
/// A web page of any site can send requests to loopback. With every request that could change
/// something the browser states the origin of the page, so another origin is refused; it hides the
/// answers to other requests from the page. A page whose host name was pointed to loopback (DNS
/// rebinding) has the same origin as its host: therefore the host must be a name of loopback, too.
/// The only web pages that count as local are those that this coordinator serves.
pub(crate) struct LocalAdmin;

impl LocalAdmin {
    fn check(head: &Parts) -> Result<Principal, AuthError> {
        let host = text(&head.headers, &HOST);
        let from_here = head.extensions.get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
        let names_loopback = host.is_none_or(names_loopback);
        let own_page = match (head.headers.contains_key(ORIGIN), host) {
            (false, _) => true,
            (true, Some(host)) => text(&head.headers, &ORIGIN)
                .and_then(|origin| origin.strip_prefix("http://"))
                .is_some_and(|origin| origin.eq_ignore_ascii_case(host)),
            (true, None) => false,
        };
        if from_here && names_loopback && own_page {
            Ok(Principal::with_role("local", &Role::ADMIN))
        } else {
            Err(AuthError::ForeignPage)
        }
    }
}

impl Authenticator for LocalAdmin {
    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Option<Principal>, AuthError>> {
        Box::pin(async { Self::check(head).map(Some) })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether a host, with or without a port, is `localhost` or a loopback address.
fn names_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The bearer tokens of a file, by digest.
pub(crate) struct StaticTokens {
    known: Vec<([u8; 32], Principal)>,
}

/// The reason why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    #[error(transparent)]
    File(#[from] PrivateFileError),
    #[error("the token file {path}, line {line}: {reason}")]
    Line { path: PathBuf, line: usize, reason: String },
    #[error("the token file {path} has no token")]
    Empty { path: PathBuf },
}

impl TokenFileError {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File(error) => error.hint(),
            Self::Line { .. } | Self::Empty { .. } => {
                Some("each line is `ROLE USER TOKEN`, or one TOKEN alone for an admin")
            }
        }
    }
}

impl StaticTokens {
    /// Reads a file with lines of `TOKEN` (an admin) or `ROLE USER TOKEN`, and `#` comments.
    ///
    /// # Errors
    /// A file that cannot be read, that others can read, or with a malformed line.
    pub fn load(path: &Path) -> Result<Self, TokenFileError> {
        let text = read_private(path, MAX_FILE_BYTES)?;
        let refuse =
            |line, reason: String| TokenFileError::Line { path: path.to_owned(), line, reason };
        let mut known = Vec::new();
        for (line, content) in (1..).zip(text.lines().map(str::trim)) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if known.len() == MAX_TOKENS {
                return Err(refuse(line, format!("more than {MAX_TOKENS} tokens")));
            }
            known.push(parse_line(content).map_err(|reason| refuse(line, reason))?);
        }
        if known.is_empty() {
            return Err(TokenFileError::Empty { path: path.to_owned() });
        }
        Ok(Self { known })
    }

    fn check(&self, head: &Parts) -> Result<Option<Principal>, AuthError> {
        let header = text(&head.headers, &AUTHORIZATION);
        let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else {
            return Ok(None);
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(None);
        }
        let given = digest(token.trim());
        let mut principal = None;
        for (known, owner) in &self.known {
            if same(known, &given) {
                principal = Some(owner);
            }
        }
        principal.cloned().map(Some).ok_or(AuthError::UnknownToken)
    }
}

impl Authenticator for StaticTokens {
    fn authenticate<'a>(
        &'a self,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Option<Principal>, AuthError>> {
        Box::pin(async { self.check(head) })
    }
}

/// Never quotes the line in an error: it has a secret.
fn parse_line(line: &str) -> Result<([u8; 32], Principal), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (role, user, token) = match words.as_slice() {
        [token] => (Role::ADMIN, "admin", *token),
        [role, user, token] => {
            let Some(role) = Role::named(role) else {
                let names = Role::BUILT_IN.map(|role| role.name).join(", ");
                return Err(format!("unknown role; the roles are {names}"));
            };
            (role, *user, *token)
        }
        _ => return Err("expected `TOKEN` or `ROLE USER TOKEN`".to_owned()),
    };
    if token.len() < MIN_TOKEN_BYTES {
        return Err(format!("the token is too short (minimum {MIN_TOKEN_BYTES} characters)"));
    }
    Ok((digest(token), Principal::with_role(user, &role)))
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Takes the same time wherever the first difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0u8, |differences, (a, b)| differences | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use std::net::SocketAddr;

    fn head(headers: &[(HeaderName, &str)]) -> Parts {
        let mut head = Request::new(()).into_parts().0;
        head.extensions.insert(Peer(SocketAddr::from(([127, 0, 0, 1], 9))));
        for (name, value) in headers {
            head.headers.insert(name, value.parse().expect("a header value"));
        }
        head
    }

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), mode).expect("a mode");
        }
        file
    }

    fn tokens(text: &str) -> StaticTokens {
        StaticTokens::load(file(text, 0o600).path()).expect("tokens")
    }

    #[test]
    fn tokens_have_the_user_and_the_role_of_their_line() {
        let tokens = tokens(
            "# ours\n\nadmin-token-0123456789\nworker rig7 worker-token-0123456789\n\
             submitter ci submitter-token-0123456789\nviewer eve viewer-token-0123456789\n",
        );
        let ask = |value: &str| tokens.check(&head(&[(AUTHORIZATION, value)]));
        let admin = Principal::with_role("admin", &Role::ADMIN);
        assert_eq!(ask("bearer admin-token-0123456789"), Ok(Some(admin)));
        for (role, user) in [("worker", "rig7"), ("submitter", "ci"), ("viewer", "eve")] {
            let role = Role::named(role).expect("built in");
            let answer = ask(&format!("Bearer {}-token-0123456789", role.name));
            assert_eq!(answer, Ok(Some(Principal::with_role(user, &role))));
        }
        assert_eq!(ask("Bearer nobody-token-0123456789"), Err(AuthError::UnknownToken));
        assert_eq!(ask("Basic admin-token-0123456789"), Ok(None));
        assert_eq!(tokens.check(&head(&[])), Ok(None));
    }

    #[tokio::test]
    async fn a_chain_asks_until_one_authenticator_recognizes_the_credentials() {
        let chain = Authenticators::new(vec![
            Box::new(tokens("viewer eve viewer-token-0123456789")),
            Box::new(LocalAdmin),
        ]);
        let ask = async |headers: &[_]| chain.authenticate(&head(headers)).await;
        let eve = ask(&[(AUTHORIZATION, "Bearer viewer-token-0123456789")]).await;
        assert_eq!(eve.map(|principal| principal.subject.to_string()), Ok("eve".to_owned()));
        let local = ask(&[]).await;
        assert_eq!(local.map(|principal| principal.subject.to_string()), Ok("local".to_owned()));
        // Wrong credentials do not fall through to the next one.
        let wrong = ask(&[(AUTHORIZATION, "Bearer nobody-token-0123456789")]).await;
        assert_eq!(wrong, Err(AuthError::UnknownToken));
        let none = Authenticators::new(Vec::new()).authenticate(&head(&[])).await;
        assert_eq!(none, Err(AuthError::NoToken));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let file = file("admin-token-0123456789", 0o640);
        let error = StaticTokens::load(file.path()).err().expect("refused");
        let expected = PrivateFileError::Readable { path: file.path().to_owned(), mode: 0o640 };
        assert_eq!(error.to_string(), expected.to_string());
        assert!(error.hint().is_some_and(|hint| hint.contains("chmod 600")));
    }

    #[test]
    fn malformed_files_are_refused_with_the_line_and_without_the_secret() {
        let many = "admin-token-0123456789\n".repeat(MAX_TOKENS + 1);
        for (text, expected) in [
            ("short", "line 1: the token is too short (minimum 16 characters)"),
            (
                "# x\nowner me admin-token-0123456789",
                "line 2: unknown role; the roles are admin, submitter, worker, viewer",
            ),
            ("a b", "line 1: expected `TOKEN` or `ROLE USER TOKEN`"),
            ("# nothing\n", "has no token"),
            (&many, "line 1001: more than 1000 tokens"),
        ] {
            let file = file(text, 0o600);
            let error = StaticTokens::load(file.path()).err().expect("refused").to_string();
            assert!(error.contains(expected) && !error.contains("0123456789"), "{error}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_not_the_local_admin() {
        let ask = |headers: &[_]| LocalAdmin::check(&head(headers));
        assert!(ask(&[(HOST, "127.0.0.1:7700")]).is_ok());
        assert!(ask(&[(HOST, "[::1]:7700")]).is_ok());
        assert!(ask(&[(HOST, "localhost")]).is_ok());
        assert_eq!(ask(&[(HOST, "evil.example:7700")]), Err(AuthError::ForeignPage));
        for (host, origin, own) in [
            ("127.0.0.1:7700", "http://127.0.0.1:7700", true),
            ("localhost:7700", "http://LOCALHOST:7700", true),
            ("127.0.0.1:7700", "http://evil.example", false),
            // A name that was pointed to loopback is its own origin.
            ("evil.example:7700", "http://evil.example:7700", false),
            ("localhost:7700", "http://localhost:3000", false),
            ("localhost:7700", "https://localhost:7700", false),
            ("localhost:7700", "null", false),
            ("localhost:7700", "http://localhost:7700.evil.example", false),
        ] {
            let answer = ask(&[(HOST, host), (ORIGIN, origin)]);
            assert_eq!(answer.is_ok(), own, "{origin} at {host}");
        }
        assert_eq!(ask(&[(ORIGIN, "http://localhost:7700")]), Err(AuthError::ForeignPage));
    }

    #[test]
    fn a_session_reads_and_changes_something_only_by_its_own_forms() {
        let cookies = SessionCookie(Arc::new(Sessions::new()));
        let anna = Principal::with_role("anna", &Role::ADMIN);
        let value = cookies.0.begin(anna.clone(), Instant::now());
        let (host, origin) = ((HOST, "dtf.example:80"), (ORIGIN, "https://dtf.example:80"));
        let cookie = format!("other=1; dtf-session80={value}");
        let ask = |method: Method, path: &str, headers: &[(HeaderName, &str)]| {
            let mut head = head(headers);
            head.headers.insert(COOKIE, cookie.parse().expect("a header value"));
            (head.method, head.uri) = (method, path.parse().expect("a path"));
            cookies.check(&head)
        };
        let found = Ok(Some(anna));
        assert_eq!(ask(Method::GET, "/runs/r1", std::slice::from_ref(&host)), found);
        assert_eq!(ask(Method::POST, "/actions/cancel", &[host.clone(), origin.clone()]), found);
        let refused = Err(AuthError::ForeignForm);
        let site = |site| (HeaderName::from_static("sec-fetch-site"), site);
        for headers in [
            vec![host.clone()],
            vec![host.clone(), (ORIGIN, "https://evil.example")],
            vec![host.clone(), (ORIGIN, "null")],
            vec![host.clone(), origin.clone(), site("cross-site")],
            vec![host.clone(), origin.clone(), site("same-site")],
        ] {
            assert_eq!(ask(Method::POST, "/actions/cancel", &headers), refused, "{headers:?}");
        }
        let own = [host.clone(), origin, site("same-origin")];
        assert_eq!(ask(Method::POST, "/api/v1/runs/r1/cancel", &own), refused);
        assert_eq!(ask(Method::DELETE, "/actions/cancel", std::slice::from_ref(&host)), refused);
        // Another coordinator on the same host has another port, and its own cookie.
        assert_eq!(ask(Method::GET, "/", &[(HOST, "dtf.example:81")]), Ok(None));
        let token = (AUTHORIZATION, "Bearer x");
        assert_eq!(ask(Method::POST, "/api/v1/runs", &[host, token]), Ok(None));
    }

    #[test]
    fn only_this_machine_is_the_local_admin() {
        for (peer, local) in [("127.0.0.1:9", true), ("[::1]:9", true), ("192.0.2.1:9", false)] {
            let mut head = head(&[]);
            let address: SocketAddr = peer.parse().expect("an address");
            head.extensions.insert(Peer(address));
            assert_eq!(LocalAdmin::check(&head).is_ok(), local, "{peer}");
            head.extensions.remove::<Peer>();
            assert!(LocalAdmin::check(&head).is_err(), "an unknown peer");
        }
    }
}
