//! Builds the result of an ended attempt: verdict, artifacts, output; then frees its directory.
//!
//! Promises: the directory of the attempt is empty or removed afterwards; files of any size are
//! read beside the worker's one thread; artifacts, and output that is too long for the report, are
//! in the spool before the result is returned. If that output cannot be spooled, the result has only
//! its end.

use crate::api::v1::leases::Report;
use crate::api::v1::logs::MAX_INLINE_BYTES;
use crate::api::v1::test_views::{AttemptDetail, LogRef};
use crate::domain::digest::sha256_hex;
use crate::domain::launch::{Launch, Program};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use crate::results::junit::file::read;
use crate::results::junit::report::{CaseReport, JunitError};
use crate::sys::fs::write_whole;
use crate::worker::attempt::artifacts;
use crate::worker::attempt::context::AttemptContext;
use crate::worker::attempt::neighbours::Met;
use crate::worker::attempt::result::{AttemptResult, encode};
use crate::worker::attempt::run::{EndedAttempt, EndedProgram};
use crate::worker::attempt::supervise::Observation;
use crate::worker::link::Link;
use crate::worker::verdict::diagnosis::{MAX_INSPECTED_BYTES, diagnose};
use crate::worker::verdict::judge::judge;
use crate::worker::verdict::memory::refine_kill;
use crate::worker::verdict::{Evidence, Verdict};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

impl<L: Link> AttemptContext<L> {
    /// Builds the result of an attempt and frees its directory. Returns None when that panicked.
    pub async fn settle(self: &Arc<Self>, ended: Box<EndedAttempt>) -> Option<AttemptResult> {
        let (context, has_files) = (Arc::clone(self), ended.has_files());
        let build = move || context.build_result(*ended);
        if has_files {
            tokio::task::spawn_blocking(build).await.ok()
        } else {
            std::panic::catch_unwind(AssertUnwindSafe(build)).ok()
        }
    }

    fn build_result(&self, ended: EndedAttempt) -> AttemptResult {
        let EndedAttempt { view, directory, mut detail, end, duration } = ended;
        let mut blobs = Vec::new();
        let verdict = match end {
            Ok(EndedProgram { launch, observation, met, shipped_junit }) => {
                let junit = launch.junit.as_ref().zip(directory.as_ref());
                let junit = junit
                    .map(|(junit, directory)| read(directory, &junit.file, shipped_junit.as_ref()));
                let verdict = self.conclude(&launch, observation, junit, &mut detail, &mut blobs);
                describe_neighbours(met, &mut detail);
                self.keep_artifacts(&launch, directory.as_deref(), verdict, &mut detail, &mut blobs)
            }
            Err(verdict) => verdict,
        };
        if let Some(directory) = directory {
            self.directories.give_back(directory);
        }
        detail.message = verdict.message;
        let has_broken = matches!(
            verdict.outcome,
            Outcome::Failed | Outcome::Error | Outcome::TimedOut | Outcome::ReducedPrecision
        );
        if has_broken && !view.devices.is_empty() {
            // A device that fails may be the cause.
            self.suspicion.notify_one();
        }
        let report = Report {
            lease: view.lease,
            outcome: verdict.outcome,
            class: verdict.class,
            flaky: verdict.flaky,
            duration_ms: duration,
            detail: Some(encode(detail)),
        };
        AttemptResult { report, blobs }
    }

    /// Judges the ended program, and moves its observations into the details.
    fn conclude(
        &self,
        launch: &Launch,
        observation: Observation,
        junit: Option<Result<CaseReport, JunitError>>,
        detail: &mut AttemptDetail,
        blobs: &mut Vec<String>,
    ) -> Verdict {
        let exit = observation.exit;
        // Only an attempt that ended badly needs a diagnosis, and most end well.
        let diagnosis = (exit.code != Some(0))
            .then(|| diagnose(&observation.capture.end(MAX_INSPECTED_BYTES)))
            .flatten();
        let evidence = Evidence {
            exit,
            stopped: observation.stopped,
            script: matches!(launch.run, Program::Script(_)).then_some(&observation.transcript),
            junit: junit.as_ref(),
            cases: launch.junit.as_ref().and_then(|junit| junit.cases),
            diagnosis: diagnosis.as_ref(),
        };
        let verdict = refine_kill(judge(&evidence), exit, observation.kernel_kills);
        detail.exit_code = exit.code;
        detail.signal = exit.signal;
        detail.junit = junit.and_then(Result::ok).map(|report| report.summary);
        detail.peak_memory_bytes = observation.usage.map(|usage| usage.peak_memory_bytes);
        detail.cpu_ms = observation.usage.map(|usage| Millis(usage.cpu_ms));
        observation.transcript.into_detail(detail);
        let written = observation.capture.written();
        self.keep_output(observation.capture.into_kept(), written, detail, blobs);
        verdict
    }

    /// Copies the artifacts of a passed test into the spool. A test that did not write one of them
    /// has not passed. Of a test that the script itself failed, those that exist are kept.
    fn keep_artifacts(
        &self,
        launch: &Launch,
        directory: Option<&Path>,
        mut verdict: Verdict,
        detail: &mut AttemptDetail,
        blobs: &mut Vec<String>,
    ) -> Verdict {
        let Some(directory) = directory else { return verdict };
        if verdict.outcome != Outcome::Passed {
            if matches!(verdict.outcome, Outcome::Failed | Outcome::ReducedPrecision) {
                let spool = self.work_dir.logs();
                let (kept, errors) = artifacts::keep_existing(directory, &launch.artifacts, &spool);
                blobs.extend(kept.iter().map(|artifact| artifact.sha256.clone()));
                detail.artifacts = kept;
                for error in &errors {
                    verdict.message.push_str(&format!("; {error}"));
                }
            }
            return verdict;
        }
        match artifacts::keep(directory, &launch.artifacts, &self.work_dir.logs()) {
            Ok(kept) => {
                blobs.extend(kept.iter().map(|artifact| artifact.sha256.clone()));
                detail.artifacts = kept;
                verdict
            }
            Err(reason) => Verdict::new(Outcome::Error, Some(Class::NoResult), reason),
        }
    }

    /// Short output is part of the report; longer output is a file in the spool.
    fn keep_output(
        &self,
        kept: Vec<u8>,
        written: u64,
        detail: &mut AttemptDetail,
        blobs: &mut Vec<String>,
    ) {
        if kept.len() <= MAX_INLINE_BYTES {
            detail.output = String::from_utf8_lossy(&kept).into_owned();
            return;
        }
        let sha256 = sha256_hex(&kept);
        let size_bytes = kept.len() as u64;
        match write_whole(&self.work_dir.logs().join(&sha256), &kept) {
            Ok(()) => {
                detail.log =
                    Some(LogRef { sha256: sha256.clone(), size_bytes, written_bytes: written });
                blobs.push(sha256);
            }
            Err(error) => {
                tracing::error!(%error, "cannot spool the output of an attempt; keeping its end");
                let end = kept.len() - MAX_INLINE_BYTES;
                detail.output = String::from_utf8_lossy(&kept[end..]).into_owned();
            }
        }
    }
}

/// Adds the programs that ran at the same time. The worker knows them, so a script cannot replace them.
fn describe_neighbours(met: Met, detail: &mut AttemptDetail) {
    let environment = &mut detail.environment;
    environment.insert("neighbours".into(), met.most.into());
    environment.insert("neighbours_at_end".into(), met.at_end.into());
    match met.device_shared {
        Some(shared) => environment.insert("device_shared".into(), shared.into()),
        None => environment.remove("device_shared"),
    };
}
