//! Completes the OpenAPI document from the table of routes: operation ids, security, and the answers
//! that follow from the kind of a route. So no route can lack them.
//!
//! Pure: takes a document and the table, and returns a document.

use crate::coordinator::http::routes::Route;
use crate::domain::access::Permission;
use serde_json::{Map, Value, json};

/// Name of the security scheme.
const SCHEME: &str = "bearer";
const ERROR_BODY: &str = "#/components/schemas/ErrorBody";

/// Adds the facts in the table to the descriptions of the handlers.
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
        "description": "A token of the coordinator's token file. Without a token file, \
            the coordinator accepts only requests from its own machine, and they need no token.",
    }});
    refer_from_pages(&mut document);
    each_schema(&mut document, &mut |schema| {
        bound_integer(schema);
        close_variants(schema);
    });
    document
}

/// Replaces the copies of entry schemas in pages by references to the schemas themselves.
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
    // The first sentence of the documentation of the handler, without its full stop.
    if let Some(Value::String(summary)) = operation.get_mut("summary") {
        summary.truncate(summary.trim_end_matches('.').len());
    }
    let security = if route.access.is_public() { json!([]) } else { json!([{ SCHEME: [] }]) };
    operation.insert("security".into(), security);
    // The body of an empty file is absent.
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
                "description": "Seconds after which the request may be repeated.",
                "schema": { "type": "integer", "minimum": 0 },
            }});
        }
    }
}

/// The answers that every route of this kind can give, independently of its handler.
fn answers(operation: &Map<String, Value>, route: &Route) -> Vec<(u16, &'static str)> {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has =
        |location: &str| parameters.is_some_and(|all| all.iter().any(|one| one["in"] == location));
    let body = operation.contains_key("requestBody");
    let mut answers = vec![
        (500, "the coordinator failed; its log has the details"),
        (
            503,
            "the coordinator is temporarily unable to do this, or the request exceeded its time limit",
        ),
    ];
    if !route.access.is_public() {
        answers.push((401, "the token is missing or unknown"));
        answers.push((403, "the sender does not have the permission, or does not own the object"));
        answers.push((429, "too many concurrent requests"));
    }
    if route.access.permission() == Some(Permission::RunTests) {
        answers.push((409, "another process has registered as this worker, or the lease is lost"));
    }
    if parameters.is_some_and(|all| !all.is_empty()) || body {
        answers.push((400, "the request is malformed"));
    }
    if has("path") {
        answers.push((404, "the object was not found"));
    }
    if body {
        answers.push((413, "the body is larger than this route accepts"));
        answers.push((422, "the request is well-formed, but not acceptable"));
    }
    if has("query") {
        answers.push((422, "a parameter is malformed or outside its limits"));
    }
    answers
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

/// Adds the limits of the integer types of Rust. Numbers outside them are refused.
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
    // An integer with its own maximum fits into the narrower format.
    if !schema.contains_key("maximum") {
        schema.insert("format".into(), format.into());
        schema.insert("maximum".into(), most);
    }
    schema.entry("minimum").or_insert(least);
}

/// Makes the alternatives of a choice distinguishable: an object has no other keys than its own, and
/// a single word is a constant, for which generated clients need no type.
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
