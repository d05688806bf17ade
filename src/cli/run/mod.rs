//! `dtf run`: runs coordinator and worker in this process, on loopback, for this machine alone.

pub mod args;
pub mod host;
mod listing;
pub mod open;
pub mod site;

use crate::backends::Table;
use crate::cli::args::machine::Local;
use crate::cli::args::shared::{Global, Output, Verdict};
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::formats::ReportFiles;
use crate::cli::run::args::RunArgs;
use crate::cli::run::site::{Site, cancel_open, passed_before};
use crate::cli::submit::send::send;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::wait;
use crate::cli::work::plan_file::is_plan;
use crate::cli::work::{Work, library, warnings};
use crate::cli::worker::describe::describe;
use crate::cli::worker::machine;
use crate::client::Client;
use crate::config::roles::LocalSettings;
use crate::config::{Resolver, locate};
use crate::domain::accelerator::{Accelerator, Backend};
use crate::domain::capability::Capability;
use crate::domain::launch::{Environment, Launch};
use crate::domain::test::TestSpec;
use crate::plan::submission::Submission;
use crate::results::render::figures::counted;
use crate::sys::shutdown::shutdown_signal;
use std::path::Path;
use std::sync::Arc;

pub async fn run(console: Console, global: &Global, args: RunArgs) -> Result<Exit, CliError> {
    if let ([one], Some(flag)) = (args.what.as_slice(), args.models.given())
        && is_plan(Path::new(one))
    {
        let message = format!("{flag} applies to models and has no effect on the plan {one}");
        return Err(CliError::usage(message).hint("write it into the plan, or remove the flag"));
    }
    let mut models = args.models.clone();
    if models.hw.is_empty() {
        models.hw = vec!["auto".to_owned()];
    }
    // Mistakes in the plan are reported before anything else is done.
    let mut work = Work::of(&args.what, &models)?;
    work.apply(args.real);
    work.pins = args.with.pins()?;
    let file = settings(global)?;
    let added = library::added_to(global, &file, &args.lender).await?;
    work.library = library::library(console, &file, &args.templates, added)?;
    let mut local = args.local.clone();
    if models.trust_remote_code {
        // Whoever gives this flag allows it on this machine.
        local.machine.allow_remote_code = Some(true);
    }
    let options = RunOptions {
        local: &local,
        verdict: args.verdict,
        output: args.output,
        files: &args.files,
        dry_run: args.dry_run,
        open: args.open,
    };
    perform(console, global, work, &options).await
}

/// How tests run on this machine.
pub struct RunOptions<'a> {
    pub local: &'a Local,
    pub verdict: Verdict,
    pub output: Output,
    /// Files with the report.
    pub files: &'a ReportFiles,
    /// Lists the tests without running them.
    pub dry_run: bool,
    /// Shows the run in the browser, and serves its page after the end of the tests.
    pub open: bool,
}

/// Runs the tests on this machine and prints the report.
pub async fn perform(
    console: Console,
    global: &Global,
    mut work: Work,
    options: &RunOptions<'_>,
) -> Result<Exit, CliError> {
    let RunOptions { local, output, dry_run, open, .. } = *options;
    let file = settings(global)?;
    let LocalSettings { data_dir, is_named } =
        LocalSettings::resolve(local.data_dir.clone(), &mut Resolver::new(&file));
    let place = is_named.then(|| format!(" --data-dir {}", data_dir.display()));
    work.in_place = true;
    work.ask_hub(console, &file, local.machine.offline).await?;
    let backends = work.library.backends();
    let capability = machine::capability(console, &local.machine, &file, backends).await?;
    work.accelerators = capability.accelerators.iter().flat_map(Accelerator::offered).collect();
    let submission = work.submission_with_weights(console).await?;
    warnings::warn_doubts(console, &submission);
    if dry_run {
        let lacking = listing::show(console, &submission.tests, &capability, output)?;
        let all = submission.tests.len();
        console.note(&match lacking {
            0 => format!("{} would run", counted(all as u64, "test")),
            lacking => format!("{} of {all} would run", all - lacking),
        });
        return Ok(Exit::Passed);
    }
    console.note(&format!(
        "{} on this machine ({})",
        counted(submission.tests.len() as u64, "test"),
        describe(&capability)
    ));
    warnings::note_weights(console, &submission, true);
    let undetected = undetected(&capability, &work, &submission);
    let prove_first = libraries(&submission, &capability, work.library.backends());
    let mut worker = machine::settings(
        console,
        &local.machine,
        &file,
        (capability, work.library.backends()),
        locate::worker_name(),
        data_dir.join("worker"),
    );
    worker.prove_first = prove_first;
    let mut site = Site::start(console, &data_dir, worker).await?;
    let client = site.client.clone();
    let mut interrupted = false;
    let done = tokio::select! {
        done = test(console, &client, work, submission, &data_dir, options) => done,
        signal = shutdown_signal() => {
            console.note("interrupted: stopping the tests; results so far are kept");
            interrupted = true;
            // If this fails, the next run in this directory cancels it.
            match cancel_open(&client).await {
                Ok(cancelled) => cancelled.iter().for_each(|run| {
                    console.note(&format!(
                        "{}: {}; see: dtf report --run {}", run.run, passed_before(run), run.run
                    ));
                }),
                Err(error) => tracing::debug!(%error, "cannot cancel the interrupted run"),
            }
            Ok(Exit::of_signal(signal))
        }
        failed = site.failed() => Err(failed),
    };
    if open && done.is_ok() && !interrupted {
        open::until_stopped(console, &client).await;
    }
    let stopped = site.stop(interrupted).await;
    let done = done?;
    stopped?;
    let place = place.unwrap_or_default();
    console.note(&format!(
        "results are kept in {}; see: dtf report{place}, dtf logs TEST{place}",
        data_dir.display()
    ));
    let exit = exit_without(&undetected, done);
    warn_undetected(console, &undetected, exit);
    Ok(exit)
}

/// The environments of tests on back-ends without a device, such as `openvino`: this machine offers
/// such a back-end once its library works.
pub fn libraries(
    submission: &Submission,
    capability: &Capability,
    table: &Table,
) -> Vec<(Backend, Environment)> {
    let mut libraries = Vec::new();
    for test in &submission.tests {
        let is_unknown = |backend: Backend| {
            !table.needs_device(backend) && !capability.backends.contains(&backend)
        };
        if let Some(backend) = test.requirement.backend.filter(|backend| is_unknown(*backend))
            && let Ok(launch) = serde_json::from_str::<Launch>(test.launch.get())
            && launch.environment.wheels().is_empty()
        {
            let library = (backend, launch.environment);
            if !libraries.contains(&library) {
                libraries.push(library);
            }
        }
    }
    libraries
}

/// Returns why the tests might have missed a device. Empty if none of them may use one.
fn undetected(capability: &Capability, work: &Work, submission: &Submission) -> Vec<String> {
    let may_use_one = |test: &Arc<TestSpec>| test.requirement.backend != Some(Backend::CPU);
    if work.chooses_back_ends() || submission.tests.iter().any(may_use_one) {
        capability.detection_errors.clone()
    } else {
        Vec::new()
    }
}

/// Warns that the run might have missed a device.
fn warn_undetected(console: Console, undetected: &[String], exit: Exit) {
    if undetected.is_empty() {
        return;
    }
    for error in undetected {
        console.warning(error);
    }
    console.warning(&format!(
        "the tests may have run without devices that this machine has (exit code {}); to exclude \
         devices on purpose, use --hw cpu, \"backend: cpu\" in the plan, or an empty \
         CUDA_VISIBLE_DEVICES or ROCR_VISIBLE_DEVICES",
        exit as u8
    ));
}

/// Does not report success for a run that might have missed a device.
fn exit_without(undetected: &[String], exit: Exit) -> Exit {
    match exit {
        Exit::Passed | Exit::Unschedulable if !undetected.is_empty() => Exit::Infrastructure,
        other => other,
    }
}

/// Submits the tests, waits for them and prints the report.
async fn test(
    console: Console,
    client: &Client,
    mut work: Work,
    mut submission: Submission,
    data_dir: &Path,
    options: &RunOptions<'_>,
) -> Result<Exit, CliError> {
    let progress = Progress::new(console);
    progress.show("starting");
    site::wait_for_worker(client).await?;
    drop(progress);
    work.ask_history(client).await?;
    if !work.history.is_empty() {
        let mut again = work.submission()?;
        again.doubts.retain(|doubt| !submission.doubts.contains(doubt));
        warnings::warn_doubts(console, &again);
        submission = again;
    }
    let sent = send(console, client, &submission, true).await?;
    warnings::warn_unschedulable(console, &sent.unschedulable);
    if options.open {
        open::show(console, client, data_dir, &format!("/runs/{}", sent.run)).await?;
    }
    let view = wait::wait(console, client, sent.run).await?;
    let shown = (options.output, options.files);
    wait::finish(console, client, &view, options.verdict, shown).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_might_have_missed_a_device_is_no_success() {
        let errors = ["cannot detect AMD devices: rocm-smi ended by signal 11".to_owned()];
        for (exit, expected) in [
            (Exit::Passed, Exit::Infrastructure),
            (Exit::Unschedulable, Exit::Infrastructure),
            (Exit::TestsFailed, Exit::TestsFailed),
            (Exit::Interrupted, Exit::Interrupted),
        ] {
            assert_eq!(exit_without(&errors, exit), expected);
            assert_eq!(exit_without(&[], exit), exit);
        }
    }
}
