//! Completes the description of the API from the table of routes: operation ids, who may call,
//! and the answers that follow from the kind of a route. So a route cannot lack them.
//!
//! Pure: a document and the table in, a document out.

use crate::coordinator::http::routes::Route;
use crate::domain::access::Permission;
use serde_json::{Map, Value, json};

/// Name of the security scheme.
const SCHEME: &str = "bearer";
const ERROR_BODY: &str = "#/components/schemas/ErrorBody";

/// Adds what the table knows to what the handlers say.
pub(super) fn describe(mut document: Value, table: &[Route]) -> Value {
    for route in table {
        let method = route.method.as_str().to_lowercase();
        if let Some(operation) = document["paths"][route.path][&method].as_object_mut() {
            complete(operation, route);
        }
    }
    document["components"]["securitySchemes"] = json!({ SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the coordinator's token file. Without a token file the \
            coordinator is reached from its own machine only, and asks for none.",
    }});
    refer_from_pages(&mut document);
    each_schema(&mut document, &mut |schema| {
        bound_integer(schema);
        close_variants(schema);
    });
    document
}

/// The entries of a page are described once, under their own name.
fn refer_from_pages(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let pages = schemas.keys().filter_map(|name| name.strip_prefix("Page_").map(str::to_owned));
    for entry in pages.collect::<Vec<_>>() {
        if schemas.contains_key(&entry) {
            schemas[&format!("Page_{entry}")]["properties"]["items"]["items"] =
                json!({ "$ref": format!("#/components/schemas/{entry}") });
        }
    }
}

fn complete(operation: &mut Map<String, Value>, route: &Route) {
    operation.insert("operationId".into(), route.id.into());
    // The first sentence of the handler's documentation, as a title.
    if let Some(Value::String(summary)) = operation.get_mut("summary") {
        summary.truncate(summary.trim_end_matches('.').len());
    }
    let security = if route.access.is_public() { json!([]) } else { json!([{ SCHEME: [] }]) };
    operation.insert("security".into(), security);
    // An empty file has no body.
    if let Some(body) = operation.get_mut("requestBody")
        && body["content"].get("application/octet-stream").is_some()
    {
        body["required"] = false.into();
    }
    let common = answers(operation, route);
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (status, description) in common {
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({}));
        if response.get("description").is_none() {
            response["description"] = description.into();
        }
    }
    for (status, response) in responses.iter_mut() {
        let error = status.starts_with(['4', '5']) && response.get("content").is_none();
        // An answer to HEAD has no body.
        if error && route.method != axum::http::Method::HEAD {
            response["content"] =
                json!({ "application/json": { "schema": { "$ref": ERROR_BODY } } });
        }
        if let ("429" | "503", true) = (status.as_str(), error) {
            response["headers"] = json!({ "Retry-After": {
                "description": "Seconds after which the request may pass.",
                "schema": { "type": "integer", "minimum": 0 },
            }});
        }
    }
}

/// Answers that a route of this kind can give, whatever its handler says.
fn answers(operation: &Map<String, Value>, route: &Route) -> Vec<(u16, &'static str)> {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has = |place: &str| parameters.is_some_and(|all| all.iter().any(|one| one["in"] == place));
    let body = operation.contains_key("requestBody");
    let mut answers = vec![
        (500, "dtf itself failed; the coordinator's log has the details"),
        (503, "the coordinator cannot do this now, or it took too long"),
    ];
    if !route.access.is_public() {
        answers.push((401, "the token is missing or unknown"));
        answers.push((403, "the sender does not have the permission, or does not own the object"));
        answers.push((429, "too many requests at a time"));
    }
    if route.access.permission() == Some(Permission::RunTests) {
        answers.push((409, "another process has registered as this worker, or the lease is lost"));
    }
    if parameters.is_some_and(|all| !all.is_empty()) || body {
        answers.push((400, "the request cannot be read"));
    }
    if has("path") {
        answers.push((404, "there is no such thing"));
    }
    if body {
        answers.push((413, "the body is larger than this route takes"));
        answers.push((422, "the request was read, but cannot be accepted"));
    }
    if limits(operation) {
        answers.push((422, "a number is outside of its limits"));
    }
    answers
}

/// Whether a parameter of the query has limits of its own.
fn limits(operation: &Map<String, Value>) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.is_some_and(|all| all.iter().any(|one| one["schema"].get("maximum").is_some()))
}

/// Calls `change` for every schema of the document.
fn each_schema(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("type") || fields.contains_key("oneOf") {
                change(fields);
            }
            for inner in fields.values_mut() {
                each_schema(inner, change);
            }
        }
        Value::Array(items) => {
            for item in items {
                each_schema(item, change);
            }
        }
        _ => {}
    }
}

/// Rust's integers end where their types end; what lies beyond is refused.
fn bound_integer(schema: &mut Map<String, Value>) {
    let typed = |schema: &Map<String, Value>| match schema.get("type") {
        Some(Value::String(one)) => one == "integer",
        Some(Value::Array(several)) => several.iter().any(|one| one == "integer"),
        _ => false,
    };
    if !typed(schema) {
        return;
    }
    let unsigned = schema.contains_key("minimum");
    let (format, least, most) = match (schema.get("format").and_then(Value::as_str), unsigned) {
        (Some("int32"), true) => ("int64", json!(0), json!(u32::MAX)),
        (Some("int32"), false) => ("int32", json!(i32::MIN), json!(i32::MAX)),
        (Some("int64"), true) => ("int64", json!(0), json!(u64::MAX)),
        _ => return,
    };
    // Numbers that have an end of their own fit into the narrower format.
    if !schema.contains_key("maximum") {
        schema.insert("format".into(), format.into());
        schema.insert("maximum".into(), most);
    }
    schema.entry("minimum").or_insert(least);
}

/// A choice between objects takes one key: that is how the choice is told. A choice that is one
/// word is that word, for which generated clients need no type of its own.
fn close_variants(schema: &mut Map<String, Value>) {
    let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else { return };
    for choice in choices.iter_mut().filter_map(Value::as_object_mut) {
        if choice.get("type") == Some(&json!("object")) && choice.contains_key("properties") {
            choice.insert("additionalProperties".into(), json!(false));
        }
        let word = match choice.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
            Some([word]) => word.clone(),
            _ => continue,
        };
        choice.remove("enum");
        choice.insert("const".into(), word);
    }
}
