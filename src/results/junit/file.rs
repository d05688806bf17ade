//! Reads the JUnit file of an attempt.
//!
//! Limit: [`MAX_FILE_BYTES`].

use crate::results::junit::reader::parse;
use crate::results::junit::report::{CaseReport, JunitError, MAX_FILE_BYTES};
use crate::sys::fs::{Stamp, open_plain};
use std::io::Read;
use std::path::Path;

/// Reads the file `name` in the directory of an attempt. `shipped` is the stamp of the file that was
/// there when the attempt started.
///
/// # Errors
/// The file is missing, was not written by the attempt, is too large, or is not whole JUnit XML.
pub fn read(
    directory: &Path,
    name: &str,
    shipped: Option<&Stamp>,
) -> Result<CaseReport, JunitError> {
    let unreadable = |reason: String| JunitError::Unreadable(name.to_owned(), reason);
    let file = open_plain(&directory.join(name)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => JunitError::Missing(name.to_owned()),
        _ => unreadable(error.to_string()),
    })?;
    if let Some(shipped) = shipped {
        let now = file.metadata().map_err(|error| unreadable(error.to_string()))?;
        if *shipped == Stamp::of(&now) {
            return Err(JunitError::Shipped(name.to_owned()));
        }
    }
    let mut text = Vec::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(JunitError::TooLarge(name.to_owned()));
    }
    let report = parse(&text).map_err(unreadable)?;
    Ok(CaseReport { file: name.to_owned(), ..report })
}
