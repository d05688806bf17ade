//! Short names of an open set: back-ends and vendors.
//!
//! Limits: 1 to [`MAX_BYTES`] bytes, `a-z` first, then `a-z`, `0-9`, `_` and `-`.
//!
//! Promise: a name is a `Copy` value without allocation. It is ordered as its text.

/// Maximum length of a short name, in bytes.
pub const MAX_BYTES: usize = 16;

/// A text is not a short name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not the name of {what}: a name has 1 to {MAX_BYTES} characters of a-z, 0-9, _ and -, and starts with a letter"
)]
pub struct ShortNameError {
    pub text: String,
    pub what: &'static str,
}

/// Whether a text is a short name.
pub(super) const fn is_valid(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_BYTES || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 1;
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-') {
            return false;
        }
        at += 1;
    }
    true
}

/// The bytes of a valid name, filled up with zeros.
pub(super) const fn bytes(text: &str) -> [u8; MAX_BYTES] {
    assert!(is_valid(text), "a valid short name");
    let mut filled = [0; MAX_BYTES];
    let mut at = 0;
    while at < text.len() {
        filled[at] = text.as_bytes()[at];
        at += 1;
    }
    filled
}

/// Declares a type of short names with its built-in ones.
macro_rules! short_names {
    ($(#[doc = $about:literal])+ $Name:ident, $what:literal { $($constant:ident = $text:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name([u8; $crate::domain::accelerator::short_name::MAX_BYTES]);

        impl $Name {
            $(pub const $constant: Self = Self($crate::domain::accelerator::short_name::bytes($text));)+

            /// The names that dtf knows without any data.
            pub const BUILT_IN: [Self; [$($text),+].len()] = [$(Self::$constant),+];

            /// A name, which need not be built in.
            ///
            /// # Errors
            /// The text is not a short name.
            pub fn new(text: &str) -> Result<Self, $crate::domain::accelerator::short_name::ShortNameError> {
                if $crate::domain::accelerator::short_name::is_valid(text) {
                    return Ok(Self($crate::domain::accelerator::short_name::bytes(text)));
                }
                let text = text.chars().take(80).collect();
                Err($crate::domain::accelerator::short_name::ShortNameError { text, what: $what })
            }

            #[must_use]
            pub fn name(&self) -> &str {
                let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
                str::from_utf8(&self.0[..length]).unwrap_or_default()
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::fmt::Debug for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use short_names;

#[cfg(test)]
mod tests {
    use crate::domain::accelerator::{Backend, Vendor};

    #[test]
    fn names_are_ordered_and_printed_as_texts() {
        let mut names = Backend::BUILT_IN;
        names.sort();
        assert!(names.is_sorted_by_key(|backend| backend.name().to_owned()));
        assert_eq!(format!("{:>6}|{:?}", Backend::CUDA, Vendor::AMD), "  cuda|amd");
        assert_eq!(Backend::new("my-card_2").expect("a name").name(), "my-card_2");
        assert_eq!(Backend::new("abcdefghijklmnop").expect("a name").name().len(), 16);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "Cuda", "2d", "a b", "abcdefghijklmnopq", "é", "a\0", "-a"] {
            assert!(Backend::new(text).is_err(), "{text:?}");
            assert!(serde_json::from_value::<Vendor>(serde_json::json!(text)).is_err(), "{text:?}");
        }
    }
}
