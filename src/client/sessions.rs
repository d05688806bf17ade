//! Requests for sessions of browsers.

use crate::api::v1::sessions::SessionCode;
use crate::client::error::ClientError;
use crate::client::http::{Client, SendOptions};

impl Client {
    /// Makes a code with which a browser can log in once, within a minute.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn session_code(&self) -> Result<SessionCode, ClientError> {
        self.post("api/v1/sessions", &(), SendOptions::REPEATABLE).await
    }
}
