//! The rule for names that people give: to runs, tests and workers.

/// Why a text is not a name. The message follows a phrase such as "the name of a run".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("is empty")]
    Empty,
    #[error("is too long ({bytes} bytes, maximum {max_bytes})")]
    TooLong { bytes: usize, max_bytes: usize },
    #[error("contains a control character")]
    ControlCharacter,
}

/// Accepts a text of 1 to `max_bytes` bytes without control characters.
///
/// # Errors
/// The first part of the rule that the text breaks.
pub fn check(name: &str, max_bytes: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let bytes = name.len();
    if bytes > max_bytes {
        return Err(NameError::TooLong { bytes, max_bytes });
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::ControlCharacter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_visible_text() {
        assert_eq!(check("é x", 4), Ok(()));
        assert_eq!(check("é x", 3), Err(NameError::TooLong { bytes: 4, max_bytes: 3 }));
        assert_eq!(check("", 4), Err(NameError::Empty));
        assert_eq!(check("a\tb", 4), Err(NameError::ControlCharacter));
    }
}
