//! `dtf coordinator`.

mod check_report;

use crate::cli::args::shared::{Global, Shape};
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::log;
use crate::cli::terminal::console::Console;
use crate::config::roles::{CoordinatorSettings, GivenStorage};
use crate::config::{ListenAddress, Resolver, Retention, SizeLimit};
use crate::coordinator;
use crate::sys::private::PrivateFileError;
use crate::sys::shutdown::Shutdown;
use crate::sys::spawn::Tasks;
use clap::Args;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// Start a coordinator, which schedules tests and stores results
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C or SIGTERM stops the coordinator gracefully. Everything that it has acknowledged also
survives a crash.

docs/operate.md describes backups, checks, and what to do when a start is refused.

Examples:
  dtf coordinator                                    Listen on 127.0.0.1:7700, for this machine
  dtf coordinator --check                            Check the stored data of a stopped coordinator
  dtf coordinator --listen 0.0.0.0:7700 --token-file tokens
                                                     Listen for other machines; each line of the
                                                     file is `ROLE USER TOKEN`")]
pub struct CoordinatorArgs {
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Start although the event log has lost records
    ///
    /// Runs, workers and leases continue with numbers that the lost records have not used. The old
    /// results database and the old snapshot are renamed and kept. Without a loss, nothing changes.
    #[arg(long, conflicts_with = "check")]
    pub accept_lost_records: bool,
    /// Check the stored data of a stopped coordinator, change nothing, and exit
    ///
    /// Reads the event log, the snapshot, the results database and all files, compares them, and
    /// prints a report. The exit code is 1 if something is damaged, missing or different.
    #[arg(long)]
    pub check: bool,
    /// Output format of --check
    #[arg(long, value_enum, default_value_t, requires = "check")]
    pub output: Shape,
}

/// Settings of a coordinator, which the settings file may also give.
#[derive(Debug, Args)]
pub struct SettingArgs {
    /// Address and port to listen on; a non-loopback address requires --token-file [default: 127.0.0.1:7700]
    #[arg(long, env = "DTF_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<ListenAddress>,
    /// Directory of the event log, the results and uploaded files
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Run tests again, on the same worker, when a metric seems to be worse than before [default: true]
    #[arg(long, env = "DTF_CONFIRM_CHANGES", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub confirm_changes: Option<bool>,
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Limits of what a coordinator stores.
#[derive(Debug, Args)]
pub struct StorageArgs {
    /// Maximum size of the files of one run, or `none` [default: 64GiB]
    #[arg(long, env = "DTF_MAX_RUN_SIZE", value_name = "SIZE")]
    pub max_run_size: Option<SizeLimit>,
    /// Maximum size of the data directory, or `none` [default: none]
    #[arg(long, env = "DTF_MAX_DATA_SIZE", value_name = "SIZE")]
    pub max_data_size: Option<SizeLimit>,
    /// Maximum size of the weights that clients pushed, or `none` [default: 500GiB]
    ///
    /// Weights that no waiting or running test needs are removed first, then further ones are refused.
    #[arg(long, env = "DTF_MAX_WEIGHTS_SIZE", value_name = "SIZE")]
    pub max_weights_size: Option<SizeLimit>,
    /// Free disk space below which uploads and submissions are refused, or `none` [default: 1GiB, or 5 % of the disk if that is less]
    #[arg(long, env = "DTF_MIN_FREE", value_name = "SIZE")]
    pub min_free: Option<SizeLimit>,
    /// Time for which the event log keeps its records, or `forever` [default: 180d]
    ///
    /// Older records are replaced by an archive of the results, so that the log stays bounded. No result
    /// is removed.
    #[arg(long, env = "DTF_LOG_RETENTION", value_name = "DURATION")]
    pub log_retention: Option<Retention>,
}

impl StorageArgs {
    pub fn given(&self) -> GivenStorage {
        let &Self { max_run_size, max_data_size, max_weights_size, min_free, log_retention } = self;
        GivenStorage { max_run_size, max_data_size, max_weights_size, min_free, log_retention }
    }
}

pub async fn run(
    console: Console,
    global: &Global,
    args: CoordinatorArgs,
) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let token_file = global.token_file.clone();
    let role = CoordinatorSettings::resolve(
        args.settings.listen,
        token_file,
        args.settings.data_dir,
        args.settings.storage.given(),
        args.settings.confirm_changes,
        &mut Resolver::new(&file),
    );
    if args.check {
        return check(console, &role.data_dir, args.output);
    }
    let mut settings = coordinator::Settings::new(role.data_dir);
    settings.token_file = role.token_file;
    settings.storage = role.storage;
    settings.confirm_changes = role.confirm_changes;
    settings.accept_lost_records = args.accept_lost_records;
    let listen = role.listen.as_str();
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        CliError::new(format!("cannot listen on {listen}: {error}"))
            .hint("another coordinator may run there; choose another --listen")
    })?;
    let mut tasks = Tasks::new();
    let mut shutdown = Shutdown::on_signals(&mut tasks)
        .map_err(|error| CliError::new(format!("cannot watch for signals: {error}")))?;
    let data_dir = settings.data_dir.clone();
    let ready = |address| {
        console.note(&format!("coordinator on http://{address}, data in {}", data_dir.display()));
    };
    let stop = async move { shutdown.stop().await };
    let stopped = coordinator::run(settings, listener, ready, stop).await;
    stopped.map_err(|error| refused(&error))?;
    console.note("stopped; everything acknowledged is stored");
    Ok(Exit::Passed)
}

/// Checks a data directory that no coordinator uses.
fn check(console: Console, data_dir: &Path, output: Shape) -> Result<Exit, CliError> {
    let lock = log::lock(data_dir)?;
    let report = coordinator::check(data_dir, &mut |step| console.note(step));
    log::unlock(lock)?;
    match output {
        Shape::Json => console.json(&report)?,
        Shape::Table => console.result(&check_report::text(&report))?,
    }
    Ok(if report.whole { Exit::Passed } else { Exit::Failed })
}

pub fn refused(error: &coordinator::CoordinatorError) -> CliError {
    let failure = CliError::from_error(error);
    let missing = matches!(
        error,
        coordinator::CoordinatorError::Tokens(coordinator::TokenFileError::File(
            PrivateFileError::Read { .. }
        ))
    );
    let failure = if missing { failure.with_exit(Exit::Usage) } else { failure };
    failure.hint(error.hint())
}
