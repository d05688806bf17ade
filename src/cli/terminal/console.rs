//! The only place that prints. Results go to standard output, everything else to standard
//! error. A reader that closes the pipe is not an error.
//!
//! Promises: no text from another source sends commands to a terminal, whichever command prints
//! it. All output passes through [`lines`] or [`words::json`] here; log lines pass through
//! [`Filtered`].

use crate::cli::args::shared::{Color, Global};
use crate::cli::error::CliError;
use crate::results::render::words::{self, lines};
use crate::text::error::MAX_ERRORS;
use std::io::{self, IsTerminal, Write};

/// How to print. Functions take it even if they do not read it: code that has a console may print.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    pub quiet: bool,
    /// Results may be coloured.
    pub colour: bool,
    /// Progress may move: standard error is a terminal.
    pub moving: bool,
}

#[expect(clippy::unused_self, reason = "code that has a console may print")]
impl Console {
    pub fn new(global: &Global) -> Self {
        let colour = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stdout().is_terminal() && !no_colour(),
        };
        let moving = !global.quiet && io::stderr().is_terminal();
        Self { quiet: global.quiet, colour, moving }
    }

    /// Number of columns of the terminal on standard output; `None` if it is not a terminal.
    pub fn width(self) -> Option<u16> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let whole = terminal_size::terminal_size().map(|(width, _)| width.0);
        whole.or_else(columns)
    }

    /// Prints a result.
    ///
    /// # Errors
    /// Standard output cannot be written, for another reason than a closed pipe.
    pub fn result(self, text: &str) -> Result<(), CliError> {
        self.exact(&lines(text, self.colour))?;
        if text.ends_with('\n') { Ok(()) } else { self.exact("\n") }
    }

    /// Prints a line of a long result. Returns false if the reader has closed the pipe.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn line(self, text: &str) -> Result<bool, CliError> {
        self.write(&format!("{}\n", lines(text, self.colour)))
    }

    /// Prints a text that must not be changed, such as a script. A terminal gets it as from
    /// [`Self::result`].
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn document(self, text: &str) -> Result<(), CliError> {
        self.foreign(text)?;
        if text.ends_with('\n') { Ok(()) } else { self.exact("\n") }
    }

    fn exact(self, text: &str) -> Result<(), CliError> {
        self.write(text).map(|_| ())
    }

    fn write(self, text: &str) -> Result<bool, CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(CliError::new(format!("cannot write the result: {error}"))),
        }
    }

    /// Prints output of a test, or a piece of it. A terminal gets its colours but no other commands;
    /// files and pipes get it unchanged.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn foreign(self, text: &str) -> Result<(), CliError> {
        if io::stdout().is_terminal() {
            self.exact(&lines(text, self.colour))
        } else {
            self.exact(text)
        }
    }

    /// Prints a JSON document.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn json(self, document: &impl serde::Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| CliError::new(format!("cannot encode the result: {error}")))?;
        self.result(&words::json(&text))
    }

    /// Prints a line about the progress of a command.
    pub fn note(self, text: &str) {
        if !self.quiet {
            print_line(text);
        }
    }

    pub fn warning(self, text: &str) {
        print_line(&format!("warning: {text}"));
    }

    pub fn failure(self, failure: &CliError) {
        for one in std::iter::once(failure).chain(&failure.also) {
            print_line(&format!("error: {}", one.message));
            if let Some(hint) = &one.hint {
                print_line(&format!("hint: {hint}"));
            }
        }
        match failure.also.len() + 1 {
            1 => {}
            MAX_ERRORS => {
                print_line(&format!("at least {MAX_ERRORS} mistakes; further ones are not shown"));
            }
            count => print_line(&format!("{count} mistakes")),
        }
    }
}

/// Number of columns of a terminal without a number of lines, as in some recorders and CI systems.
#[cfg(unix)]
fn columns() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}

#[cfg(not(unix))]
fn columns() -> Option<u16> {
    None
}

/// Writes a line to standard error. A closed stream does not stop the command.
fn print_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", lines(text, false));
}

/// Prints output of clap: help and version are results, everything else is an error.
pub fn usage(error: &clap::Error) {
    let text = error.render();
    let show = |terminal: bool| {
        let colour = terminal && !no_colour();
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        lines(&text, colour)
    };
    if error.use_stderr() {
        let _ = write!(io::stderr().lock(), "{}", show(io::stderr().is_terminal()));
    } else {
        let _ = write!(io::stdout().lock(), "{}", show(io::stdout().is_terminal()));
    }
}

/// Standard error for log lines, which quote names and errors from other sources. Each line is
/// written in one call.
#[derive(Debug, Clone, Copy)]
pub struct Filtered {
    pub colour: bool,
}

impl Write for Filtered {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = lines(&String::from_utf8_lossy(line), self.colour);
        io::stderr().lock().write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "NO_COLOR is a convention of terminals, not a setting"
)]
fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
