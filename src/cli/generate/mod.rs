//! `dtf generate`: tests for models or for a pytest suite. Writes them as a plan with scripts that
//! also run without dtf, prints them, submits them, or runs them.

pub mod args;
mod explain;
mod fit;

use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{Global, Output, Server};
use crate::cli::connect::{connect, connection, named_coordinator, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::generate::args::{GenerateArgs, Graph};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::work::{Work, library, pytest, warnings};
use crate::cli::{run as cli_run, submit};
use crate::config::{Resolver, roles};
use crate::plan::graph;
use crate::plan::pytest::BESIDE;
use crate::plan::request::Generated;
use crate::results::render::figures::counted;
use std::path::{Path, PathBuf};

/// Number of tests from which on writing them shows progress.
const MANY: usize = 1000;

/// Rejects an output format that the requested operation does not have, before any work is done.
fn check_output(args: &GenerateArgs) -> Result<(), CliError> {
    let given = match args.output {
        Output::Table => return Ok(()),
        Output::Json => "json",
        Output::Csv => "csv",
    };
    let csv = args.output == Output::Csv;
    let what = if args.graph.is_some() {
        "--graph, which takes its own format (--graph=dot)"
    } else if args.explain && csv {
        "--explain, which supports table and json"
    } else if args.explain || args.dry_run || args.run || args.submit {
        return Ok(());
    } else {
        "writing tests: add --dry-run to list them"
    };
    Err(CliError::usage(format!("--output {given} cannot be used with {what}")))
}

pub async fn run(console: Console, global: &Global, args: GenerateArgs) -> Result<Exit, CliError> {
    check_output(&args)?;
    let mut models: ModelArgs = args.models.clone();
    if models.hw.is_empty() {
        models.hw = vec!["cpu".into()];
    }
    let file = settings(global)?;
    let mut beside = None;
    let mut work = if args.pytest.from_pytest.is_some() {
        let python = args.local.machine.python.clone();
        let python = roles::python(python, &mut Resolver::new(&file));
        let found = pytest::collect(console, &args.pytest, python.as_deref()).await?;
        beside = Some(found.base.join("dtf-plan.yaml"));
        Work::suite(found)
    } else {
        Work::models(&args.what, &models)?
    };
    let offline = args.local.machine.offline;
    if args.submit {
        let coordinator = args.lender.coordinator.clone().or_else(named_coordinator);
        let how = submit::SubmitOptions {
            server: &Server { coordinator },
            templates: &args.templates,
            waiting: &args.waiting,
            verdict: args.verdict,
            output: args.output,
            offline,
        };
        return submit::perform(console, global, work, &how).await;
    }
    if let Some(url) = &args.lender.coordinator {
        let client = connect(&connection(global, &file, Some(url)))?;
        work.ask_coordinator(console, &client, &file, &args.templates).await?;
    } else {
        work.library = library::library(console, &file, &args.templates, Vec::new())?;
    }
    if args.run {
        let how = cli_run::RunOptions {
            local: &args.local,
            verdict: args.verdict,
            output: args.output,
            dry_run: false,
        };
        return cli_run::perform(console, global, work, &how).await;
    }
    work.ask_hub(console, &file, offline).await?;
    let made = work.generated()?;
    let made = if args.explain { made } else { made.runnable()? };
    warnings::warn_doubts(console, &made.submission);
    warnings::note_random_weights(console, &made.submission, false);
    let unmet = work.workers.as_deref().map(|workers| fit::unmet(&made.submission.tests, workers));
    let unmet = unmet.unwrap_or_default();
    warnings::warn_unschedulable(console, &unmet);
    let json = args.output == Output::Json;
    if args.explain {
        return explain::models(console, &made, json);
    }
    if args.dry_run {
        return explain::tests(console, &made, &unmet, args.output);
    }
    if let Some(form) = args.graph {
        let text = match form {
            Graph::Text => graph::text(&made.submission.tests),
            Graph::Dot => graph::dot(&made.submission.name, &made.submission.tests),
        };
        console.result(&text)?;
        return Ok(Exit::Passed);
    }
    if let Some(plan) = beside {
        return write_plan(console, &plan, &made, args.force);
    }
    write_tests(console, &made, args.out, args.force)
}

/// Writes a plan and its scripts to a separate directory.
fn write_tests(
    console: Console,
    made: &Generated,
    out: Option<PathBuf>,
    force: bool,
) -> Result<Exit, CliError> {
    let out = out.unwrap_or_else(|| PathBuf::from("dtf-tests"));
    let progress = Progress::new(console);
    if made.submission.tests.len() >= MANY {
        progress.say(&format!("writing {} files", made.submission.tests.len() + 1));
    }
    write(&out, made, force)?;
    drop(progress);
    let plan = out.join("plan.yaml");
    console.result(&format!(
        "{} in {}\nnext: dtf run {}",
        counted(made.submission.tests.len() as u64, "test"),
        plan.display(),
        plan.display()
    ))?;
    Ok(Exit::Passed)
}

/// Writes the plan of a pytest suite, whose files stay in place.
fn write_plan(
    console: Console,
    plan: &Path,
    made: &Generated,
    force: bool,
) -> Result<Exit, CliError> {
    if plan.exists() && !force {
        let message = format!("{} already exists", plan.display());
        return Err(CliError::usage(message).hint("use --force to overwrite it"));
    }
    let name = plan.display();
    let base = plan.parent().unwrap_or(Path::new("."));
    let beside = base.join(BESIDE);
    // Files of an earlier plan are not part of this one.
    match std::fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(not_written(&beside, &error));
        }
        _ => {}
    }
    for (file, bytes) in &made.made {
        let file = base.join(file);
        let parent = file.parent().unwrap_or(base);
        std::fs::create_dir_all(parent).map_err(|error| not_written(parent, &error))?;
        std::fs::write(&file, bytes).map_err(|error| not_written(&file, &error))?;
    }
    std::fs::write(plan, made.plan()?).map_err(|error| not_written(plan, &error))?;
    let tests = counted(made.submission.tests.len() as u64, "test");
    console.result(&format!("{tests} in {name}\nnext: dtf run {name}"))?;
    Ok(Exit::Passed)
}

fn not_written(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(format!("cannot write {}: {error}", path.display()))
        .hint("choose an --out directory that this user may write to")
}

fn write(out: &Path, made: &Generated, force: bool) -> Result<(), CliError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| not_written(&path, &error)
    };
    std::fs::create_dir_all(out).map_err(failed(out))?;
    let occupied = std::fs::read_dir(out).map_err(failed(out))?.next().is_some();
    if occupied && !force {
        return Err(CliError::usage(format!("{} is not empty", out.display()))
            .hint("choose another --out, or use --force to overwrite its files"));
    }
    for (name, text) in made.scripts() {
        let path = out.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        std::fs::write(&path, text.as_bytes()).map_err(failed(&path))?;
    }
    let plan = out.join("plan.yaml");
    std::fs::write(&plan, made.plan()?).map_err(failed(&plan))
}
