//! The files at a web address: one file, or an index of files.
//!
//! An index is a manifest (`domain::weights`) with the extension `.json`. Its files are beside it, and
//! their paths are relative to it.
//!
//! Promise: the digest that the launch gives is that of the file or of the index, so that nothing else
//! is loaded, wherever it comes from.

use crate::client::{DownloadError, Downloads};
use crate::domain::digest::sha256_hex;
use crate::domain::weights::{MAX_MANIFEST_BYTES, MAX_WEIGHTS_BYTES, Manifest, without_query};
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::patience::{Limits, Patience};
use crate::worker::weights::plan::{AddressedFile, FetchPlan};
use reqwest::Url;

/// Extension of an index.
const INDEX: &str = ".json";

/// The files at an address whose content has this digest.
///
/// # Errors
/// The address is not valid, the server does not provide the file or its size, or the index is not valid
/// or has another digest.
pub async fn plan(
    downloads: &Downloads,
    address: &str,
    sha256: &str,
    limits: Limits,
) -> Result<FetchPlan, WeightsError> {
    let shown = without_query(address).to_owned();
    let remote = |reason: String| WeightsError::Remote { file: shown.clone(), reason };
    let url: Url =
        address.parse().map_err(|error| remote(format!("it is not an address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        let reason = format!("addresses that begin with {}: are not supported", url.scheme());
        return Err(remote(format!("{reason}; give an address that begins with https:")));
    }
    let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    if !is_plain(name) {
        return Err(remote("the address does not end with the name of a file".to_owned()));
    }
    let mut patience = Patience::new(limits);
    let head = loop {
        match head(downloads, &url, name.ends_with(INDEX)).await {
            Ok(head) => break head,
            Err(error @ DownloadError::Refused { .. }) => return Err(remote(error.to_string())),
            Err(error) => {
                let reason = error.to_string();
                if !patience.wait(0, error.retry_after()).await {
                    let (file, after) = (shown, limits.stall);
                    return Err(WeightsError::Stalled { file, after, reason });
                }
            }
        }
    };
    match head {
        Head::Size(size) if size > MAX_WEIGHTS_BYTES => {
            Err(remote(format!("it is too large ({size} bytes, maximum {MAX_WEIGHTS_BYTES})")))
        }
        Head::Size(size_bytes) => {
            let (path, sha256) = (name.to_owned(), Some(sha256.to_owned()));
            let file = AddressedFile { path, size_bytes, sha256, url, token: None };
            Ok(FetchPlan { addressed: vec![file], ..FetchPlan::default() })
        }
        Head::NoSize => Err(remote("the server does not give the size of the file".to_owned())),
        Head::Index(text) => of_index(&url, &text, sha256).map_err(remote),
        Head::LargeIndex => {
            Err(remote(format!("the index is too large (maximum {MAX_MANIFEST_BYTES} bytes)")))
        }
    }
}

/// The beginning of the answer for an address.
enum Head {
    Size(u64),
    NoSize,
    Index(Vec<u8>),
    LargeIndex,
}

async fn head(downloads: &Downloads, url: &Url, is_index: bool) -> Result<Head, DownloadError> {
    let mut content = downloads.open(url, None, 0).await?;
    if !is_index {
        return Ok(content.size.map_or(Head::NoSize, Head::Size));
    }
    let mut text = Vec::new();
    while let Some(piece) = content.piece().await? {
        text.extend_from_slice(&piece);
        if text.len() > MAX_MANIFEST_BYTES {
            return Ok(Head::LargeIndex);
        }
    }
    Ok(Head::Index(text))
}

fn of_index(index: &Url, text: &[u8], sha256: &str) -> Result<FetchPlan, String> {
    let digest = sha256_hex(text);
    if digest != sha256 {
        return Err(format!("the index has the digest {digest} instead of {sha256}"));
    }
    let manifest = Manifest::parse(text).map_err(|error| format!("the index: {error}"))?;
    let addressed = manifest.files.into_iter().map(|file| {
        let mut url = index.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop().extend(file.path.split('/'));
        }
        let (path, size_bytes, sha256) = (file.path, file.size_bytes, Some(file.sha256));
        AddressedFile { path, size_bytes, sha256, url, token: None }
    });
    Ok(FetchPlan { addressed: addressed.collect(), ..FetchPlan::default() })
}

/// Whether a name can be that of a file in the cache.
fn is_plain(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-+=@".contains(c);
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && name.chars().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::weights::ManifestFile;

    #[test]
    fn the_files_of_an_index_are_beside_it() {
        let file = |path: &str| ManifestFile {
            path: path.into(),
            sha256: sha256_hex(b"x"),
            size_bytes: 1,
            chunks: Vec::new(),
        };
        let manifest = Manifest::new(vec![file("config.json"), file("unet/a b.safetensors")]);
        let text = manifest.expect("valid").canonical();
        let index: Url = "https://host/dir/index.json?key=1".parse().expect("an address");
        let plan = of_index(&index, text.as_bytes(), &sha256_hex(text.as_bytes())).expect("a plan");
        let urls: Vec<_> = plan.addressed.iter().map(|file| file.url.as_str()).collect();
        let expected =
            ["https://host/dir/config.json?key=1", "https://host/dir/unet/a%20b.safetensors?key=1"];
        assert_eq!(urls, expected);
        let other = of_index(&index, text.as_bytes(), &sha256_hex(b"other")).expect_err("other");
        assert!(other.contains("instead of"), "{other}");
        assert!(of_index(&index, b"{}", &sha256_hex(b"{}")).is_err());
    }

    #[test]
    fn the_last_part_of_an_address_names_the_file() {
        assert!(is_plain("model-00001-of-00002.safetensors"));
        for name in ["", "..", ".hidden", "a%2Fb", "a b", &"x".repeat(256)] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
