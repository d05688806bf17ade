//! Confirms suspected changes: when a run has ended, its suspects are run again on the same workers.
//!
//! A confirmation is an ordinary run of the user `dtf` with the lowest priority. Its tests are
//! further values of the same series, so that the change is confirmed if they show it, too, and refuted
//! if they do not. A test that gives no value is tried once more. Limits: [`MAX_OF_RUN`] tests for one
//! run, [`MAX_PER_HOUR`] in all, runs that ended within [`LOOK_BACK`], [`MAX_TRIES`] searches of one run.
//! Promises: the scheduler is asked only for a list of runs; a restart submits nothing twice, because each
//! confirmation has a key; a suspect that cannot be confirmed is named in the log with the reason.

use super::repeat::{self, Unconfirmed};
use super::specs;
use super::suspects::{self, Suspect};
use crate::api::v1::runs::CONFIRMER;
use crate::blobs::BlobDigest;
use crate::coordinator::files::space::{NoSpace, Purpose};
use crate::coordinator::health::Part;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::submit;
use crate::coordinator::mailbox::MailboxError;
use crate::domain::causes::with_causes;
use crate::domain::fact::Idempotency;
use crate::domain::id::RunId;
use crate::domain::test::TestSpec;
use crate::domain::time::{Millis, Timestamp};
use crate::scheduler::{Answer, Rejected, Scheduler, Submission};
use crate::store::StoreError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Maximum number of tests that are confirmed for one run. More changes at once are rarely changes of
/// the tests.
const MAX_OF_RUN: usize = 20;
/// Maximum number of tests that are confirmed within an hour.
const MAX_PER_HOUR: usize = 120;
/// Maximum number of runs of one search: the newest.
const MAX_RUNS: usize = 100;
/// Period before now in which a run must have ended.
const LOOK_BACK: Millis = Millis::from_secs(3600);
/// Maximum number of searches of one run that fail.
const MAX_TRIES: u32 = 3;
/// Time between two searches for ended runs.
const INTERVAL: Duration = Duration::from_secs(3);
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(60);
/// Time limit for the results database to catch up with the end of a run.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the suspects of a run are not known.
#[derive(Debug, thiserror::Error)]
enum ConfirmError {
    #[error("the results database cannot be read")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    #[error(transparent)]
    Space(#[from] NoSpace),
    #[error("the thread ended early")]
    Thread,
}

/// Submits confirmations.
#[derive(Clone)]
pub(crate) struct Confirmer {
    app: Arc<App>,
}

/// The confirmations so far.
#[derive(Default)]
struct Done {
    /// Runs that ended within [`LOOK_BACK`].
    runs: BTreeSet<RunId>,
    /// Numbers of failed searches of other runs.
    failed: BTreeMap<RunId, u32>,
    /// Times of the confirmed tests of the last hour.
    tests: VecDeque<Timestamp>,
}

impl Done {
    /// Number of tests that may be confirmed now.
    fn room(&mut self, now: Timestamp) -> usize {
        while self.tests.front().is_some_and(|at| now.since(*at) > LOOK_BACK) {
            self.tests.pop_front();
        }
        MAX_OF_RUN.min(MAX_PER_HOUR.saturating_sub(self.tests.len()))
    }

    /// Notes a failed search of a run. Returns whether it was the last one.
    fn failed(&mut self, run: RunId, error: &ConfirmError) -> bool {
        let tries = self.failed.entry(run).or_default();
        *tries += 1;
        let (reason, is_last) = (with_causes(error), *tries >= MAX_TRIES);
        if is_last {
            tracing::warn!(reason, "the suspected changes of {run} are not confirmed");
            self.runs.insert(run);
        } else {
            tracing::warn!(reason, "cannot search {run} for suspected changes; trying again");
        }
        is_last
    }
}

/// A confirmation to submit.
struct Confirmation {
    name: String,
    tests: Vec<Arc<TestSpec>>,
    /// Size of the files of the tests, in bytes.
    files: u64,
}

impl Confirmer {
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Runs until the coordinator stops, and then to the end of the test that is being prepared: it reads
    /// the log, which the next process can open only afterwards.
    pub async fn run(self) {
        let mut done = Done::default();
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = 0;
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = self.app.mailbox.closed() => return,
            }
            // Nothing ends without a record.
            let committed = self.app.progress.committed();
            if committed == seen {
                continue;
            }
            match self.search(&mut done).await {
                Ok(true) => seen = committed,
                // The results database has not caught up, or a run could not be searched.
                Ok(false) => interval.reset_after(PAUSE),
                Err(MailboxError::Stopping) => return,
                Err(error) => {
                    let reason = with_causes(&error);
                    tracing::warn!(reason, "cannot search for suspected changes; trying again");
                    interval.reset_after(PAUSE);
                }
            }
        }
    }

    /// Confirms the suspects of the runs that have ended since the last search. Returns whether all of
    /// them were judged.
    async fn search(&self, done: &mut Done) -> Result<bool, MailboxError> {
        let since = Timestamp(self.app.clock.now().0.saturating_sub(LOOK_BACK.0));
        let ended = move |scheduler: &Scheduler, _| scheduler.ended_since(since);
        let ended: BTreeSet<RunId> = self.app.mailbox.ask(ended).await?.into_iter().collect();
        done.runs.retain(|run| ended.contains(run));
        done.failed.retain(|run, _| ended.contains(run));
        let new: Vec<RunId> = ended.difference(&done.runs).copied().collect();
        let skipped = new.len().saturating_sub(MAX_RUNS);
        if skipped > 0 {
            tracing::warn!(
                "the results of {skipped} ended runs are not searched for suspects: too many"
            );
        }
        done.runs.extend(new.iter().take(skipped));
        let mut is_complete = true;
        for run in new.into_iter().skip(skipped) {
            tokio::select! {
                caught_up = self.app.progress.wait_projected(CATCH_UP_TIMEOUT) => {
                    if !caught_up {
                        return Ok(false);
                    }
                }
                () = self.app.mailbox.closed() => return Ok(false),
            }
            match self.confirm(run, done).await {
                Ok(()) => {
                    done.failed.remove(&run);
                    done.runs.insert(run);
                }
                Err(ConfirmError::Mailbox(error)) => return Err(error),
                // The other runs do not wait for this one.
                Err(error) => is_complete &= done.failed(run, &error),
            }
        }
        Ok(is_complete)
    }

    /// Confirms the suspects of a run.
    async fn confirm(&self, run: RunId, done: &mut Done) -> Result<(), ConfirmError> {
        let room = done.room(self.app.clock.now());
        let confirmer = self.clone();
        let prepared = blocking(move || confirmer.prepare(run, room)).await;
        let Some(confirmation) = prepared.map_err(|_| ConfirmError::Thread)?? else {
            return Ok(());
        };
        let count = confirmation.tests.len();
        self.app.space.check(Purpose::Work, 0)?;
        if self.submit(confirmation).await? {
            done.tests.extend(std::iter::repeat_n(self.app.clock.now(), count));
        }
        Ok(())
    }

    /// The tests of a run to run again. Blocks.
    fn prepare(&self, run: RunId, room: usize) -> Result<Option<Confirmation>, ConfirmError> {
        let results = &self.app.results;
        let Some(view) = results.run(run)? else { return Ok(None) };
        let (name, mut suspects) = match view.confirms() {
            None => (format!("confirm {run}"), suspects::suspects(results, run)?),
            // The second round is the last one.
            Some((_, true)) => return Ok(None),
            Some((confirmed, false)) => {
                (format!("confirm {confirmed} again"), suspects::without_value(results, run)?)
            }
        };
        if suspects.len() > room {
            let (all, left) = (suspects.len(), suspects.split_off(room).len());
            tracing::warn!("{run}: {left} of {all} suspected changes are not confirmed: too many");
        }
        let mut confirmation = Confirmation { name, tests: Vec::new(), files: 0 };
        for suspect in suspects {
            if self.app.health.has_failed(Part::Stopping) {
                return Err(ConfirmError::Mailbox(MailboxError::Stopping));
            }
            match self.again(&suspect) {
                Ok((spec, files)) => {
                    if confirmation.tests.iter().all(|test| test.name != spec.name) {
                        confirmation.tests.push(spec);
                        confirmation.files += files;
                    }
                }
                Err(error) => tracing::warn!("a suspected change cannot be confirmed: {error}"),
            }
        }
        Ok((!confirmation.tests.is_empty()).then_some(confirmation))
    }

    /// The specification of a suspect that runs again, as a submission must be, and the size of its files
    /// in bytes.
    fn again(&self, suspect: &Suspect) -> Result<(Arc<TestSpec>, u64), Unconfirmed> {
        let (app, Suspect { test, worker }) = (&self.app, *suspect);
        let run = app.results.run(test.run).map_err(Unconfirmed::because(test))?;
        let gone = || Unconfirmed::new(test, "the event log does not have it any more");
        let submitted = run.ok_or_else(gone)?.submitted_at;
        let base = app.metrics.log_base.load(Relaxed);
        let spec = specs::find(&*app.log, base, app.progress.committed(), submitted, test);
        let spec = spec.map_err(Unconfirmed::because(test))?.ok_or_else(gone)?;
        let spec = repeat::repeat(&app.results, &*app.blobs, &spec, test, worker)?;
        let mut again = [Arc::new(spec)];
        let files = submit::check_tests(app, None, &mut again)
            .map_err(|error| Unconfirmed::new(test, error.message()))?;
        let [spec] = again;
        Ok((Arc::new(repeat::labelled(&spec, test)?), files))
    }

    /// Submits a confirmation, unless an earlier process did. Returns whether the scheduler has it.
    async fn submit(&self, confirmation: Confirmation) -> Result<bool, MailboxError> {
        let Confirmation { name, tests, files } = confirmation;
        let names: Vec<&str> = tests.iter().map(|test| &*test.name).collect();
        let digest = BlobDigest::of(names.join("\n").as_bytes());
        let idempotency = Idempotency { key: name.as_str().into(), digest: digest.as_str().into() };
        let count = tests.len();
        let submission = Submission {
            name: name.as_str().into(),
            tests,
            more: false,
            // A worker that has gone is reported as the reason, instead of waiting for it.
            closed_world: true,
            idempotency: Some(idempotency),
            user: CONFIRMER.into(),
        };
        match submit::act(&self.app, submission, files).await {
            Ok(Answer::Submitted { run, repeated: false, .. }) => {
                tracing::info!("{run} runs {count} suspects again: {name}");
                Ok(true)
            }
            // An earlier process submitted it.
            Ok(_) | Err(MailboxError::Rejected(Rejected::KeyReused(_))) => Ok(true),
            Err(MailboxError::Rejected(reason)) => {
                tracing::warn!(%reason, "{name} was refused: suspected changes are not confirmed");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_cannot_be_searched_is_given_up_after_some_tries() {
        let mut done = Done::default();
        let tries: Vec<bool> =
            (0..MAX_TRIES).map(|_| done.failed(RunId(3), &ConfirmError::Thread)).collect();
        assert_eq!(tries, [false, false, true]);
        assert!(done.runs.contains(&RunId(3)), "it is not searched again");
    }

    #[test]
    fn the_limit_of_an_hour_counts_tests_that_were_submitted() {
        let (mut done, hour) = (Done::default(), LOOK_BACK.0);
        assert_eq!(done.room(Timestamp(0)), MAX_OF_RUN);
        done.tests.extend(std::iter::repeat_n(Timestamp(0), MAX_PER_HOUR - 1));
        assert_eq!(done.room(Timestamp(hour)), 1);
        assert_eq!(done.room(Timestamp(hour + 1)), MAX_OF_RUN);
    }
}
