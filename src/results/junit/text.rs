//! Decodes an XML file in the encoding that it declares.
//!
//! Promises: no byte is replaced. A byte that is invalid in the encoding, and an unknown encoding,
//! are errors.

use crate::domain::text::{self, TextError};
use crate::results::junit::walk::CUT_OFF;
use std::borrow::Cow;

/// Size of the beginning of a file in which the declaration is searched.
const DECLARATION_BYTES: usize = 1024;
/// Characters of windows-1252 from 0x80 to 0x9f. NUL marks a byte without a character.
const WINDOWS_1252: &str = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";

/// # Errors
/// A message for people: the encoding is unknown, or a byte is invalid in it.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    // Without a byte order mark, the first two bytes show whether a character has two bytes.
    match bytes {
        [b'<', 0, ..] => {
            return text::utf16(bytes, u16::from_le_bytes).map(Cow::Owned).map_err(describe);
        }
        [0, b'<', ..] => {
            return text::utf16(bytes, u16::from_be_bytes).map(Cow::Owned).map_err(describe);
        }
        _ => {}
    }
    let marked = bytes.starts_with(b"\xef\xbb\xbf")
        || bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff");
    let declared = if marked { None } else { declared(bytes) };
    match declared.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => {
            text::decode(bytes).map_err(describe)
        }
        Some("iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1") => {
            Ok(Cow::Owned(bytes.iter().copied().map(char::from).collect()))
        }
        Some("windows-1252" | "cp1252") => {
            let text = bytes.iter().copied().map(windows_1252).collect::<Option<String>>();
            text.map(Cow::Owned).ok_or_else(|| {
                "a byte is not valid in the declared encoding windows-1252".to_owned()
            })
        }
        Some(other) => Err(format!(
            "the encoding {other:?} is not supported; use UTF-8, UTF-16, ISO-8859-1 or windows-1252"
        )),
    }
}

fn describe(error: TextError) -> String {
    if error == TextError::Cut { CUT_OFF.to_owned() } else { error.to_string() }
}

/// The encoding that `<?xml version="1.0" encoding="…"?>` names, in lower case.
fn declared(bytes: &[u8]) -> Option<String> {
    let start = bytes.get(..bytes.len().min(DECLARATION_BYTES))?;
    let start = String::from_utf8_lossy(start);
    let declaration = start.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let after = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let name = after.get(1..)?.split(quote).next()?;
    Some(name.trim().chars().take(40).collect::<String>().to_ascii_lowercase())
}

fn windows_1252(byte: u8) -> Option<char> {
    match byte {
        0x80..=0x9f => WINDOWS_1252.chars().nth(usize::from(byte - 0x80)).filter(|c| *c != '\0'),
        other => Some(char::from(other)),
    }
}
