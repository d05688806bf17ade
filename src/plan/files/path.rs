//! Paths in the directory of a plan.

use crate::text::error::ValueError;
use crate::text::node::shortened;

/// Maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// Normalises a relative path: without `.`, `..`, doubled or trailing slashes.
///
/// # Errors
/// The path leads out of the directory of the plan, or is not portable.
pub fn normalise(path: &str) -> Result<String, ValueError> {
    let refused = |why: &str| {
        ValueError::new(format!("{:?} {why}", shortened(path)))
            .hint("paths are relative to the directory of the plan and stay inside it")
    };
    if path.starts_with('/') {
        return Err(refused("is an absolute path"));
    }
    if path.len() > MAX_PATH_BYTES
        || path.contains(['\\', ':'])
        || path.chars().any(char::is_control)
    {
        return Err(refused("is not a portable path"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(refused("leads out of the directory"));
    }
    if parts.is_empty() { Err(refused("names nothing")) } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_directory() {
        for path in ["../x", "/etc/passwd", "a/../../x", "c:\\x", "a\nb", "", "."] {
            assert!(normalise(path).is_err(), "{path:?}");
        }
        assert_eq!(normalise("./a//b/").as_deref(), Ok("a/b"));
    }
}
