//! `dtf logs`: what an attempt wrote, now or as it comes.

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

/// Between two tries to follow an output.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// A connection that held for so long was an answer, although a quiet test wrote nothing.
const HELD: Duration = Duration::from_secs(10);

pub async fn run(console: Console, global: &Global, args: LogsArgs) -> Result<Exit, CliError> {
    let source = Source::of(console, global, args.results).await?;
    if args.follow && matches!(source, Source::Stored(_)) {
        return Err(CliError::usage("stored output does not grow: there is nothing to follow")
            .hint("name the coordinator with --coordinator, or leave --follow out"));
    }
    let what = naming::find(&source, &args.what).await?;
    let client = match source {
        Source::Coordinator(client) => client,
        Source::Stored(results) => return stored(console, &results, what),
    };
    let attempt = match what {
        What::Attempt(attempt) => attempt,
        What::Test(test) => match client.test(test).await? {
            found if args.follow && is_to_come(&found) => started(console, &client, test).await?,
            found => latest(&found)?,
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
    // As a last line without its end would leave the prompt beside it.
    if !output.is_empty() && !output.ends_with(b"\n") {
        console.foreign("\n")?;
    }
    Ok(Exit::Passed)
}

/// The last attempt.
fn latest(test: &TestView) -> Result<AttemptId, CliError> {
    match test.attempts {
        0 => {
            let how = match test.outcome {
                None => "has not started".to_owned(),
                Some(outcome) => format!("wrote nothing: it ended as {outcome} before any attempt"),
            };
            Err(CliError::new(format!("{} {how}", test.test))
                .hint(format!("dtf why {} tells why", test.test)))
        }
        number => Ok(test.test.attempt(number)),
    }
}

fn is_to_come(test: &TestView) -> bool {
    test.attempts == 0 && test.outcome.is_none()
}

/// Waits for the first attempt, or for an end without one.
async fn started(console: Console, client: &Client, test: TestId) -> Result<AttemptId, CliError> {
    let progress = Progress::new(console);
    progress.say(&format!("{test} has not started; waiting for it (dtf why {test} tells why)"));
    let mut patience = Patience::default();
    loop {
        tokio::time::sleep(TRY_EVERY).await;
        match client.test(test).await {
            Ok(found) if is_to_come(&found) => patience = Patience::default(),
            Ok(found) => return latest(&found),
            Err(error) => progress.say(&patience.with(error)?),
        }
    }
}

/// Shows output as it comes, and goes on where it was when the connection breaks.
async fn follow(console: Console, client: &Client, attempt: AttemptId) -> Result<Exit, CliError> {
    let progress = Progress::new(console);
    let (mut seen, mut patience) = (0, Patience::default());
    loop {
        let asked = Instant::now();
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
                        if asked.elapsed() > HELD {
                            patience = Patience::default();
                        }
                        break error;
                    }
                }
            },
        };
        progress.say(&patience.with(broken)?);
        tokio::time::sleep(TRY_EVERY).await;
    }
}
