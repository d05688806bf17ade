//! Finds digests in texts: every sequence of 64 lower-case hexadecimal digits counts as one, whatever
//! it means. So a file counts as named rather too often than too rarely.

use std::io::{self, Write};

/// Number of digits of a digest.
const DIGITS: usize = 64;

/// A SHA-256 as bytes.
pub(crate) type Name = [u8; 32];

/// Calls `visit` for each digest in what is written to it.
pub(crate) struct Names<F> {
    visit: F,
    /// The last digits, without other characters between them.
    digits: [u8; DIGITS],
    /// Number of valid entries of `digits`.
    count: usize,
}

impl<F: FnMut(&Name)> Names<F> {
    pub fn new(visit: F) -> Self {
        Self { visit, digits: [0; DIGITS], count: 0 }
    }

    fn push(&mut self, digit: u8) {
        if self.count == DIGITS {
            self.digits.copy_within(1.., 0);
            self.count -= 1;
        }
        if let Some(slot) = self.digits.get_mut(self.count) {
            *slot = digit;
        }
        self.count += 1;
        if self.count == DIGITS {
            let mut name = Name::default();
            for (byte, pair) in name.iter_mut().zip(self.digits.chunks_exact(2)) {
                *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
            }
            (self.visit)(&name);
        }
    }
}

impl<F: FnMut(&Name)> Write for Names<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            match byte {
                b'0'..=b'9' => self.push(byte - b'0'),
                b'a'..=b'f' => self.push(byte - b'a' + 10),
                _ => self.count = 0,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::{hexadecimal, sha256_hex};

    fn names(pieces: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut names = Names::new(|name: &Name| found.push(hexadecimal(name)));
        for piece in pieces {
            names.write_all(piece.as_bytes()).expect("written");
        }
        found
    }

    #[test]
    fn digests_are_found_wherever_they_are() {
        let (a, b) = (sha256_hex(b"a"), sha256_hex(b"b"));
        assert_eq!(names(&[&format!("{{\"sha256\":\"{a}\",\"x\":\"sha256:{b}\"}}")]), [&*a, &*b]);
        let (head, tail) = a.split_at(31);
        assert_eq!(names(&[head, tail]), [&*a], "over the border of two pieces");
        assert_eq!(names(&[&a[1..], "\"", &a[..63]]), [""; 0], "too short");
        assert_eq!(names(&[&a.to_uppercase()]), [""; 0]);
        let longer = names(&[&format!("{a}0{b}")]);
        assert!(longer.contains(&a) && longer.contains(&b) && longer.len() == 66, "{longer:?}");
    }
}
