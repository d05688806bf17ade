//! SHA-256 of content that is read piece by piece, so that its size costs no memory.

use crate::domain::digest::hexadecimal;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};

/// Size of the pieces, in bytes.
const PIECE_BYTES: usize = 128 * 1024;

/// Content that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
}

/// Copies everything from `from` to `to`.
///
/// # Errors
/// A read or write failed. `to` has a part of the content then.
pub fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<Hashed> {
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = buffer.get(..length).unwrap_or_default();
        to.write_all(piece)?;
        hasher.update(piece);
        size += length as u64;
    }
    Ok(Hashed { sha256: hexadecimal(&hasher.finalize()), size })
}

/// Hashes everything that is read from `from`.
///
/// # Errors
/// A read failed.
pub fn hash(from: &mut dyn Read) -> io::Result<Hashed> {
    copy(from, &mut io::sink())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::sha256_hex;

    #[test]
    fn a_copy_has_the_content_and_its_digest() {
        let content = vec![7; 3 * PIECE_BYTES + 1];
        let mut target = Vec::new();
        let copied = copy(&mut &content[..], &mut target).expect("copied");
        assert_eq!(target, content);
        assert_eq!(copied.size, content.len() as u64);
        assert_eq!(copied.sha256, sha256_hex(&content));
        assert_eq!(hash(&mut &content[..]).expect("read"), copied);
    }
}
