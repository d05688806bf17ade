//! `dtf worker --prefetch PLAN`: prepares this machine for a plan before its worker registers.

use crate::backends::Table;
use crate::cli::args::shared::Templates;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::work::{Work, library};
use crate::cli::worker::error::refused;
use crate::client::Client;
use crate::config::File;
use crate::domain::accelerator::{Accelerator, Backend};
use crate::domain::capability::Capability;
use crate::domain::launch::Launch;
use crate::domain::test::TestSpec;
use crate::results::render::figures::counted;
use crate::worker::prefetch::{PrefetchEvent, Prospect, prefetch};
use crate::worker::settings::Settings;
use std::path::Path;
use std::sync::Arc;

/// Builds environments and fetches weights for the tests of a plan that this worker can run.
pub async fn run(
    console: Console,
    file: &File,
    (plan, templates): (&Path, &Templates),
    (mut settings, client): (Settings, Arc<Client>),
) -> Result<Exit, CliError> {
    // A worker may be running in the work directory.
    settings.work_dir = settings.work_dir.join("prefetch");
    let (capability, table) = (settings.offer.current(), &settings.backends);
    let mut work = Work::plan(plan)?;
    work.library = library::library(console, file, templates, Vec::new())?;
    work.accelerators = capability.accelerators.iter().flat_map(Accelerator::offered).collect();
    work.ask_hub(console, file, Some(settings.offline)).await?;
    let submission = work.submission_with_weights(console).await?;
    let offer = with_runtimes(&capability, table);
    let mine: Vec<&Arc<TestSpec>> =
        submission.tests.iter().filter(|test| test.requirement.met_by(&offer).is_ok()).collect();
    if mine.is_empty() {
        return Err(
            CliError::new("this worker can run no test of the plan").with_exit(Exit::NoTest)
        );
    }
    let prospect = |test: &&Arc<TestSpec>| {
        let launch: Launch = serde_json::from_str(test.launch.get())
            .map_err(|error| CliError::new(format!("the test {}: {error}", test.name)))?;
        Ok::<_, CliError>(Prospect { name: test.name.to_string(), launch })
    };
    let prospects = mine.iter().map(prospect).collect::<Result<Vec<_>, _>>()?;
    let contents: Vec<(&str, &[u8])> =
        submission.files.iter().map(|file| (file.sha256.as_str(), &*file.bytes)).collect();
    let progress = Progress::new(console);
    let report = |event: PrefetchEvent<'_>| match event {
        PrefetchEvent::Moving(line) => progress.show(line),
        PrefetchEvent::Done(line) => progress.note(line),
    };
    let fetching = prefetch(&settings, client, (&prospects, &contents), &report);
    let done = Box::pin(fetching).await;
    drop(progress);
    let done = done.map_err(|error| refused(&error))?;
    console.note(&format!(
        "this worker can run {} of {}; {} and the weights of {} are ready",
        mine.len(),
        counted(submission.tests.len() as u64, "test"),
        counted(done.environments as u64, "Python environment"),
        counted(done.weights as u64, "model"),
    ));
    for failure in &done.failures {
        console.warning(&format!("not ready: {failure}"));
    }
    Ok(if done.failures.is_empty() { Exit::Passed } else { Exit::Infrastructure })
}

/// The capability as it may become: libraries without a device are offered when they work, which is
/// known only with their environment.
fn with_runtimes(capability: &Capability, table: &Table) -> Capability {
    let mut capability = capability.clone();
    let without = table.entries().map(|(backend, _)| backend);
    let without: Vec<Backend> = without.filter(|backend| !table.needs_device(*backend)).collect();
    capability.backends.extend(without);
    capability
}
