//! The OpenAPI document, generated from the handlers and the table of routes.
//! `docs/openapi.json` has the same text.

mod describe;

use self::describe::describe;
use crate::coordinator::http::routes;
use std::sync::OnceLock;

/// The document as indented JSON with a final line break.
#[must_use]
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        // The document has only strings as keys, so encoding it cannot fail.
        let operations = serde_json::to_value(routes::operations()).unwrap_or_default();
        let whole = describe(operations, &routes::table());
        serde_json::to_string_pretty(&whole).map(|text| text + "\n").unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    const COMMAND: &str =
        "cargo test --no-default-features --lib http::document -- --ignored write_the_document";

    fn path() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json")
    }

    #[test]
    fn the_committed_document_is_current() {
        let committed = std::fs::read_to_string(path()).unwrap_or_default();
        assert!(
            committed == text(),
            "docs/openapi.json is not current; `make generated` writes it again, or:\n  {COMMAND}"
        );
    }

    #[test]
    #[ignore = "writes docs/openapi.json"]
    fn write_the_document() {
        std::fs::create_dir_all(path().parent().expect("a directory")).expect("a directory");
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
        let declared: BTreeSet<String> = routes::table()
            .iter()
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(documented, declared);
        let public = |path: &str| path.starts_with("/health") || path.ends_with("openapi.json");
        for route in routes::table() {
            assert_eq!(route.access.is_public(), public(route.path), "{}", route.path);
        }
    }

    /// Method, path and description of every operation.
    fn operations() -> Vec<(String, String, Value)> {
        let document: Value = serde_json::from_str(text()).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").clone();
        let mut all = Vec::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().expect("methods") {
                all.push((method.clone(), path.clone(), operation.clone()));
            }
        }
        all
    }

    #[test]
    fn every_operation_is_described_completely() {
        let mut ids = BTreeSet::new();
        for (method, path, operation) in operations() {
            let here = format!("{method} {path}");
            let id = operation["operationId"].as_str().expect(&here).to_owned();
            assert!(ids.insert(id), "the id of {here} is taken");
            let summary = operation["summary"].as_str().expect(&here);
            assert!(summary.contains(' ') && !summary.ends_with('.'), "{here}: {summary:?}");
            let public = operation["security"].as_array().expect(&here).is_empty();
            let responses = operation["responses"].as_object().expect(&here);
            let good = responses.keys().filter(|status| status.starts_with('2')).count();
            assert!(good >= 1, "{here}");
            for (status, response) in responses {
                let description = response["description"].as_str().unwrap_or_default();
                assert!(!description.is_empty(), "{here}: {status}");
                let content = response["content"].as_object();
                let error = !status.starts_with('2') && method != "head";
                assert!(!error || content.is_some(), "{here}: {status}");
            }
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for parameter in &parameters {
                let typed =
                    ["$ref", "type"].iter().any(|key| parameter["schema"].get(key).is_some());
                assert!(typed, "{here}: {parameter}");
                let id = parameter["in"] == "path";
                assert!(!id || parameter["schema"].get("$ref").is_some(), "{here}: {parameter}");
            }
            let mut needed = vec!["500", "503"];
            if !public {
                needed.extend(["401", "403", "429"]);
            }
            if operation.get("requestBody").is_some() {
                needed.extend(["400", "413", "422"]);
            }
            if path.contains('{') {
                needed.extend(["400", "404"]);
            }
            for status in needed {
                assert!(responses.contains_key(status), "{here}: {status}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn visit(value: &Value, document: &Value) {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                let pointer = target.strip_prefix('#').expect("within the document");
                assert!(document.pointer(pointer).is_some(), "{target}");
            }
            match value {
                Value::Object(fields) => fields.values().for_each(|inner| visit(inner, document)),
                Value::Array(items) => items.iter().for_each(|inner| visit(inner, document)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(text()).expect("JSON");
        visit(&document, &document);
    }
}
