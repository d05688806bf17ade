//! A text that must not appear in logs.

use std::fmt;

/// A secret, such as a token. Its debug form is `[redacted]`, and it deliberately implements neither
/// `Display` nor `Serialize` nor `PartialEq`.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Only for a header or a comparison.
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
