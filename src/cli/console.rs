//! The only place that prints. Results go to standard output, everything else to standard
//! error. A reader that goes away is no error.

use super::args::{Color, Global};
use super::failure::Failure;
use crate::report::render::words::lines;
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
    pub fn result(self, text: &str) -> Result<(), Failure> {
        self.result_part(text)?;
        if text.ends_with('\n') { Ok(()) } else { self.result_part("\n") }
    }

    /// A piece of a result that goes on.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn result_part(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(format!("cannot write the result: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// What a test wrote, or a piece of it. A terminal takes colours from it but no other
    /// commands; files and pipes get it as it is.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn foreign(self, text: &str) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            self.result_part(&lines(text, self.colour))
        } else {
            self.result_part(text)
        }
    }

    /// A document for machines.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn json(self, document: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| Failure::new(format!("cannot encode the answer: {error}")))?;
        self.result(&text)
    }

    /// A line about what is going on.
    pub fn note(self, text: &str) {
        if !self.quiet {
            // Nobody to tell is no reason to stop.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    pub fn warning(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "warning: {text}");
    }

    pub fn failure(self, failure: &Failure) {
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "error: {}", failure.message);
        if let Some(hint) = &failure.hint {
            let _ = writeln!(err, "hint: {hint}");
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

#[expect(clippy::disallowed_methods, reason = "NO_COLOR is a convention of terminals, no setting")]
fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
