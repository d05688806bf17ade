//! Confirms suspected changes: when a run has ended, its suspects are run again on the same workers.
//!
//! A confirmation is an ordinary run of the user `dtf` with the lowest priority. Its tests are
//! further values of the same series, so that the change is confirmed if they show it, too, and refuted
//! if they do not. A test that gives no value is tried once more. Limits: [`MAX_OF_RUN`] tests for one
//! run, [`MAX_PER_HOUR`] in all, runs that ended within [`LOOK_BACK`]. Promises: the scheduler is asked
//! only for a list of runs; a restart submits nothing twice, because each confirmation has a key; a
//! suspect that cannot be confirmed is named in the log with the reason.

use super::repeat::{self, Unconfirmed};
use super::specs;
use super::suspects::{self, Suspect, USER};
use crate::blobs::{BlobDigest, BlobStore};
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::mailbox::{Mailbox, MailboxError};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::Progress;
use crate::domain::causes::with_causes;
use crate::domain::fact::Idempotency;
use crate::domain::id::RunId;
use crate::domain::test::TestSpec;
use crate::domain::time::{Millis, Timestamp};
use crate::log::LogReader;
use crate::results::Reader;
use crate::scheduler::{Answer, Command, Rejected, Scheduler, Submission};
use crate::store::StoreError;
use crate::sys::clock::Clock;
use std::collections::{BTreeSet, VecDeque};
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
    #[error("the thread ended early")]
    Thread,
}

/// The parts of the coordinator that a confirmation uses.
#[derive(Clone)]
pub(crate) struct Confirmer {
    mailbox: Mailbox,
    results: Reader,
    progress: Arc<Progress>,
    log: Arc<dyn LogReader>,
    metrics: Arc<Metrics>,
    blobs: Arc<dyn BlobStore>,
    clock: Clock,
}

/// The confirmations so far.
#[derive(Default)]
struct Done {
    /// Runs that ended within [`LOOK_BACK`].
    runs: BTreeSet<RunId>,
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
}

/// A confirmation to submit.
struct Confirmation {
    name: String,
    tests: Vec<Arc<TestSpec>>,
}

impl Confirmer {
    pub fn of(app: &App) -> Self {
        Self {
            mailbox: app.mailbox.clone(),
            results: app.results.clone(),
            progress: Arc::clone(&app.progress),
            log: Arc::clone(&app.log),
            metrics: Arc::clone(&app.metrics),
            blobs: Arc::clone(&app.blobs),
            clock: app.clock.clone(),
        }
    }

    /// Runs until the mailbox closes, and then to the end of the run that is being searched: it reads the
    /// log, which the next process can open only afterwards.
    pub async fn run(self) {
        let mut done = Done::default();
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = 0;
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = self.mailbox.closed() => return,
            }
            // Nothing ends without a record.
            let committed = self.progress.committed();
            if committed == seen {
                continue;
            }
            match self.search(&mut done).await {
                Ok(true) => seen = committed,
                // The results database has not caught up.
                Ok(false) => interval.reset_after(PAUSE),
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
    async fn search(&self, done: &mut Done) -> Result<bool, ConfirmError> {
        let since = Timestamp(self.clock.now().0.saturating_sub(LOOK_BACK.0));
        let ended = move |scheduler: &Scheduler, _| scheduler.ended_since(since);
        let ended: BTreeSet<RunId> = self.mailbox.ask(ended).await?.into_iter().collect();
        done.runs.retain(|run| ended.contains(run));
        let new: Vec<RunId> = ended.difference(&done.runs).copied().collect();
        let skipped = new.len().saturating_sub(MAX_RUNS);
        if skipped > 0 {
            tracing::warn!(
                "the results of {skipped} ended runs are not searched for suspects: too many"
            );
        }
        done.runs.extend(new.iter().take(skipped));
        for run in new.into_iter().skip(skipped) {
            tokio::select! {
                caught_up = self.progress.wait_projected(CATCH_UP_TIMEOUT) => {
                    if !caught_up {
                        return Ok(false);
                    }
                }
                () = self.mailbox.closed() => return Ok(false),
            }
            let room = done.room(self.clock.now());
            let confirmer = self.clone();
            let prepared = blocking(move || confirmer.prepare(run, room)).await;
            if let Some(confirmation) = prepared.map_err(|_| ConfirmError::Thread)?? {
                let now = self.clock.now();
                done.tests.extend(std::iter::repeat_n(now, confirmation.tests.len()));
                self.submit(confirmation).await?;
            }
            done.runs.insert(run);
        }
        Ok(true)
    }

    /// The tests of a run to run again. Blocks.
    fn prepare(&self, run: RunId, room: usize) -> Result<Option<Confirmation>, ConfirmError> {
        let Some(view) = self.results.run(run)? else { return Ok(None) };
        let (name, mut suspects) = match suspects::confirmed_by(&view) {
            None => (format!("confirm {run}"), suspects::suspects(&self.results, run)?),
            // The second round is the last one.
            Some((_, true)) => return Ok(None),
            Some((confirmed, false)) => {
                (format!("confirm {confirmed} again"), suspects::without_value(&self.results, run)?)
            }
        };
        if suspects.len() > room {
            let (all, left) = (suspects.len(), suspects.split_off(room).len());
            tracing::warn!("{run}: {left} of {all} suspected changes are not confirmed: too many");
        }
        let mut tests: Vec<Arc<TestSpec>> = Vec::new();
        for suspect in suspects {
            match self.again(&suspect) {
                Ok(spec) if tests.iter().all(|test| test.name != spec.name) => {
                    tests.push(Arc::new(spec));
                }
                Ok(_) => {}
                Err(error) => tracing::warn!("a suspected change cannot be confirmed: {error}"),
            }
        }
        Ok((!tests.is_empty()).then_some(Confirmation { name, tests }))
    }

    /// The specification of a suspect that runs again.
    fn again(&self, suspect: &Suspect) -> Result<TestSpec, Unconfirmed> {
        let Suspect { test, worker } = *suspect;
        let run = self.results.run(test.run).map_err(Unconfirmed::because(test))?;
        let gone = || Unconfirmed::new(test, "the event log does not have it any more");
        let submitted = run.ok_or_else(gone)?.submitted_at;
        let base = self.metrics.log_base.load(Relaxed);
        let spec = specs::find(&*self.log, base, self.progress.committed(), submitted, test);
        let spec = spec.map_err(Unconfirmed::because(test))?.ok_or_else(gone)?;
        repeat::repeat(&self.results, &*self.blobs, &spec, test, worker)
    }

    async fn submit(&self, confirmation: Confirmation) -> Result<(), ConfirmError> {
        let Confirmation { name, tests } = confirmation;
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
            user: USER.into(),
        };
        match self.mailbox.act(Command::Submit(submission)).await {
            Ok(Answer::Submitted { run, repeated: false, .. }) => {
                tracing::info!("{run} runs {count} suspects again: {name}");
                Ok(())
            }
            // An earlier process submitted it.
            Ok(_) | Err(MailboxError::Rejected(Rejected::KeyReused(_))) => Ok(()),
            Err(MailboxError::Rejected(reason)) => {
                tracing::warn!(%reason, "{name} was refused: suspected changes are not confirmed");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
