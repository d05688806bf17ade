//! The fields of a form, and the address to which it leads.

use crate::api::error::Code;
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::body;
use crate::coordinator::http::respond::ApiError;
use axum::extract::Request;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum length of a value, in bytes.
const MAX_VALUE: usize = 4096;

/// The fields of a form that a browser has sent.
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// The body is incomplete, or a value is too long.
    pub async fn of(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let bytes = body(request, app).await?;
        let fields: BTreeMap<String, String> = url::form_urlencoded::parse(&bytes)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if let Some((name, _)) = fields.iter().find(|(_, value)| value.len() > MAX_VALUE) {
            let name: String = name.chars().take(40).collect();
            let message = format!("the field {name:?} is too long (maximum {MAX_VALUE} bytes)");
            return Err(ApiError::new(Code::TooLarge, message));
        }
        Ok(Self(fields))
    }

    /// The value of a field. `None` if it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value of a field that must not be empty.
    ///
    /// # Errors
    /// It is absent or empty.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        let missing = || ApiError::new(Code::BadRequest, format!("the field {name} is empty"));
        self.get(name).ok_or_else(|| missing().hint("fill it in, and send the form again"))
    }
}

/// An address of this coordinator; the first page for any other.
pub(super) fn local(next: Option<&str>) -> &str {
    let plain = |text: &&str| {
        text.starts_with('/')
            && !text.starts_with("//")
            && text.len() <= 2048
            && text.chars().all(|c| c.is_ascii_graphic() && c != '\\')
    };
    next.filter(plain).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_only_to_pages_of_this_coordinator() {
        assert_eq!(local(Some("/runs/r1?outcome=failed")), "/runs/r1?outcome=failed");
        for other in
            ["", "https://evil.example/", "//evil.example", "/\\evil.example", "/a b", "/\n"]
        {
            assert_eq!(local(Some(other)), "/", "{other:?}");
        }
    }
}
