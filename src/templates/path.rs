//! Paths in a directory of templates, and the kind of text at each.
//!
//! ```text
//! families.yaml              model types, architectures and names by family
//! backends.yaml              back-ends
//! <family>/test.py.j2        the family's template
//! <family>/<backend>.py.j2   the template for one back-end, which overrides test.py.j2
//! _shared/<part>.py.j2       what templates extend and include
//! ```
//! Promise: a path that is accepted is relative, ASCII, of at most two parts and
//! [`MAX_PATH_BYTES`] bytes, and cannot lead out of the directory.

use crate::domain::accelerator::Backend;
use crate::models::family::check_name;
use crate::text::error::ValueError;
use crate::text::node::shortened;

/// Longest path, in bytes.
pub use crate::domain::added::template::MAX_PATH_BYTES;

/// The table of families, by its path.
pub const FAMILIES: &str = "families.yaml";
/// The table of back-ends, by its path.
pub const BACKENDS: &str = "backends.yaml";
/// The directory of the shared parts.
pub const SHARED: &str = "_shared/";

const ENDING: &str = ".py.j2";
/// The valid paths, as a hint.
pub const LAYOUT: &str = "valid paths are families.yaml, backends.yaml, FAMILY/test.py.j2, FAMILY/BACKEND.py.j2 and \
    _shared/PART.py.j2";

/// The kind of text at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplatePath<'a> {
    Families,
    Backends,
    Shared,
    /// A template: for one back-end, or for all that have no separate one.
    Test {
        family: &'a str,
        backend: Option<Backend>,
    },
}

impl<'a> TemplatePath<'a> {
    /// Reads a path.
    ///
    /// # Errors
    /// The path is not one of the five above.
    pub fn parse(path: &'a str) -> Result<Self, ValueError> {
        let refuse = |why: &str| {
            ValueError::new(format!("{:?} is not the path of a template: {why}", shortened(path)))
                .hint(LAYOUT)
        };
        if path.len() > MAX_PATH_BYTES {
            return Err(refuse("the path is too long"));
        }
        if path == FAMILIES {
            return Ok(Self::Families);
        }
        if path == BACKENDS {
            return Ok(Self::Backends);
        }
        let name = path.strip_suffix(ENDING);
        let Some((directory, name)) = name.and_then(|name| name.split_once('/')) else {
            return Err(refuse("it has another form"));
        };
        if directory == SHARED.trim_end_matches('/') {
            check_name(name).map_err(|why| refuse(&why))?;
            return Ok(Self::Shared);
        }
        check_name(directory).map_err(|why| refuse(&why))?;
        if name == "test" {
            return Ok(Self::Test { family: directory, backend: None });
        }
        // Whether a table has the back-end is known only with all layers.
        let backend = Backend::new(name);
        let backend = backend.map_err(|_| refuse("its name is neither test nor a back-end"))?;
        Ok(Self::Test { family: directory, backend: Some(backend) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_five_kinds_of_paths_are_read() {
        let parse = |path| TemplatePath::parse(path).expect(path);
        assert_eq!(parse("families.yaml"), TemplatePath::Families);
        assert_eq!(parse("backends.yaml"), TemplatePath::Backends);
        assert_eq!(parse("_shared/base.py.j2"), TemplatePath::Shared);
        let test = |family, backend| TemplatePath::Test { family, backend };
        assert_eq!(parse("vlm/test.py.j2"), test("vlm", None));
        assert_eq!(parse("vlm/cuda.py.j2"), test("vlm", Some(Backend::CUDA)));
    }

    #[test]
    fn other_paths_are_refused() {
        let long = format!("{}/test.py.j2", "x".repeat(61));
        for path in [
            "",
            "/etc/passwd",
            "../vlm/test.py.j2",
            "vlm/../test.py.j2",
            "vlm/deep/test.py.j2",
            "vlm//test.py.j2",
            "./vlm/test.py.j2",
            "vlm\\test.py.j2",
            "C:/test.py.j2",
            "VLM/test.py.j2",
            "v m/test.py.j2",
            "vlm/test.py",
            "vlm/Test.py.j2",
            "vlm/.py.j2",
            "/test.py.j2",
            "_shared/../x.py.j2",
            "_shared/.py.j2",
            "_other/test.py.j2",
            "test.py.j2",
            "families.yml",
            "modèle/test.py.j2",
            "vlm/test\0.py.j2",
            "vlm/test.py.j2\n",
            long.as_str(),
        ] {
            assert!(TemplatePath::parse(path).is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_in_the_folder(
            path in "(\\.\\./|/|_shared/|[a-z_]{1,8}/|[.\\\\/a-zé]{0,6}){0,3}(test|cuda|[a-z.]{0,6})(\\.py\\.j2)?"
        ) {
            if TemplatePath::parse(&path).is_ok() {
                prop_assert!(path.is_ascii() && path.len() <= MAX_PATH_BYTES);
                prop_assert!(!path.contains("..") && !path.contains('\\') && !path.starts_with('/'));
                prop_assert!(path.split('/').count() <= 2);
            }
        }
    }
}
