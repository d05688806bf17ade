//! Measures how deep the brackets of a YAML text are nested, before it is parsed.
//!
//! The work of the parser for each token grows with the number of open brackets, so a file of a
//! million `[` would take hours. Nested blocks do not have this cost, and the recursion limit of
//! the parser refuses them. This scan reads every character a bounded number of times. It follows
//! the rules of YAML for quotes, comments, plain texts and block texts, because a bracket counts
//! only outside of them.
//!
//! Promise: the result is at least the depth that the parser would see (a property test compares).

/// Maximum depth of nested brackets.
pub const MAX_DEPTH: usize = 64;

/// Line of the first bracket that is nested deeper than [`MAX_DEPTH`], counted from 1.
#[must_use]
pub fn too_deep(text: &str) -> Option<usize> {
    let mut scan = Scan::new(text);
    while scan.token() {
        if scan.depth > MAX_DEPTH {
            return Some(scan.line);
        }
    }
    None
}

struct Scan {
    chars: Vec<char>,
    at: usize,
    column: usize,
    line: usize,
    /// Number of open brackets.
    depth: usize,
    /// Columns of the open blocks.
    indents: Vec<usize>,
    /// Whether a key may start here.
    key_allowed: bool,
    /// Column and line of a possible key.
    key: Option<(usize, usize)>,
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

impl Scan {
    fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            column: 0,
            line: 1,
            depth: 0,
            indents: Vec::new(),
            key_allowed: true,
            key: None,
        }
    }

    /// The character `ahead` places further, or NUL at the end.
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn ended(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn blank_at(&self, ahead: usize) -> bool {
        let c = self.peek(ahead);
        is_blank(c) || is_break(c) || c == '\0'
    }

    fn skip(&mut self) {
        let c = self.peek(0);
        let pair = c == '\r' && self.peek(1) == '\n';
        self.at += 1;
        if is_break(c) && !pair {
            self.line += 1;
            self.column = 0;
        } else {
            self.column += 1;
        }
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        while !self.ended() && keep(self.peek(0)) {
            self.skip();
        }
    }

    /// Reads one token. Returns false at the end.
    fn token(&mut self) -> bool {
        self.space();
        if self.ended() {
            return false;
        }
        if self.depth == 0 {
            while self.indents.last().is_some_and(|indent| *indent > self.column) {
                self.indents.pop();
            }
        }
        let c = self.peek(0);
        let marker = self.column == 0 && self.document_marker();
        if self.column == 0 && c == '%' {
            self.skip_while(|c| !is_break(c));
        } else if marker {
            (self.indents, self.key_allowed) = (Vec::new(), false);
            (0..3).for_each(|_| self.skip());
        } else if matches!(c, '[' | '{' | ']' | '}' | ',') {
            self.bracket(c);
        } else if matches!(c, '-' | '?' | ':') && self.indicator(c) {
            self.block_indicator(c);
        } else if matches!(c, '*' | '&' | '!') {
            self.may_be_key();
            self.skip();
            self.name(c);
        } else if matches!(c, '|' | '>') && self.depth == 0 {
            self.block_text();
        } else if matches!(c, '\'' | '"') {
            self.may_be_key();
            self.quoted(c);
        } else {
            self.may_be_key();
            self.plain();
        }
        true
    }

    fn space(&mut self) {
        loop {
            self.skip_while(|c| is_blank(c) || c == '\u{feff}');
            if self.peek(0) == '#' {
                self.skip_while(|c| !is_break(c));
            }
            if self.ended() || !is_break(self.peek(0)) {
                return;
            }
            self.skip();
            self.key_allowed |= self.depth == 0;
        }
    }

    fn document_marker(&self) -> bool {
        let start: [char; 3] = [self.peek(0), self.peek(1), self.peek(2)];
        matches!(start, ['-', '-', '-'] | ['.', '.', '.']) && self.blank_at(3)
    }

    fn bracket(&mut self, c: char) {
        match c {
            '[' | '{' => {
                self.may_be_key();
                self.depth += 1;
            }
            ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.key_allowed = self.depth > 0 && c != ']' && c != '}';
        self.skip();
    }

    fn indicator(&self, c: char) -> bool {
        self.blank_at(1) || (c != '-' && self.depth > 0)
    }

    fn block_indicator(&mut self, c: char) {
        if self.depth == 0 {
            let key = self.key.take().filter(|(_, line)| c == ':' && *line == self.line);
            let column = key.map_or(self.column, |(column, _)| column);
            if self.indents.last().is_none_or(|indent| *indent < column) {
                self.indents.push(column);
            }
            self.key_allowed = key.is_none();
        }
        self.skip();
    }

    fn may_be_key(&mut self) {
        if self.depth == 0 && self.key_allowed {
            self.key = Some((self.column, self.line));
            self.key_allowed = false;
        }
    }

    /// Reads the rest of an anchor, alias or tag. A tag ends at a blank. Inside brackets the rest
    /// of a tag is read as tokens, which can only make the result larger.
    fn name(&mut self, kind: char) {
        match kind {
            '!' if self.peek(0) == '<' => {
                self.skip_while(|c| !is_blank(c) && !is_break(c) && c != '>');
            }
            '!' => self.skip_while(|c| c.is_ascii_alphanumeric() || "-_!%./:".contains(c)),
            _ => self.skip_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')),
        }
    }

    fn quoted(&mut self, quote: char) {
        self.skip();
        while !self.ended() {
            let c = self.peek(0);
            if c == '\\' && quote == '"' {
                self.skip();
            } else if c == quote {
                self.skip();
                if quote == '"' || self.peek(0) != quote {
                    return;
                }
            }
            self.skip();
        }
    }

    fn plain(&mut self) {
        let indent = self.indents.last().map_or(0, |indent| indent + 1);
        let start = self.at;
        loop {
            if self.peek(0) == '#' || (self.column == 0 && self.document_marker()) {
                break;
            }
            while !self.blank_at(0) && !self.ends_plain() {
                self.skip();
            }
            if self.ended() || !self.blank_at(0) {
                break;
            }
            let line = self.line;
            self.skip_while(|c| is_blank(c) || is_break(c));
            self.key_allowed |= self.line != line;
            if self.depth == 0 && self.column < indent {
                break;
            }
            if self.ended() || self.peek(0) == '\0' {
                break;
            }
        }
        if self.at == start {
            self.skip();
        }
    }

    fn ends_plain(&self) -> bool {
        let c = self.peek(0);
        (c == ':' && self.blank_at(1))
            || (self.depth > 0 && matches!(c, ',' | '[' | ']' | '{' | '}'))
    }

    fn block_text(&mut self) {
        let parent = self.indents.last().copied();
        let least = parent.map_or(1, |indent| indent + 1);
        self.skip();
        let mut indent = None;
        while matches!(self.peek(0), '+' | '-' | '1'..='9') {
            if let Some(digit) = self.peek(0).to_digit(10) {
                indent = Some(parent.unwrap_or(0) + digit as usize);
            }
            self.skip();
        }
        self.skip_while(|c| !is_break(c));
        self.key_allowed = true;
        let mut widest = 0;
        while !self.ended() {
            self.skip();
            while self.peek(0) == ' ' && indent.is_none_or(|indent| self.column < indent) {
                self.skip();
            }
            widest = widest.max(self.column);
            if is_break(self.peek(0)) {
                continue;
            }
            if self.column != *indent.get_or_insert(widest.max(least)) {
                return;
            }
            self.skip_while(|c| !is_break(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
    use std::cell::Cell;
    use std::fmt;

    #[test]
    fn brackets_in_texts_do_not_count() {
        let many = "[".repeat(100);
        for text in [
            format!("a: \"{many}\"\nb: '{many}'\n# {many}\nc: x{many}\n"),
            format!("script: |\n  print('{many}\n  ok\nnext: 1\n"),
            format!("a: plain\n  {many}\nb: 1"),
            "a: [1, 2]\n".repeat(1000),
        ] {
            assert_eq!(too_deep(&text), None, "{text:.80}");
        }
    }

    #[test]
    fn deep_brackets_are_found_whatever_hides_them() {
        let many = "[".repeat(MAX_DEPTH + 1);
        for (text, line) in [
            (many.clone(), 1),
            (format!("a: 1\nb: {many}"), 2),
            (format!("a: don't\nb: {many}"), 2),
            (format!("a: x\"y\nb: {many}"), 2),
            (format!("a: |\n  \" '\nb: {many}"), 3),
            (format!("a: 'it''s'\nb: {}", many.replace('[', "{x: ")), 2),
        ] {
            assert_eq!(too_deep(&text), Some(line), "{text:.40}");
        }
    }

    #[test]
    fn four_mebibytes_are_scanned_in_linear_time() {
        // A quadratic scan would not come back.
        for piece in ["[", "- ", "? ", "a: ", "\"", "'", "&a ", "x\n", "|\n", "[]", "{a: ", "\n "] {
            let text = piece.repeat((4 << 20) / piece.len());
            let _line = too_deep(&text);
        }
    }

    /// Deepest nesting that a parse reaches, brackets and blocks.
    struct Deepest<'a> {
        level: usize,
        most: &'a Cell<usize>,
    }

    impl<'a> Deepest<'a> {
        fn below(&self) -> Deepest<'a> {
            self.most.set(self.most.get().max(self.level + 1));
            Deepest { level: self.level + 1, most: self.most }
        }
    }

    impl<'de> DeserializeSeed<'de> for Deepest<'_> {
        type Value = ();
        fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
            from.deserialize_any(self)
        }
    }

    impl<'de> Visitor<'de> for Deepest<'_> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("anything")
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
            while items.next_element_seed(self.below())?.is_some() {}
            Ok(())
        }
        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
            while entries.next_key_seed(self.below())?.is_some() {
                entries.next_value_seed(self.below())?;
            }
            Ok(())
        }
    }

    fn scanned(text: &str) -> usize {
        let mut scan = Scan::new(text);
        let mut most = 0;
        while scan.token() {
            most = most.max(scan.depth);
        }
        most
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Hostile prefixes before a known number of brackets: when the whole text parses,
        /// the brackets were real or in a text; the scan may never see fewer than the
        /// parser, whose blocks add at most `blocks` levels.
        #[test]
        fn the_parser_never_sees_more_than_the_scan(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "[", "]", "{", "}", ",", ": ", "- ", "? ", "\n", "\n  ", "\n    ", " ", "'", "\"",
                "\\", "#", " #", "|", "|\n", ">2\n", "&a", "*a ", "!t ", "a", "b:", "%", "---\n",
                "'[", "]'", "\t", "x'", "x\"", "\r\n", "\u{85}",
            ]), 0..24)
        ) {
            let text = format!("{}{}{}", pieces.concat(), "[".repeat(40), "]".repeat(40));
            let most = Cell::new(0);
            let from = serde_yaml::Deserializer::from_str(&text);
            if (Deepest { level: 0, most: &most }).deserialize(from).is_ok() {
                let blocks = text.matches(['-', '?', ':']).count();
                prop_assert!(scanned(&text) + blocks + text.matches(':').count() >= most.get());
            }
        }

        /// The same without block indicators, where the two depths must agree exactly
        /// from below.
        #[test]
        fn flow_depth_is_never_underestimated(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "[", "[", "]", "{", "}", ",", ", ", "\n", "\n ", " ", "'", "\"", "\\", "#", " #",
                "a", "it's", "'x'", "\"]\"", "\"y", "]'", "[[", "]]", "-x", "|", "é",
            ]), 0..40)
        ) {
            let text = pieces.concat();
            let most = Cell::new(0);
            let from = serde_yaml::Deserializer::from_str(&text);
            if (Deepest { level: 0, most: &most }).deserialize(from).is_ok() {
                prop_assert!(scanned(&text) >= most.get(), "{text:?}");
            }
        }
    }
}
