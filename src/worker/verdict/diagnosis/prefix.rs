//! The prefix of each line of one program when several write into the same output: a rank, a process
//! id, a time.

/// A prefix that the lines of one writer share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix<'a> {
    text: &'a str,
    /// The digits may differ from line to line, as those of a time do.
    digits_differ: bool,
}

impl<'a> Prefix<'a> {
    /// The possible prefixes for `text`, the text before the first line of a traceback. One of the
    /// following lines must have the prefix before a frame. The literal prefix precedes the one
    /// with other digits, because the numbers of ranks distinguish writers. A text that only the
    /// first line has, such as a progress bar, is not a prefix; the result is then the empty one.
    pub fn candidates(text: &'a str, after: impl Iterator<Item = &'a str> + Clone) -> Vec<Self> {
        let shared = |prefix: &Self| {
            let framed = |line| prefix.strip(line).is_some_and(|rest| rest.starts_with(' '));
            !text.trim().is_empty() && after.clone().any(framed)
        };
        let mut candidates: Vec<_> =
            [false, true].map(|digits_differ| Self { text, digits_differ }).into();
        candidates.retain(shared);
        if candidates.is_empty() {
            candidates.push(Self { text: "", digits_differ: false });
        }
        candidates
    }

    /// The line without the prefix. None when another writer wrote it.
    pub fn strip<'l>(&self, line: &'l str) -> Option<&'l str> {
        let mut expected = self.text.chars();
        let mut rest = line.chars();
        loop {
            let Some(character) = expected.next() else { return Some(rest.as_str()) };
            let both_digits = |actual: char| actual.is_ascii_digit() && character.is_ascii_digit();
            match rest.next() {
                Some(actual) if actual == character => {}
                Some(actual) if self.digits_differ && both_digits(actual) => {}
                // Programs often omit blanks at the end of a line.
                None if character.is_whitespace() && expected.all(char::is_whitespace) => {
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
    fn a_prefix_is_shared_with_the_next_lines() {
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
        // A progress bar before the traceback that continues after it.
        let bar = ["  File \"t.py\"", "E: x", " 30%|## | 3/10"];
        assert_eq!(strip(" 20%|## | 2/10", &bar, "E: x"), Some("E: x"));
        assert_eq!(strip(" 20%|## | 2/10", &["  File \"t.py\""], "E: x"), Some("E: x"));
    }
}
