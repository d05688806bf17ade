//! `dtf status`.

use super::args::{Global, Shape, StatusArgs};
use super::connect::client;
use super::console::Console;
use super::exit;
use super::failure::Failure;
use crate::api::v1::status::StatusView;

pub async fn run(console: Console, global: &Global, args: StatusArgs) -> Result<u8, Failure> {
    let client = client(global, &args.server)?;
    let status = client.status().await?;
    match args.output {
        Shape::Json => console.json(&status)?,
        Shape::Table => console.result(&sentences(client.url(), &status))?,
    }
    Ok(exit::PASSED)
}

fn sentences(url: &str, status: &StatusView) -> String {
    let hours = status.uptime_ms / 3_600_000;
    let minutes = status.uptime_ms / 60_000 % 60;
    format!(
        "{url}: dtf {}, up {hours} h {minutes} min\n\
         workers: {} active, {} draining, {} lost\n\
         runs: {} open\n\
         tests: {} running, {} waiting, {} blocked\n\
         log: {} records, {} in the results database",
        status.version,
        status.workers_active,
        status.workers_draining,
        status.workers_lost,
        status.runs_open,
        status.tests_leased,
        status.tests_waiting,
        status.tests_blocked,
        status.log_sequence,
        status.projected_sequence,
    )
}
