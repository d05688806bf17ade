//! Templates that users add. They are checked as the client does, and stored as blobs.
//!
//! Promises: a template that enters the event log has passed all checks that need no Python,
//! together with the existing templates; all templates of a request are added, or none.

use crate::api::MAX_BLOB_BYTES;
use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::v1::templates::{
    AddTemplates, AddedTemplate, AddedTemplates, NewTemplate, TemplateList, TemplateQuery,
    TemplateView,
};
use crate::blobs::BlobDigest;
use crate::coordinator::files::room::make_room;
use crate::coordinator::files::space::Purpose;
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::extract::{Body, Params};
use crate::coordinator::http::respond::ApiError;
use crate::domain::access::Principal;
use crate::domain::added::template::AddedTemplate as Known;
use crate::scheduler::{Answer, Command, Scheduler};
use crate::templates::check;
use crate::templates::library::Library;
use crate::templates::origin::{Origin, Text};
use crate::templates::path::SHARED;
use crate::text::error::ValueError;
use axum::Json;
use axum::extract::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of problems of one template in an answer.
const MAX_PROBLEMS: usize = 5;

/// Add templates.
///
/// All of them are added, or none. A text that is equal to the latest version adds no version.
#[utoipa::path(post, path = "/api/v1/templates", tag = "templates", request_body = AddTemplates,
    responses((status = 200, body = AddedTemplates, description = "the versions of the templates"),
        (status = 409, description = "another user added templates at the same time"),
        (status = 422, description = "a template is not acceptable"),
        (status = 507, description = "the disk of the coordinator is full or nearly full; try again later")))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(AddTemplates { templates }): Body<AddTemplates>,
) -> Result<Json<AddedTemplates>, ApiError> {
    let inspect = |scheduler: &Scheduler, _| {
        let known = scheduler.templates().map(|(path, known)| (path.to_owned(), known.clone()));
        (scheduler.template_changes(), known.collect::<BTreeMap<_, _>>())
    };
    let (seen, known) = app.mailbox.ask(inspect).await?;
    make_room(&app, Purpose::Work, 0).await?;
    let keeper = Arc::clone(&app);
    let user = principal.subject.to_string();
    let templates = blocking(move || {
        accept(&keeper, &known, &templates, user)?;
        let kept = templates.into_iter().map(|template| keep(&keeper, template));
        kept.collect::<Result<Vec<_>, ApiError>>()
    })
    .await??;
    let command = Command::AddTemplates { seen, templates, user: principal.subject };
    match app.mailbox.act(command).await? {
        Answer::TemplatesAdded(items) => {
            let view = |(path, version, new): (Box<str>, _, _)| AddedTemplate {
                path: path.into(),
                version,
                new,
            };
            let items = items.into_iter().map(view).collect();
            Ok(Json(AddedTemplates { schema: SCHEMA, items }))
        }
        other => Err(ApiError::unexpected(&other)),
    }
}

/// Checks the new templates together with the existing ones, and the existing ones that they affect.
fn accept(
    app: &App,
    known: &BTreeMap<String, Known>,
    new: &[NewTemplate],
    user: String,
) -> Result<(), ApiError> {
    let refuse = |invalid: ValueError| {
        let error = ApiError::new(Code::Unprocessable, invalid.message);
        match invalid.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    };
    if new.is_empty() {
        return Err(ApiError::new(Code::Unprocessable, "no template is given"));
    }
    let version = |path: &str| known.get(path).map_or(1, |known| known.version + 1);
    let mut layer: Vec<(String, Text)> = Vec::with_capacity(known.len() + new.len());
    for NewTemplate { path, text } in new {
        let origin = Origin::Coordinator { version: version(path), author: user.clone() };
        layer.push((path.clone(), Text { origin, text: text.clone().into() }));
    }
    for (path, known) in known.iter().filter(|(path, _)| new.iter().all(|new| new.path != **path)) {
        let origin = Origin::Coordinator { version: known.version, author: known.user.to_string() };
        let text = read(app, &known.sha256)?;
        layer.push((path.clone(), Text { origin, text: text.into() }));
    }
    let library = Library::built_in().with_layer(layer).map_err(refuse)?;
    // A shared part affects every template.
    let all = new.iter().any(|new| new.path.starts_with(SHARED));
    let paths = library.texts().map(|(path, _)| path.to_owned());
    let concerned = paths.filter(|path| all || new.iter().any(|new| new.path == **path));
    for path in concerned.filter(|path| check::is_test(path)) {
        let checked = check::check(&library, &path).map_err(refuse)?;
        if let Some(first) = checked.problems.first() {
            let more = checked.problems.iter().skip(1).take(MAX_PROBLEMS - 1);
            let listed = more.fold(first.clone(), |text, problem| format!("{text}; {problem}"));
            let error = ApiError::new(Code::Unprocessable, format!("{path}: {listed}"));
            return Err(error.hint("dtf templates check shows all problems"));
        }
    }
    Ok(())
}

fn read(app: &App, sha256: &str) -> Result<String, ApiError> {
    let broken = |error: &(dyn std::error::Error + 'static)| {
        ApiError::internal("a template cannot be read", error)
    };
    let digest: BlobDigest = sha256.parse().map_err(|error| broken(&error))?;
    let text = app.blobs.get(&digest, MAX_BLOB_BYTES).map_err(|error| app.blob_error(error))?;
    let missing = || std::io::Error::other(format!("the blob {sha256} is missing"));
    let text = text.ok_or_else(|| broken(&missing()))?;
    String::from_utf8(text).map_err(|error| broken(&error))
}

/// Stores the text of a template durably, and returns its path and digest.
fn keep(app: &App, template: NewTemplate) -> Result<(Box<str>, Box<str>), ApiError> {
    let NewTemplate { path, text } = template;
    let digest = BlobDigest::of(text.as_bytes());
    if app.stored_blob(&digest)?.is_none() {
        let stored = app.blobs.put(&digest, &mut text.as_bytes(), MAX_BLOB_BYTES);
        stored.map_err(|error| app.blob_error(error))?;
    }
    Ok((path.into(), digest.as_str().into()))
}

/// List the latest version of each template.
#[utoipa::path(get, path = "/api/v1/templates", tag = "templates",
    responses((status = 200, body = TemplateList, description = "the latest version of each template")))]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<TemplateList>, ApiError> {
    let inspect = |scheduler: &Scheduler, _| {
        let view = |(path, known): (&str, &Known)| TemplateView {
            path: path.to_owned(),
            version: known.version,
            sha256: known.sha256.to_string(),
            user: known.user.to_string(),
            added_at: known.at,
        };
        scheduler.templates().map(view).collect()
    };
    Ok(Json(TemplateList { schema: SCHEMA, items: app.mailbox.ask(inspect).await? }))
}

/// List all versions of templates, the newest first.
#[utoipa::path(get, path = "/api/v1/templates/history", tag = "templates", params(TemplateQuery),
    responses((status = 200, body = TemplateList, description = "all versions, the newest first")))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Params(TemplateQuery { path }): Params<TemplateQuery>,
) -> Result<Json<TemplateList>, ApiError> {
    app.settled().await?;
    let items = app.results(move |r| r.template_versions(path.as_deref())).await?;
    Ok(Json(TemplateList { schema: SCHEMA, items }))
}
