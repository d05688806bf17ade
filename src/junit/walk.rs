//! Walks through an XML document, and refuses one that is not whole.
//!
//! Limits: elements [`MAX_DEPTH`] deep, [`MAX_ATTRIBUTES`] of one element.

use super::CUT;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

const MAX_DEPTH: usize = 128;
const MAX_ATTRIBUTES: usize = 256;

/// What comes next in a document. An empty element opens and closes.
pub(super) enum Step<'a> {
    Open(&'a BytesStart<'a>),
    Text(&'a str),
    Close,
}

/// Hands over each step of the document, in order.
///
/// # Errors
/// It ends in the middle, is not XML or has no element; or what `take` refuses.
pub(super) fn walk(
    text: &str,
    mut take: impl FnMut(Step<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut over) = (0, false);
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(quick_xml::Error::Syntax(_)) => return Err(CUT.to_owned()),
            Err(error) => {
                let at_the_end = reader.buffer_position() >= text.len() as u64;
                return Err(if at_the_end { CUT.to_owned() } else { error.to_string() });
            }
        };
        match event {
            Event::Eof if depth > 0 => return Err(CUT.to_owned()),
            Event::Eof if !over => return Err("it has no test suite".to_owned()),
            Event::Eof => return Ok(()),
            Event::Start(_) | Event::Empty(_) if over => {
                return Err("another document follows the first".to_owned());
            }
            Event::Start(tag) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("its elements are more than {MAX_DEPTH} deep"));
                }
                take(Step::Open(&tag))?;
            }
            Event::Empty(tag) => {
                take(Step::Open(&tag))?;
                take(Step::Close)?;
                over = depth == 0;
            }
            Event::End(_) => {
                take(Step::Close)?;
                depth -= 1;
                over = depth == 0;
            }
            Event::Text(text) if depth > 0 => take(Step::Text(&text))?,
            Event::CData(text) if depth > 0 => take(Step::Text(&text))?,
            Event::Text(text) if text.trim().is_empty() => {}
            Event::GeneralRef(entity) if depth > 0 => {
                let letter = entity.resolve_char_ref().ok().flatten().map(String::from);
                let known = || resolve_xml_entity(&entity).map(str::to_owned);
                take(Step::Text(&letter.or_else(known).unwrap_or_default()))?;
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                return Err("it has text outside of its elements".to_owned());
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The attributes of an element.
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// # Errors
    /// They are not written as XML has it, or too many.
    pub fn read(tag: &BytesStart<'_>) -> Result<Self, String> {
        let mut found = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            if found.len() == MAX_ATTRIBUTES {
                return Err(format!("an element has more than {MAX_ATTRIBUTES} attributes"));
            }
            let text = attribute.normalized_value(XmlVersion::Implicit1_0);
            let text =
                text.map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned);
            let name = attribute.key.as_ref().to_owned();
            if found.iter().any(|(known, _)| *known == name) {
                return Err(format!("an element has the attribute {name} twice"));
            }
            found.push((name, text));
        }
        Ok(Self(found))
    }

    /// Empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, text)| text)
    }

    /// A count; none when it is not there or empty.
    ///
    /// # Errors
    /// It is not a whole number.
    pub fn count(&self, name: &str) -> Result<Option<u64>, String> {
        let text = self.text(name).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let wrong =
            || format!("{name}={:?} is not a number", text.chars().take(40).collect::<String>());
        text.parse().map(Some).map_err(|_| wrong())
    }
}
