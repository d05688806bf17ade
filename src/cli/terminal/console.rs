//! The only place that prints. Results go to standard output, everything else to standard
//! error. A reader that goes away is no error.
//!
//! Promises: no text that came from elsewhere commands a terminal, whichever command prints it.
//! Whatever is printed passes through [`lines`] or [`words::json`] here; log lines pass through
//! [`Filtered`].

use crate::cli::args::shared::{Color, Global};
use crate::cli::error::CliError;
use crate::results::render::words::{self, lines};
use crate::text::error::MAX_ERRORS;
use std::io::{self, IsTerminal, Write};

/// How to talk to whoever reads. Printing takes it even where it does not look at it: what
/// holds a console may print.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    pub quiet: bool,
    /// Results may be coloured.
    pub colour: bool,
    /// Progress may move: standard error is a terminal.
    pub moving: bool,
}

#[expect(clippy::unused_self, reason = "what holds a console may print")]
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

    /// Columns of the terminal that results go to; `None` when it is none.
    pub fn width(self) -> Option<u16> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let whole = terminal_size::terminal_size().map(|(width, _)| width.0);
        whole.or_else(columns)
    }

    /// A result.
    ///
    /// # Errors
    /// When standard output refuses for another reason than that nobody reads.
    pub fn result(self, text: &str) -> Result<(), CliError> {
        self.exact(&lines(text, self.colour))?;
        if text.ends_with('\n') { Ok(()) } else { self.exact("\n") }
    }

    /// A text that has to arrive as it is, such as a script. Terminals get it as [`Self::result`].
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn document(self, text: &str) -> Result<(), CliError> {
        self.foreign(text)?;
        if text.ends_with('\n') { Ok(()) } else { self.exact("\n") }
    }

    fn exact(self, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CliError::new(format!("cannot write the result: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// What a test wrote, or a piece of it. A terminal takes colours from it but no other
    /// commands; files and pipes get it as it is.
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

    /// A document for machines.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn json(self, document: &impl serde::Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| CliError::new(format!("cannot encode the answer: {error}")))?;
        self.result(&words::json(&text))
    }

    /// A line about what is going on.
    pub fn note(self, text: &str) {
        if !self.quiet {
            told(text);
        }
    }

    pub fn warning(self, text: &str) {
        told(&format!("warning: {text}"));
    }

    pub fn failure(self, failure: &CliError) {
        for one in std::iter::once(failure).chain(&failure.also) {
            told(&format!("error: {}", one.message));
            if let Some(hint) = &one.hint {
                told(&format!("hint: {hint}"));
            }
        }
        match failure.also.len() + 1 {
            1 => {}
            MAX_ERRORS => {
                told(&format!("at least {MAX_ERRORS} mistakes; further ones are not shown"));
            }
            count => told(&format!("{count} mistakes")),
        }
    }
}

/// Of a terminal that does not know how many lines it has, as in some recorders and CI systems.
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
fn told(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", lines(text, false));
}

/// What clap has to say: help and version are results, the rest are errors.
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

/// Standard error for log lines, which quote names and errors of others. Each comes in one piece.
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

#[expect(clippy::disallowed_methods, reason = "NO_COLOR is a convention of terminals, no setting")]
fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
