//! `dtf workers`.

use super::args::{Global, Shape, WorkersArgs};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::stored::live;
use super::worker::describe;
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::domain::capability::Capability;
use crate::domain::id::WorkerId;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

pub async fn run(console: Console, global: &Global, args: WorkersArgs) -> Result<u8, Failure> {
    let client = live(global, &args.server).await?;
    if let Some(wanted) = args.drain {
        let worker = find(&client.workers().await?.items, &wanted)?;
        let view = client.drain(worker).await?;
        console.result(&format!(
            "{} {} takes no new tests; {} still run there",
            view.worker, view.name, view.running
        ))?;
        return Ok(exit::PASSED);
    }
    let workers = client.workers().await?;
    match args.output {
        Shape::Json => console.json(&workers)?,
        Shape::Table if workers.items.is_empty() => {
            console.result("no workers; start one: dtf worker --coordinator URL")?;
        }
        Shape::Table => console.result(&table(&workers.items, console.width()))?,
    }
    Ok(exit::PASSED)
}

/// The worker with this id, or the only one with this name that has not left.
fn find(workers: &[WorkerView], wanted: &str) -> Result<WorkerId, Failure> {
    if let Some(worker) = workers.iter().find(|worker| worker.worker.to_string() == wanted) {
        return Ok(worker.worker);
    }
    let here = workers.iter().filter(|worker| worker.state != WorkerState::Gone);
    let named: Vec<_> = here.filter(|worker| worker.name == wanted).collect();
    match named[..] {
        [worker] => Ok(worker.worker),
        [] => Err(Failure::new(format!("no worker {wanted}")).hint("dtf workers lists them")),
        [..] => {
            let ids: Vec<_> = named.iter().map(|worker| worker.worker.to_string()).collect();
            Err(Failure::new(format!("{} workers are named {wanted}", ids.len()))
                .hint(format!("say which: {}", ids.join(", "))))
        }
    }
}

fn offers(capability: &Capability) -> String {
    let mut text = describe(capability);
    if !capability.tags.is_empty() {
        let tags: Vec<String> = capability.tags.iter().map(ToString::to_string).collect();
        text.push_str(&format!(", tags {}", tags.join(" ")));
    }
    for error in &capability.detection_errors {
        text.push_str("; ");
        text.push_str(error);
    }
    text
}

fn table(workers: &[WorkerView], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["worker", "name", "state", "runs", "ahead", "offers"]);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for worker in workers {
        table.add_row([
            worker.worker.to_string(),
            worker.name.clone(),
            worker.state.name().to_owned(),
            worker.running.to_string(),
            worker.ahead.to_string(),
            offers(&worker.capability),
        ]);
    }
    table.to_string()
}
