//! Claims and reports: the busiest routes. Launches and details are passed on as text, without
//! being encoded again, and nothing is logged for a single test.

use crate::api::error::{Code, MAX_PROBLEMS, Problem};
use crate::api::schema;
use crate::api::v1::leases::{
    Claim, Claimed, MAX_DETAIL_BYTES, MAX_REPORTS, MAX_WAIT, Reported, Reports,
};
use crate::api::v1::test_views::AttemptDetail;
use crate::blobs::BlobDigest;
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
    let Claim { incarnation, received, notices_only, .. } = claim;
    let asked = (received, !notices_only);
    let delivery = app.mailbox.claim(worker, incarnation, asked, wait).await?;
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
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for (at, report) in finished.into_iter().enumerate() {
        let report = Finished {
            lease: report.lease,
            outcome: report.outcome,
            class: report.class,
            flaky: report.flaky,
            duration: report.duration_ms,
            detail: report.detail,
        };
        match check(&report) {
            Ok(named) => files.extend(named),
            Err(mistakes) => problems.extend(mistakes.into_iter().map(|(field, why)| Problem {
                path: format!("finished[{at}].{field}"),
                message: format!("{}: {why}", report.lease.attempt),
            })),
        }
        checked.push(report);
    }
    if !problems.is_empty() {
        problems.truncate(MAX_PROBLEMS);
        return Err(ApiError::problems(Code::Unprocessable, problems));
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

/// The files that the detail names, or every mistake: fields with what they may not be. The parser refuses
/// numbers outside the range of a 64-bit float, and JSON has neither NaN nor infinity.
fn check(report: &Finished) -> Result<Vec<NamedFile>, Vec<(String, String)>> {
    let mut mistakes = Vec::new();
    let mut refuse = |field: &str, why: String| mistakes.push((field.to_owned(), why));
    if !report.outcome.reportable() {
        refuse("outcome", format!("a worker may not report the outcome {}", report.outcome));
    }
    if let Some(class) = report.class.filter(|class| !class.reportable()) {
        refuse("class", format!("a worker may not report the class {class}"));
    }
    let mut files = Vec::new();
    if let Some(detail) = &report.detail {
        match read_detail(detail.get()) {
            Ok(parsed) => check_detail(report, detail.get(), &parsed, &mut files, &mut refuse),
            Err((field, why)) => refuse(&field, why),
        }
    }
    if mistakes.is_empty() { Ok(files) } else { Err(mistakes) }
}

/// Reads the detail of a result, or returns the field that cannot be read and the reason.
fn read_detail(text: &str) -> Result<AttemptDetail, (String, String)> {
    let refused = |why: String| ("detail".to_owned(), why);
    let size = text.len();
    if size > MAX_DETAIL_BYTES {
        return Err(refused(format!(
            "the detail is too large ({size} bytes, maximum {MAX_DETAIL_BYTES}); upload output and \
             artifacts as blobs"
        )));
    }
    if !text.starts_with('{') {
        return Err(refused("the detail is not a JSON object".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| {
        // Finding the path of the field takes time, so only an error does it.
        let traced = &mut serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, AttemptDetail>(traced) {
            Err(traced) if traced.path().iter().next().is_some() => {
                (format!("detail.{}", traced.path()), traced.inner().to_string())
            }
            _ => refused(error.to_string()),
        }
    })
}

/// Checks the values and the files of a detail.
fn check_detail(
    report: &Finished,
    text: &str,
    detail: &AttemptDetail,
    files: &mut Vec<NamedFile>,
    refuse: &mut dyn FnMut(&str, String),
) {
    for (at, metric) in detail.metrics.iter().enumerate() {
        if !metric.values.iter().all(|value| value.is_finite()) {
            let why = "a value of a metric is not a finite number".to_owned();
            refuse(&format!("detail.metrics[{at}].values"), why);
        }
    }
    let log = detail.log.iter().map(|log| ("log".to_owned(), &log.sha256, log.size_bytes));
    let artifacts = detail.artifacts.iter().enumerate();
    let artifacts =
        artifacts.map(|(at, file)| (format!("artifacts[{at}]"), &file.sha256, file.size_bytes));
    for (field, sha256, size) in log.chain(artifacts) {
        let field = format!("detail.{field}.sha256");
        match sha256.parse::<BlobDigest>() {
            Err(error) => refuse(&field, error.to_string()),
            // The search for files that are still named reads the text of the detail.
            Ok(_) if !text.contains(sha256) => {
                refuse(&field, format!("the digest {sha256} is written with escapes"));
            }
            Ok(digest) => {
                files.push(NamedFile { attempt: report.lease.attempt, digest, size });
            }
        }
    }
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
        // All mistakes are reported at once, with their fields.
        let several = r#"{"metrics":[{"name":"x","unit":"s","better":"lower","values":[1]}],
            "log":{"sha256":"../../x","size_bytes":1,"written_bytes":1},
            "artifacts":[{"name":"a","sha256":"AA","size_bytes":1}]}"#;
        let several =
            Finished { class: Some(Class::Overdue), ..report(Outcome::WorkerLost, Some(several)) };
        let Err(mistakes) = check(&several) else { panic!("mistakes") };
        let fields: Vec<&str> = mistakes.iter().map(|(field, _)| &**field).collect();
        let files = ["detail.log.sha256", "detail.artifacts[0].sha256"];
        assert_eq!(fields, [&["outcome", "class"][..], &files].concat());
        let Err(mistakes) = check(&report(Outcome::Passed, Some(r#"{"metrics":[{"name":7}]}"#)))
        else {
            panic!("a mistake")
        };
        assert_eq!(mistakes[0].0, "detail.metrics[0].name");
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
