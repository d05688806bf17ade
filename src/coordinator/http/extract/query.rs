//! The parameters of an address: the part after `?`.
//!
//! Promise: a parameter that is not known is refused. It was meant to select something, and without it the answer would
//! be about something else.

use serde::de::DeserializeOwned;
use serde_path_to_error::Track;

/// Reads the parameters.
///
/// # Errors
/// The reason, if a parameter is not known, or has no valid value.
pub(crate) fn read<T: DeserializeOwned>(query: &str) -> Result<T, String> {
    let mut unknown: Option<String> = None;
    let mut track = Track::new();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let pairs = serde_urlencoded::Deserializer::new(pairs);
    let pairs = serde_path_to_error::Deserializer::new(pairs, &mut track);
    let read = serde_ignored::deserialize(pairs, |path| {
        unknown.get_or_insert(path.to_string());
    });
    let value = read.map_err(|error| match track.path().to_string() {
        path if path == "." => error.to_string(),
        path => format!("{path}: {error}"),
    })?;
    match unknown {
        Some(name) => Err(format!("there is no parameter {:?}", cut(&name))),
        None => Ok(value),
    }
}

/// The first characters of a name.
fn cut(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Query {
        days: Option<u64>,
        model: Option<String>,
    }

    fn refused(query: &str) -> String {
        read::<Query>(query).expect_err("refused")
    }

    #[test]
    fn unknown_and_malformed_parameters_are_refused_with_their_names() {
        let known = Query { days: Some(90), model: Some("a b".to_owned()) };
        assert_eq!(read("days=90&model=a+b"), Ok(known));
        assert_eq!(read("").map(|query: Query| query.days), Ok(None));
        assert_eq!(refused("days=90&since=90d"), "there is no parameter \"since\"");
        assert_eq!(refused("days=x"), "days: invalid digit found in string");
        assert!(refused("days=1&days=2").contains("duplicate field `days`"));
        let long = refused(&format!("{}=1", "é".repeat(5000)));
        assert!(long.len() < 120 && long.contains("éé"), "{long}");
        assert_eq!(refused("%1b[31m=1"), "there is no parameter \"\\u{1b}[31m\"");
    }
}
