//! Paths of POSIX systems, and the places at which WSL, MSYS2 and Cygwin show drives and shares.

use super::conversion::Conversion;
use super::error::PathError;
use super::parsed::{Parsed, Root};
use super::system::System;
use super::windows::{is_letter, parse_share};

/// Maximum length of a name, in bytes.
const MAX_NAME_BYTES: usize = 255;
const CYGWIN_ROOT: &str = "/cygdrive";

/// Reads a path. `from` is the system; `None` to recognise drives of WSL and Cygwin if the path is
/// converted to a system that has drives. Those of MSYS2 look like other directories.
pub(super) fn parse(
    path: &str,
    from: Option<System>,
    conversion: &Conversion,
) -> Result<Parsed, PathError> {
    let is_share = path.starts_with("//") && !path.starts_with("///");
    let parsed = if is_share && path.len() > 2 {
        parse_share(&path[2..], path, &['/'])?
    } else if let Some((letter, rest)) = drive(path, from, conversion) {
        let mut parsed = Parsed::new(Root::Drive(letter), rest, &['/']);
        parsed.trailing |= parsed.names.is_empty();
        parsed
    } else if path.starts_with('/') {
        let mut parsed = Parsed::new(Root::Posix { distribution: None }, path, &['/']);
        parsed.trailing |= parsed.names.is_empty();
        parsed
    } else {
        Parsed::new(Root::Relative, path, &['/'])
    };
    // Above its own root a POSIX path stays there, so only another root makes a difference.
    if !matches!(parsed.root, Root::Posix { distribution: None })
        || conversion.to == System::Windows
    {
        parsed.check_inside(path)?;
    }
    Ok(parsed)
}

/// The drive of a path, and what follows its letter.
fn drive<'a>(
    path: &'a str,
    from: Option<System>,
    conversion: &Conversion,
) -> Option<(char, &'a str)> {
    let roots: &[&str] = match from {
        Some(System::Wsl) => &[&conversion.wsl_root],
        Some(System::Msys) => &[""],
        Some(System::Cygwin) => &[CYGWIN_ROOT],
        None if conversion.to != System::Posix => &[&conversion.wsl_root, CYGWIN_ROOT],
        _ => &[],
    };
    roots.iter().find_map(|root| {
        let rest = path.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
        let (letter, rest) = rest.split_at_checked(1)?;
        let is_name = rest.is_empty() || rest.starts_with('/');
        let drive = is_letter(letter).filter(|_| is_name && letter != letter.to_uppercase())?;
        Some((drive, rest))
    })
}

/// Writes a path for a POSIX system.
pub(super) fn write(parsed: &Parsed, conversion: &Conversion) -> Result<String, PathError> {
    let to = conversion.to;
    for name in &parsed.names {
        if let Some(character) = name.chars().find(|c| *c == '/') {
            return Err(PathError::InvalidCharacter { name: name.clone(), character, to });
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(PathError::NameTooLong { name: name.clone(), to });
        }
    }
    let root = match &parsed.root {
        Root::Relative => return Ok(parsed.joined("/")),
        Root::Drive(letter) => drive_root(*letter, parsed, conversion)?,
        Root::Share { server, share } => format!("//{server}/{share}"),
        Root::Posix { distribution } => distribution_root(distribution.as_deref(), conversion)?,
    };
    let separator = if parsed.names.is_empty() && !parsed.trailing { "" } else { "/" };
    let joined = if parsed.names.is_empty() { String::new() } else { parsed.joined("/") };
    let path = format!("{root}{separator}{joined}");
    Ok(if path.is_empty() { "/".to_owned() } else { path })
}

fn drive_root(letter: char, parsed: &Parsed, conversion: &Conversion) -> Result<String, PathError> {
    let lower = letter.to_ascii_lowercase();
    match conversion.to {
        System::Wsl => Ok(format!("{}/{lower}", conversion.wsl_root.trim_end_matches('/'))),
        System::Msys => Ok(format!("/{lower}")),
        System::Cygwin => Ok(format!("{CYGWIN_ROOT}/{lower}")),
        System::Posix | System::Windows => {
            let first = parsed.names.first().map_or("data", String::as_str);
            let example = format!(r"{letter}:\{first}=/data");
            Err(PathError::NoMapping { root: format!(r"{letter}:\"), to: conversion.to, example })
        }
    }
}

/// The root of a POSIX path. That of a distribution exists in that distribution only; from the systems
/// on Windows, its files are a share.
fn distribution_root(
    distribution: Option<&str>,
    conversion: &Conversion,
) -> Result<String, PathError> {
    let Some(other) = distribution else { return Ok(String::new()) };
    if matches!(conversion.to, System::Msys | System::Cygwin) {
        return Ok(format!("//wsl.localhost/{other}"));
    }
    match &conversion.distribution {
        Some(this) if this.eq_ignore_ascii_case(other) => Ok(String::new()),
        Some(this) => {
            Err(PathError::OtherDistribution { other: other.to_owned(), this: this.clone() })
        }
        None => Err(PathError::NoDistribution { root: format!(r"\\wsl.localhost\{other}") }),
    }
}
