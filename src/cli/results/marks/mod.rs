//! Marks on results: `dtf results accept`, `dtf results quarantine` and `dtf results flaky`.
//!
//! A change needs a coordinator, because the event log has it. For the results of `dtf run`, the
//! coordinator runs in this process while the change is made.

pub mod args;

use crate::api::v1::flaky::FlakyQuery;
use crate::api::v1::marks::{AcceptChanges, AddQuarantine, MarkQuery, QuarantineState};
use crate::cli::args::shared::{Backends, Global, Shape};
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::naming::{self, What};
use crate::cli::results::selection::Since;
use crate::cli::results::stored::{Source, unreadable};
use crate::cli::run::host::Host;
use crate::cli::terminal::console::Console;
use crate::cli::work::library;
use crate::client::Client;
use crate::domain::id::{AcceptanceId, RunId};
use crate::results::render::figures::counted;
use crate::results::render::marks as render;
use crate::results::render::words::{instant, plain};
use crate::sys::clock::Clock;
use crate::text::suggest::{did_you_mean_name, nearest};
use args::{
    AcceptArgs, AddArgs, FlakyArgs, ListArgs, QuarantineArgs, QuarantineCommand, RemoveArgs,
};
use std::collections::BTreeSet;

/// User that makes changes in the results of `dtf run`.
const USER: &str = "dtf-results";
/// Maximum number of characters of a text that are shown.
const TEXT_CHARS: usize = 200;

/// `dtf results flaky`.
pub async fn flaky(console: Console, global: &Global, args: FlakyArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    let now = Clock::start().now();
    let since_ms = args.since.map(|since| match since {
        Since::Last(span) => now.0.saturating_sub(span.0),
        Since::At(time) => time.0,
    });
    let query = FlakyQuery { since_ms, run: None, limit: Some(args.limit) };
    let view = source.flaky(&query).await?;
    match args.output {
        Shape::Json => console.json(&view)?,
        Shape::Table => console.result(&render::flaky(&view, console.width()))?,
    }
    Ok(Exit::Passed)
}

/// `dtf results quarantine`.
pub async fn quarantine(
    console: Console,
    global: &Global,
    args: QuarantineArgs,
) -> Result<Exit, CliError> {
    match args.command {
        QuarantineCommand::Add(args) => add(console, global, args).await,
        QuarantineCommand::List(args) => list(console, global, args).await,
        QuarantineCommand::Remove(args) => remove(console, global, args).await,
    }
}

async fn add(console: Console, global: &Global, args: AddArgs) -> Result<Exit, CliError> {
    let AddArgs { pattern, worker, backend, reason, duration, results } = args;
    let source = Source::of(console, global, results).await?;
    if let Some(name) = &backend {
        check_backend(global, &source, name).await?;
    }
    let new = AddQuarantine {
        pattern: pattern.into(),
        worker: worker.map(Into::into),
        backend: backend.map(Into::into),
        reason: reason.into(),
        duration_ms: duration,
    };
    let added =
        change(source, async |client| client.add_quarantine(&new).await.map_err(Into::into))
            .await?;
    let until = instant(added.expires_at);
    let until = until.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
    let shown = |text: &str| plain(text, TEXT_CHARS);
    let places = [("worker", &added.worker), ("back-end", &added.backend)];
    let places = places
        .into_iter()
        .filter_map(|(kind, name)| Some(format!(" on the {kind} {}", shown(name.as_deref()?))));
    console.result(&format!(
        "{}: the tests {:?}{} do not count in the verdict of their runs until {until}",
        added.quarantine,
        shown(&added.pattern),
        places.collect::<String>()
    ))?;
    Ok(Exit::Passed)
}

/// Refuses a back-end that neither the table of back-ends nor a worker of the coordinator has: no test
/// would ever be covered.
async fn check_backend(global: &Global, source: &Source, name: &str) -> Result<(), CliError> {
    let table = library::backends(&settings(global)?, &Backends::default())?;
    let mut known: BTreeSet<String> = table.names().map(str::to_owned).collect();
    if let Source::Coordinator(client) = source {
        let workers = client.workers().await?.items;
        let offered = workers.iter().flat_map(|worker| &worker.capability.backends);
        known.extend(offered.map(|backend| backend.name().to_owned()));
    }
    if known.contains(name) {
        return Ok(());
    }
    let message = format!("there is no back-end {:?}", plain(name, TEXT_CHARS));
    Err(CliError::usage(message).hint(match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => did_you_mean_name(meant),
        None => "docs/backends.md lists the back-ends".to_owned(),
    }))
}

async fn list(console: Console, global: &Global, args: ListArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    let view = match &source {
        Source::Coordinator(client) => client.quarantines(&MarkQuery { all: args.all }).await?,
        Source::Stored(stored) => {
            let now = Clock::start().now();
            stored.reader().quarantines(args.all, now).map_err(unreadable)?
        }
    };
    match args.output {
        Shape::Json => console.json(&view)?,
        Shape::Table => console.result(&render::quarantines(&view, console.width()))?,
    }
    Ok(Exit::Passed)
}

async fn remove(console: Console, global: &Global, args: RemoveArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    let id = args.quarantine;
    let left =
        change(source, async |client| client.remove_quarantine(id).await.map_err(Into::into))
            .await?;
    let in_force = left.items.iter().filter(|item| item.state == QuarantineState::InForce);
    let count = counted(in_force.count() as u64, "quarantine");
    console.result(&format!("{id} was removed; {count} in force"))?;
    Ok(Exit::Passed)
}

/// `dtf results accept`.
pub async fn accept(console: Console, global: &Global, args: AcceptArgs) -> Result<Exit, CliError> {
    let AcceptArgs { what, metric, reason, list, remove, results, output } = args;
    let source = Source::of(console, global, results).await?;
    if list {
        return acceptances(console, &source, output).await;
    }
    if let Some(id) = remove {
        return remove_acceptance(console, source, id).await;
    }
    let what = what.unwrap_or_default();
    let (test, run) = match what.parse::<RunId>() {
        Ok(run) => (None, Some(run)),
        Err(_) => match naming::find(&source, &what).await? {
            What::Test(test) => (Some(test), None),
            What::Attempt(attempt) => (Some(attempt.test), None),
        },
    };
    let (metric, reason) = (metric.map(Into::into), reason.unwrap_or_default().into());
    let changes = AcceptChanges { test, run, metric, reason };
    let accepted =
        change(source, async |client| client.accept(&changes).await.map_err(Into::into)).await?;
    match output {
        Shape::Json => console.json(&accepted)?,
        Shape::Table => console.result(&format!(
            "{}: accepted from {} on:\n{}",
            accepted.acceptance,
            accepted.run,
            render::accepted(&accepted)
        ))?,
    }
    Ok(Exit::Passed)
}

async fn acceptances(console: Console, source: &Source, output: Shape) -> Result<Exit, CliError> {
    let view = match source {
        Source::Coordinator(client) => client.acceptances(&MarkQuery { all: false }).await?,
        Source::Stored(stored) => stored.reader().acceptances(false).map_err(unreadable)?,
    };
    match output {
        Shape::Json => console.json(&view)?,
        Shape::Table => console.result(&render::acceptances(&view, console.width()))?,
    }
    Ok(Exit::Passed)
}

async fn remove_acceptance(
    console: Console,
    source: Source,
    id: AcceptanceId,
) -> Result<Exit, CliError> {
    change(source, async |client| client.remove_acceptance(id).await.map_err(Into::into)).await?;
    console.result(&format!("{id} was removed"))?;
    Ok(Exit::Passed)
}

/// Makes a change with the coordinator of the results.
async fn change<T>(
    source: Source,
    work: impl AsyncFnOnce(&Client) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let directory = match source {
        Source::Coordinator(client) => return work(&client).await,
        Source::Stored(stored) => stored.directory().to_owned(),
    };
    let host = Host::start(&directory, USER).await?;
    let done = work(&host.client).await;
    let stopped = host.stop().await;
    let done = done?;
    stopped.map(|()| done)
}
