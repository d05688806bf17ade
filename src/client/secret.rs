//! A text that must not show up in logs.

use std::fmt;

/// Prints as `[redacted]`. Deliberately without `Display`, `Serialize` and `PartialEq`.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for a header or a comparison, nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text() {
        let options = Some(Secret::new("hunter2"));
        assert_eq!(format!("{options:?}"), "Some([redacted])");
    }
}
