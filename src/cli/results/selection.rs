//! Which runs a report is about: by number, as the newest one, or from a time on.

use crate::cli::args::values::span;
use crate::domain::id::RunId;
use crate::domain::time::{Millis, Timestamp};

/// From when on runs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    Last(Millis),
    At(Timestamp),
}

/// A duration with a unit, a date, or a date with a time; UTC unless an offset is given.
pub fn since(text: &str) -> Result<Since, String> {
    let refuse = |why: &str| {
        format!(
            "{why}; write a time such as 7d or 12h, or a date such as 2026-11-28 or 2026-11-28T09:30"
        )
    };
    if !text.contains('-') {
        return span(text).map(Since::Last).map_err(|error| refuse(&error));
    }
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => text
            .parse::<jiff::civil::DateTime>()
            .and_then(|at| jiff::tz::TimeZone::UTC.to_timestamp(at))
            .map_err(|error| refuse(&error.to_string()))?,
    };
    let millis = u64::try_from(at.as_millisecond());
    millis.map(|millis| Since::At(Timestamp(millis))).map_err(|_| refuse("it is before 1970"))
}

/// A bound of a period: a run, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Run(RunId),
    Time(Since),
}

/// A run such as r12, a date, or a duration before now.
pub fn bound(text: &str) -> Result<Bound, String> {
    match text.parse() {
        Ok(run) => Ok(Bound::Run(run)),
        Err(_) => since(text)
            .map(Bound::Time)
            .map_err(|error| format!("it is not a run such as r12, and not a time: {error}")),
    }
}

/// A run, by its number or as the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichRun {
    Id(RunId),
    Latest,
}

pub fn which_run(text: &str) -> Result<WhichRun, String> {
    if text == "latest" {
        return Ok(WhichRun::Latest);
    }
    text.parse().map(WhichRun::Id).map_err(|error| format!("{error}, or `latest`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_begin_a_while_ago_or_at_a_date() {
        assert_eq!(since("12h"), Ok(Since::Last(Millis::from_secs(12 * 3600))));
        let at = |text: &str| match since(text) {
            Ok(Since::At(at)) => at.0,
            other => panic!("{text}: {other:?}"),
        };
        let midnight = 1_795_824_000_000;
        assert_eq!(at("2026-11-28"), midnight);
        assert_eq!(at("2026-11-28T09:30"), midnight + 9 * 3_600_000 + 30 * 60_000);
        assert_eq!(at("2026-11-28 09:30:00"), midnight + 9 * 3_600_000 + 30 * 60_000);
        assert_eq!(at("2026-11-28T02:00+02:00"), midnight);
        assert_eq!(at("2026-11-28T00:00Z"), midnight);
        for invalid in ["2026-13-01", "28-11-2026", "yesterday", "7", "-7d", "1960-01-01"] {
            let error = since(invalid).expect_err(invalid);
            assert!(error.contains("2026-11-28T09:30"), "{invalid}: {error}");
        }
        assert_eq!(bound("r12"), Ok(Bound::Run(RunId(12))));
        assert!(matches!(bound("2026-11-28"), Ok(Bound::Time(Since::At(_)))));
        assert!(bound("12").is_err_and(|error| error.contains("not a run such as r12")));
        assert_eq!(which_run("latest"), Ok(WhichRun::Latest));
        assert_eq!(which_run("r3"), Ok(WhichRun::Id(RunId(3))));
        assert!(which_run("3").is_err_and(|error| error.ends_with("or `latest`")));
    }
}
