//! Decodes the bytes of a file as UTF-8, or as UTF-16 if they begin with its byte order mark.
//!
//! Promises: a byte order mark never becomes part of the text. [`decode`] never replaces invalid bytes;
//! it refuses them with their position.

use std::borrow::Cow;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_LE_MARK: &[u8] = b"\xff\xfe";
const UTF16_BE_MARK: &[u8] = b"\xfe\xff";
/// Number of bytes by which UTF-16 without a mark is recognised.
const UTF16_SAMPLE_BYTES: usize = 1024;

/// The reason why bytes are not text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("the text is not UTF-8 (line {line}, byte {byte})")]
    NotUtf8 {
        /// Line, counted from 1.
        line: usize,
        /// Byte of the file, counted from 1.
        byte: usize,
    },
    /// The last character is incomplete.
    #[error("the text ends in the middle of a character")]
    Cut,
    #[error("the text begins with a byte order mark of UTF-16 but is not valid UTF-16")]
    NotUtf16,
}

/// Decodes the content of a text file.
///
/// # Errors
/// The bytes are neither UTF-8 nor UTF-16 with a byte order mark.
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

/// Decodes the output of a program or a file of the system. Invalid bytes are replaced. Windows
/// programs print UTF-16 also without a byte order mark, which the NUL bytes of its ASCII characters
/// reveal.
pub fn decode_lossy(bytes: &[u8]) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    if let Some(rest) = bytes.strip_prefix(UTF16_LE_MARK) {
        return units(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(UTF16_BE_MARK) {
        return units(rest, u16::from_be_bytes);
    }
    let start = bytes.get(..bytes.len().min(UTF16_SAMPLE_BYTES)).unwrap_or_default();
    let pairs = start.as_chunks::<2>().0;
    let nul = |at: usize| pairs.iter().filter(|pair| pair[at] == 0 && pair[1 - at] != 0).count();
    let is_most = |count: usize| count > pairs.len() / 2;
    if is_most(nul(1)) {
        return units(bytes, u16::from_le_bytes);
    }
    if is_most(nul(0)) {
        return units(bytes, u16::from_be_bytes);
    }
    String::from_utf8_lossy(bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes)).into_owned()
}

/// Decodes UTF-16 without a byte order mark.
///
/// # Errors
/// The number of bytes is odd, or a surrogate pair is incomplete.
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
    fn a_byte_order_mark_is_not_part_of_the_text() {
        let little: Vec<u8> = "\u{feff}né🙂".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}né🙂".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in ["né🙂".as_bytes(), "\u{feff}né🙂".as_bytes(), &little, &big] {
            assert_eq!(decode(bytes).as_deref(), Ok("né🙂"), "{bytes:?}");
        }
        // Only the first character is a byte order mark.
        assert_eq!(decode("\u{feff}\u{feff}".as_bytes()).as_deref(), Ok("\u{feff}"));
        assert_eq!(decode(b"").as_deref(), Ok(""));
    }

    #[test]
    fn invalid_bytes_are_refused_with_their_position() {
        let position = TextError::NotUtf8 { line: 2, byte: 4 };
        assert_eq!(decode(b"a\nb\xffc"), Err(position));
        assert_eq!(decode("né".as_bytes().get(..2).unwrap_or_default()), Err(TextError::Cut));
        assert_eq!(decode(b"\xff\xfea"), Err(TextError::Cut));
        assert_eq!(decode(b"\xff\xfe\x00\xd8"), Err(TextError::NotUtf16));
    }

    #[test]
    fn output_of_programs_is_decoded_with_and_without_a_mark() {
        let text = "Name=Intel(R) Core(TM) – é\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [UTF8_MARK, text.as_bytes()].concat(),
            [UTF16_LE_MARK, &little].concat(),
            [UTF16_BE_MARK, &big].concat(),
            little.clone(),
            big,
        ] {
            assert_eq!(decode_lossy(&bytes), text, "{bytes:?}");
        }
        let cut = little.get(..little.len() - 1).unwrap_or_default();
        assert_eq!(decode_lossy(cut), text.trim_end_matches('\n'));
        assert_eq!(decode_lossy(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(decode_lossy(b"a=1\0b=2\0"), "a=1\0b=2\0");
        assert_eq!(decode_lossy(b""), "");
    }
}
