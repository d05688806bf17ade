//! Parsers of values that flags take.

use crate::domain::time::Millis;
use crate::plan::packages::Pin;
use crate::text::node::Node;
use crate::text::quantity;

/// A duration with units.
pub fn span(text: &str) -> Result<Millis, String> {
    quantity::duration(&Node::Text(text.to_owned())).map_err(|error| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    })
}

/// Keys of a matrix with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs(pub Vec<(String, String)>);

pub fn rule(text: &str) -> Result<Pairs, String> {
    text.split(',').map(pair).collect::<Result<_, _>>().map(Pairs)
}

pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A package with versions.
pub fn pin(text: &str) -> Result<Pin, String> {
    Pin::parse(text).map_err(|error| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(span("7d"), Ok(Millis::from_secs(7 * 86_400)));
        assert!(span("7").is_err());
        assert!(span("soon").is_err());
    }
}
