//! The label of a plan that sets how large a change of a measured value must be to count.
//!
//! Limit: `MAX_ENTRIES` entries. A label is checked when its test is submitted.

/// Label with the limits of the metrics of a test: `latency_seconds=10%/6 *=8%`. It is not part of a case.
pub const CHANGE_LIMITS: &str = "change_limits";
/// Maximum number of entries of one label.
const MAX_ENTRIES: usize = 64;
/// Maximum change, in per cent, and maximum distance, in standard deviations.
const MAX_PERCENT: f64 = 1e6;
const MAX_Z: f64 = 1e6;

/// The limits of one metric, or of all.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeLimit {
    /// Absent: all metrics without own limits.
    pub metric: Option<String>,
    /// Change in proportion to the earlier median: 0.1 is 10 %.
    pub change: f64,
    /// Distance in robust standard deviations. Absent: the usual one.
    pub z: Option<f64>,
}

/// The text does not specify limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a limit of changes: METRIC=PERCENT% or METRIC=PERCENT%/Z, such as latency_seconds=10%/6 or *=8%"
)]
pub struct ParseLimitError(String);

/// Reads the value of a label.
///
/// # Errors
/// The entry that is not a limit, or the number of entries.
pub fn parse(text: &str) -> Result<Vec<ChangeLimit>, ParseLimitError> {
    let limits: Vec<ChangeLimit> = text
        .split_whitespace()
        .map(|entry| limit(entry).ok_or_else(|| ParseLimitError(entry.chars().take(80).collect())))
        .collect::<Result<_, _>>()?;
    if limits.len() > MAX_ENTRIES {
        return Err(ParseLimitError(format!("{} entries, maximum {MAX_ENTRIES}", limits.len())));
    }
    Ok(limits)
}

fn limit(entry: &str) -> Option<ChangeLimit> {
    let within = |text: &str, most: f64| {
        let number: f64 = text.parse().ok()?;
        (number > 0.0 && number <= most).then_some(number)
    };
    let (metric, limits) = entry.rsplit_once('=')?;
    let (percent, z) = match limits.split_once('/') {
        Some((percent, z)) => (percent, Some(within(z, MAX_Z)?)),
        None => (limits, None),
    };
    let change = within(percent.strip_suffix('%')?, MAX_PERCENT)? / 100.0;
    let metric = (metric != "*").then(|| metric.to_owned());
    let is_named = metric.as_ref().is_none_or(|metric| !metric.is_empty());
    is_named.then_some(ChangeLimit { metric, change, z })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_errors_name_the_entry() {
        let limits = parse("latency_seconds=10%/6  *=0.5% ").expect("limits");
        let own = ChangeLimit { metric: Some("latency_seconds".into()), change: 0.1, z: Some(6.0) };
        assert_eq!(limits, [own, ChangeLimit { metric: None, change: 0.005, z: None }]);
        assert_eq!(parse(""), Ok(Vec::new()));
        for wrong in
            ["a", "a=", "a=10", "=10%", "a=0%", "a=-1%", "a=NaN%", "a=inf%", "a=1%/", "a=1%/0"]
        {
            let error = parse(&format!("b=5% {wrong}")).expect_err(wrong);
            assert!(error.to_string().starts_with(&format!("{wrong:?} is not")), "{error}");
        }
        assert!(parse(&"a=1% ".repeat(65)).is_err());
    }
}
