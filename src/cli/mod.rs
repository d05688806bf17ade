//! The command line: the only module that prints and exits.
//!
//! [`run()`] parses the arguments, starts an async runtime where a command needs one, and turns the
//! result of the command into an exit code (`exit`).

mod app;
mod args;
mod cancel;
mod completions;
mod config;
mod connect;
mod coordinator;
mod debug;
mod error;
mod exit;
mod generate;
mod log;
mod machine;
mod results;
mod run;
mod status;
mod submit;
mod templates;
mod terminal;
mod versions;
mod wait;
mod weights;
mod work;
mod worker;

use app::{Cli, Command};
use clap::error::ErrorKind;
use error::CliError;
use exit::Exit;
use std::ffi::OsString;
use std::future::Future;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use terminal::console::{self, Console};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Number of threads of the async runtime; long operations run on separate threads.
const RUNTIME_THREADS: usize = 2;

/// The whole tree of commands and flags.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the command that the arguments name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::read(args) {
        Ok(cli) => cli,
        Err(error) => {
            console::usage(&error);
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Passed } else { Exit::Usage }.into();
        }
    };
    let console = Console::new(&cli.global);
    let coordinator = matches!(cli.command, Command::Coordinator(_));
    start_tracing(console, &cli.global, coordinator);
    match perform(cli, console) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            console.failure(&failure);
            failure.exit.into()
        }
    }
}

fn perform(cli: Cli, console: Console) -> Result<Exit, CliError> {
    let global = cli.global;
    match cli.command {
        Command::Completions(args) => completions::run(console, &args, command()),
        Command::Config(args) => config::run(console, &global, args),
        Command::ConfigReference => {
            console.document(&crate::config::reference::markdown()).map(|()| Exit::Passed)
        }
        Command::Openapi => {
            console.document(crate::coordinator::http::document::text()).map(|()| Exit::Passed)
        }
        Command::Generate(args) => block_on(generate::run(console, &global, *args)),
        Command::Coordinator(args) => block_on(coordinator::run(console, &global, args)),
        Command::Worker(args) => block_on_one_thread(worker::run(console, &global, args)),
        Command::Submit(args) => block_on(submit::run(console, &global, args)),
        Command::Wait(args) => block_on(wait::run(console, &global, args)),
        Command::Check(args) => block_on(submit::check::run(console, &global, args)),
        Command::Run(args) => block_on(run::run(console, &global, *args)),
        Command::Report(args) => block_on(results::report::run(console, &global, args)),
        Command::Diff(args) => block_on(results::diff::run(console, &global, args)),
        Command::Results(args) => block_on(results::commands::run(console, &global, args)),
        Command::Status(args) => block_on(status::run(console, &global, args)),
        Command::Cancel(args) => block_on(cancel::run(console, &global, args)),
        Command::Debug(args) => block_on(debug::run(console, &global, args)),
        Command::Logs(args) => block_on(results::logs::run(console, &global, args)),
        Command::Why(args) => block_on(results::why::run(console, &global, args)),
        Command::Weights(args) => block_on(weights::run(console, &global, args)),
        Command::Templates(args) => block_on(templates::run(console, &global, args)),
        Command::Log(args) => log::run(console, &global, args),
        Command::DeployScript(args) => {
            block_on(machine::deploy_script::run(console, &global, *args))
        }
        Command::Path(args) => machine::path::run(console, &args),
        Command::Detect(args) => block_on_one_thread(machine::detect::run(console, &global, args)),
        Command::Upgrade(args) => block_on(versions::upgrade::run(console, &global, *args)),
        Command::Bisect(args) => block_on(versions::bisect::run(console, &global, *args)),
        Command::Workers(args) => block_on(worker::workers::run(console, &global, args)),
    }
}

fn block_on(command: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("cannot start the async runtime: {error}")))?;
    runtime.block_on(command)
}

/// Runs the worker on one thread: each start and end of a test passes through several tasks, and
/// waking another thread for each of them costs more than running them in parallel saves.
fn block_on_one_thread(
    command: impl Future<Output = Result<Exit, CliError>>,
) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("cannot start the async runtime: {error}")))?;
    runtime.block_on(command)
}

/// Writes log lines to standard error. `DTF_LOG` (such as `info,dtf=debug`) overrides the flags.
/// `Targets` is used because the filter with spans and expressions costs each process a megabyte.
#[expect(clippy::disallowed_methods, reason = "tracing starts before the settings are read")]
fn start_tracing(console: Console, global: &args::shared::Global, coordinator: bool) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        // One line for each event that an administrator of the coordinator looks for.
        (false, 0) if coordinator => "dtf=info,warn",
        (false, 0) => "warn",
        (false, 1) if coordinator => "dtf=debug,info",
        (false, 1) => "dtf=info,warn",
        (false, _) => "dtf=debug,info",
    };
    let given = std::env::var("DTF_LOG").ok().filter(|given| !given.is_empty());
    let given = given.and_then(|given| {
        let parsed = given.parse::<Targets>();
        parsed.map_err(|error| console.warning(&format!("DTF_LOG is not used: {error}"))).ok()
    });
    let filter = given.unwrap_or_else(|| level.parse().unwrap_or_default());
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || console::Filtered { colour })
        .with_ansi(colour)
        .with_target(false);
    tracing_subscriber::registry().with(lines).with(filter).init();
}
