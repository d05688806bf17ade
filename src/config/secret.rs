//! Files with secrets: readable by their owner only, or refused.

use crate::client::Secret;
use crate::sys::fs::read_text;
use crate::sys::fs::write_durably;
use std::io;
use std::path::{Path, PathBuf};

/// Longest token.
const MAX_TOKEN_BYTES: u64 = 4096;
/// Largest file that is read to tell what it holds instead of one token.
const MAX_LIST_BYTES: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the token file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the token file {path} can be read by others; run: chmod 600 {path}")]
    Open { path: PathBuf },
    #[error(
        "the token file {path} must hold one token of 1 to {MAX_TOKEN_BYTES} printable characters"
    )]
    Content { path: PathBuf },
    #[error("{path} is the list of tokens of a coordinator, not one token")]
    List { path: PathBuf },
}

impl SecretError {
    /// The next step for a person.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::List { .. } => Some(
                "put one token, which is the last word of a line, into a file of its own: \
                 chmod 600 it, and give that with --token-file",
            ),
            _ => None,
        }
    }
}

/// Reads the one token of a client or worker.
///
/// # Errors
/// A file that is missing, open to others, or holds anything else.
pub fn read_token(path: &Path) -> Result<Secret, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    let data = std::fs::metadata(path).map_err(failed)?;
    if open_to_others(&data) {
        return Err(SecretError::Open { path: path.to_owned() });
    }
    if data.len() > MAX_LIST_BYTES {
        return Err(SecretError::Content { path: path.to_owned() });
    }
    let text = read_text(path).map_err(failed)?;
    if is_list(&text) {
        return Err(SecretError::List { path: path.to_owned() });
    }
    if text.len() as u64 > MAX_TOKEN_BYTES {
        return Err(SecretError::Content { path: path.to_owned() });
    }
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::Content { path: path.to_owned() });
    }
    Ok(Secret::new(token))
}

/// Whether a text is what a coordinator takes: lines of `ROLE USER TOKEN`, by one line at least.
fn is_list(text: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines = lines.filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace());
    let role = |word: &str| matches!(word, "admin" | "worker" | "viewer");
    lines.any(|mut words| words.next().is_some_and(role) && words.count() == 2)
}

/// Writes a token that only the owner can read.
///
/// # Errors
/// Trouble with the disk.
pub fn write_token(path: &Path, token: &str) -> io::Result<()> {
    write_durably(path, format!("{token}\n").as_bytes(), true)
}

#[cfg(unix)]
fn open_to_others(data: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    data.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_never_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        write_token(&path, "s3cret").expect("written");
        let token = read_token(&path).expect("read");
        assert_eq!(token.reveal(), "s3cret");
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        write_token(&path, "s3cret").expect("written");
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, open).expect("opened");
        assert!(matches!(read_token(&path), Err(SecretError::Open { .. })));
    }

    #[test]
    fn other_content_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        write_token(&path, "# ours\nadmin boss admin-token-0123456789").expect("written");
        let list = read_token(&path).expect_err("a list");
        assert!(matches!(list, SecretError::List { .. }), "{list}");
        assert!(!list.to_string().contains("0123456789"), "{list}");
        for content in ["", "two words", "line\nline", "\u{7}", &"x".repeat(5000)] {
            write_token(&path, content).expect("written");
            assert!(matches!(read_token(&path), Err(SecretError::Content { .. })), "{content:?}");
        }
        assert!(matches!(read_token(&directory.path().join("no")), Err(SecretError::Read { .. })));
    }
}
