//! Reads the directories whose files are the weights of tests: which files belong to them, and their
//! digests.

use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::config::locate;
use crate::domain::weights::Manifest;
use crate::gather::digests::Digests;
use crate::gather::peek;
use crate::models::weights::{Root, Wanted, belonging};
use crate::plan::folders::FolderUse;
use crate::results::render::figures;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The manifests of directories, by their absolute paths.
///
/// # Errors
/// A directory cannot be read, or its files change while they are read.
pub async fn read(
    console: Console,
    folders: &BTreeMap<String, FolderUse>,
) -> Result<BTreeMap<String, Arc<Manifest>>, CliError> {
    let mut manifests = BTreeMap::new();
    for (path, used) in folders {
        let failed = |reason: String| {
            let message = format!("cannot read the weights in {path}: {reason}");
            CliError::usage(message).hint("check the files, and run the command again")
        };
        let (root, files) = belonging_to(path, used).map_err(failed)?;
        let (progress, shown) = (Progress::new(console), path.clone());
        let digests = Digests::memoised(locate::cache_dir("digests"));
        let hash = move || {
            let report = |done: u64, all: u64| {
                let [done, all] = [done, all].map(|bytes| figures::bytes(bytes as f64));
                progress.show(&format!("reading the weights in {shown}: {done} of {all}"));
            };
            digests.manifest(root, &files, &report)
        };
        let manifest = tokio::task::spawn_blocking(hash).await;
        let manifest = manifest
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(crate::domain::causes::with_causes(&error)))?;
        manifests.insert(path.clone(), Arc::new(manifest));
    }
    Ok(manifests)
}

/// The directory of a directory or file, and the paths in it that belong to the weights.
fn belonging_to(path: &str, used: &FolderUse) -> Result<(Root, Vec<String>), String> {
    let (root, files) = peek::files_below(Path::new(path)).map_err(|error| error.to_string())?;
    let wanted = Wanted {
        // Where they are not allowed, the choice of the weights has refused pickles.
        allow_pickle: true,
        remote_code: used.remote_code,
    };
    let read = |name: &str, most: usize| {
        let file = root.place(name);
        peek::first_bytes(file.to_str().unwrap_or_default(), most)
    };
    let paths = belonging(&files, wanted, read).map_err(|error| error.message)?;
    Ok((root, paths))
}
