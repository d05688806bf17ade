//! The durations of the cases in a JUnit file.

use crate::results::junit::text;
use crate::results::junit::walk::{Attributes, Step, walk};

/// A case with its duration.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedCase {
    pub class: String,
    pub name: String,
    pub seconds: f64,
}

/// The cases of a file that have a duration.
///
/// # Errors
/// A message for people: the text is not a whole JUnit file.
pub fn times(text: &[u8]) -> Result<Vec<TimedCase>, String> {
    let text = text::decode(text)?;
    let mut cases = Vec::new();
    walk(&text, |step| {
        let Step::Open(tag) = step else { return Ok(()) };
        if tag.local_name().as_ref() != "testcase" {
            return Ok(());
        }
        let attributes = Attributes::read(tag)?;
        let seconds = attributes.text("time").parse::<f64>().ok();
        if let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
            let text = |name| attributes.text(name).to_owned();
            cases.push(TimedCase { class: text("classname"), name: text("name"), seconds });
        }
        Ok(())
    })?;
    Ok(cases)
}
