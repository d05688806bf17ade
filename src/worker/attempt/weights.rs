//! Waits for the weights of an attempt, and reports the progress.
//!
//! Promises: the time of a test has not begun while its weights are fetched; whoever follows the output sees
//! a line within a few seconds and at least once a minute; an attempt that was stopped stops waiting.

use crate::api::v1::leases::LeaseView;
use crate::api::v1::test_views::{AttemptDetail, PhaseRecord};
use crate::domain::causes::with_causes;
use crate::domain::weights::Weights;
use crate::worker::attempt::context::AttemptContext;
use crate::worker::attempt::notes::Notes;
use crate::worker::attempt::prepare::PreparedAttempt;
use crate::worker::link::Link;
use crate::worker::variables::{Variables, set};
use crate::worker::verdict::Verdict;
use crate::worker::weights::progress::{Progress, Step};
use crate::worker::weights::sources::ReadyWeights;
use crate::worker::weights::store::Pin;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Phase of an attempt in its result.
const PHASE: &str = "fetch weights";
/// Directory of an attempt with a link to a single file of weights.
const SINGLE: &str = ".dtf-weights";
/// Time to the first line.
const FIRST_LINE_AFTER: Duration = Duration::from_secs(1);
/// Interval at which the progress is read.
const READ_INTERVAL: Duration = Duration::from_secs(2);
/// Maximum time between two lines.
const MAX_SILENCE: Duration = Duration::from_secs(60);
/// Progress after which there is a line, in percent.
const STEP_PERCENT: u64 = 5;

impl<L: Link> AttemptContext<L> {
    /// Keeps the weights of a lease that waits, if this worker has or will have them in its cache. A
    /// launch that cannot be read is reported by the attempt.
    #[must_use]
    pub fn pin_weights(&self, view: &LeaseView) -> Option<Pin> {
        #[derive(serde::Deserialize)]
        struct Named {
            weights: Option<Weights>,
        }
        let launch = view.launch.get();
        if !launch.contains("\"weights\"") {
            return None;
        }
        let named: Named = serde_json::from_str(launch).ok()?;
        self.weights.pin(&named.weights?)
    }

    /// Provides the weights of the launch, and sets the variables that name them. The files are kept
    /// as long as the returned value exists.
    ///
    /// # Errors
    /// The verdict on an attempt without its weights.
    pub async fn provide_weights(
        &self,
        attempt: &PreparedAttempt<'_>,
        env: &mut Variables,
        notes: &mut Notes,
        detail: &mut AttemptDetail,
    ) -> Result<Option<ReadyWeights>, Verdict> {
        let Some(weights) = &attempt.launch.weights else { return Ok(None) };
        let began = Instant::now();
        let ready = self.wait_for_weights(attempt, weights, env, notes).await;
        let took_work = ready.as_ref().map_or(true, |ready| ready.took_work);
        if took_work {
            let seconds = ready.is_ok().then(|| began.elapsed().as_secs_f64());
            detail.phases.push(PhaseRecord { name: PHASE.to_owned(), seconds });
        }
        let ready = ready?;
        if let Some(path) = &ready.path {
            let directory = directory_with(path, &attempt.directory).await.map_err(|error| {
                Verdict::set_up(format!("cannot provide {} to the test: {error}", path.display()))
            })?;
            set(env, "DTF_WEIGHTS", &directory);
        }
        set(env, "DTF_WEIGHTS_SOURCE", ready.source);
        if let Some(identity) = &ready.identity {
            set(env, "DTF_WEIGHTS_ID", identity);
        }
        Ok(Some(ready))
    }

    async fn wait_for_weights(
        &self,
        attempt: &PreparedAttempt<'_>,
        weights: &Weights,
        env: &Variables,
        notes: &mut Notes,
    ) -> Result<ReadyWeights, Verdict> {
        let name = weights.key().map_or_else(|| weights.kind().to_owned(), |key| key.to_string());
        let (lease, link) = (attempt.view.lease, self.link.as_ref());
        let fetch = self.weights.fetch(weights);
        let ensure = self.weights.ensure(weights, env, &fetch);
        tokio::pin!(ensure);
        let began = Instant::now();
        let mut next = began + FIRST_LINE_AFTER;
        let mut lines = Lines::default();
        let ready = loop {
            tokio::select! {
                ready = &mut ensure => break ready,
                () = tokio::time::sleep_until(next) => {}
            }
            next = Instant::now() + READ_INTERVAL;
            if lines.is_due(fetch.progress()) {
                // The fetch continues while the line is sent.
                let line = fetch.progress().describe(&name);
                let sending = notes.add(&line, lease, link);
                tokio::pin!(sending);
                tokio::select! {
                    ready = &mut ensure => { sending.await; break ready }
                    () = &mut sending => {}
                }
            }
        };
        if lines.last.is_some() && ready.is_ok() {
            let seconds = began.elapsed().as_secs();
            notes
                .add(&format!("the weights {name} are ready after {seconds} s"), lease, link)
                .await;
        }
        ready.map_err(|error| Verdict::set_up(with_causes(&error)))
    }
}

/// The directory with weights at a path. A single file gets a directory of the attempt, without the files
/// beside it, as it has on a worker to which it was sent.
async fn directory_with(path: &Path, attempt: &Path) -> io::Result<PathBuf> {
    let (true, Some(name)) = (path.is_file(), path.file_name()) else { return Ok(path.to_owned()) };
    let directory = attempt.join(SINGLE);
    tokio::fs::create_dir(&directory).await?;
    let place = directory.join(name);
    #[cfg(unix)]
    tokio::fs::symlink(path, &place).await?;
    // Links to files need a privilege there.
    #[cfg(not(unix))]
    if tokio::fs::hard_link(path, &place).await.is_err() {
        tokio::fs::copy(path, &place).await?;
    }
    Ok(directory)
}

/// Decides when there is a line about the progress.
#[derive(Debug, Default)]
struct Lines {
    /// Time, step and percents of the last line.
    last: Option<(Instant, Step, u64)>,
}

impl Lines {
    fn is_due(&mut self, progress: &Progress) -> bool {
        let (now, step) = (Instant::now(), progress.step());
        let percent = progress.percent().unwrap_or_default();
        let is_due = self.last.is_none_or(|(at, last_step, last)| {
            step != last_step
                || percent >= last + STEP_PERCENT
                || now.duration_since(at) >= MAX_SILENCE
        });
        if is_due {
            self.last = Some((now, step, percent));
        }
        is_due
    }
}
