//! Lines as a terminal shows them: without control codes and overwritten text.

/// The lines of `text` as a terminal shows them.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(visible).collect()
}

/// The visible part of a line. A carriage return starts the line again, as progress bars do, and a
/// backspace removes a character. Overwritten text is dropped, whatever its length.
fn visible(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut restart = false;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '\r' => restart = true,
            '\u{8}' => drop(shown.pop()),
            '\u{1b}' => skip_code(&mut rest),
            '\u{9b}' => skip_control(&mut rest),
            '\t' => shown.push(' '),
            other if other.is_control() => {}
            other => {
                if std::mem::take(&mut restart) {
                    shown.clear();
                }
                shown.push(other);
            }
        }
    }
    shown
}

/// Skips a control code (ECMA-48) after its escape character.
fn skip_code(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        Some('[') => skip_control(rest),
        // A string for the terminal, such as a title or a link. It ends with BEL or ESC \.
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
    fn only_visible_text_is_read() {
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
