//! `dtf generate`: tests for models or for a pytest suite. Writes them as a plan with scripts that
//! also run without dtf, prints them, submits them, or runs them.

pub mod args;
mod explain;

use crate::api::v1::runs::Unschedulable;
use crate::cli::args::shared::{Global, Output, Server};
use crate::cli::connect::{connect, connection, named_coordinator, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::generate::args::{GenerateArgs, Graph};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::notices::TerminalNotices;
use crate::cli::terminal::progress::Progress;
use crate::cli::work::{Work, library, warnings};
use crate::cli::{run as cli_run, submit};
use crate::config::File;
use crate::config::{Resolver, roles};
use crate::gather::{fit, pytest};
use crate::plan::graph;
use crate::plan::pytest::BESIDE;
use crate::plan::request::Generated;
use crate::results::render::figures::counted;
use std::path::{Path, PathBuf};

/// Name of the plan of a pytest suite, in its root directory.
const SUITE_PLAN: &str = "dtf-plan.yaml";
/// Number of tests from which on writing them shows progress.
const MANY: usize = 1000;

/// The operation that the flags select.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Submit,
    Run,
    Print(View),
    Write,
}

/// Something to print instead of writing the tests.
#[derive(Debug, Clone, Copy)]
enum View {
    Explanation,
    List,
    Graph(Graph),
}

impl Mode {
    /// The flags exclude each other.
    fn of(args: &GenerateArgs) -> Self {
        match args.graph {
            Some(format) => Self::Print(View::Graph(format)),
            None if args.explain => Self::Print(View::Explanation),
            None if args.dry_run => Self::Print(View::List),
            None if args.submit => Self::Submit,
            None if args.run => Self::Run,
            None => Self::Write,
        }
    }

    /// Rejects an output format that the operation does not have, before any work is done.
    fn check_output(self, output: Output) -> Result<(), CliError> {
        let given = match output {
            Output::Table => return Ok(()),
            Output::Json => "json",
            Output::Csv => "csv",
        };
        let what = match self {
            Self::Print(View::Graph(_)) => "--graph, which takes its own format (--graph=dot)",
            Self::Print(View::Explanation) if output == Output::Csv => {
                "--explain, which supports table and json"
            }
            Self::Write => "writing tests: add --dry-run to list them",
            Self::Submit | Self::Run | Self::Print(_) => return Ok(()),
        };
        Err(CliError::usage(format!("--output {given} cannot be used with {what}")))
    }
}

pub async fn run(console: Console, global: &Global, args: GenerateArgs) -> Result<Exit, CliError> {
    let mode = Mode::of(&args);
    mode.check_output(args.output)?;
    let file = settings(global)?;
    let mut work = collect(console, &file, &args).await?;
    work.apply(args.real);
    work.pins = args.with.pins()?;
    if let Mode::Submit = mode {
        return submit_tests(console, global, work, &args).await;
    }
    if let Some(url) = &args.lender.coordinator {
        let client = connect(&connection(global, &file, Some(url)))?;
        work.ask_coordinator(console, &client, &file, &args.templates).await?;
    } else {
        work.library = library::library(console, &file, &args.templates, Vec::new())?;
    }
    if let Mode::Run = mode {
        let options = cli_run::RunOptions {
            local: &args.local,
            verdict: args.verdict,
            output: args.output,
            files: &args.files,
            dry_run: false,
            open: false,
        };
        return cli_run::perform(console, global, work, &options).await;
    }
    work.ask_hub(console, &file, args.local.machine.offline).await?;
    let made = match mode {
        Mode::Print(View::List) => work.generated_with_weights(console).await?,
        _ => work.generated()?,
    };
    // An explanation includes the tests that cannot be run as they are.
    let explains = matches!(mode, Mode::Print(View::Explanation));
    let made = if explains { made } else { made.runnable()? };
    warnings::warn_doubts(console, &made.submission);
    warnings::note_weights(console, &made.submission, false);
    let unmet = work.workers.as_deref().map(|workers| fit::unmet(&made.submission.tests, workers));
    let unmet = unmet.unwrap_or_default();
    warnings::warn_unschedulable(console, &unmet);
    match mode {
        Mode::Print(view) => print(console, view, &made, &unmet, args.output),
        _ => match work.suite_root() {
            Some(root) => write_plan(console, &root.join(SUITE_PLAN), &made, args.force),
            None => write_tests(console, &made, args.out, args.force),
        },
    }
}

/// Takes the models, or collects the pytest suite.
async fn collect(console: Console, file: &File, args: &GenerateArgs) -> Result<Work, CliError> {
    let python = args.local.machine.python.clone();
    let python = || roles::python(python, &mut Resolver::new(file));
    if let Some(options) = args.pytest.options(python) {
        let suite = pytest::collect(&TerminalNotices::new(console), &options).await?;
        return Ok(Work::suite(suite));
    }
    let mut models = args.models.clone();
    if models.hw.is_empty() {
        models.hw = vec!["cpu".into()];
    }
    Work::models(&args.what, &models)
}

async fn submit_tests(
    console: Console,
    global: &Global,
    work: Work,
    args: &GenerateArgs,
) -> Result<Exit, CliError> {
    let coordinator = args.lender.coordinator.clone().or_else(named_coordinator);
    let options = submit::SubmitOptions {
        server: &Server { coordinator },
        templates: &args.templates,
        waiting: &args.waiting,
        verdict: args.verdict,
        output: args.output,
        files: &args.files,
        offline: args.local.machine.offline,
    };
    submit::perform(console, global, work, &options).await
}

fn print(
    console: Console,
    view: View,
    made: &Generated,
    unmet: &[Unschedulable],
    output: Output,
) -> Result<Exit, CliError> {
    let graph = match view {
        View::Explanation => return explain::models(console, made, output == Output::Json),
        View::List => return explain::tests(console, made, unmet, output),
        View::Graph(Graph::Text) => graph::text(&made.submission.tests),
        View::Graph(Graph::Dot) => graph::dot(&made.submission.name, &made.submission.tests),
    };
    console.result(&graph)?;
    Ok(Exit::Passed)
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
        progress.show(&format!("writing {} files", made.submission.tests.len() + 1));
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
