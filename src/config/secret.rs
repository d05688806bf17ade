//! The token of a client or worker, in a file that only its owner may read.

use crate::client::Secret;
use crate::domain::access::Role;
use crate::sys::fs::write_durably;
use crate::sys::private::{PrivateFileError, read_private};
use std::io;
use std::path::{Path, PathBuf};

/// Maximum length of a token, in bytes.
const MAX_TOKEN_BYTES: u64 = 4096;
/// Maximum size of a file, in bytes. It is larger than a token, so that the list of tokens of a
/// coordinator is recognized.
const MAX_LIST_BYTES: u64 = 64 * 1024;

/// The reason why a file does not give a token.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(transparent)]
    File(#[from] PrivateFileError),
    #[error(
        "the token file {path} must have one token of 1 to {MAX_TOKEN_BYTES} printable characters"
    )]
    Content { path: PathBuf },
    #[error("{path} is the list of tokens of a coordinator, not one token")]
    List { path: PathBuf },
}

impl SecretError {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File(error) => error.hint(),
            Self::List { .. } => Some(
                "put one token, the last word of a line, into its own file with chmod 600, and \
                 name that file with --token-file",
            ),
            Self::Content { .. } => None,
        }
    }
}

/// Reads the one token of a client or worker.
///
/// # Errors
/// A file that is missing, that others can read, or that has anything else than one token.
pub fn read_token(path: &Path) -> Result<Secret, SecretError> {
    let text = read_private(path, MAX_LIST_BYTES)?;
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

/// Whether a text is a token file of a coordinator: at least one line is `ROLE USER TOKEN`.
fn is_list(text: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines = lines.filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace());
    lines.any(|mut words| {
        words.next().is_some_and(|word| Role::named(word).is_some()) && words.count() == 2
    })
}

/// Writes a token that only the owner can read.
///
/// # Errors
/// The file cannot be written.
pub fn write_token(path: &Path, token: &str) -> io::Result<()> {
    write_durably(path, format!("{token}\n").as_bytes(), true)
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
        assert!(matches!(
            read_token(&directory.path().join("no")),
            Err(SecretError::File(PrivateFileError::Read { .. }))
        ));
    }
}
