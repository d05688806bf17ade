//! What stands before each line of one program where several write into one output: a rank, a
//! process id, a time.

/// A beginning that lines of one writer share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix<'a> {
    text: &'a str,
    /// Digits may be others: times go on.
    digits_differ: bool,
}

impl<'a> Prefix<'a> {
    /// What stands before the first line of a traceback, as prefixes that one of the next lines
    /// has too, before a frame. First the prefix as it is, since the numbers of ranks tell
    /// writers apart, then with other digits. What only the first line has, such as a progress
    /// bar, is no prefix: none then.
    pub fn candidates(text: &'a str, after: impl Iterator<Item = &'a str> + Clone) -> Vec<Self> {
        let shared = |prefix: &Self| {
            let framed = |line| prefix.strip(line).is_some_and(|rest| rest.starts_with(' '));
            !text.trim().is_empty() && after.clone().any(framed)
        };
        let mut found: Vec<_> =
            [false, true].map(|digits_differ| Self { text, digits_differ }).into();
        found.retain(shared);
        if found.is_empty() {
            found.push(Self { text: "", digits_differ: false });
        }
        found
    }

    /// The line without the prefix; none when another wrote it.
    pub fn strip<'l>(&self, line: &'l str) -> Option<&'l str> {
        let mut wanted = self.text.chars();
        let mut rest = line.chars();
        loop {
            let Some(character) = wanted.next() else { return Some(rest.as_str()) };
            let both_digits = |found: char| found.is_ascii_digit() && character.is_ascii_digit();
            match rest.next() {
                Some(found) if found == character => {}
                Some(found) if self.digits_differ && both_digits(found) => {}
                // Blanks at the end of a line are often not written.
                None if character.is_whitespace() && wanted.all(char::is_whitespace) => {
                    return Some("");
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_what_the_next_lines_have_too() {
        let strip = |before: &'static str, after: &[&'static str], line: &'static str| {
            let candidates = Prefix::candidates(before, after.iter().copied());
            candidates.iter().find_map(|prefix| prefix.strip(line))
        };
        let rank = ["[rank0]:   File", "[rank0]: E"];
        assert_eq!(strip("[rank0]: ", &rank, "[rank0]: E: x"), Some("E: x"));
        assert_eq!(strip("[rank0]: ", &rank, "[rank0]:[W] left open"), None);
        assert_eq!(strip("[rank0]: ", &rank, "[rank0]:"), Some(""));
        assert_eq!(strip("(pid=12) ", &["(pid=12)   x"], "other"), None);
        let one = Prefix::candidates("[rank0]: ", rank.iter().copied());
        let strip_first = |line| one.first().and_then(|prefix| prefix.strip(line));
        assert_eq!(strip_first("[rank1]: E: x"), None);
        assert_eq!(strip_first("[rank0]: E: x"), Some("E: x"));
        let time = "2026-01-02T03:04:05.678Z ";
        let next = "2026-01-02T03:04:06.001Z   File";
        assert_eq!(strip(time, &[next], "2026-01-02T03:04:07.999Z E"), Some("E"));
        // A bar that the traceback was written after, and that goes on.
        let bar = ["  File \"t.py\"", "E: x", " 30%|## | 3/10"];
        assert_eq!(strip(" 20%|## | 2/10", &bar, "E: x"), Some("E: x"));
        assert_eq!(strip(" 20%|## | 2/10", &["  File \"t.py\""], "E: x"), Some("E: x"));
    }
}
