//! Fills the templates of pages. Every value is escaped for HTML, and an unknown name is an error.

use crate::assets;
use crate::coordinator::http::respond::ApiError;
use crate::text::render::{Engine, Escape, Limits, Reason, RenderError};
use serde::Serialize;
use std::sync::LazyLock;

/// Maximum size of a page, in bytes.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Maximum number of steps to render a page: enough for a matrix of 300 models and 20 columns with
/// every field.
const FUEL: u64 = 20_000_000;

static ENGINE: LazyLock<Result<Engine, RenderError>> = LazyLock::new(|| {
    let mut engine = Engine::new(Escape::Html, Limits { fuel: FUEL, max_bytes: MAX_BYTES });
    for (name, text) in assets::pages() {
        engine.add(name, text)?;
    }
    Ok(engine)
});

/// Renders a page.
///
/// # Errors
/// The page is too large, or a template has a fault.
pub(super) fn render(template: &str, context: &impl Serialize) -> Result<String, ApiError> {
    let rendered = ENGINE.as_ref().map_err(Clone::clone).and_then(|e| e.render(template, context));
    rendered.map_err(|error| match error.reason {
        Reason::OutOfFuel | Reason::TooLarge => too_large(),
        Reason::NotFound | Reason::Other => {
            let place = format!("{:?}, line {:?}: {error}", error.template, error.line);
            ApiError::bug("internal error: the page cannot be rendered", &place)
        }
    })
}

fn too_large() -> ApiError {
    use crate::api::error::Code;
    ApiError::new(Code::TooLarge, "the page has too much data to be shown")
        .hint("add filters to the address, or get the data with the ending .json or .csv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_compiles() {
        assert!(ENGINE.is_ok(), "{:?}", ENGINE.as_ref().err());
        assert!(assets::pages().count() > 5);
    }
}
