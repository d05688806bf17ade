//! Keeps the beginning and the end of the output of an attempt, and counts the bytes between them.
//!
//! Limits: `HEAD_BYTES` and `TAIL_BYTES` of `api::v1::logs`.

use crate::api::v1::logs::{HEAD_BYTES, TAIL_BYTES};
use std::collections::VecDeque;

#[derive(Debug, Default)]
pub struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    written: u64,
}

impl Capture {
    pub fn push(&mut self, piece: &[u8]) {
        self.written = self.written.saturating_add(piece.len() as u64);
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(piece.len());
        let (head, rest) = piece.split_at(room);
        self.head.extend_from_slice(head);
        let rest = rest.get(rest.len().saturating_sub(TAIL_BYTES)..).unwrap_or(rest);
        let over = (self.tail.len() + rest.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// Total number of bytes of output.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The beginning from `offset` on, which can be sent while the attempt runs.
    #[must_use]
    pub fn head_from(&self, offset: u64) -> &[u8] {
        usize::try_from(offset).ok().and_then(|offset| self.head.get(offset..)).unwrap_or(&[])
    }

    /// The end of the output, at most `max_bytes`.
    #[must_use]
    pub fn end(&self, max_bytes: usize) -> Vec<u8> {
        let tail = self.tail.len().min(max_bytes);
        let whole = self.written == (self.head.len() + self.tail.len()) as u64;
        let head = if whole { self.head.len().min(max_bytes - tail) } else { 0 };
        let mut bytes = self.head.get(self.head.len() - head..).unwrap_or_default().to_vec();
        bytes.extend(self.tail.iter().skip(self.tail.len() - tail));
        bytes
    }

    /// The kept output, with a line in the place of the missing bytes.
    #[must_use]
    pub fn into_kept(self) -> Vec<u8> {
        let kept = (self.head.len() + self.tail.len()) as u64;
        let mut bytes = self.head;
        if self.written > kept {
            let missing = self.written - kept;
            bytes.extend(format!("\n… {missing} bytes left out …\n").as_bytes());
        }
        bytes.extend(self.tail);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_output_is_kept_whole() {
        let mut capture = Capture::default();
        capture.push(b"one ");
        capture.push(b"two");
        assert_eq!(capture.head_from(4), b"two");
        assert_eq!(capture.head_from(99), b"");
        assert_eq!((capture.end(5), capture.end(99)), (b"e two".to_vec(), b"one two".to_vec()));
        assert_eq!(capture.into_kept(), b"one two");
    }

    #[test]
    fn both_ends_of_long_output_are_kept() {
        let mut capture = Capture::default();
        let total = HEAD_BYTES + TAIL_BYTES + 1000;
        let text: Vec<u8> = (0..total).map(|i| b'a' + (i % 23) as u8).collect();
        for piece in text.chunks(70_001) {
            capture.push(piece);
        }
        assert_eq!(capture.written(), total as u64);
        let kept = capture.into_kept();
        assert_eq!(kept[..HEAD_BYTES], text[..HEAD_BYTES]);
        assert_eq!(kept[kept.len() - TAIL_BYTES..], text[total - TAIL_BYTES..]);
        let middle = String::from_utf8_lossy(&kept[HEAD_BYTES..kept.len() - TAIL_BYTES]);
        assert_eq!(middle, "\n… 1000 bytes left out …\n");
    }

    #[test]
    fn the_end_never_joins_separate_parts() {
        let mut capture = Capture::default();
        capture.push(&vec![b'a'; HEAD_BYTES]);
        capture.push(b"bc");
        assert_eq!(capture.end(4), b"aabc");
        capture.push(&vec![b'd'; TAIL_BYTES + 1]);
        assert_eq!(capture.end(TAIL_BYTES + 2), vec![b'd'; TAIL_BYTES]);
    }

    proptest! {
        #[test]
        fn the_cut_of_pieces_does_not_matter(sizes in prop::collection::vec(0usize..400_000, 0..8)) {
            let (mut pieces, mut whole) = (Capture::default(), Capture::default());
            let text: Vec<u8> = (0..sizes.iter().sum()).map(|i| (i % 251) as u8).collect();
            let mut rest = &text[..];
            for size in sizes {
                let (piece, after) = rest.split_at(size);
                pieces.push(piece);
                rest = after;
            }
            whole.push(&text);
            prop_assert!(pieces.into_kept() == whole.into_kept());
        }
    }
}
