//! What a program said before it ended badly: the error of its last Python traceback, else its
//! last line. For one line in a report, so that few have to open the log.
//!
//! Pure. Limits: looks at [`LOOK_BYTES`] of output, quotes [`QUOTE_CHARS`].

use crate::domain::outcome::Class;

/// Of the end of the output.
pub const LOOK_BYTES: usize = 16 * 1024;
pub const QUOTE_CHARS: usize = 300;
/// Lines that may follow an error: some libraries add advice.
const MAX_AFTER: usize = 8;
const TRACEBACK: &str = "Traceback (most recent call last):";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWords {
    pub text: String,
    /// What an uncaught exception of this name means for a script.
    pub class: Option<Class>,
}

/// None when the program said nothing.
#[must_use]
pub fn last_words(end: &[u8]) -> Option<LastWords> {
    let end = String::from_utf8_lossy(end);
    let error = exception(&end);
    let line = error.or_else(|| end.lines().rfind(|line| !line.trim().is_empty()))?;
    let text: String = line.trim().chars().take(QUOTE_CHARS).collect();
    let class = error.and_then(class);
    Some(LastWords { text, class })
}

/// The first line after the frames of the last traceback, which are indented. None where the
/// program went on for long after it.
fn exception(text: &str) -> Option<&str> {
    let mut lines = text.lines().skip_while(|line| *line != TRACEBACK).peekable();
    let mut found: Option<(&str, usize)> = None;
    while let Some(line) = lines.next() {
        if line == TRACEBACK {
            let frame = |line: &&str| line.starts_with(' ') || line.is_empty();
            while lines.next_if(frame).is_some() {}
            found = lines.next().map(|line| (line, 0)).or(found);
        } else if let Some((_, after)) = &mut found {
            *after += 1;
        }
    }
    found.filter(|(_, after)| *after <= MAX_AFTER).map(|(line, _)| line)
}

fn class(exception: &str) -> Option<Class> {
    let name = exception.split(':').next().unwrap_or_default();
    match name.rsplit('.').next().unwrap_or_default() {
        // Those of Python itself, torch, JAX and CuPy.
        "MemoryError" | "OutOfMemoryError" => Some(Class::OutOfMemory),
        "ImportError" | "ModuleNotFoundError" => Some(Class::ImportError),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(output: &str) -> Option<(String, Option<Class>)> {
        last_words(output.as_bytes()).map(|words| (words.text, words.class))
    }

    #[test]
    fn the_last_line_speaks_where_nothing_was_raised() {
        assert_eq!(said("\n  \n"), None);
        assert_eq!(said("one\n two \n\n"), Some(("two".into(), None)));
        assert_eq!(said(&"x".repeat(1000)).map(|(text, _)| text.len()), Some(QUOTE_CHARS));
        let told = "MemoryError: only spoken of\n";
        assert_eq!(said(told), Some((told.trim().into(), None)));
    }

    #[test]
    fn the_error_of_the_last_traceback_speaks_whatever_follows() {
        // As torch 2.11 prints an assertion that failed on a device.
        let assertion = "before\nTraceback (most recent call last):\n  File \"t.py\", line 4, in <module>\n    \
            y=e(x)\n      ^^^^\ntorch.AcceleratorError: CUDA error: device-side assert triggered\n\
            Search for `cudaErrorAssert' in the documentation.\nCompile with `TORCH_USE_CUDA_DSA`.\n\n";
        let words = said(assertion).expect("said");
        let error = "torch.AcceleratorError: CUDA error: device-side assert triggered";
        assert_eq!(words, (error.into(), None));

        let memory = "Traceback (most recent call last):\n  File \"t.py\", line 3\n\
            torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 40.00 GiB.\n";
        assert_eq!(said(memory).and_then(|words| words.1), Some(Class::OutOfMemory));

        let chained = format!(
            "{memory}\nDuring handling of the above exception, another exception occurred:\n\n\
            Traceback (most recent call last):\n  File \"t.py\", line 9\n\
            ModuleNotFoundError: No module named 'flash_attn'\n"
        );
        let words = said(&chained).expect("said");
        assert_eq!(words.1, Some(Class::ImportError));
        assert!(words.0.ends_with("'flash_attn'"), "{}", words.0);
    }

    #[test]
    fn an_error_that_was_dealt_with_is_not_the_last_word() {
        let went_on = format!(
            "{TRACEBACK}\n  File \"t.py\"\nValueError: early\n{}done\n",
            "more\n".repeat(9)
        );
        assert_eq!(said(&went_on), Some(("done".into(), None)));
    }

    #[test]
    fn a_traceback_that_was_cut_off_is_no_error_of_its_own() {
        let cut = "Traceback (most recent call last):\n  File \"t.py\", line 3\n";
        assert_eq!(said(cut), Some(("File \"t.py\", line 3".into(), None)));
        assert_eq!(said("no \u{fffd} text"), Some(("no \u{fffd} text".into(), None)));
    }
}
