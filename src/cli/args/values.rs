//! Parsers of values that flags take.

use crate::domain::time::Millis;
use crate::text::node::Node;
use crate::text::quantity;
use std::path::PathBuf;

/// A duration with units.
pub fn span(text: &str) -> Result<Millis, String> {
    quantity::duration(&Node::Text(text.to_owned())).map_err(|wrong| match wrong.hint {
        Some(hint) => format!("{}; {hint}", wrong.message),
        None => wrong.message,
    })
}

/// A program: a plain name is looked up in `PATH`, a path is relative to where the person is,
/// wherever it is started later.
pub fn program(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    // Links stay as they are: a virtual environment's interpreter is one.
    if path.components().count() > 1 {
        std::path::absolute(path).map_err(|error| error.to_string())
    } else {
        Ok(path)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_program_is_that_of_where_the_person_is() {
        assert_eq!(program("python3.12"), Ok(PathBuf::from("python3.12")));
        let here = std::env::current_dir().expect("a directory");
        assert_eq!(program(".venv/bin/python"), Ok(here.join(".venv/bin/python")));
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(span("7d"), Ok(Millis::from_secs(7 * 86_400)));
        assert!(span("7").is_err());
        assert!(span("soon").is_err());
    }
}
