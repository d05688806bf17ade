//! Recognises files that were saved instead of the expected one, such as a Git LFS pointer or an
//! HTML page, by their first bytes.

/// Maximum number of bytes at the start of a file that are inspected.
const START_BYTES: usize = 512;

/// Identifies a file that was saved instead of the expected one: returns what it is, and a hint.
#[must_use]
pub fn identify_file(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = &bytes[..bytes.len().min(START_BYTES)];
    let lower = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').to_lowercase();
    let lower = lower.trim_start();
    let starts = |texts: &[&str]| texts.iter().any(|text| lower.starts_with(text));
    if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        let next = "download it again; the download was interrupted, or the disk was full";
        return Some(("empty", next));
    }
    if starts(&["version https://git-lfs.github.com/", "version https://hawser.github.com/"]) {
        let next = "run `git lfs pull` in its directory, or download the file again";
        return Some(("a Git LFS pointer, not the file itself", next));
    }
    if starts(&["/annex/objects/", "../.git/annex/", ".git/annex/"]) {
        let next = "run `git annex get` in its directory";
        return Some(("a git-annex pointer, not the file itself", next));
    }
    if starts(&["<!doctype html", "<html", "<head", "<!-- html"]) {
        let next =
            "download it again; a web page, such as a login or error page, was saved instead";
        return Some(("an HTML page", next));
    }
    if starts(&["<?xml", "<error"]) {
        let next = "download it again; the server may have returned an error";
        return Some(("an XML document", next));
    }
    if starts(&["xet-pointer", "# xet version"]) {
        return Some(("a Xet pointer, not the file itself", "download the file again"));
    }
    if start.starts_with(b"\x1f\x8b") || start.starts_with(b"PK\x03\x04") {
        return Some(("a compressed archive", "unpack it"));
    }
    None
}
