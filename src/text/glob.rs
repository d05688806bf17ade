//! Patterns: `*` and `?` in names, `**` across directories.
//!
//! Limit: matching takes at most the length of the pattern times the length of the text in steps.

/// The directory before the first wildcard, and whether there is a wildcard.
#[must_use]
pub fn fixed_directory(pattern: &str) -> (&str, bool) {
    match pattern.find(['*', '?']) {
        None => (pattern, false),
        Some(wild) => {
            let before = pattern.get(..wild).unwrap_or_default();
            (before.rsplit_once('/').map_or("", |(directory, _)| directory), true)
        }
    }
}

/// Whether a path matches. `*` and `?` do not match `/`; `**/` matches any number of directories.
#[must_use]
pub fn path_matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    wild(&pattern, &path, |part| *part == "**", |part, name| name_matches(part, name))
}

/// Whether the pattern may match files below this directory. The empty pattern matches every path.
#[must_use]
pub fn may_match_below(pattern: &str, directory: &str) -> bool {
    let mut parts = pattern.split('/');
    for name in directory.split('/') {
        match parts.next() {
            Some("**") => return true,
            Some(part) if pattern.is_empty() || name_matches(part, name) => {}
            _ => return pattern.is_empty(),
        }
    }
    pattern.is_empty() || parts.next().is_some()
}

/// Whether a name matches. `*` matches any text.
#[must_use]
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    wild(&pattern, &name, |c| *c == '*', |want, have| *want == '?' || want == have)
}

/// Wildcard matching with one backtracking point. Parts for which `many` is true match any number
/// of items.
fn wild<T>(
    pattern: &[T],
    items: &[T],
    many: impl Fn(&T) -> bool,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    let (mut at, mut item) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(current) = items.get(item) {
        match pattern.get(at) {
            Some(part) if many(part) => {
                retry = Some((at + 1, item));
                at += 1;
            }
            Some(part) if same(part, current) => {
                at += 1;
                item += 1;
            }
            _ => {
                let Some((back, from)) = retry else { return false };
                retry = Some((back, from + 1));
                (at, item) = (back, from + 1);
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        assert!(name_matches("unit-*", "unit-a/b"));
        assert!(name_matches("*", ""));
        assert!(name_matches("a?c*", "abcd"));
        assert!(!name_matches("a", "ab"));
        assert!(path_matches("t/*.py", "t/a.py"));
        assert!(!path_matches("t/*.py", "t/sub/a.py"));
        assert!(path_matches("t/**/*.py", "t/a.py"));
        assert!(path_matches("t/**/*.py", "t/x/y/a.py"));
        assert_eq!(fixed_directory("t/x/*.py"), ("t/x", true));
        assert_eq!(fixed_directory("t/x"), ("t/x", false));
    }

    #[test]
    fn many_stars_take_linear_time() {
        assert!(!name_matches(&"*a".repeat(300), &"a".repeat(299)));
        assert!(name_matches(&"*a".repeat(300), &"a".repeat(300)));
    }
}
