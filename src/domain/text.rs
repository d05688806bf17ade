//! Bytes of a file become text: UTF-8, or UTF-16 where a byte order mark says so.
//!
//! Promises: a byte order mark never becomes part of the text; nothing is replaced, what is
//! not valid is refused with its position.

use std::borrow::Cow;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_LE_MARK: &[u8] = b"\xff\xfe";
const UTF16_BE_MARK: &[u8] = b"\xfe\xff";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("the text is not UTF-8 (line {line}, byte {byte})")]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
        /// Of the file, counted from 1.
        byte: usize,
    },
    /// The last character is not whole.
    #[error("the text ends in the middle of a character")]
    Cut,
    #[error("the text is not UTF-16, as its byte order mark says")]
    NotUtf16,
}

/// The text of a file that people or their programs wrote.
///
/// # Errors
/// It is neither UTF-8 nor UTF-16 with a byte order mark.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, TextError> {
    if let Some(rest) = bytes.strip_prefix(UTF16_LE_MARK) {
        return utf16(rest, u16::from_le_bytes).map(Cow::Owned);
    }
    if let Some(rest) = bytes.strip_prefix(UTF16_BE_MARK) {
        return utf16(rest, u16::from_be_bytes).map(Cow::Owned);
    }
    let rest = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    let mark = bytes.len() - rest.len();
    std::str::from_utf8(rest).map(Cow::Borrowed).map_err(|error| {
        if error.error_len().is_none() {
            return TextError::Cut;
        }
        let valid = error.valid_up_to();
        let before = rest.get(..valid).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        TextError::NotUtf8 { line, byte: mark + valid + 1 }
    })
}

/// Text in UTF-16 without a byte order mark.
///
/// # Errors
/// An odd number of bytes, or half of a surrogate pair.
pub fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, TextError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(TextError::Cut);
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| TextError::NotUtf16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_read_and_left_out() {
        let little: Vec<u8> = "\u{feff}né🙂".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}né🙂".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in ["né🙂".as_bytes(), "\u{feff}né🙂".as_bytes(), &little, &big] {
            assert_eq!(decode(bytes).as_deref(), Ok("né🙂"), "{bytes:?}");
        }
        // Only the first one is a mark.
        assert_eq!(decode("\u{feff}\u{feff}".as_bytes()).as_deref(), Ok("\u{feff}"));
        assert_eq!(decode(b"").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_place() {
        let place = TextError::NotUtf8 { line: 2, byte: 4 };
        assert_eq!(decode(b"a\nb\xffc"), Err(place));
        assert_eq!(decode("né".as_bytes().get(..2).unwrap_or_default()), Err(TextError::Cut));
        assert_eq!(decode(b"\xff\xfea"), Err(TextError::Cut));
        assert_eq!(decode(b"\xff\xfe\x00\xd8"), Err(TextError::NotUtf16));
    }
}
