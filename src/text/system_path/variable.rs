//! Finds variables in a path, which only the system that it comes from can expand.

/// The first variable at the beginning of a name: `~`, `$HOME`, `${HOME}`, `$env:NAME`, `%NAME%`.
pub(super) fn unexpanded(path: &str) -> Option<&str> {
    let mut names = path.split(['/', '\\']);
    let first = path.split(['/', '\\']).next().filter(|first| first.starts_with('~'));
    first.or_else(|| names.find(|name| begins_with_variable(name)))
}

fn begins_with_variable(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let mut characters = name.chars();
    match characters.next() {
        Some('$') => characters.next().is_some_and(|c| letter(c) || c == '{'),
        Some('%') => {
            let named = name[1..].split_once('%').map(|(variable, _)| variable);
            named.is_some_and(|variable| {
                variable.starts_with(letter)
                    && variable.chars().all(|c| letter(c) || c.is_ascii_digit() || "()".contains(c))
            })
        }
        _ => false,
    }
}
