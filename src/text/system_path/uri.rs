//! `file:` URIs (RFC 8089), with the forms that Windows programs write.

use super::conversion::Conversion;
use super::error::PathError;
use super::parsed::Parsed;
use super::{posix, windows};

const SCHEME: &str = "file:";

pub(super) fn is_file_uri(path: &str) -> bool {
    path.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// Reads a URI: `file:///C:/a`, `file:C:/a`, `file://server/share/a`, `file:///home/a`.
pub(super) fn parse(uri: &str, conversion: &Conversion) -> Result<Parsed, PathError> {
    let failed = |reason| PathError::Uri { path: uri.to_owned(), reason };
    let rest = &uri[SCHEME.len()..];
    if rest.contains(['?', '#']) {
        return Err(failed("a file has no query and no fragment; write %3F for ? and %23 for #"));
    }
    let decoded = decode(rest).map_err(failed)?;
    let (host, path) = match decoded.strip_prefix("//") {
        None => ("", decoded.as_str()),
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
    };
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        // `/C:/a` and `C|/a` name a drive.
        let bare = path.strip_prefix('/').unwrap_or(path);
        let first = bare.split('/').next().unwrap_or_default();
        if let Some(letter) = first.strip_suffix([':', '|']).and_then(windows::is_letter) {
            let below = bare[first.len()..].trim_start_matches('/');
            return windows::parse(&format!("{letter}:/{below}"), true);
        }
        if path.starts_with('/') {
            return posix::parse(path, conversion.from, conversion);
        }
        return Err(failed("it has no absolute path"));
    }
    windows::parse(&format!("//{host}{path}"), true)
}

/// Decodes `%20` and the like. A separator or NUL that is encoded would become part of a name.
fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("% is not followed by two hexadecimal digits");
        };
        match u8::try_from(high * 16 + low).unwrap_or_default() {
            0 => return Err("it contains an encoded NUL character"),
            b'/' | b'\\' => return Err("it contains an encoded separator"),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}
