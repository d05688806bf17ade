//! Requests for the program that the coordinator runs.

use crate::api::v1::program::ProgramView;
use crate::client::error::ClientError;
use crate::client::http::{Client, NO_QUERY};

impl Client {
    /// Lists the files of the program that the coordinator runs.
    ///
    /// # Errors
    /// See [`ClientError`]; `NotFound` if the files are not available, with the reason.
    pub async fn program(&self) -> Result<ProgramView, ClientError> {
        self.get("api/v1/program", &NO_QUERY).await
    }
}
