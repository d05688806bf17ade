//! The weights that a coordinator stores.

use super::item::Item;
use crate::api::v1::weights::{MAX_VERIFIED, WeightsView};
use crate::cli::error::CliError;
use crate::cli::terminal::progress::Progress;
use crate::client::{Client, ClientError};
use crate::domain::weights::ManifestFile;
use crate::results::render::figures::counted;
use std::collections::BTreeSet;

const PREFIX: &str = "sha256:";

/// The stored weights.
pub async fn items(client: &Client) -> Result<Vec<Item>, ClientError> {
    let stored = client.weights().await?.items.into_iter();
    let item = |view: WeightsView| Item {
        key: format!("{PREFIX}{}", view.sha256),
        name: view.name,
        in_place: view.in_place,
    };
    Ok(stored.map(item).collect())
}

/// The digest of stored weights.
pub fn digest(item: &Item) -> &str {
    item.key.strip_prefix(PREFIX).unwrap_or(&item.key)
}

/// Lets the coordinator read all chunks. Returns what is wrong with them, if anything.
pub async fn verify(
    client: &Client,
    item: &Item,
    progress: &Progress,
) -> Result<Option<String>, CliError> {
    let manifest = match client.weights_manifest(digest(item)).await {
        Err(error @ ClientError::Refused(_)) => return Ok(Some(error.to_string())),
        manifest => manifest?,
    };
    // Only the manifest is stored, and it was compared with its digest.
    if item.in_place {
        return Ok(None);
    }
    let chunks: BTreeSet<&String> =
        manifest.files.iter().flat_map(ManifestFile::chunk_digests).collect();
    let chunks: Vec<String> = chunks.into_iter().cloned().collect();
    let (mut missing, mut damaged) = (0, 0);
    for (number, batch) in chunks.chunks(MAX_VERIFIED).enumerate() {
        progress.show(&format!(
            "reading {}: {} of {}",
            item.name,
            number * MAX_VERIFIED,
            counted(chunks.len() as u64, "chunk")
        ));
        let verified = client.verify_chunks(batch).await?;
        missing += verified.missing.len();
        damaged += verified.damaged.len();
    }
    let all = chunks.len();
    Ok((missing + damaged > 0).then(|| {
        format!("{damaged} of {all} chunks are damaged, and {missing} are missing; push them again")
    }))
}
