//! `dtf logs`: what an attempt wrote, now or as it comes.

use super::args::{Global, LogsArgs};
use super::connect::client;
use super::console::Console;
use super::exit;
use super::failure::Failure;
use crate::client::{Client, LogEvent};
use crate::domain::id::{AttemptId, TestId};

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

async fn follow(console: Console, client: &Client, attempt: AttemptId) -> Result<u8, Failure> {
    let mut seen = 0;
    loop {
        let mut stream = client.follow_log(attempt).await?;
        while let Some(event) = stream.next().await? {
            match event {
                LogEvent::Output(piece) => {
                    let end = piece.offset + piece.text.len() as u64;
                    if piece.offset >= seen {
                        console.result_part(&piece.text)?;
                    }
                    seen = seen.max(end);
                }
                LogEvent::End => return Ok(exit::PASSED),
            }
        }
    }
}
