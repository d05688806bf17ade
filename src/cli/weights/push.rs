//! Sends weights to the coordinator: for `dtf weights push`, and before a submission.

use crate::cli::args::shared::Global;
use crate::cli::connect::client;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::weights::args::PushWeightsArgs;
use crate::cli::work::folders;
use crate::client::{Client, PushError, Pushing};
use crate::gather::base_model;
use crate::models::weights::Root;
use crate::plan::folders::{FolderUse, PushedWeights, root_of};
use crate::results::render::figures::bytes;
use std::collections::BTreeMap;

pub async fn run(
    console: Console,
    global: &Global,
    args: PushWeightsArgs,
) -> Result<Exit, CliError> {
    let client = client(global, &args.server)?;
    let mut uses = BTreeMap::new();
    for folder in &args.folders {
        let path = std::path::absolute(folder).map_err(|error| {
            CliError::usage(format!("cannot find {}: {error}", folder.display()))
        })?;
        let path = path.to_str().ok_or_else(|| {
            CliError::usage(format!("the path {} is not UTF-8", folder.display()))
        })?;
        let used = FolderUse { remote_code: args.remote_code };
        uses.insert(path.to_owned(), used);
    }
    for (path, manifest) in folders::read(console, &uses).await? {
        let digest = manifest.digest();
        let directory = root_of(&path, &manifest.files[0].path);
        let root = Root { base: base_model::elsewhere(&directory), directory };
        let weights = PushedWeights { manifest, root, name: path, in_place: false };
        send(console, &client, &[weights]).await?;
        console.result(&format!("sha256:{digest}"))?;
    }
    Ok(Exit::Passed)
}

/// Sends weights that the coordinator does not have.
pub async fn send(
    console: Console,
    client: &Client,
    weights: &[PushedWeights],
) -> Result<(), CliError> {
    for weights in weights {
        let progress = Progress::new(console);
        let name = weights.root.directory.display();
        let report = |Pushing { sent, goal, .. }: Pushing| {
            if goal > 0 {
                let [sent, goal] = [sent, goal].map(|size| bytes(size as f64));
                progress.show(&format!("sending the weights in {name}: {sent} of {goal}"));
            }
        };
        client.push_weights(weights, &report).await.map_err(failed)?;
    }
    Ok(())
}

fn failed(error: PushError) -> CliError {
    match error {
        PushError::Client(error) => error.into(),
        error @ PushError::Changed { .. } => {
            CliError::from_error(&error).hint("wait until nothing writes it, then try again")
        }
        error @ PushError::NeverComplete => CliError::from_error(&error).hint(
            "other weights may take the space; try again later, or raise storage.max_weights_size",
        ),
    }
}
