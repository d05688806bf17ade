//! The description of the API, generated from the handlers. `docs/openapi.json` is the
//! same text.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::OnceLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "dtf", description = "Coordinator of dtf: submit, run and report model tests."),
    paths(
        super::submit::submit,
        super::submit::add_tests,
        super::runs::list,
        super::runs::get,
        super::runs::cancel,
        super::tests::list,
        super::tests::get,
        super::tests::why,
        super::attempts::list,
        super::attempts::get,
        super::logs::append,
        super::logs::read,
        super::logs::follow,
        super::blobs::put,
        super::blobs::get,
        super::blobs::head,
        super::templates::add,
        super::templates::list,
        super::templates::history,
        super::workers::register,
        super::workers::list,
        super::workers::get,
        super::workers::heartbeat,
        super::workers::drain,
        super::workers::leave,
        super::leases::claim,
        super::leases::report,
        super::reports::report,
        super::reports::history,
        super::reports::status,
        serve,
        super::health::metrics,
        super::health::live,
        super::health::ready
    )
)]
struct Document;

/// The description as indented JSON with a final line end.
#[must_use]
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let text = Document::openapi().to_pretty_json();
        // The document holds nothing but text keys and values.
        text.map(|text| text + "\n").unwrap_or_default()
    })
}

#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health",
    responses((status = 200, body = Object, description = "this document")))]
pub(crate) async fn serve() -> Response {
    ([(CONTENT_TYPE, "application/json")], text()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::http::permissions::Permission;
    use crate::coordinator::http::router;
    use std::collections::BTreeSet;

    const HOW: &str =
        "cargo test --no-default-features --lib http::document -- --ignored write_the_document";

    fn path() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json")
    }

    #[test]
    fn the_committed_document_is_current() {
        let committed = std::fs::read_to_string(path()).unwrap_or_default();
        assert!(
            committed == text(),
            "docs/openapi.json is not current; `make generated` writes it again, or:\n  {HOW}"
        );
    }

    #[test]
    #[ignore = "writes docs/openapi.json"]
    fn write_the_document() {
        std::fs::create_dir_all(path().parent().expect("a folder")).expect("a folder");
        std::fs::write(path(), text()).expect("written");
    }

    #[test]
    fn the_document_names_the_routes_of_the_table() {
        let document: serde_json::Value = serde_json::from_str(text()).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let documented: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods");
                methods.keys().map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let declared: BTreeSet<String> = router::table()
            .iter()
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(documented, declared);
        let public = |path: &str| path.starts_with("/health") || path.ends_with("openapi.json");
        for route in router::table() {
            assert_eq!(
                route.permission == Permission::Public,
                public(route.path),
                "{}",
                route.path
            );
        }
    }
}
