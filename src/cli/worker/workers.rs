//! `dtf workers`.

use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::cli::args::shared::{Global, Server, Shape};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::stored::live;
use crate::cli::terminal::console::Console;
use crate::cli::worker::offers::{ago, offers};
use crate::domain::id::WorkerId;
use crate::domain::time::Timestamp;
use crate::results::render::figures::counted;
use crate::results::render::words::plain;
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// List workers, or drain a worker
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf workers
  dtf workers --all            Include workers that have left
  dtf workers --drain w4       Let the running tests finish, then let the worker exit
  dtf workers --drain rig7     Drain a worker by its name
  dtf workers --undrain rig7   Undo a drain while the worker still runs tests")]
pub struct WorkersArgs {
    #[command(flatten)]
    pub server: Server,
    /// Send no new tests to this worker, given by its id or its unique name
    #[arg(long, value_name = "WORKER", conflicts_with_all = ["undrain", "all"])]
    pub drain: Option<String>,
    /// Send tests to this worker again
    #[arg(long, value_name = "WORKER", conflicts_with = "all")]
    pub undrain: Option<String>,
    /// Include workers that have left
    #[arg(long)]
    pub all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Characters of a name that are shown.
const NAME_CHARS: usize = 80;

pub async fn run(console: Console, global: &Global, args: WorkersArgs) -> Result<Exit, CliError> {
    let client = live(global, &args.server).await?;
    if let Some(wanted) = args.drain {
        let worker = find(&client.workers().await?.items, &wanted)?;
        let view = client.drain(worker).await?;
        console.result(&format!(
            "{} {} takes no new tests; {} still running there",
            view.worker, view.name, view.running
        ))?;
        return Ok(Exit::Passed);
    }
    if let Some(wanted) = args.undrain {
        let worker = find(&client.workers().await?.items, &wanted)?;
        let view = client.resume(worker).await?;
        console.result(&format!(
            "{} {} takes tests again",
            view.worker,
            plain(&view.name, NAME_CHARS)
        ))?;
        return Ok(Exit::Passed);
    }
    let mut workers = client.workers().await?;
    let all = workers.items.len();
    if !args.all && args.output == Shape::Table {
        workers.items.retain(|worker| worker.state != WorkerState::Gone);
    }
    let gone = match all - workers.items.len() {
        0 => String::new(),
        gone => format!("{} left; list them with --all", counted_have(gone)),
    };
    match args.output {
        Shape::Json => console.json(&workers)?,
        Shape::Table if workers.items.is_empty() => {
            console.result("there are no workers; start one with: dtf worker --coordinator URL")?;
        }
        Shape::Table => console.result(&table(&workers.items, console.width()))?,
    }
    if !gone.is_empty() {
        console.note(&gone);
    }
    Ok(Exit::Passed)
}

/// `1 worker has`, `3 workers have`.
fn counted_have(count: usize) -> String {
    let verb = if count == 1 { "has" } else { "have" };
    format!("{} {verb}", counted(count as u64, "worker"))
}

/// Finds the worker with this id, or the only worker with this name that has not left.
fn find(workers: &[WorkerView], wanted: &str) -> Result<WorkerId, CliError> {
    if let Some(worker) = workers.iter().find(|worker| worker.worker.to_string() == wanted) {
        return Ok(worker.worker);
    }
    let here = workers.iter().filter(|worker| worker.state != WorkerState::Gone);
    let named: Vec<_> = here.filter(|worker| worker.name == wanted).collect();
    match named[..] {
        [worker] => Ok(worker.worker),
        [] => Err(CliError::new(format!("there is no worker {wanted}"))
            .hint("list them with: dtf workers")),
        [..] => {
            let ids: Vec<_> = named.iter().map(|worker| worker.worker.to_string()).collect();
            Err(CliError::new(format!("{} workers are named {wanted}", ids.len()))
                .hint(format!("give its id: {}", ids.join(", "))))
        }
    }
}

/// The present time by the clock of the coordinator.
fn now(worker: &WorkerView) -> Timestamp {
    worker.last_seen.after(worker.silent_ms)
}

fn table(workers: &[WorkerView], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "worker",
        "name",
        "state",
        "last seen",
        "registered",
        "runs",
        "ahead",
        "offers",
    ]);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for worker in workers {
        table.add_row([
            worker.worker.to_string(),
            worker.name.clone(),
            worker.state_name().to_owned(),
            ago(worker.silent_ms),
            ago(now(worker).since(worker.registered_at)),
            worker.running.to_string(),
            worker.ahead.to_string(),
            offers(worker).join("\n"),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_calibrated_before_its_next_test_says_so() {
        let worker = |state: &str| -> WorkerView {
            serde_json::from_value(serde_json::json!({
                "worker": "w1", "name": "vm", "state": state, "calibrating": true, "running": 1,
                "ahead": 0, "last_seen": 0, "registered_at": 0,
                "capability": { "os": "linux", "arch": "x86_64", "cpu_milli": 1000,
                    "memory_bytes": 1, "slots": 1, "backends": ["cpu"], "accelerators": [],
                    "tags": [] },
            }))
            .expect("a worker")
        };
        for (state, expected) in [("active", "calibrating"), ("lost", "lost")] {
            let table = table(&[worker(state)], None);
            assert!(table.contains(&format!(" {expected} ")), "{table}");
        }
    }

    #[test]
    fn workers_that_left_are_counted() {
        assert_eq!([1, 2].map(counted_have), ["1 worker has", "2 workers have"]);
    }
}
