//! Text from others in the output formats. Promise: no text can end an element, an attribute, a cell or
//! a string of the format that contains it, and no control character reaches a file.

use super::words::{self, lines, plain};
use std::fmt::Write;

/// Text in Markdown, on one line. Characters with a meaning in Markdown or HTML are written as
/// entities, also those that mention users or become links automatically.
#[must_use]
pub fn markdown(text: &str, max: usize) -> String {
    let text = plain(text, max);
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        let begins_link = rest.starts_with("://") || rest.starts_with('.');
        rest = &rest[character.len_utf8()..];
        let is_special = matches!(
            character,
            '&' | '<'
                | '>'
                | '|'
                | '\\'
                | '`'
                | '*'
                | '_'
                | '['
                | ']'
                | '#'
                | '@'
                | '~'
                | '!'
                | '$'
        );
        let begins_domain = begins_link && character == '.' && safe.to_lowercase().ends_with("www");
        if is_special || begins_domain || (begins_link && character == ':') {
            // Writing to a string cannot fail.
            let _ = write!(safe, "&#{};", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Text for an XML document, without characters that XML 1.0 does not allow. It keeps its lines. The
/// writer of the document escapes the characters of the markup.
#[must_use]
pub fn xml(text: &str) -> String {
    let text = lines(text, false);
    let is_allowed = |character: &char| !matches!(character, '\u{fffe}' | '\u{ffff}' | '\r');
    text.chars().filter(is_allowed).collect()
}

/// JSON for a `script` element of an HTML document: nothing in it ends the element or begins a comment, and
/// it has no invisible character, which a terminal would get in another form that is not JSON.
#[must_use]
pub fn script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in words::json(json).chars() {
        // In JSON, these characters are only in strings.
        if matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// The end of a text and its beginning, with at most `max` bytes together, and a line that names the
/// number of bytes between them.
#[must_use]
pub fn ends(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let first = floor(text, max / 4);
    let last = ceil(text, text.len() - (max - max / 4));
    let left_out = last - first;
    format!("{}\n[{left_out} bytes are left out]\n{}", &text[..first], &text[last..])
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_has_no_markup_of_others() {
        let text = markdown("a|b <b> @me #12 `x` [l](http://e) www.e\n- \u{202e}", 100);
        let expected = "a&#124;b &#60;b&#62; &#64;me &#35;12 &#96;x&#96; &#91;l&#93;(http&#58;//e) \
            www&#46;e - &#92;u{202e}";
        assert_eq!(text, expected);
        assert_eq!(markdown("v1.2.3: ok", 100), "v1.2.3: ok");
    }

    #[test]
    fn a_script_element_cannot_be_closed() {
        let json = serde_json::to_string("</script><!--&\u{2028}").expect("JSON");
        let safe = script(&json);
        assert_eq!(safe, r#""\u003c/script\u003e\u003c!--\u0026\u2028""#);
        let read: String = serde_json::from_str(&safe).expect("JSON");
        assert_eq!(read, "</script><!--&\u{2028}");
        let hidden = "a\u{202e}b\u{e0041}";
        let safe = script(&serde_json::to_string(hidden).expect("JSON"));
        assert_eq!(safe, r#""a\u202eb\udb40\udc41""#);
        assert_eq!(serde_json::from_str::<String>(&safe).expect("JSON"), hidden);
    }

    #[test]
    fn a_long_text_keeps_its_ends() {
        assert_eq!(ends("abc", 3), "abc");
        let long = format!("é{}é", "x".repeat(100));
        let cut = ends(&long, 8);
        assert!(cut.starts_with("é\n[") && cut.ends_with("xxxxé"), "{cut}");
    }
}
