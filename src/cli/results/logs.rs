//! `dtf logs`: prints the output of an attempt, or follows it.

use crate::api::v1::test_views::TestView;
use crate::cli::args::results::ResultsArgs;
use crate::cli::args::shared::Global;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::naming;
use crate::cli::results::naming::What;
use crate::cli::results::stored::{Source, Stored};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::wait::patience::Patience;
use crate::client::{Client, LogEvent};
use crate::domain::id::{AttemptId, TestId};
use clap::Args;
use std::time::{Duration, Instant};

/// Print the output of a test
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf logs r12.t3                      Print the output of the last attempt\n  dtf logs r12.t3.a1                   Print the output of the first attempt\n  dtf logs -f r12.t3                   Print the output while the test runs\n  dtf logs bert-base-uncased/cpu/load  Find the test by name, in the newest run that has it"
)]
pub struct LogsArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Id of a test (r12.t3) or of an attempt (r12.t3.a1), or the name of a test or a part of it
    #[arg(value_name = "TEST")]
    pub what: String,
    /// Continue to print output until the attempt ends
    #[arg(short, long)]
    pub follow: bool,
}

/// Time between two attempts to follow an output, or to find the attempt of a test.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum duration of a connection that counts as a success, even if the test wrote nothing.
const STABLE_CONNECTION: Duration = Duration::from_secs(10);

pub async fn run(console: Console, global: &Global, args: LogsArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    if args.follow && matches!(source, Source::Stored(_)) {
        return Err(CliError::usage(
            "there is nothing to follow: the output is stored and complete",
        )
        .hint("name the coordinator with --coordinator, or omit --follow"));
    }
    let what = naming::find(&source, &args.what).await?;
    let client = match source {
        Source::Coordinator(client) => client,
        Source::Stored(results) => return stored(console, &results, what),
    };
    let attempt = match what {
        What::Attempt(attempt) => attempt,
        What::Test(test) => match client.test(test).await? {
            view if args.follow && has_not_started(&view) => {
                started(console, &client, test).await?
            }
            view => latest(&view)?,
        },
    };
    if args.follow {
        return follow(console, &client, attempt).await;
    }
    show(console, &client.log(attempt, 0).await?)
}

fn stored(console: Console, results: &Stored, what: What) -> Result<Exit, CliError> {
    let attempt = match what {
        What::Attempt(attempt) => attempt,
        What::Test(test) => latest(&results.test(test)?)?,
    };
    show(console, &results.log(attempt)?)
}

fn show(console: Console, output: &[u8]) -> Result<Exit, CliError> {
    console.foreign(&String::from_utf8_lossy(output))?;
    // Without a final line break, the prompt of the shell would follow on the same line.
    if !output.is_empty() && !output.ends_with(b"\n") {
        console.foreign("\n")?;
    }
    Ok(Exit::Passed)
}

/// The last attempt of a test.
///
/// # Errors
/// The test has no attempt.
fn latest(test: &TestView) -> Result<AttemptId, CliError> {
    match test.attempts {
        0 => {
            let state = match test.outcome {
                None => "has not started".to_owned(),
                Some(outcome) => format!("has no output: it ended as {outcome} without an attempt"),
            };
            Err(CliError::new(format!("{} {state}", test.test))
                .hint(format!("dtf why {} shows the reason", test.test)))
        }
        number => Ok(test.test.attempt(number)),
    }
}

fn has_not_started(test: &TestView) -> bool {
    test.attempts == 0 && test.outcome.is_none()
}

/// Waits for the first attempt of a test.
///
/// # Errors
/// The test ends without an attempt, or the coordinator stays unreachable.
async fn started(console: Console, client: &Client, test: TestId) -> Result<AttemptId, CliError> {
    let progress = Progress::new(console);
    progress
        .show(&format!("{test} has not started; waiting for it (dtf why {test} shows the reason)"));
    let mut patience = Patience::default();
    loop {
        tokio::time::sleep(RETRY_INTERVAL).await;
        match client.test(test).await {
            Ok(view) if has_not_started(&view) => patience = Patience::default(),
            Ok(view) => return latest(&view),
            Err(error) => progress.show(&patience.with(error)?),
        }
    }
}

/// Prints output as it arrives, and continues at the same place after the connection breaks.
async fn follow(console: Console, client: &Client, attempt: AttemptId) -> Result<Exit, CliError> {
    let progress = Progress::new(console);
    let (mut seen, mut patience) = (0, Patience::default());
    loop {
        let connected = Instant::now();
        let broken = match client.follow_log(attempt, seen).await {
            Err(error) => error,
            Ok(mut stream) => loop {
                match stream.next().await {
                    Ok(LogEvent::End) => return Ok(Exit::Passed),
                    Ok(LogEvent::Output(piece)) => {
                        console.foreign(&piece.text)?;
                        seen = piece.next;
                        patience = Patience::default();
                    }
                    Err(error) => {
                        if connected.elapsed() > STABLE_CONNECTION {
                            patience = Patience::default();
                        }
                        break error;
                    }
                }
            },
        };
        progress.show(&patience.with(broken)?);
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}
