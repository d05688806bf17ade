//! `dtf bisect`: the first version of a package, or the first commit, with which a test fails or a
//! metric regresses.
//!
//! Both ends are checked first. Each step is a run, whose results stay after the command. [`crate::trends::bisect`]
//! chooses the next candidate, and decides from repeated runs about one.

pub mod args;
mod candidates;
mod steps;
mod subject;
mod view;

use crate::cli::args::shared::{Global, Shape};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::versions::bisect::args::BisectArgs;
use crate::cli::versions::bisect::steps::Steps;
use crate::cli::versions::bisect::subject::Subject;
use crate::cli::versions::bisect::view::BisectView;
use crate::cli::versions::place::Place;
use crate::cli::work::{Work, warnings};
use crate::results::render::figures::counted;

pub async fn run(
    console: Console,
    global: &Global,
    mut args: BisectArgs,
) -> Result<Exit, CliError> {
    args.place.allow(&args.models);
    let mut subject = Subject::of(&args)?;
    let candidates = candidates::list(console, global, &args).await?;
    console.note(&format!(
        "{} of {} from {} to {}",
        counted(candidates.list.len() as u64, args.noun()),
        args.package,
        candidates.list.first().map_or("", |first| &first.name),
        candidates.list.last().map_or("", |last| &last.name),
    ));
    let mut none = Work::nothing();
    let work = match &mut subject {
        Subject::Made { work, .. } => {
            work.apply(args.real);
            work
        }
        Subject::Stored { .. } => &mut none,
    };
    let place = Place::of(console, global, &args.place, work).await?;
    let mut first = Vec::new();
    if let (Subject::Made { .. }, Some(good)) = (&subject, candidates.list.first()) {
        let (submission, _) = subject.pinned(console, &good.pin).await?;
        warnings::warn_doubts(console, &submission);
        first.push(submission);
    }
    let library = match &subject {
        Subject::Made { work, .. } => work.library.clone(),
        Subject::Stored { .. } => none.library.clone(),
    };
    let first: Vec<_> = first.iter().collect();
    place
        .perform((console, global), &args.place, (&library, &first), async |runs| {
            subject.read(&runs.client).await?;
            let steps = Steps::new(console, &runs, &args, &candidates.list, &mut subject);
            finish(console, args.output, &steps.search().await?)
        })
        .await
}

fn finish(console: Console, output: Shape, view: &BisectView) -> Result<Exit, CliError> {
    match output {
        Shape::Json => console.json(view)?,
        Shape::Table => console.result(&view.text())?,
    }
    Ok(view.exit())
}
