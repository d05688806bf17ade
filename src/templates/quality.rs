//! The numbers that tests of real weights report, such as the perplexity of a text, and the bounds
//! that a plan sets for them.
//!
//! The front matter of a template names its numbers. The script gets them with their bounds.

use crate::text::error::ValueError;
use crate::text::suggest::did_you_mean;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which values of a number are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Lower,
    Higher,
}

/// Bound of a number as a plan sets it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// The worst allowed value: a maximum or a minimum, whichever is the worse end of the number.
    Worst(f64),
    Within {
        min: Option<f64>,
        max: Option<f64>,
    },
}

/// A number of a script: which values are better, and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Number {
    better: Better,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
}

/// The numbers of a script, by name.
pub type Numbers = BTreeMap<String, Number>;

/// The numbers of a template with the bounds of a plan.
///
/// # Errors
/// The name of a bound that the template does not have, and the reason.
pub fn bounded(
    template: &BTreeMap<String, Better>,
    family: &str,
    bounds: &[(String, Bound)],
) -> Result<Numbers, (String, ValueError)> {
    let free = |(name, better): (&String, &Better)| {
        (name.clone(), Number { better: *better, min: None, max: None })
    };
    let mut numbers: Numbers = template.iter().map(free).collect();
    for (name, bound) in bounds {
        let Some(number) = numbers.get_mut(name) else {
            let known: Vec<&str> = template.keys().map(String::as_str).collect();
            let error = ValueError::new(format!("{family} tests do not measure {name:?}"));
            return Err((name.clone(), error.hint(hint(name, &known))));
        };
        (number.min, number.max) = match (*bound, number.better) {
            (Bound::Within { min, max }, _) => (min, max),
            (Bound::Worst(worst), Better::Lower) => (None, Some(worst)),
            (Bound::Worst(worst), Better::Higher) => (Some(worst), None),
        };
    }
    Ok(numbers)
}

fn hint(name: &str, known: &[&str]) -> String {
    match known {
        [] => "the template defines no such numbers".to_owned(),
        known => did_you_mean(name, known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template() -> BTreeMap<String, Better> {
        BTreeMap::from([("perplexity".into(), Better::Lower), ("top1".into(), Better::Higher)])
    }

    #[test]
    fn one_value_is_the_worst_that_is_allowed() {
        let bounds =
            [("perplexity".into(), Bound::Worst(20.0)), ("top1".into(), Bound::Worst(0.9))];
        let numbers = bounded(&template(), "x", &bounds).expect("known names");
        let expected = json!({"perplexity": {"better": "lower", "max": 20.0},
                              "top1": {"better": "higher", "min": 0.9}});
        assert_eq!(serde_json::to_value(numbers).expect("JSON"), expected);
    }

    #[test]
    fn unknown_names_have_a_hint() {
        let bounds = [("perplexty".into(), Bound::Worst(20.0))];
        let (name, error) = bounded(&template(), "x", &bounds).expect_err("unknown");
        assert_eq!(name, "perplexty");
        assert_eq!(error.message, "x tests do not measure \"perplexty\"");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"perplexity\"?"));
        let (_, error) = bounded(&BTreeMap::new(), "x", &bounds).expect_err("no numbers");
        assert_eq!(error.hint.as_deref(), Some("the template defines no such numbers"));
    }
}
