//! `dtf coordinator`.

use super::args::{CoordinatorArgs, Global};
use super::connect::{path, settings, text};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::machine::token_file;
use crate::config::{DEFAULT_LISTEN, locate};
use crate::coordinator;
use crate::sys::private::PrivateFileError;
use crate::sys::shutdown::Shutdown;
use crate::sys::spawn::Tasks;
use tokio::net::TcpListener;

pub async fn run(console: Console, global: &Global, args: CoordinatorArgs) -> Result<u8, Failure> {
    let file = settings(global)?;
    let listen = file.pick(args.listen, "listen", text)?;
    let listen = listen.unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
    let data_dir = file.pick(args.data_dir, "data_dir", path)?;
    let data_dir = data_dir.unwrap_or_else(|| locate::data_dir("coordinator"));
    let mut settings = coordinator::Settings::new(data_dir);
    settings.token_file = token_file(global, &file)?;
    if !listen.contains(':') {
        return Err(Failure::usage(format!("--listen {listen} is not an address with a port"))
            .hint("write both, such as 127.0.0.1:7700"));
    }
    let listener = TcpListener::bind(&listen).await.map_err(|error| {
        Failure::new(format!("cannot listen on {listen}: {error}"))
            .hint("another coordinator may run there; choose another --listen")
    })?;
    let mut tasks = Tasks::new();
    let mut shutdown = Shutdown::on_signals(&mut tasks)
        .map_err(|error| Failure::new(format!("cannot watch for signals: {error}")))?;
    let data_dir = settings.data_dir.clone();
    let ready = |address| {
        console.note(&format!("coordinator on http://{address}, data in {}", data_dir.display()));
    };
    let stop = async move { shutdown.stop().await };
    let stopped = coordinator::run(settings, listener, ready, stop).await;
    stopped.map_err(|error| refused(&error))?;
    console.note("stopped; everything acknowledged is stored");
    Ok(exit::PASSED)
}

pub fn refused(error: &coordinator::CoordinatorError) -> Failure {
    let failure = Failure::chain(error);
    let missing = matches!(
        error,
        coordinator::CoordinatorError::Tokens(coordinator::TokenFileError::File(
            PrivateFileError::Read { .. }
        ))
    );
    let failure = if missing { Failure { code: exit::USAGE, ..failure } } else { failure };
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
