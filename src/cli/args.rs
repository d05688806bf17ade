//! The command line as it is written. What it means is said beside each command.

use super::results::ResultsArgs;
use crate::api::v1::reports::MAX_ROWS;
use crate::domain::id::RunId;
use crate::domain::time::{Millis, Timestamp};
use crate::text::node::Node;
use crate::text::quantity;
use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Tests AI models on every kind of hardware: what is correct, fast, broken or flaky, and why
/// something did not run.
#[derive(Debug, Parser)]
#[command(name = "dtf", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten, next_help_heading = "Everywhere")]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  dtf run examples/quickstart.yaml          test on this machine, nothing to set up first
  dtf run bert-base-uncased --hw cpu,cuda   the same for one model
  dtf generate bert-base-uncased --hw cuda  write its tests, to read, change and keep
  dtf coordinator                           start a server, here on loopback
  dtf worker --coordinator http://HOST:7700 lend this machine to it
  dtf submit plan.yaml --wait               send a plan, wait, print the report
  dtf report --since 7d                     what is correct, fast, broken or flaky

Exit codes:
  0 passed · 1 dtf failed · 2 usage · 4 authentication · 5 no test matched or ran
  8 still pending at the wait timeout · 100 tests failed (or flaky, with --fail-on-flaky)
  101 no test failed, but some have no verdict: infrastructure errors, cancelled, expired
  102 no worker can run some tests · 130/143 interrupted";

impl Cli {
    /// Reads arguments and `DTF_*` variables, of which an empty one counts as absent.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(
            &without_empty_variables(Self::command()).try_get_matches_from(args)?,
        )
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    command.mut_subcommands(without_empty_variables).mut_args(|arg| match arg.get_env() {
        Some(name) if is_empty_variable(name) => arg.env(Resettable::Reset),
        _ => arg,
    })
}

#[expect(clippy::disallowed_methods, reason = "the argument parser would take it as a value")]
fn is_empty_variable(name: &std::ffi::OsStr) -> bool {
    std::env::var_os(name).is_some_and(|value| value.is_empty())
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Settings file [default: config.yaml in the settings directory, if it is there]
    #[arg(long, global = true, env = "DTF_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// File with the token, readable by its owner only
    #[arg(long, global = true, env = "DTF_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Print more (-vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Table,
    Json,
    Csv,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    #[default]
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Coordinator(CoordinatorArgs),
    Worker(WorkerArgs),
    Submit(SubmitArgs),
    Wait(WaitArgs),
    Check(CheckArgs),
    Run(RunArgs),
    Generate(GenerateArgs),
    Report(ReportArgs),
    Status(StatusArgs),
    Cancel(CancelArgs),
    Logs(LogsArgs),
    Why(WhyArgs),
    Workers(WorkersArgs),
    Templates(TemplatesArgs),
    Completions(CompletionsArgs),
    /// Print docs/config.md
    #[command(hide = true)]
    ConfigReference,
    /// Print docs/openapi.json
    #[command(hide = true)]
    Openapi,
}

/// Where the coordinator is.
#[derive(Debug, Clone, Args)]
pub struct Server {
    #[arg(
        long,
        env = "DTF_COORDINATOR",
        value_name = "URL",
        help = "Address of the coordinator [default: http://127.0.0.1:7700]"
    )]
    pub coordinator: Option<String>,
}

/// Templates besides those in the binary and those added to a coordinator.
#[derive(Debug, Clone, Args)]
pub struct Templates {
    /// Directory with templates of your own, which win, see docs/templates.md
    #[arg(long, env = "DTF_TEMPLATES", value_name = "DIR")]
    pub templates: Option<PathBuf>,
}

/// For commands that work without a coordinator: only a flag makes them ask one.
#[derive(Debug, Clone, Args)]
pub struct Lender {
    /// Coordinator to ask for its templates, its hardware and what it has measured
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
}

/// Start a coordinator: it schedules tests and keeps results
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf coordinator                                    on 127.0.0.1:7700, for this machine
  dtf coordinator --listen 0.0.0.0:7700 --token-file tokens
                                                     for others; lines of `ROLE USER TOKEN`
Ctrl-C or SIGTERM stops it in good order; whatever was acknowledged also survives kill -9.")]
pub struct CoordinatorArgs {
    /// Address and port; any but loopback needs --token-file [default: 127.0.0.1:7700]
    #[arg(long, env = "DTF_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Directory of event log, results and files
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Lend this machine to a coordinator
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf worker --coordinator http://lab-1:7700 --token-file token
  dtf worker --slots 2 --tags lab,gpu --idle-timeout 30m
  dtf worker --ephemeral          exit when there is nothing more to do
  dtf worker --python /opt/venv/bin/python --system-packages     where torch is there already
Ctrl-C or SIGTERM finishes what runs and leaves; a second one stops at once.")]
pub struct WorkerArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub machine: Machine,
    /// Name in reports [default: the host name]
    #[arg(long, env = "DTF_NAME")]
    pub name: Option<String>,
    /// Directory of attempts, files and results not yet sent
    #[arg(long, env = "DTF_WORK_DIR", value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Exit when at least one test has run and there is nothing more to do
    #[arg(long)]
    pub ephemeral: bool,
    /// Exit after TIME without a test, such as 10m
    #[arg(long, env = "DTF_IDLE_TIMEOUT", value_parser = span, value_name = "TIME")]
    pub idle_timeout: Option<Millis>,
    /// Answer every test with `passed` without running it, to measure the rest
    #[arg(long, hide = true)]
    pub null_runner: bool,
}

/// How a machine runs tests: shared by `worker` and `run`.
#[derive(Debug, Clone, Args)]
pub struct Machine {
    /// Maximum number of tests at a time [default: one for each core]
    #[arg(long, env = "DTF_SLOTS", value_name = "N")]
    pub slots: Option<u32>,
    /// Labels that tests can require, separated by commas
    #[arg(long, env = "DTF_TAGS", value_name = "TAG,…")]
    pub tags: Option<String>,
    /// Directory of Python environments; can be shared
    #[arg(long, env = "DTF_ENVIRONMENTS_DIR", value_name = "DIR")]
    pub environments_dir: Option<PathBuf>,
    /// Interpreter to build environments with [default: python3 in PATH]
    #[arg(long, env = "DTF_PYTHON", value_parser = program, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// Use the packages that this interpreter has, instead of building environments
    #[arg(long, env = "DTF_SYSTEM_PACKAGES", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub system_packages: Option<bool>,
    /// Torch build to install: cpu, auto, cu128, … [default: what suits the devices]
    #[arg(long, env = "DTF_TORCH_BACKEND", value_name = "NAME")]
    pub torch_backend: Option<String>,
    /// Build environments from caches only
    #[arg(long, env = "DTF_OFFLINE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub offline: Option<bool>,
    /// Further environment variables that tests may see, separated by commas
    #[arg(long, env = "DTF_PASS_ENV", value_name = "NAME,…")]
    pub pass_env: Option<String>,
}

/// Send a plan to the coordinator
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf submit plan.yaml
  dtf submit plan.yaml --wait --wait-timeout 2h     the exit code says how it went
Ctrl-C while waiting leaves the run going; `dtf wait RUN` waits on.")]
pub struct SubmitArgs {
    #[command(flatten)]
    pub server: Server,
    /// Plan file, see docs/plan.md
    pub plan: PathBuf,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten)]
    pub waiting: Waiting,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Form of the report with --wait, else of the run's id (csv only with --wait)
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// What happens after a submission.
#[derive(Debug, Clone, Args)]
pub struct Waiting {
    /// Wait for the end and print the report
    #[arg(long)]
    pub wait: bool,
    /// Stop waiting after TIME, with exit code 8
    #[arg(long, value_parser = span, value_name = "TIME", requires = "wait")]
    pub wait_timeout: Option<Millis>,
    /// Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what
    /// is left [default: 1m; without any worker: wait]
    #[arg(long, value_parser = span, value_name = "TIME", requires = "wait")]
    pub unschedulable_timeout: Option<Millis>,
}

/// What the exit code of a command says about a run.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Verdict {
    /// Exit with 100 when a test passed only after a failed attempt
    #[arg(long)]
    pub fail_on_flaky: bool,
}

/// Wait for a run that was submitted before
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf wait r12
  dtf wait r12 --timeout 2h
Prints the report at the end. The exit code is that of `dtf submit --wait`. Ctrl-C leaves the
run going.")]
pub struct WaitArgs {
    #[command(flatten)]
    pub server: Server,
    /// The run, such as r12
    pub run: RunId,
    /// Stop waiting after TIME, with exit code 8
    #[arg(long, value_parser = span, value_name = "TIME")]
    pub timeout: Option<Millis>,
    /// Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what
    /// is left [default: 1m; without any worker: wait]
    #[arg(long, value_parser = span, value_name = "TIME")]
    pub unschedulable_timeout: Option<Millis>,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Form of the report
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Check a plan and list its mistakes, without submitting it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf check plan.yaml
Reads the plan, the files that it names and the configurations of its models. Exit codes: 0 the
plan can be submitted, 2 it has mistakes; each is listed with its line.")]
pub struct CheckArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// Plan file, see docs/plan.md
    pub plan: PathBuf,
    #[command(flatten)]
    pub templates: Templates,
    /// Do not ask the model hub about models that are not known here
    #[arg(long, env = "DTF_OFFLINE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub offline: Option<bool>,
}

/// How tests run on this machine, without a coordinator elsewhere.
#[derive(Debug, Clone, Args)]
pub struct Local {
    #[command(flatten)]
    pub machine: Machine,
    /// Directory of log and results [default: `local` in the platform's data directory]
    #[arg(long, env = "DTF_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Test on this machine: coordinator and worker in one process
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf run examples/quickstart.yaml
  dtf run bert-base-uncased gpt2 --hw cpu,cuda
  dtf run ./my-model --batch 1,8 --dtype float32,bfloat16
A FILE that ends in .yaml, .yml or .json and is no config.json is a plan, anything else a
model: a name, a folder with a config.json, or that file. Results are kept in the data
directory; `dtf report --since 7d` finds them. Tests that this machine cannot run are
reported with the reason.")]
pub struct RunArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// Plan, or models
    #[arg(required = true, value_name = "PLAN|MODEL")]
    pub what: Vec<String>,
    /// Only list the tests, with what they need and what this machine cannot run
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten)]
    pub local: Local,
    #[command(flatten)]
    pub verdict: Verdict,
    /// Form of the report or list
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// What to generate for a model.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Back-ends, or `auto`: cpu and every accelerator found [default: cpu for generate, auto for run]
    #[arg(long, value_delimiter = ',', value_name = "BACKEND,…")]
    pub hw: Vec<String>,
    /// Batch sizes
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub batch: Vec<u32>,
    /// Sequence lengths in tokens
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub sequence_length: Vec<u32>,
    /// Image sizes in pixels
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub image_size: Vec<u32>,
    /// Number types, such as float32,bfloat16
    #[arg(long, value_delimiter = ',', value_name = "DTYPE,…")]
    pub dtype: Vec<String>,
    /// Implementations of attention: default, eager, sdpa, `flash_attention_2`
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub attention: Vec<String>,
    /// What executes the model: torch, onnxruntime, openvino
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub runtime: Vec<String>,
    /// Where weights come from: auto, cached, random, download
    #[arg(long, value_delimiter = ',', value_name = "MODE,…")]
    pub weights: Vec<String>,
    /// Leave out combinations that match all of these values, such as backend=cuda,batch=16 (repeatable)
    #[arg(long, value_parser = rule, value_name = "KEY=VALUE,…")]
    pub exclude: Vec<Pairs>,
    /// Add one combination; name every key that has several values (repeatable)
    #[arg(long, value_parser = rule, value_name = "KEY=VALUE,…")]
    pub include: Vec<Pairs>,
    /// Family, when detection should not decide
    #[arg(long)]
    pub family: Option<String>,
    /// Revision of the model
    #[arg(long)]
    pub revision: Option<String>,
    /// Further parameter of the template, as NAME=VALUE
    #[arg(long = "set", value_parser = pair, value_name = "NAME=VALUE")]
    pub parameters: Vec<(String, String)>,
}

impl ModelArgs {
    /// A flag that was given, if any.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--hw", self.hw.is_empty()),
            ("--batch", self.batch.is_empty()),
            ("--sequence-length", self.sequence_length.is_empty()),
            ("--image-size", self.image_size.is_empty()),
            ("--dtype", self.dtype.is_empty()),
            ("--attention", self.attention.is_empty()),
            ("--runtime", self.runtime.is_empty()),
            ("--weights", self.weights.is_empty()),
            ("--exclude", self.exclude.is_empty()),
            ("--include", self.include.is_empty()),
            ("--family", self.family.is_none()),
            ("--revision", self.revision.is_none()),
            ("--set", self.parameters.is_empty()),
        ];
        flags.into_iter().find(|(_, absent)| !absent).map(|(flag, _)| flag)
    }
}

/// Write tests for models: a plan, and scripts that run alone
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf generate bert-base-uncased --hw cpu,cuda --out tests-bert
  dtf generate ./my-model --batch 1,4,16 --dry-run    what it would be, and what it needs
  dtf generate gpt2 --explain                         why it is tested this way
  dtf generate gpt2 --hw cpu,cuda --graph=dot | dot -Tsvg > gpt2.svg
  dtf generate gpt2 --hw cuda --submit --coordinator http://lab-1:7700 --wait
  dtf generate --from-pytest tests --python .venv/bin/python --durations junit.xml
  dtf generate --from-pytest . --python .venv/bin/python -- -m 'not slow'
Then: dtf run tests-bert/plan.yaml, or uv run tests-bert/SCRIPT.py")]
pub struct GenerateArgs {
    #[command(flatten)]
    pub lender: Lender,
    /// Names, folders with a config.json, or such files
    #[arg(required_unless_present = "from_pytest", value_name = "MODEL")]
    pub what: Vec<String>,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub templates: Templates,
    #[command(flatten, next_help_heading = "From a suite of pytest")]
    pub pytest: PytestArgs,
    /// Directory to write [default: dtf-tests]
    #[arg(long, value_name = "DIR", help_heading = None::<&str>)]
    pub out: Option<PathBuf>,
    /// Write into a directory that is not empty
    #[arg(long, help_heading = None::<&str>)]
    pub force: bool,
    /// Only list the tests, with what they need
    #[arg(long, group = "instead", conflicts_with = "out", help_heading = None::<&str>)]
    pub dry_run: bool,
    /// Only explain what each model is, how that is known, and how each test got its priority
    #[arg(long, group = "instead", conflicts_with = "out", help_heading = None::<&str>)]
    pub explain: bool,
    /// Only print what waits for what, as text or for Graphviz (dot)
    #[arg(
        long, group = "instead", conflicts_with = "out", help_heading = None::<&str>, value_enum, value_name = "FORM",
        num_args = 0..=1, require_equals = true, default_missing_value = "text"
    )]
    pub graph: Option<Graph>,
    /// Send the tests to the coordinator
    #[arg(long, group = "instead", help_heading = None::<&str>)]
    pub submit: bool,
    /// Run the tests on this machine
    #[arg(long, group = "instead", help_heading = None::<&str>)]
    pub run: bool,
    /// Form of what is printed, or of the report; csv for --dry-run, --run and --submit --wait
    #[arg(long, value_enum, default_value_t, help_heading = None::<&str>)]
    pub output: Output,
    #[command(flatten, next_help_heading = "With --submit or --run")]
    pub verdict: Verdict,
    #[command(flatten, next_help_heading = "With --submit")]
    pub waiting: Waiting,
    #[command(flatten, next_help_heading = "With --run")]
    pub local: Local,
}

/// Tests from an existing suite instead of from models.
#[derive(Debug, Clone, Args)]
pub struct PytestArgs {
    /// Directory or file of a pytest suite. pytest decides about the root directory; the plan is
    /// written there, as dtf-plan.yaml, with a directory dtf-plan beside it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["what", "out", "explain"])]
    pub from_pytest: Option<PathBuf>,
    /// Time that a shard should take at most [default: a quarter of the suite, from 10s to 1m]
    #[arg(long, value_parser = span, value_name = "TIME", requires = "from_pytest")]
    pub shard_time: Option<Millis>,
    /// What tests took before: a JUnit file (.xml), or the `.test_durations` of pytest-split
    #[arg(long, value_name = "FILE", requires = "from_pytest")]
    pub durations: Option<PathBuf>,
    /// Further files that the tests need, relative to the root directory (repeatable)
    #[arg(long, value_name = "PATTERN", requires = "from_pytest")]
    pub files: Vec<String>,
    /// Environment variable for collecting and for the tests (repeatable)
    #[arg(long, value_parser = pair, value_name = "NAME=VALUE", requires = "from_pytest")]
    pub env: Vec<(String, String)>,
    /// Options for pytest, such as -- -k "not slow" --ignore tests/old
    #[arg(last = true, value_name = "PYTEST OPTION", requires = "from_pytest")]
    pub pytest_options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Graph {
    Text,
    Dot,
}

/// Show what is correct, fast, broken or flaky
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf report --since 7d
  dtf report --since 2026-11-01
  dtf report --run latest
  dtf report --run r12 --run r14 --output json
  dtf report --run r12 --exit-code      exits as `dtf submit --wait` would
Asks the coordinator that is named or runs on this machine; without one it reads the
results of `dtf run` in the data directory. Times are in UTC.")]
pub struct ReportArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Only runs from the last TIME, such as 7d, or since a date, such as 2026-11-28 [default: 7d]
    #[arg(long, value_parser = since, value_name = "TIME", conflicts_with = "run")]
    pub since: Option<Since>,
    /// Only this run, such as r12 or `latest` (repeatable)
    #[arg(long, value_parser = which_run, value_name = "RUN")]
    pub run: Vec<WhichRun>,
    /// Maximum number of rows
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ROWS)))]
    pub limit: u32,
    /// Exit by how the tests ended, with 8 while some have not
    #[arg(long)]
    pub exit_code: bool,
    /// With --exit-code: exit with 100 when a test passed only after a failed attempt
    #[arg(long, requires = "exit_code")]
    pub fail_on_flaky: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Show the coordinator's state and what is running
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf status\n  dtf status --output json")]
pub struct StatusArgs {
    #[command(flatten)]
    pub server: Server,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Cancel a run: waiting tests end at once, running ones are stopped
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf cancel r12")]
pub struct CancelArgs {
    #[command(flatten)]
    pub server: Server,
    /// The run, such as r12
    pub run: RunId,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Print what a test wrote
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf logs r12.t3        the latest attempt\n  dtf logs r12.t3.a1     the first one\n  dtf logs -f r12.t3     as it comes\n  dtf logs bert-base-uncased/cpu/load     by name: the newest run that has it"
)]
pub struct LogsArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// A test (r12.t3), an attempt (r12.t3.a1), or the name of a test or a part of it
    #[arg(value_name = "TEST")]
    pub what: String,
    /// Follow until the attempt ends
    #[arg(short, long)]
    pub follow: bool,
}

/// Explain why a test waits, was skipped, or ended as it did
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf why r12.t3\n  dtf why bert-base-uncased/cpu/load     by name: the newest run that has it"
)]
pub struct WhyArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// The test (r12.t3), or its name or a part of it
    pub test: String,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// List workers, or drain one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dtf workers
  dtf workers --all            also those that have left
  dtf workers --drain w4       finish what runs there, then let it leave
  dtf workers --drain rig7     the same by name
  dtf workers --undrain rig7   take a drain back, while the worker still runs tests")]
pub struct WorkersArgs {
    #[command(flatten)]
    pub server: Server,
    /// Send no new tests to this worker: its id, or its name where only one has it
    #[arg(long, value_name = "WORKER", conflicts_with_all = ["undrain", "all"])]
    pub drain: Option<String>,
    /// Send tests to this worker again
    #[arg(long, value_name = "WORKER", conflicts_with = "all")]
    pub undrain: Option<String>,
    /// List workers that have left, too
    #[arg(long)]
    pub all: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// List, show, add and check templates of tests
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates list\n  dtf templates show vlm\n  dtf templates check vlm --templates my-templates\n  dtf templates add my-templates --coordinator http://lab-1:7700"
)]
pub struct TemplatesArgs {
    #[command(subcommand)]
    pub command: TemplatesCommand,
}

#[derive(Debug, Subcommand)]
pub enum TemplatesCommand {
    List(ListTemplatesArgs),
    Show(ShowTemplatesArgs),
    Add(AddTemplatesArgs),
    Check(CheckTemplatesArgs),
    History(HistoryTemplatesArgs),
}

/// List what is in effect: built in, added to the coordinator, your own
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf templates list\n  dtf templates list --output json")]
pub struct ListTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Print a template or a shared part
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates show vlm\n  dtf templates show _shared/base.py.j2"
)]
pub struct ShowTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Family (vlm), family and back-end (vlm/cuda), or path
    pub name: String,
}

/// Add templates to the coordinator, for everybody who submits there
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates add my-templates\n  dtf templates add my-templates/vlm/test.py.j2\n  dtf templates add draft.j2 --as vlm/cuda.py.j2\nThey are checked first; all are taken, or none. The same text again adds no version."
)]
pub struct AddTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    /// Directories like templates/, or files in such
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Place of a single file, such as vlm/test.py.j2
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Check templates: hostile values, Python's own reading, dry runs without packages
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates check\n  dtf templates check vlm --templates my-templates\nIt runs the scripts of the templates with --dry-run on this machine. Exit codes: 0 all is\nwell, 100 something must be changed, 5 no such template, 1 no Python was found."
)]
pub struct CheckTemplatesArgs {
    /// Families, or family and back-end [default: all]
    #[arg(value_name = "FAMILY")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Interpreter to check with [default: python3 in PATH]
    #[arg(long, env = "DTF_PYTHON", value_parser = program, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// List the versions of a template with author and time
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf templates history vlm --coordinator http://lab-1:7700")]
pub struct HistoryTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    /// Family (vlm), family and back-end (vlm/cuda), or path
    pub name: String,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf completions bash > /etc/bash_completion.d/dtf")]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// A duration with units.
pub fn span(text: &str) -> Result<Millis, String> {
    quantity::duration(&Node::Text(text.to_owned())).map_err(|wrong| match wrong.hint {
        Some(hint) => format!("{}; {hint}", wrong.message),
        None => wrong.message,
    })
}

/// From when on runs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    Last(Millis),
    At(Timestamp),
}

/// A duration with a unit, a date, or a date with a time; UTC unless an offset is given.
fn since(text: &str) -> Result<Since, String> {
    let wrong = |why: &str| {
        format!(
            "{why}; write a time such as 7d or 12h, or a date such as 2026-11-28 or 2026-11-28T09:30"
        )
    };
    if !text.contains('-') {
        return span(text).map(Since::Last).map_err(|error| wrong(&error));
    }
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => text
            .parse::<jiff::civil::DateTime>()
            .and_then(|at| jiff::tz::TimeZone::UTC.to_timestamp(at))
            .map_err(|error| wrong(&error.to_string()))?,
    };
    let millis = u64::try_from(at.as_millisecond());
    millis.map(|millis| Since::At(Timestamp(millis))).map_err(|_| wrong("it is before 1970"))
}

/// A run, by its number or as the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichRun {
    Id(RunId),
    Latest,
}

fn which_run(text: &str) -> Result<WhichRun, String> {
    if text == "latest" {
        return Ok(WhichRun::Latest);
    }
    text.parse().map(WhichRun::Id).map_err(|error| format!("{error}, or `latest`"))
}

/// A program: a plain name is looked up in `PATH`, a path is relative to where the person is,
/// wherever it is started later.
pub fn program(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    // Links stay as they are: a virtual environment's interpreter is one.
    if path.components().count() > 1 {
        std::path::absolute(path).map_err(|error| error.to_string())
    } else {
        Ok(path)
    }
}

/// Keys of a matrix with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs(pub Vec<(String, String)>);

fn rule(text: &str) -> Result<Pairs, String> {
    text.split(',').map(pair).collect::<Result<_, _>>().map(Pairs)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_path_of_a_program_is_that_of_where_the_person_is() {
        assert_eq!(program("python3.12"), Ok(PathBuf::from("python3.12")));
        let here = std::env::current_dir().expect("a directory");
        assert_eq!(program(".venv/bin/python"), Ok(here.join(".venv/bin/python")));
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(span("7d"), Ok(Millis::from_secs(7 * 86_400)));
        assert!(span("7").is_err());
        assert!(span("soon").is_err());
    }

    #[test]
    fn reports_begin_a_while_ago_or_at_a_date() {
        assert_eq!(since("12h"), Ok(Since::Last(Millis::from_secs(12 * 3600))));
        let at = |text: &str| match since(text) {
            Ok(Since::At(at)) => at.0,
            other => panic!("{text}: {other:?}"),
        };
        let midnight = 1_795_824_000_000;
        assert_eq!(at("2026-11-28"), midnight);
        assert_eq!(at("2026-11-28T09:30"), midnight + 9 * 3_600_000 + 30 * 60_000);
        assert_eq!(at("2026-11-28 09:30:00"), midnight + 9 * 3_600_000 + 30 * 60_000);
        assert_eq!(at("2026-11-28T02:00+02:00"), midnight);
        assert_eq!(at("2026-11-28T00:00Z"), midnight);
        for wrong in ["2026-13-01", "28-11-2026", "yesterday", "7", "-7d", "1960-01-01"] {
            let told = since(wrong).expect_err(wrong);
            assert!(told.contains("2026-11-28T09:30"), "{wrong}: {told}");
        }
        assert_eq!(which_run("latest"), Ok(WhichRun::Latest));
        assert_eq!(which_run("r3"), Ok(WhichRun::Id(RunId(3))));
        assert!(which_run("3").is_err_and(|told| told.ends_with("or `latest`")));
    }
}
