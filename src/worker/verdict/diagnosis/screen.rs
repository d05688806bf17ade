//! Lines as a terminal shows them: without codes, and without what was written over.

/// The lines of `text` that leave_policy visible.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(visible).collect()
}

/// A carriage return begins the line again, as progress bars do; a backspace takes a character
/// back. What was written over is gone, whatever its length.
fn visible(line: &str) -> String {
    let mut seen = String::with_capacity(line.len());
    let mut begin_again = false;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '\r' => begin_again = true,
            '\u{8}' => drop(seen.pop()),
            '\u{1b}' => skip_code(&mut rest),
            '\u{9b}' => skip_control(&mut rest),
            '\t' => seen.push(' '),
            other if other.is_control() => {}
            other => {
                if std::mem::take(&mut begin_again) {
                    seen.clear();
                }
                seen.push(other);
            }
        }
    }
    seen
}

/// Skips a code after its escape character (ECMA-48).
fn skip_code(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        Some('[') => skip_control(rest),
        // A text for the terminal, such as a title or a link; it ends with BEL or ESC \.
        Some(']' | 'P' | '^' | '_' | 'X') => {
            while let Some(character) = rest.next() {
                match character {
                    '\u{7}' | '\u{9c}' => break,
                    '\u{1b}' => {
                        rest.next();
                        break;
                    }
                    _ => {}
                }
            }
        }
        Some('(' | ')' | '*' | '+' | '#' | '%') => drop(rest.next()),
        _ => {}
    }
}

/// Skips the parameters of a control sequence and the letter that ends it.
fn skip_control(rest: &mut std::str::Chars<'_>) {
    let _ = rest.find(|character| matches!(character, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_visible_is_read() {
        for (written, seen) in [
            ("plain", "plain"),
            ("windows\r", "windows"),
            ("\r 10%|#  |\r 20%|## |", " 20%|## |"),
            ("\r 20%|## |\rValueError: x\r", "ValueError: x"),
            ("\u{1b}[1;31mred\u{1b}[0m \u{9b}2Kline", "red line"),
            ("\u{1b}]0;title\u{7}a\u{1b}]8;;http://x\u{1b}\\b", "ab"),
            ("abc\u{8}\u{8}d", "ad"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("a\tb\u{0}", "a b"),
        ] {
            assert_eq!(lines(written), [seen], "{written:?}");
        }
        assert_eq!(lines("a\nb\n"), ["a", "b", ""]);
    }
}
