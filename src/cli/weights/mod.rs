//! `dtf weights`: the weights that a coordinator stores, and those that the workers of this machine
//! have fetched.

pub mod args;
mod item;
mod local;
pub mod push;
mod remote;
mod table;

use crate::cli::args::shared::{Global, Shape};
use crate::cli::connect::{client, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::weights::args::{
    ListWeightsArgs, Place, RemoveWeightsArgs, VerifyWeightsArgs, WeightsArgs, WeightsCommand,
};
use crate::cli::weights::item::Item;
use crate::client::ClientError;
use crate::config::{Resolver, roles};
use crate::results::render::figures::{bytes, counted};

pub async fn run(console: Console, global: &Global, args: WeightsArgs) -> Result<Exit, CliError> {
    match args.command {
        WeightsCommand::List(args) => list(console, global, args).await,
        WeightsCommand::Verify(args) => verify(console, global, args).await,
        WeightsCommand::Remove(args) => remove(console, global, args).await,
        WeightsCommand::Push(args) => push::run(console, global, args).await,
    }
}

/// The cache of this machine, if it is meant.
fn cache(global: &Global, place: &Place) -> Result<Option<local::Cache>, CliError> {
    if !place.local {
        return Ok(None);
    }
    let file = settings(global)?;
    Ok(Some(local::Cache::at(roles::weights_dir(
        place.weights_dir.clone(),
        &mut Resolver::new(&file),
    ))))
}

async fn list(console: Console, global: &Global, args: ListWeightsArgs) -> Result<Exit, CliError> {
    if let Some(cache) = cache(global, &args.place)? {
        let stored = cache.stored()?;
        match args.output {
            Shape::Json => console.json(&local::listing(&cache, &stored))?,
            Shape::Table => console.result(&table::fetched(&cache, &stored, console.width()))?,
        }
        return Ok(Exit::Passed);
    }
    let list = client(global, &args.place.server)?.weights().await.map_err(unreached)?;
    match args.output {
        Shape::Json => console.json(&list)?,
        Shape::Table => console.result(&table::stored(&list, console.width()))?,
    }
    Ok(Exit::Passed)
}

async fn verify(
    console: Console,
    global: &Global,
    args: VerifyWeightsArgs,
) -> Result<Exit, CliError> {
    let progress = Progress::new(console);
    let (mut whole, mut checked) = (true, 0_u64);
    let mut report = |item: &Item, problem: Option<String>| {
        whole &= problem.is_none();
        checked += 1;
        let text = problem.unwrap_or_else(|| "whole".to_owned());
        // The moving line is hidden meanwhile.
        let mut printed = Ok(());
        progress.suspend(|| printed = console.result(&format!("{}: {text}", shown(item))));
        printed
    };
    if let Some(cache) = cache(global, &args.place)? {
        for item in chosen(cache.items()?, &args.weights)? {
            let problem = cache.verify(&item.key, &progress)?;
            report(&item, problem)?;
        }
    } else {
        let client = client(global, &args.place.server)?;
        for item in chosen(remote::items(&client).await.map_err(unreached)?, &args.weights)? {
            let problem = remote::verify(&client, &item, &progress).await?;
            report(&item, problem)?;
        }
    }
    drop(progress);
    if checked == 0 {
        console.note("no weights are stored");
    }
    Ok(if whole { Exit::Passed } else { Exit::Failed })
}

async fn remove(
    console: Console,
    global: &Global,
    args: RemoveWeightsArgs,
) -> Result<Exit, CliError> {
    if let Some(cache) = cache(global, &args.place)? {
        for item in chosen(cache.items()?, &args.weights)? {
            cache.remove(&item.key)?;
            console.result(&format!("removed {}", shown(&item)))?;
        }
        return Ok(Exit::Passed);
    }
    let client = client(global, &args.place.server)?;
    for item in chosen(remote::items(&client).await.map_err(unreached)?, &args.weights)? {
        let removed = client.remove_weights(remote::digest(&item)).await?;
        let freed = bytes(removed.freed_bytes as f64);
        console.result(&format!("removed {}, {freed} freed", shown(&item)))?;
    }
    Ok(Exit::Passed)
}

/// The error of a request, with the other place as a next step if there is no coordinator.
fn unreached(error: ClientError) -> CliError {
    let is_unreachable = matches!(error, ClientError::Unreachable { .. });
    let error = CliError::from(error);
    match &error.hint {
        Some(hint) if is_unreachable => {
            let hint = format!("{hint}; --local is for what the workers of this machine fetched");
            error.hint(hint)
        }
        _ => error,
    }
}

/// The weights that are meant: all of them if nothing is given.
fn chosen(items: Vec<Item>, given: &[String]) -> Result<Vec<Item>, CliError> {
    if given.is_empty() {
        return Ok(items);
    }
    let mut chosen = Vec::new();
    for wanted in given {
        let is_meant = |item: &&Item| {
            let digest = item.key.strip_prefix("sha256:").unwrap_or_default();
            let is_digest = wanted.len() >= 4 && digest.starts_with(wanted.as_str());
            item.name == *wanted || item.key.starts_with(wanted.as_str()) || is_digest
        };
        let mut matching = items.iter().filter(is_meant);
        match (matching.next(), matching.count()) {
            (Some(item), 0) => chosen.push(item.clone()),
            (None, _) => {
                return Err(CliError::new(format!("no weights match {wanted:?}"))
                    .hint("`dtf weights list` shows the stored weights"));
            }
            (Some(_), more) => {
                let count = counted(more as u64 + 1, "set");
                return Err(CliError::new(format!("{count} of weights match {wanted:?}"))
                    .hint("give more digits of the digest; `dtf weights list` shows them"));
            }
        }
    }
    Ok(chosen)
}

fn shown(item: &Item) -> String {
    if item.name.is_empty() { item.key.clone() } else { format!("{} ({})", item.key, item.name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_chosen_by_digest_name_or_commit_and_never_by_chance() {
        let items = || {
            [("sha256:1a2b3c", "one"), ("sha256:1a2bff", "two"), ("gpt2@607a30", "")]
                .map(|(key, name)| Item {
                    key: key.to_owned(),
                    name: name.to_owned(),
                    in_place: false,
                })
                .into_iter()
                .collect::<Vec<_>>()
        };
        let choose = |wanted: &str| {
            let chosen = chosen(items(), &[wanted.to_owned()]);
            chosen.map(|items| items.into_iter().map(|item| item.key).collect::<Vec<_>>())
        };
        for (wanted, key) in [
            ("one", "sha256:1a2b3c"),
            ("1a2bf", "sha256:1a2bff"),
            ("sha256:1a2b3", "sha256:1a2b3c"),
            ("gpt2@6", "gpt2@607a30"),
        ] {
            assert_eq!(choose(wanted).expect(wanted), [key]);
        }
        for wanted in ["1a2b", "sha256:", "1a", "three"] {
            assert!(choose(wanted).is_err(), "{wanted}");
        }
        assert_eq!(chosen(items(), &[]).expect("all").len(), 3);
    }
}
