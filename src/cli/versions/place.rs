//! The place of the runs of a comparison: this machine, as with `dtf run`, or the workers of
//! a coordinator.
//!
//! Promises: runs that have not ended when the command is interrupted or fails are cancelled; their
//! results so far are kept.

use crate::cli::args::machine::Local;
use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{Global, Templates};
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::run;
use crate::cli::run::site::{self, Site};
use crate::cli::submit::send::send;
use crate::cli::terminal::console::Console;
use crate::cli::wait;
use crate::cli::work::{Work, library};
use crate::cli::worker::machine;
use crate::client::Client;
use crate::config::roles::LocalSettings;
use crate::config::{File, Resolver, locate};
use crate::domain::accelerator::Accelerator;
use crate::domain::capability::Capability;
use crate::domain::causes::with_causes;
use crate::domain::id::RunId;
use crate::plan::submission::Submission;
use crate::sys::shutdown::shutdown_signal;
use crate::templates::library::Library;
use clap::Args;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Flags that name the place.
#[derive(Debug, Clone, Args)]
pub struct PlaceArgs {
    /// Coordinator whose workers run the tests [default: this machine]
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten, next_help_heading = "Options of runs on this machine")]
    pub local: Local,
}

impl PlaceArgs {
    /// Allows code of models on this machine, if the flag about models requests it.
    pub fn allow(&mut self, models: &ModelArgs) {
        if models.trust_remote_code {
            self.local.machine.allow_remote_code = Some(true);
        }
    }
}

/// A place whose hardware is known.
pub enum Place {
    Here { capability: Box<Capability>, data_dir: PathBuf },
    Coordinator(Client),
}

/// The runs of this command that have not ended, and a client of their coordinator.
#[derive(Clone)]
pub struct Runs {
    pub client: Client,
    console: Console,
    closed_world: bool,
    open: Arc<Mutex<Vec<RunId>>>,
}

impl Place {
    /// Finds out the hardware, the templates and the history that the tests of `work` depend on.
    pub async fn of(
        console: Console,
        global: &Global,
        args: &PlaceArgs,
        work: &mut Work,
    ) -> Result<Self, CliError> {
        let file = settings(global)?;
        work.ask_hub(console, &file, args.local.machine.offline).await?;
        if let Some(url) = &args.coordinator {
            let client = connect(&connection(global, &file, Some(url)))?;
            if let Err(away) = work.ask_coordinator(console, &client, &file, &args.templates).await
            {
                work.check_alone()?;
                return Err(away);
            }
            return Ok(Self::Coordinator(client));
        }
        work.in_place = true;
        work.library = library::library(console, &file, &args.templates, Vec::new())?;
        let backends = work.library.backends();
        let capability = machine::capability(console, &args.local.machine, &file, backends).await?;
        work.accelerators = capability.accelerators.iter().flat_map(Accelerator::offered).collect();
        let given = args.local.data_dir.clone();
        let data_dir = LocalSettings::resolve(given, &mut Resolver::new(&file)).data_dir;
        Ok(Self::Here { capability: Box::new(capability), data_dir })
    }

    /// Starts coordinator and worker if the place is this machine, and performs `task`. `submissions`
    /// are tests that the place must offer the back-ends of.
    pub async fn perform(
        self,
        (console, global): (Console, &Global),
        args: &PlaceArgs,
        (library, submissions): (&Library, &[&Submission]),
        task: impl AsyncFnOnce(Runs) -> Result<Exit, CliError>,
    ) -> Result<Exit, CliError> {
        let (capability, data_dir) = match self {
            Self::Coordinator(client) => {
                let runs = Runs::new(console, client, false);
                return tokio::select! {
                    done = task(runs.clone()) => runs.ended(done).await,
                    signal = shutdown_signal() => {
                        runs.interrupted().await;
                        Ok(Exit::of_signal(signal))
                    }
                };
            }
            Self::Here { capability, data_dir } => (*capability, data_dir),
        };
        let file: File = settings(global)?;
        let table = library.backends();
        let mut prove_first = Vec::new();
        for submission in submissions {
            prove_first.extend(run::libraries(submission, &capability, table));
        }
        let (name, place) = (locate::worker_name(), data_dir.join("worker"));
        let own = (capability, table);
        let mut worker = machine::settings(console, &args.local.machine, &file, own, name, place);
        worker.prove_first = prove_first;
        let mut site = Site::start(console, &data_dir, worker).await?;
        let runs = Runs::new(console, site.client.clone(), true);
        let working = async {
            site::wait_for_worker(&runs.client).await?;
            task(runs.clone()).await
        };
        let mut interrupted = false;
        let done = tokio::select! {
            done = working => runs.ended(done).await,
            signal = shutdown_signal() => {
                interrupted = true;
                runs.interrupted().await;
                Ok(Exit::of_signal(signal))
            }
            failed = site.failed() => Err(failed),
        };
        let stopped = site.stop(interrupted).await;
        let exit = done?;
        stopped?;
        console.note(&format!("results are kept in {}", data_dir.display()));
        Ok(exit)
    }
}

impl Runs {
    fn new(console: Console, client: Client, closed_world: bool) -> Self {
        Self { client, console, closed_world, open: Arc::default() }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<RunId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits several runs, so that their tests take turns, and waits until all have ended. A run whose
    /// remaining tests no worker can run is cancelled.
    pub async fn together(&self, submissions: &[Submission]) -> Result<Vec<RunId>, CliError> {
        let mut started = Vec::new();
        for submission in submissions {
            let sent = send(self.console, &self.client, submission, self.closed_world).await?;
            self.open().push(sent.run);
            started.push(sent.run);
        }
        for run in &started {
            if wait::unless_stuck(self.console, &self.client, *run).await?.is_none() {
                self.client.cancel(*run).await?;
                wait::wait(self.console, &self.client, *run).await?;
            }
            self.open().retain(|open| open != run);
        }
        Ok(started)
    }

    /// Cancels what an error has left open.
    async fn ended(&self, done: Result<Exit, CliError>) -> Result<Exit, CliError> {
        if done.is_err() {
            self.cancel_open().await;
        }
        done
    }

    async fn interrupted(&self) {
        self.console.note("interrupted: stopping the tests; results so far are kept");
        self.cancel_open().await;
    }

    async fn cancel_open(&self) {
        let open: Vec<RunId> = self.open().drain(..).collect();
        for run in open {
            match self.client.cancel(run).await {
                Ok(_) => self.console.note(&format!("{run} was cancelled: dtf report --run {run}")),
                Err(error) => self.console.warning(&format!(
                    "{run} could not be cancelled: {}; to stop it: dtf cancel {run}",
                    with_causes(&error)
                )),
            }
        }
    }
}
