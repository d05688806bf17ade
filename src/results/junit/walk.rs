//! Walks through an XML document, and refuses one that is not whole.
//!
//! Limits: elements nested [`MAX_DEPTH`] deep, [`MAX_ATTRIBUTES`] attributes of one element.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

/// The error of a document whose end is missing.
pub(super) const CUT_OFF: &str = "the file is cut off";
const MAX_DEPTH: usize = 128;
const MAX_ATTRIBUTES: usize = 256;

/// A step through a document. An empty element is opened and closed.
pub(super) enum Step<'a> {
    Open(&'a BytesStart<'a>),
    Text(&'a str),
    Close,
}

/// Passes each step of the document to `take`, in order.
///
/// # Errors
/// The document is cut off, is not XML or has no element; or an error of `take`.
pub(super) fn walk(
    text: &str,
    mut take: impl FnMut(Step<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut over) = (0, false);
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(quick_xml::Error::Syntax(_)) => return Err(CUT_OFF.to_owned()),
            Err(error) => {
                let is_at_end = reader.buffer_position() >= text.len() as u64;
                return Err(if is_at_end { CUT_OFF.to_owned() } else { error.to_string() });
            }
        };
        match event {
            Event::Eof if depth > 0 => return Err(CUT_OFF.to_owned()),
            Event::Eof if !over => return Err("the file has no test suite".to_owned()),
            Event::Eof => return Ok(()),
            Event::Start(_) | Event::Empty(_) if over => {
                return Err("another document follows the first".to_owned());
            }
            Event::Start(tag) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("elements are nested more than {MAX_DEPTH} deep"));
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
                return Err("the file has text outside of its elements".to_owned());
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The attributes of an element.
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// # Errors
    /// The attributes are not valid XML, or there are too many.
    pub fn read(tag: &BytesStart<'_>) -> Result<Self, String> {
        let mut attributes = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(format!("an element has more than {MAX_ATTRIBUTES} attributes"));
            }
            let text = attribute.normalized_value(XmlVersion::Implicit1_0);
            let text =
                text.map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned);
            let name = attribute.key.as_ref().to_owned();
            if attributes.iter().any(|(known, _)| *known == name) {
                return Err(format!("an element has the attribute {name} twice"));
            }
            attributes.push((name, text));
        }
        Ok(Self(attributes))
    }

    /// The value of an attribute. Empty when it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, text)| text)
    }

    /// The value of an attribute as a count. None when it is absent or empty.
    ///
    /// # Errors
    /// The value is not a whole number.
    pub fn count(&self, name: &str) -> Result<Option<u64>, String> {
        let text = self.text(name).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let error =
            || format!("{name}={:?} is not a number", text.chars().take(40).collect::<String>());
        text.parse().map(Some).map_err(|_| error())
    }
}
