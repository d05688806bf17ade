//! The query for versions of templates.

use super::Store;
use super::error::StoreError;
use super::query::{Conditions, get};
use super::rows::{MAX_ROWS, TemplateRow};
use crate::domain::time::Timestamp;

impl Store {
    /// Lists the versions of the template at `path`, or of all templates, the newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn template_versions(&self, path: Option<&str>) -> Result<Vec<TemplateRow>, StoreError> {
        let mut conditions = Conditions::default();
        if let Some(path) = path {
            conditions.and_texts("path = ?", [path.to_owned()]);
        }
        let select = "SELECT path, version, sha256, added_by, added_ms FROM template_versions";
        let rest = format!(" ORDER BY added_ms DESC, path, version DESC LIMIT {MAX_ROWS}");
        self.pool.read(|connection| {
            conditions.query(connection, select, &rest, |row| {
                Ok(TemplateRow {
                    path: get(row, 0)?,
                    version: get(row, 1)?,
                    sha256: get(row, 2)?,
                    user: get(row, 3)?,
                    added_at: Timestamp(get(row, 4)?),
                })
            })
        })
    }
}
