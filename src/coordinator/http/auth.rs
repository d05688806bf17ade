//! Who is asking. Static bearer tokens from a file for now; whatever comes later
//! implements [`Authenticator`] and nothing else changes.
//!
//! Promises: tokens are compared in constant time and kept as digests only; a token file
//! that others can read is refused; without a token file everybody on this machine is
//! the local admin, except for web pages in a browser here (see [`LocalAdmin`]).

use crate::coordinator::http::permissions::{Principal, Role};
use crate::sys::fs::read_text;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Largest token file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Shortest token.
const MIN_TOKEN_BYTES: usize = 16;
/// Most tokens.
const MAX_TOKENS: usize = 1000;

/// Why a request has no sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("this coordinator asks for a token")]
    NoToken,
    #[error("the token is not known here")]
    UnknownToken,
    #[error("web pages may not use a coordinator without tokens")]
    Foreign,
}

pub(crate) trait Authenticator: Send + Sync {
    fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Denied>;
}

/// Everybody who reaches the loopback address is the admin. Requests that a browser
/// sends for a web page are refused: the page of a stranger reaches loopback too.
pub(crate) struct LocalAdmin;

impl Authenticator for LocalAdmin {
    fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Denied> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        if headers.contains_key(ORIGIN) || !host.is_none_or(names_this_machine) {
            return Err(Denied::Foreign);
        }
        Ok(Principal { subject: "local".into(), role: Role::Admin })
    }
}

fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Tokens that are known, by digest.
pub(crate) struct StaticTokens {
    known: Vec<([u8; 32], Principal)>,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    #[error("cannot read the token file {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error(
        "the token file {path} can be read by others (mode {mode:03o}); run `chmod 600 {path}`"
    )]
    Readable { path: PathBuf, mode: u32 },
    #[error("line {line} of the token file {path}: {what}")]
    Line { path: PathBuf, line: usize, what: &'static str },
    #[error("the token file {path} holds no token")]
    Empty { path: PathBuf },
}

impl StaticTokens {
    /// Reads a file of lines `TOKEN` (an admin) or `ROLE USER TOKEN`, with `#` comments.
    ///
    /// # Errors
    /// A file that cannot be read, that others can read, or with a malformed line.
    pub fn load(path: &Path) -> Result<Self, TokenFileError> {
        let read = |source| TokenFileError::Read { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(read)?;
        check_mode(path, &metadata)?;
        if metadata.len() > MAX_FILE_BYTES {
            return Err(read(std::io::Error::other(format!("longer than {MAX_FILE_BYTES} bytes"))));
        }
        let text = read_text(path).map_err(read)?;
        let mut known = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            known.push(parse_line(line).map_err(|what| TokenFileError::Line {
                path: path.to_owned(),
                line: number + 1,
                what,
            })?);
        }
        if known.len() > MAX_TOKENS {
            let what = "more than 1000 tokens";
            return Err(TokenFileError::Line {
                path: path.to_owned(),
                line: text.lines().count(),
                what,
            });
        }
        if known.is_empty() {
            return Err(TokenFileError::Empty { path: path.to_owned() });
        }
        Ok(Self { known })
    }
}

fn parse_line(line: &str) -> Result<([u8; 32], Principal), &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (role, user, token) = match words.as_slice() {
        [token] => (Role::Admin, "admin", *token),
        [role, user, token] => {
            let role = Role::parse(role).ok_or("the role is not admin, worker or viewer")?;
            (role, *user, *token)
        }
        _ => return Err("expected `TOKEN` or `ROLE USER TOKEN`"),
    };
    if token.len() < MIN_TOKEN_BYTES {
        return Err("the token is shorter than 16 characters");
    }
    Ok((digest(token), Principal { subject: user.into(), role }))
}

#[cfg(unix)]
#[expect(clippy::verbose_bit_mask, reason = "modes are written in octal")]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), TokenFileError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(TokenFileError::Readable { path: path.to_owned(), mode })
    }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &std::fs::Metadata) -> Result<(), TokenFileError> {
    // Windows guards files in a user's profile by its own access lists.
    Ok(())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Takes the same time wherever the first difference lies.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0u8, |differences, (a, b)| differences | (a ^ b)) == 0
}

impl Authenticator for StaticTokens {
    fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Denied> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = header.and_then(|h| h.split_once(' ')).ok_or(Denied::NoToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::NoToken);
        }
        let asked = digest(token.trim());
        let mut found = None;
        for (known, principal) in &self.known {
            if same(known, &asked) {
                found = Some(principal);
            }
        }
        found.cloned().ok_or(Denied::UnknownToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(axum::http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect()
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

    #[test]
    fn tokens_name_their_users() {
        let text = "# ours\n\nadmin-token-0123456789\nworker rig7 worker-token-0123456789\n";
        let file = file(text, 0o600);
        let tokens = StaticTokens::load(file.path()).expect("tokens");
        let ask = |value: &str| tokens.authenticate(&headers(&[(AUTHORIZATION, value)]));
        let rig = Principal { subject: "rig7".into(), role: Role::Worker };
        assert_eq!(ask("Bearer worker-token-0123456789"), Ok(rig));
        assert_eq!(ask("bearer admin-token-0123456789").map(|p| p.role), Ok(Role::Admin));
        assert_eq!(ask("Bearer nobody-token-0123456789"), Err(Denied::UnknownToken));
        assert_eq!(ask("Basic admin-token-0123456789"), Err(Denied::NoToken));
        assert_eq!(tokens.authenticate(&HeaderMap::new()), Err(Denied::NoToken));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let file = file("admin-token-0123456789", 0o640);
        let error = StaticTokens::load(file.path()).err().expect("refused");
        assert!(matches!(error, TokenFileError::Readable { mode: 0o640, .. }), "{error}");
    }

    #[test]
    fn malformed_files_are_named_with_the_line() {
        for (text, what) in [
            ("short", "line 1"),
            ("# x\nowner me admin-token-0123456789", "line 2"),
            ("a b", "line 1"),
            ("# nothing\n", "no token"),
        ] {
            let file = file(text, 0o600);
            let error = StaticTokens::load(file.path()).err().expect("refused").to_string();
            assert!(error.contains(what) && !error.contains("0123456789"), "{error}");
        }
    }

    #[test]
    fn pages_in_a_browser_are_not_the_local_admin() {
        let ask = |pairs: &[_]| LocalAdmin.authenticate(&headers(pairs));
        assert!(ask(&[(HOST, "127.0.0.1:7700")]).is_ok());
        assert!(ask(&[(HOST, "[::1]:7700")]).is_ok());
        assert!(ask(&[(HOST, "localhost")]).is_ok());
        assert_eq!(ask(&[(HOST, "evil.example:7700")]), Err(Denied::Foreign));
        let origin = [(HOST, "127.0.0.1:7700"), (ORIGIN, "http://evil.example")];
        assert_eq!(ask(&origin), Err(Denied::Foreign));
    }
}
