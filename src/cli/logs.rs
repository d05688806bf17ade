//! `dtf logs`: what an attempt wrote, now or as it comes.

use super::args::{Global, LogsArgs};
use super::connect::client;
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::patience::Patience;
use super::progress::Progress;
use crate::client::{Client, LogEvent, LogStream};
use crate::domain::id::{AttemptId, TestId};
use std::time::Duration;

/// Between two tries to follow an output.
const TRY_EVERY: Duration = Duration::from_secs(1);

pub async fn run(console: Console, global: &Global, args: LogsArgs) -> Result<u8, Failure> {
    let client = client(global, &args.server)?;
    let attempt = match (args.what.parse::<AttemptId>(), args.what.parse::<TestId>()) {
        (Ok(attempt), _) => attempt,
        (_, Ok(test)) => latest(&client, test).await?,
        (Err(error), _) => {
            return Err(Failure::usage(error.to_string()).hint("or a test, such as r12.t3"));
        }
    };
    if args.follow {
        return follow(console, &client, attempt).await;
    }
    let output = client.log(attempt, 0).await?;
    console.result(&String::from_utf8_lossy(&output))?;
    Ok(exit::PASSED)
}

async fn latest(client: &Client, test: TestId) -> Result<AttemptId, Failure> {
    match client.test(test).await?.attempts {
        0 => Err(Failure::new(format!("{test} has not started"))
            .hint(format!("dtf why {test} tells what it waits for"))),
        number => Ok(test.attempt(number)),
    }
}

/// Shows output as it comes, and goes on where it was when the connection breaks.
async fn follow(console: Console, client: &Client, attempt: AttemptId) -> Result<u8, Failure> {
    let mut seen = 0;
    loop {
        let mut stream = reach(console, client, attempt, seen).await?;
        loop {
            match stream.next().await {
                Ok(Some(LogEvent::Output(piece))) => {
                    console.result_part(&piece.text)?;
                    seen = piece.next;
                }
                Ok(Some(LogEvent::End)) => return Ok(exit::PASSED),
                Ok(None) => break,
                Err(error) if error.may_pass() => break,
                Err(error) => return Err(error.into()),
            }
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
}

/// Asks for the output from `seen` on until the coordinator answers.
async fn reach(
    console: Console,
    client: &Client,
    attempt: AttemptId,
    seen: u64,
) -> Result<LogStream, Failure> {
    let (progress, mut patience) = (Progress::new(console), Patience::default());
    loop {
        match client.follow_log(attempt, seen).await {
            Ok(stream) => return Ok(stream),
            Err(error) => progress.say(&patience.with(error)?),
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
}
