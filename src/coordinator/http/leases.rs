//! Claims and reports: the busiest routes. Launches and details are passed on as text, without
//! being encoded again, and nothing is logged for a single test.

use crate::api::error::Code;
use crate::api::schema;
use crate::api::v1::leases::{
    Claim, Claimed, MAX_DETAIL_BYTES, MAX_REPORTS, MAX_WAIT, Reported, Reports,
};
use crate::api::v1::test_views::AttemptDetail;
use crate::blobs::{BlobDigest, InvalidDigest};
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Body, Id};
use crate::coordinator::http::respond::ApiError;
use crate::domain::id::{AttemptId, Epoch, LeaseId, WorkerId};
use crate::scheduler::{Answer, Command, Delivery, Finished};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// `api::v1::leases::Claimed` with borrowed fields, which avoids a copy of every launch.
#[derive(Serialize)]
struct ClaimedRef<'a> {
    received: Epoch,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leases: Vec<LeaseRef<'a>>,
    #[serde(skip_serializing_if = "<[LeaseId]>::is_empty")]
    stop: &'a [LeaseId],
    #[serde(skip_serializing_if = "<[LeaseId]>::is_empty")]
    recall: &'a [LeaseId],
    drain: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resume: bool,
}

/// `api::v1::leases::LeaseView` with borrowed fields.
#[derive(Serialize)]
struct LeaseRef<'a> {
    lease: LeaseId,
    seat: Epoch,
    name: &'a str,
    #[serde(skip_serializing_if = "<[u16]>::is_empty")]
    devices: &'a [u16],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    device_ids: &'a [String],
    cpu_milli: u64,
    memory_bytes: u64,
    launch: &'a RawValue,
}

/// Claim leases for a worker.
///
/// A long poll. The answer arrives as soon as there is a notice after `received`, and without
/// notices after `wait_ms`.
#[utoipa::path(post, path = "/api/v1/workers/{worker}/claim", tag = "leases",
    params(("worker" = schema::WorkerId, Path)), request_body = Claim,
    responses((status = 200, body = Claimed, description = "the notices after `received`; empty after the wait"),
        (status = 404, description = "the worker is not registered"),
        (status = 409, description = "another process has registered as this worker")))]
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
    Body(claim): Body<Claim>,
) -> Result<axum::response::Response, ApiError> {
    let wait = claim.wait_ms.min(MAX_WAIT).into();
    let delivery = app.mailbox.claim(worker, claim.incarnation, claim.received, wait).await?;
    Ok(axum::response::IntoResponse::into_response(Json(borrowed(&delivery))))
}

fn borrowed(delivery: &Delivery) -> ClaimedRef<'_> {
    let leases = delivery.leases.iter().map(|lease| LeaseRef {
        lease: lease.lease,
        seat: lease.seat,
        name: &lease.spec.name,
        devices: &lease.devices,
        device_ids: &lease.device_ids,
        cpu_milli: lease.spec.requirement.cpu_milli,
        memory_bytes: lease.spec.requirement.memory_bytes,
        launch: &lease.spec.launch,
    });
    ClaimedRef {
        received: delivery.received,
        leases: leases.collect(),
        stop: &delivery.stop,
        recall: &delivery.recall,
        drain: delivery.drain,
        resume: delivery.resume,
    }
}

/// Report results of attempts.
#[utoipa::path(post, path = "/api/v1/workers/{worker}/reports", tag = "leases",
    params(("worker" = schema::WorkerId, Path)), request_body = Reports,
    responses((status = 200, body = Reported, description = "all reports are stored durably"),
        (status = 422, description = "an outcome or detail that a worker may not report, or a file that is not stored; nothing was stored")))]
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    Id(worker): Id<WorkerId>,
    Body(reports): Body<Reports>,
) -> Result<Json<Reported>, ApiError> {
    let Reports { incarnation, finished, returned } = reports;
    if finished.len().max(returned.len()) > MAX_REPORTS {
        return Err(ApiError::new(
            Code::Unprocessable,
            format!("more than {MAX_REPORTS} reports in one request"),
        ));
    }
    let mut checked = Vec::with_capacity(finished.len());
    let mut files = Vec::new();
    for report in finished {
        let report = Finished {
            lease: report.lease,
            outcome: report.outcome,
            class: report.class,
            flaky: report.flaky,
            duration: report.duration_ms,
            detail: report.detail,
        };
        files.extend(check(&report)?);
        checked.push(report);
    }
    if !files.is_empty() {
        require_stored(&app, files).await?;
    }
    let command = Command::Report { worker, incarnation, finished: checked, returned };
    match app.mailbox.act(command).await? {
        Answer::Reported { conflicts } => Ok(Json(Reported { conflicts })),
        other => Err(ApiError::unexpected(&other)),
    }
}

/// A file that the detail of a result names.
struct NamedFile {
    attempt: AttemptId,
    digest: BlobDigest,
    size: u64,
}

/// Refuses outcomes and details that a worker may not report, and returns the files that the detail
/// names. The parser refuses numbers outside
/// the range of a 64-bit float, and JSON has neither NaN nor infinity.
fn check(report: &Finished) -> Result<Vec<NamedFile>, ApiError> {
    let attempt = report.lease.attempt;
    let refuse = |why: String| ApiError::new(Code::Unprocessable, format!("{attempt}: {why}"));
    if !report.outcome.reportable() {
        return Err(refuse(format!("a worker may not report the outcome {}", report.outcome)));
    }
    if let Some(class) = report.class.filter(|class| !class.reportable()) {
        return Err(refuse(format!("a worker may not report the class {class}")));
    }
    let Some(detail) = &report.detail else { return Ok(Vec::new()) };
    let size = detail.get().len();
    if size > MAX_DETAIL_BYTES {
        return Err(refuse(format!(
            "the detail is too large ({size} bytes, maximum {MAX_DETAIL_BYTES})"
        ))
        .hint("upload output and artifacts as blobs"));
    }
    if !detail.get().starts_with('{') {
        return Err(refuse("the detail is not a JSON object".to_owned()));
    }
    let parsed: AttemptDetail =
        serde_json::from_str(detail.get()).map_err(|error| refuse(format!("detail: {error}")))?;
    let finite = parsed.metrics.iter().flat_map(|metric| &metric.values).all(|v| v.is_finite());
    if !finite {
        return Err(refuse("a value of a metric is not a finite number".to_owned()));
    }
    let logs = parsed.log.iter().map(|log| (&log.sha256, log.size_bytes));
    let artifacts = parsed.artifacts.iter().map(|file| (&file.sha256, file.size_bytes));
    let named = logs.chain(artifacts).map(|(sha256, size)| {
        let digest = sha256.parse().map_err(|error: InvalidDigest| refuse(error.to_string()))?;
        // The search for files that are still named reads the text of the detail.
        if !detail.get().contains(sha256) {
            return Err(refuse(format!("the digest {sha256} is written with escapes")));
        }
        Ok(NamedFile { attempt, digest, size })
    });
    named.collect()
}

/// Refuses reports that name a file that is not stored, or is damaged, or has another size.
async fn require_stored(app: &Arc<App>, files: Vec<NamedFile>) -> Result<(), ApiError> {
    let app = Arc::clone(app);
    blocking(move || {
        for NamedFile { attempt, digest, size } in files {
            let reason = match app.stored_blob(&digest)? {
                Some(stored) if stored == size => continue,
                Some(stored) => format!("has {stored} bytes, not {size}"),
                None => "is not stored, or is damaged".to_owned(),
            };
            let message = format!("{attempt}: the file {digest} {reason}");
            return Err(ApiError::new(Code::MissingFile, message)
                .hint("upload it first: PUT /api/v1/blobs/{sha256}"));
        }
        Ok(())
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RunId, TestId};
    use crate::domain::outcome::{Class, Outcome};
    use crate::domain::test::TestSpec;
    use crate::domain::time::Millis;
    use crate::scheduler::Lease;

    fn lease() -> LeaseId {
        LeaseId { attempt: TestId { run: RunId(1), index: 2 }.attempt(1), epoch: Epoch(7) }
    }

    #[test]
    fn the_borrowed_answer_equals_the_documented_one() {
        let spec: TestSpec = serde_json::from_str(
            r#"{"name":"t","launch":{"run":{"command":["true"]}},"requirement":{}}"#,
        )
        .expect("a test");
        let lent = Lease {
            lease: lease(),
            seat: Epoch(7),
            devices: vec![1],
            device_ids: vec!["nvidia:1".into()],
            spec: Arc::new(spec),
        };
        let delivery = Delivery {
            received: Epoch(9),
            leases: vec![lent],
            stop: vec![lease()],
            recall: vec![lease()],
            drain: true,
            resume: true,
        };
        let text = serde_json::to_string(&borrowed(&delivery)).expect("JSON");
        let claimed: Claimed = serde_json::from_str(&text).expect("the documented shape");
        assert_eq!(serde_json::to_string(&claimed).expect("JSON"), text);
        assert_eq!(claimed.received, Epoch(9));
        assert_eq!(claimed.leases.first().map(|l| &*l.name), Some("t"));
        assert_eq!((claimed.stop, claimed.recall), (vec![lease()], vec![lease()]));
        assert!(claimed.drain && claimed.resume);
    }

    #[test]
    fn outcomes_and_details_that_a_worker_may_not_report_are_refused() {
        let report = |outcome, detail: Option<&str>| Finished {
            lease: lease(),
            outcome,
            class: None,
            flaky: false,
            duration: Millis(1),
            detail: detail.map(|d| RawValue::from_string(d.into()).expect("JSON")),
        };
        assert!(check(&report(Outcome::Passed, None)).is_ok());
        assert!(check(&report(Outcome::Passed, Some("{}"))).is_ok());
        assert!(check(&report(Outcome::WorkerLost, None)).is_err());
        assert!(check(&report(Outcome::Skipped, None)).is_ok());
        assert!(check(&report(Outcome::Expired, None)).is_err());
        let overdue = Finished { class: Some(Class::Overdue), ..report(Outcome::Failed, None) };
        assert!(check(&overdue).is_err());
        let infinite = r#"{"metrics":[{"name":"x","unit":"s","better":"lower","values":[1e999]}]}"#;
        assert!(check(&report(Outcome::Passed, Some(infinite))).is_err());
        assert!(check(&report(Outcome::Passed, Some("[1]"))).is_err());
        for detail in [
            r#"{"log":{"sha256":"../../x","size_bytes":1,"written_bytes":1}}"#.to_owned(),
            r#"{"artifacts":[{"name":"a","sha256":"AA","size_bytes":1}]}"#.to_owned(),
            format!(
                r#"{{"artifacts":[{{"name":"a","sha256":"\u0061{}","size_bytes":1}}]}}"#,
                "a".repeat(63)
            ),
        ] {
            assert!(check(&report(Outcome::Passed, Some(&detail))).is_err(), "{detail}");
        }
        let huge = format!("{{\"message\":\"{}\"}}", "x".repeat(MAX_DETAIL_BYTES));
        assert!(check(&report(Outcome::Passed, Some(&huge))).is_err());
    }
}
