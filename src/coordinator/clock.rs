//! Reports of a clock that was set, and the fact that a start has to store then.

use crate::domain::fact::Fact;
use crate::domain::time::Timestamp;
use crate::results::render::words::instant;
use crate::sys::clock::Finding;

/// Reports what is unusual about the clock at a start. Returns the fact to store, if times change.
///
/// `latest`: time of the last record; `now`: time from which the coordinator continues.
pub(crate) fn at_start(
    finding: Finding,
    latest: Option<Timestamp>,
    now: Timestamp,
) -> Option<Fact> {
    let shown_now = text(now);
    let Some(from) = latest else {
        tracing::warn!(
            "the clock of this machine shows {shown_now}; set it, since results carry its times"
        );
        return None;
    };
    let last = text(from);
    match finding {
        Finding::NotSet => {
            tracing::warn!(
                "the clock of this machine is not set; times continue after the last record \
                 ({last}) until it is"
            );
            return None;
        }
        Finding::Ahead => tracing::warn!(
            "the clock of this machine shows {shown_now}, long after the last record ({last}); check \
             the clock if the coordinator was not stopped for that long. The time between does not \
             count for tests that expire"
        ),
        Finding::Behind => tracing::warn!(
            "the clock of this machine shows {shown_now}, before the last record ({last}); check the \
             clock. Times follow it, and results of the period between keep the later times"
        ),
    }
    Some(Fact::ClockChanged { from, at: now })
}

/// Reports that the clock was set while the coordinator runs.
pub(crate) fn report_change(from: Timestamp, to: Timestamp) {
    let (from, to) = (text(from), text(to));
    tracing::warn!(
        "the clock of this machine was set from {from} to {to}; times follow it. Leases, and tests \
         that expire, are not affected"
    );
}

/// A time in UTC, to the second.
fn text(at: Timestamp) -> String {
    match instant(Timestamp(at.0 / 1000 * 1000)) {
        Some(at) => at.to_string(),
        None => format!("{} ms after 1970", at.0),
    }
}
