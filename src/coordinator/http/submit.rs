//! Submissions. They are parsed and checked off the threads that serve connections.
//!
//! Promises: every launch that enters the event log has passed its checks, and every file that it
//! names is stored.

use crate::api::SCHEMA;
use crate::api::error::{Code, MAX_PROBLEMS, Problem};
use crate::api::schema;
use crate::api::v1::runs::{AddTests, MAX_KEY_BYTES, Miss, SubmitRun, Submitted, Unschedulable};
use crate::blobs::{BlobDigest, InvalidDigest};
use crate::coordinator::files::room::make_room;
use crate::coordinator::files::space::Purpose;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blobs::begin_count;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Id, body, parse_items, reading};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::mailbox::MailboxError;
use crate::coordinator::weights::{Held, WeightsError};
use crate::domain::access::Principal;
use crate::domain::digest::sha256_hex;
use crate::domain::fact::Idempotency;
use crate::domain::held_weights::WeightsNeed;
use crate::domain::id::RunId;
use crate::domain::launch::{Launch, MAX_LAUNCH_BYTES};
use crate::domain::requirement::Requirement;
use crate::domain::test::TestSpec;
use crate::domain::weights::Weights;
use crate::scheduler::{Answer, Command, Submission};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Name of the header with which a repeat is harmless.
const KEY_HEADER: &str = "idempotency-key";

/// Submit a run.
///
/// The first part of a run, which may be the whole run. Upload the files that its tests name first.
/// With the header `Idempotency-Key`, a repeat of the same request is harmless.
#[utoipa::path(post, path = "/api/v1/runs", tag = "runs", request_body = SubmitRun,
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]([ -~]{0,126}[!-~])?$",
        description = "At most 128 printable characters. A repeat with the same body is harmless.")),
    responses((status = 200, body = Submitted, description = "the run, and the requirements that no worker meets"),
        (status = 409, description = "the key was used with another body"),
        (status = 413, description = "the body is too large, or the files of the run exceed its quota"),
        (status = 422, description = "a test is not acceptable"),
        (status = 507, description = "the disk of the coordinator is full or nearly full; try again later")))]
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Json<Submitted>, ApiError> {
    let key = idempotency_key(request.headers())?;
    let bytes = body(request, &app).await?;
    make_room(&app, Purpose::Work, 0).await?;
    let checker = Arc::clone(&app);
    let ((run, files), digest) = blocking(move || {
        let digest = key.is_some().then(|| sha256_hex(&bytes));
        let run = reading(&bytes, |bytes| {
            let mut run: SubmitRun = parse_items::<_, TestSpec>(bytes, "tests")?;
            let files = check_tests(&checker, None, &mut run.tests)?;
            Ok((run, files))
        })?;
        Ok::<_, ApiError>((run, key.zip(digest)))
    })
    .await??;
    let idempotency =
        digest.map(|(key, digest)| Idempotency { key, digest: digest.into_boxed_str() });
    let SubmitRun { name, tests, more, closed_world } = run;
    let user = principal.subject;
    let submission = Submission { name, tests, more, closed_world, idempotency, user };
    submitted(act(&app, submission, files).await?)
}

/// Submits tests that [`check_tests`] has accepted, whose files have this size in bytes.
///
/// # Errors
/// The scheduler refuses the run; also see [`MailboxError`].
pub(crate) async fn act(
    app: &App,
    submission: Submission,
    files: u64,
) -> Result<Answer, MailboxError> {
    let answer = app.mailbox.act(Command::Submit(submission)).await?;
    if let Answer::Submitted { run, repeated: false, .. } = answer {
        // Its tests are counted below, and it has no results.
        app.run_files.begin(run, 0);
    }
    count_files(app, &answer, files);
    Ok(answer)
}

/// Add tests to a run.
///
/// For a run that was submitted with `more`. A repeat of a stored part is harmless.
#[utoipa::path(post, path = "/api/v1/runs/{run}/tests", tag = "runs", request_body = AddTests,
    params(("run" = schema::RunId, Path)),
    responses((status = 200, body = Submitted, description = "the run, and the requirements that no worker meets"),
        (status = 409, description = "the part is out of order, or the run is complete"),
        (status = 413, description = "the body is too large, or the files of the run exceed its quota"),
        (status = 507, description = "the disk of the coordinator is full or nearly full; try again later")))]
pub(crate) async fn add_tests(
    State(app): State<Arc<App>>,
    Id(run): Id<RunId>,
    request: Request,
) -> Result<Json<Submitted>, ApiError> {
    let bytes = body(request, &app).await?;
    make_room(&app, Purpose::Work, 0).await?;
    begin_count(&app, run).await;
    let checker = Arc::clone(&app);
    let (AddTests { part, tests, more }, files) = blocking(move || {
        reading(&bytes, |bytes| {
            let mut part: AddTests = parse_items::<_, TestSpec>(bytes, "tests")?;
            let files = check_tests(&checker, Some(run), &mut part.tests)?;
            Ok((part, files))
        })
    })
    .await??;
    let answer = app.mailbox.act(Command::AddTests { run, part, tests, more }).await?;
    count_files(&app, &answer, files);
    submitted(answer)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Box<str>>, ApiError> {
    let Some(value) = headers.get(KEY_HEADER) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY_BYTES).contains(&key.len()) => Ok(Some(key.into())),
        _ => Err(ApiError::new(
            Code::BadRequest,
            format!("the Idempotency-Key is not 1 to {MAX_KEY_BYTES} printable characters"),
        )),
    }
}

/// Adds the files of an accepted part to the count of its run.
fn count_files(app: &App, answer: &Answer, bytes: u64) {
    if let Answer::Submitted { run, repeated: false, .. } = answer {
        app.run_files.add(*run, bytes);
    }
}

/// Refuses tests whose launch is not acceptable or names a file that is not stored, all of them at once.
/// Sets the weights that the tests require. Returns the size of their files in bytes; each file counts
/// once. Blocks.
pub(crate) fn check_tests(
    app: &App,
    run: Option<RunId>,
    tests: &mut [Arc<TestSpec>],
) -> Result<u64, ApiError> {
    let mut checked = Checked::default();
    let (mut problems, mut hint) = (Vec::new(), None);
    for (at, test) in tests.iter_mut().enumerate() {
        match checked.check(app, run, test) {
            Ok(()) => {}
            Err(Refused::Test { why, next }) => {
                let name: String = test.name.chars().take(200).collect();
                let (path, message) = (format!("tests[{at}]"), format!("test {name:?}: {why}"));
                problems.push(Problem { path, message });
                hint = hint.or(next);
            }
            Err(Refused::Request(error)) => return Err(error),
        }
        if problems.len() == MAX_PROBLEMS {
            break;
        }
    }
    if problems.is_empty() {
        return Ok(checked.bytes);
    }
    let error = ApiError::problems(Code::Unprocessable, problems);
    Err(match hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// Why a test is not accepted.
enum Refused {
    /// A mistake of the test, with the next step.
    Test { why: String, next: Option<&'static str> },
    /// The request as a whole fails, whatever the other tests are.
    Request(ApiError),
}

impl Refused {
    fn test(why: impl Into<String>) -> Self {
        Self::Test { why: why.into(), next: None }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

/// Files, weights and requirements of the tests of a request that were checked.
#[derive(Default)]
struct Checked {
    files: HashSet<String>,
    weights: HashSet<(String, bool)>,
    requirements: Requirements,
    /// Size of the files.
    bytes: u64,
}

impl Checked {
    fn check(
        &mut self,
        app: &App,
        run: Option<RunId>,
        test: &mut Arc<TestSpec>,
    ) -> Result<(), Refused> {
        let text = test.launch.get();
        if text.len() > MAX_LAUNCH_BYTES {
            let size = text.len();
            let why = format!("the launch is too large ({size} bytes, maximum {MAX_LAUNCH_BYTES})");
            return Err(Refused::Test { why, next: Some("upload large inputs as files") });
        }
        let launch: Launch = serde_json::from_str(text)
            .map_err(|error| Refused::test(format!("launch: {error}")))?;
        launch.check_submitted().map_err(|error| Refused::test(error.to_string()))?;
        if let Some(Weights::Folder { manifest, in_place, .. }) = &launch.weights
            && self.weights.insert((manifest.clone(), *in_place))
        {
            check_weights(app, manifest, *in_place)?;
        }
        for file in launch.files.iter().chain(launch.environment.wheels()) {
            // The search for files that are still named reads the text of each launch.
            if !text.contains(&file.sha256) {
                let why = format!("the digest of {} is written with escapes", file.path);
                return Err(Refused::test(why));
            }
            if self.files.contains(&file.sha256) {
                continue;
            }
            let digest: BlobDigest = file
                .sha256
                .parse()
                .map_err(|error: InvalidDigest| Refused::test(error.to_string()))?;
            let Some(size) = app.stored_blob(&digest)? else {
                let path = &file.path;
                let why =
                    format!("the file {path} ({digest}) has not been uploaded, or is damaged");
                let next = Some("upload it first: PUT /api/v1/blobs/{sha256}");
                return Err(Refused::Test { why, next });
            };
            app.run_files.check(run, self.bytes + size).map_err(ApiError::from)?;
            self.bytes += size;
            self.files.insert(file.sha256.clone());
        }
        require_weights(test, launch.weights.as_ref(), &mut self.requirements);
        Ok(())
    }
}

/// Refuses a test whose weights are not stored completely. The check postpones their removal.
fn check_weights(app: &App, manifest: &str, in_place: bool) -> Result<(), Refused> {
    let digest: BlobDigest =
        manifest.parse().map_err(|error: InvalidDigest| Refused::test(error.to_string()))?;
    let held = app.weights.held(&digest, app.clock.now()).map_err(|error| match error {
        WeightsError::Storage(error) => app.blob_error(error),
        error => ApiError::internal("stored weights cannot be read", &error),
    })?;
    let problem = match held {
        Held::Complete => return Ok(()),
        Held::ManifestOnly if in_place => return Ok(()),
        Held::ManifestOnly => "only their manifest has been pushed".to_owned(),
        Held::Incomplete(missing) => format!("{missing} of their chunks are missing or damaged"),
        Held::Unknown => "they have not been pushed".to_owned(),
    };
    let why = format!("the weights sha256:{digest} are not stored: {problem}");
    let next = Some("push them first: `dtf submit` does so, and PUT /api/v1/weights/{sha256}");
    Err(Refused::Test { why, next })
}

/// Requirements with the weights that replace their own, so that tests share the result.
type Requirements = HashMap<(Arc<Requirement>, Option<WeightsNeed>), Arc<Requirement>>;

/// Sets the weights that a test requires to those that its launch names.
fn require_weights(
    test: &mut Arc<TestSpec>,
    weights: Option<&Weights>,
    requirements: &mut Requirements,
) {
    let need = weights.and_then(WeightsNeed::of);
    if test.requirement.weights == need {
        return;
    }
    let given = Arc::clone(&test.requirement);
    let entry = requirements.entry((given, need));
    let (given, need) = entry.key().clone();
    let set = entry.or_insert_with(|| Arc::new(Requirement { weights: need, ..(*given).clone() }));
    let set = Arc::clone(set);
    Arc::make_mut(test).requirement = set;
}

fn submitted(answer: Answer) -> Result<Json<Submitted>, ApiError> {
    let Answer::Submitted { run, tests, repeated, unschedulable } = answer else {
        return Err(ApiError::unexpected(&answer));
    };
    let unschedulable = unschedulable
        .into_iter()
        .map(|none| Unschedulable {
            test: none.test.into(),
            tests: none.tests,
            nearest: none
                .nearest
                .into_iter()
                .map(|(worker, name, lacks)| Miss { worker, name: name.into(), lacks })
                .collect(),
        })
        .collect();
    Ok(Json(Submitted { schema: SCHEMA, run, tests, repeated, unschedulable }))
}
