//! A generated file, before and after it is rendered.

use crate::deploy::settings;
use crate::deploy::spec::{DeployError, Spec};
use crate::text::render::Engine;
use serde_json::Value;

/// Permissions of a generated file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody may read and run it.
    Script,
    /// Everybody may read it.
    Public,
    /// Only its owner may read it.
    Private,
}

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub text: String,
    pub access: Access,
}

/// One file before it is rendered.
pub struct Part {
    pub name: String,
    pub content: Content,
    pub access: Access,
}

pub enum Content {
    /// A template, with lines that end as its language requires.
    Template { template: &'static str, is_dos: bool },
    /// The settings of the scripts for Windows as JSON, which their language reads without quoting.
    Json,
}

impl Part {
    /// Renders the file.
    ///
    /// # Errors
    /// A value cannot be quoted safely in it.
    pub fn render(
        self,
        engine: &Engine,
        context: &Value,
        spec: &Spec,
    ) -> Result<File, DeployError> {
        let text = match self.content {
            Content::Json => settings::json(spec),
            Content::Template { template, is_dos } => {
                let rendered = engine.render(template, context).map_err(|error| {
                    let name = &self.name;
                    DeployError::new(format!("{name} cannot be written: {}", error.message))
                })?;
                let text = format!("{}\n", rendered.trim_end_matches('\n'));
                if is_dos { text.replace('\n', "\r\n") } else { text }
            }
        };
        Ok(File { name: self.name, text, access: self.access })
    }
}
