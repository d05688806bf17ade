//! `dtf check PLAN`: its mistakes, without submitting it.

use super::args::{CheckArgs, Global};
use super::connect::{client_at, settings};
use super::console::Console;
use super::failure::Failure;
use super::work::Work;
use super::{exit, library, submit};
use crate::results::render::figures::counted;

pub async fn run(console: Console, global: &Global, args: CheckArgs) -> Result<u8, Failure> {
    let mut work = Work::plan(&args.plan)?;
    let file = settings(global)?;
    if let Some(url) = &args.lender.coordinator {
        let client = client_at(url.clone(), global, &file)?;
        work.ask_coordinator(console, &client, &file, &args.templates).await?;
    } else {
        work.library = library::library(console, &file, &args.templates, Vec::new())?;
    }
    work.ask_hub(console, &file, args.offline).await?;
    let submission = work.submission()?;
    submit::tell_doubts(console, &submission);
    console.result(&format!(
        "{}: {}, {}",
        args.plan.display(),
        counted(submission.tests.len() as u64, "test"),
        counted(submission.files.len() as u64, "file")
    ))?;
    Ok(exit::PASSED)
}
