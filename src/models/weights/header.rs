//! Checks a safetensors file by its size and header, and recognises other kinds of files.

use crate::text::error::ReadError;
use serde_json::Value;

/// Maximum number of bytes that are read of a header or of a shard index.
pub const MAX_READ_BYTES: usize = 16 << 20;
/// Maximum size of a header, as the safetensors format defines it.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Number of bytes that are enough to recognise the kind of a file.
pub(super) const FIRST_BYTES: usize = 512;
/// Minimum size of a GGUF file: its signature, version and two counts.
const MIN_GGUF_BYTES: u64 = 24;

/// Why the file is unusable, if it is empty or a Git LFS pointer.
pub(super) fn pointer_or_empty(first: &[u8]) -> Option<String> {
    if first.is_empty() {
        Some("is empty".to_owned())
    } else if first.starts_with(b"version https://git-lfs") {
        Some("is a Git LFS pointer, not the file itself".to_owned())
    } else {
        None
    }
}

/// Why a safetensors file of this size is unusable; `read` returns its first bytes.
pub(super) fn fault(
    size: u64,
    read: impl Fn(usize) -> Result<Vec<u8>, ReadError>,
) -> Option<String> {
    let unreadable = |error: ReadError| Some(format!("cannot be read: {error}"));
    let first = match read(FIRST_BYTES) {
        Ok(first) => first,
        Err(error) => return unreadable(error),
    };
    if let Some(fault) = pointer_or_empty(&first) {
        return Some(fault);
    }
    let length = u64::from_le_bytes(eight(&first));
    if length > MAX_HEADER_BYTES || first.get(8).is_some_and(|byte| *byte != b'{') {
        return Some(format!("is not a safetensors file but {}", looks_like(&first)));
    }
    if size < 8 + length || size < 10 {
        let least = 8 + length;
        return Some(format!("is truncated: it has {size} bytes, its header alone has {least}"));
    }
    let end = usize::try_from(8 + length).unwrap_or(usize::MAX);
    if end > MAX_READ_BYTES {
        return None;
    }
    let start = match read(end) {
        Ok(start) => start,
        Err(error) => return unreadable(error),
    };
    let Some(ends) = start.get(8..).and_then(ends_of_tensors) else {
        return Some("has a damaged header".to_owned());
    };
    let Some(last) = ends.into_iter().max() else { return Some("has no tensors".to_owned()) };
    match last.saturating_add(8 + length) {
        whole if size < whole => Some(format!("is truncated: it has {size} of {whole} bytes")),
        whole if size > whole => {
            Some(format!("is damaged: it has {size} bytes, but its header describes {whole}"))
        }
        _ => None,
    }
}

/// The first eight bytes, with zeros in place of missing ones.
fn eight(first: &[u8]) -> [u8; 8] {
    let mut number = [0; 8];
    for (to, from) in number.iter_mut().zip(first) {
        *to = *from;
    }
    number
}

/// Why a file with these first bytes is not a pickle of PyTorch. Newer ones are ZIP archives. A test
/// checks the end of the archive.
pub(super) fn pickle_fault(first: &[u8]) -> Option<String> {
    let is_pickle = first.starts_with(b"PK\x03\x04") || matches!(first, [0x80, 2..=5, ..]);
    (!is_pickle).then(|| format!("is not a PyTorch pickle but {}", looks_like(first)))
}

/// Why a file of this size with these first bytes is not a GGUF file.
pub(super) fn gguf_fault(size: u64, first: &[u8]) -> Option<String> {
    if !first.starts_with(b"GGUF") {
        return Some(format!("is not a GGUF file but {}", looks_like(first)));
    }
    (size < MIN_GGUF_BYTES).then(|| format!("is truncated: it has {size} bytes"))
}

/// End of each tensor, in bytes after the header.
fn ends_of_tensors(header: &[u8]) -> Option<Vec<u64>> {
    let header: Value = serde_json::from_slice(header).ok()?;
    let tensors = header.as_object()?.iter().filter(|(name, _)| *name != "__metadata__");
    tensors.map(|(_, tensor)| tensor.get("data_offsets")?.get(1)?.as_u64()).collect()
}

/// Describes the kind of a file that is not safetensors, by its first bytes.
fn looks_like(first: &[u8]) -> String {
    let starts = |texts: &[&[u8]]| texts.iter().any(|text| first.starts_with(text));
    if starts(&[b"GGUF"]) {
        return "a GGUF file".to_owned();
    }
    if starts(&[b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"]) {
        return "a PyTorch pickle".to_owned();
    }
    if first.get(8) == Some(&b'{') && u64::from_le_bytes(eight(first)) <= MAX_HEADER_BYTES {
        return "a safetensors file".to_owned();
    }
    // The last character may be incomplete.
    let text = String::from_utf8_lossy(first);
    let text = text.trim_end_matches('\u{fffd}').trim();
    if text.is_empty()
        || text.contains('\u{fffd}')
        || text.chars().any(|c| c.is_control() && !c.is_whitespace())
    {
        return "other binary data".to_owned();
    }
    let lower = text.to_lowercase();
    if ["<!doctype", "<html", "<?xml"].iter().any(|start| lower.starts_with(start)) {
        return "an HTML page".to_owned();
    }
    format!("text that starts with {:?}", text.chars().take(40).collect::<String>())
}
