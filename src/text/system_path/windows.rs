//! Paths of Windows: drives, shares, and the verbatim form `\\?\`.

use super::conversion::Conversion;
use super::error::PathError;
use super::parsed::{Parsed, Root};
use super::system::System;
use std::borrow::Cow;

/// Characters that Windows does not allow in names, beside control characters.
const INVALID: [char; 9] = ['<', '>', ':', '"', '/', '\\', '|', '?', '*'];
const RESERVED: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
/// Maximum length of a path without the verbatim form, in UTF-16 code units.
const MAX_PLAIN_UNITS: usize = 259;
/// Maximum length of a name, in UTF-16 code units.
const MAX_NAME_UNITS: usize = 255;
const VERBATIM: &str = r"\\?\";
const SEPARATORS: [char; 2] = ['/', '\\'];
/// Servers under which Windows shows the files of WSL distributions.
const WSL_SERVERS: [&str; 2] = ["wsl.localhost", "wsl$"];

/// Whether a path can only be one of Windows.
pub(super) fn is_recognised(path: &str) -> bool {
    let drive = path.split(SEPARATORS).next().and_then(|first| first.split_once(':'));
    let is_drive = drive.is_some_and(|(letter, _)| is_letter(letter).is_some());
    // `1:\x` and `CC:\x` are attempts at a drive; a POSIX name may contain a colon.
    let is_attempt = drive.is_some_and(|(letters, rest)| {
        letters.len() <= 2 && rest.is_empty() && path.contains(":\\")
    });
    let is_rooted = path.starts_with(r"\\") || path.starts_with("//?/");
    is_drive || is_attempt || is_rooted || path.contains('\\') && !path.contains('/')
}

/// The upper-case letter of a drive.
pub(super) fn is_letter(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let letter = characters.next().filter(char::is_ascii_alphabetic)?;
    characters.next().is_none().then(|| letter.to_ascii_uppercase())
}

/// Reads a path. `slashes` states that `/` separates names, too.
pub(super) fn parse(path: &str, slashes: bool) -> Result<Parsed, PathError> {
    let separators = if slashes { SEPARATORS.as_slice() } else { &SEPARATORS[1..] };
    let parsed = parse_root(path, separators)?;
    for name in &parsed.names {
        check_name(name, true)?;
    }
    parsed.check_inside(path)?;
    Ok(parsed)
}

fn parse_root(path: &str, separators: &[char]) -> Result<Parsed, PathError> {
    let owned = || path.to_owned();
    // Windows itself accepts `//?/` for the verbatim form.
    let backslashes = path.get(..4).map(|start| start.replace('/', r"\"));
    match backslashes.as_deref() {
        Some(VERBATIM) => return parse_verbatim(&path[4..], path),
        Some(r"\\.\") => return Err(PathError::Device { path: owned() }),
        _ => {}
    }
    let two: Vec<char> = path.chars().take(2).collect();
    if two.len() == 2 && two.iter().all(|c| separators.contains(c)) {
        return parse_share(&path[2..], path, separators);
    }
    if path.starts_with(separators) {
        return Err(PathError::RootRelative { path: owned() });
    }
    let first = path.split(separators).next().unwrap_or_default();
    let Some((letter, rest)) = first.split_once(':') else {
        return Ok(Parsed::new(Root::Relative, path, separators));
    };
    let Some(drive) = is_letter(letter) else {
        let is_stream = letter.chars().count() > 2 && !rest.is_empty();
        return Err(if is_stream {
            PathError::AlternateStream { name: first.to_owned() }
        } else {
            PathError::InvalidDrive { path: owned() }
        });
    };
    let below = &path[letter.len() + 1..];
    if below.starts_with(separators) {
        let mut parsed = Parsed::new(Root::Drive(drive), below, separators);
        parsed.trailing |= parsed.names.is_empty();
        Ok(parsed)
    } else {
        Err(PathError::DriveRelative { path: owned() })
    }
}

/// Reads what follows `\\?\`.
fn parse_verbatim(rest: &str, path: &str) -> Result<Parsed, PathError> {
    let upper = rest.get(..4).map(str::to_ascii_uppercase);
    if upper.as_deref().is_some_and(|start| start.starts_with("UNC") && start.ends_with(SEPARATORS))
    {
        return parse_share(&rest[4..], path, &SEPARATORS);
    }
    let first = rest.split(SEPARATORS).next().unwrap_or_default();
    if first.to_ascii_lowercase().starts_with("volume{") {
        return Err(PathError::Volume { path: path.to_owned() });
    }
    if first.strip_suffix(':').and_then(is_letter).is_none() {
        return Err(PathError::Device { path: path.to_owned() });
    }
    parse_root(rest, &SEPARATORS)
}

/// Reads what follows the two separators of a share.
pub(super) fn parse_share(
    rest: &str,
    path: &str,
    separators: &[char],
) -> Result<Parsed, PathError> {
    let mut parts = rest.splitn(3, separators);
    let (server, share) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let below = parts.next();
    if server.is_empty() || share.is_empty() || [server, share].iter().any(|name| is_dots(name)) {
        return Err(PathError::IncompleteShare { path: path.to_owned() });
    }
    for name in [server, share] {
        check_name(name, true)?;
    }
    let is_wsl = WSL_SERVERS.iter().any(|known| server.eq_ignore_ascii_case(known));
    let root = if is_wsl {
        Root::Posix { distribution: Some(share.to_owned()) }
    } else {
        Root::Share { server: server.to_owned(), share: share.to_owned() }
    };
    let mut parsed = Parsed::new(root, below.unwrap_or_default(), separators);
    parsed.trailing |= parsed.names.is_empty() && below.is_some();
    Ok(parsed)
}

fn is_dots(name: &str) -> bool {
    matches!(name, "." | "..")
}

/// Checks a name. `is_source` states that it comes from Windows, where `:` begins a stream.
fn check_name(name: &str, is_source: bool) -> Result<(), PathError> {
    if is_dots(name) {
        return Ok(());
    }
    let owned = || name.to_owned();
    let invalid = |c: &char| c.is_control() && u32::from(*c) < 0x20 || INVALID.contains(c);
    if let Some(character) = name.chars().find(invalid) {
        return Err(if character == ':' && is_source {
            PathError::AlternateStream { name: owned() }
        } else {
            PathError::InvalidCharacter { name: owned(), character, to: System::Windows }
        });
    }
    if name.ends_with(['.', ' ']) {
        return Err(PathError::TrailingDotOrSpace { name: owned() });
    }
    if is_reserved(name) {
        return Err(PathError::Reserved { name: owned() });
    }
    if name.encode_utf16().count() > MAX_NAME_UNITS {
        return Err(PathError::NameTooLong { name: owned(), to: System::Windows });
    }
    Ok(())
}

/// Whether Windows takes a name for a device, whatever its extension.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let upper = stem.to_uppercase();
    let port = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT"));
    let is_port = port.is_some_and(|number| {
        let mut digits = number.chars();
        let digit = digits.next().is_some_and(|c| "123456789¹²³".contains(c));
        digit && digits.next().is_none()
    });
    is_port || RESERVED.contains(&upper.as_str())
}

/// Writes a path for Windows.
pub(super) fn write(parsed: &Parsed, conversion: &Conversion) -> Result<String, PathError> {
    for name in &parsed.names {
        check_name(name, false)?;
    }
    let root = match &parsed.root {
        Root::Relative => String::new(),
        Root::Drive(letter) => format!(r"{letter}:\"),
        Root::Share { server, share } => share_root(server, share)?,
        Root::Posix { distribution } => {
            let known = distribution.as_ref().or(conversion.distribution.as_ref());
            let root = format!("/{}", parsed.names.join("/"));
            let distribution = known.ok_or_else(|| match conversion.from {
                Some(System::Wsl) => PathError::NoDistribution { root },
                _ => PathError::NoMapping {
                    example: format!(
                        r"/{}=D:\data",
                        parsed.names.first().map_or("data", String::as_str)
                    ),
                    root,
                    to: System::Windows,
                },
            })?;
            share_root(WSL_SERVERS[0], distribution)?
        }
    };
    let separator =
        if root.is_empty() || root.ends_with('\\') || parsed.names.is_empty() { "" } else { r"\" };
    let joined = if parsed.names.is_empty() && parsed.trailing && !root.ends_with('\\') {
        r"\".to_owned()
    } else if parsed.names.is_empty() {
        String::new()
    } else {
        parsed.joined(r"\")
    };
    let path = format!("{root}{separator}{joined}");
    if path.encode_utf16().count() <= MAX_PLAIN_UNITS {
        return Ok(path);
    }
    if matches!(parsed.root, Root::Relative) {
        return Err(PathError::RelativeTooLong { path });
    }
    Ok(verbatim(parsed, &root))
}

fn share_root(server: &str, share: &str) -> Result<String, PathError> {
    for name in [server, share] {
        check_name(name, false)?;
    }
    Ok(format!(r"\\{server}\{share}"))
}

/// The verbatim form of an absolute path, in which Windows does not interpret `.` and `..`.
fn verbatim(parsed: &Parsed, root: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in &parsed.names {
        match name.as_str() {
            "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    let root = match root.strip_prefix(r"\\") {
        Some(share) => Cow::Owned(format!(r"UNC\{share}\")),
        None => Cow::Borrowed(root),
    };
    let end = if parsed.trailing { r"\" } else { "" };
    format!("{VERBATIM}{root}{}{end}", names.join(r"\"))
}
