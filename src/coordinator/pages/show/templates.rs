//! The templates of tests: those that users added to the coordinator, and those that are built in.

use crate::api::v1::templates::{TemplateList, TemplateView};
use crate::assets;
use crate::coordinator::http::app::App;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::templates;
use crate::coordinator::pages::page::{Page, Table, answer};
use crate::coordinator::pages::text::{Link, shown, time};
use crate::coordinator::pages::viewer::Viewer;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

pub(in crate::coordinator::pages) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<Response, ApiError> {
    viewer.without_params()?;
    let Json(list) = templates::list(State(app)).await?;
    let built_in: Vec<&str> = assets::templates().map(|(path, _)| path).collect();
    let page = page(&list, &built_in);
    answer(&viewer, &list, page)
}

fn page(list: &TemplateList, built_in: &[&str]) -> Page {
    let added = |path: &str| list.items.iter().any(|view| view.path == path);
    let built_in: Vec<Value> =
        built_in.iter().map(|path| json!({ "path": path, "is_replaced": added(path) })).collect();
    Page {
        template: "templates.html",
        title: "Templates".into(),
        next: Some(Link::new("/api/v1/templates/history", "Show all versions")),
        live: None,
        values: json!({
            "added": list.items.iter().map(template).collect::<Vec<_>>(),
            "built_in": built_in,
        }),
        table: table(list),
    }
}

fn template(view: &TemplateView) -> Value {
    json!({
        "path": Link::new(format!("/api/v1/blobs/{}", view.sha256), &view.path),
        "version": view.version,
        "user": shown(&view.user),
        "added": time(view.added_at),
    })
}

fn table(list: &TemplateList) -> Table {
    let row = |view: &TemplateView| {
        let (version, added) = (view.version.to_string(), view.added_at.0.to_string());
        vec![view.path.clone(), version, view.sha256.clone(), view.user.clone(), added]
    };
    Table {
        head: vec!["path", "version", "sha256", "user", "added_ms"],
        rows: list.items.iter().map(row).collect(),
    }
}
