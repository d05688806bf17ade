//! Templates that users add. The scheduler counts versions only: the texts are stored as blobs,
//! and their content was checked before.

use crate::domain::access::Subject;
use crate::domain::added::template::{AddedTemplate, MAX_PATH_BYTES, MAX_TEMPLATES, MAX_VERSIONS};
use crate::domain::fact::Fact;
use crate::domain::time::Timestamp;
use crate::scheduler::command::{Answer, Step};
use crate::scheduler::error::{FactError, Rejected};
use crate::scheduler::state::Scheduler;
use std::collections::BTreeSet;

impl Scheduler {
    /// `seen` is the value of [`Self::template_changes`] at the time of the check.
    pub(in crate::scheduler) fn decide_add_templates(
        &self,
        now: Timestamp,
        seen: u64,
        templates: Vec<(Box<str>, Box<str>)>,
        user: &Subject,
    ) -> Result<Step, Rejected> {
        if seen != self.template_changes() {
            return Err(Rejected::TemplatesChanged);
        }
        let mut paths: BTreeSet<&str> = self.templates.keys().map(|path| &**path).collect();
        for (path, _) in &templates {
            if path.is_empty() || path.len() > MAX_PATH_BYTES {
                return Err(Rejected::BadName(format!(
                    "the path of a template has 1 to {MAX_PATH_BYTES} bytes"
                )));
            }
            paths.insert(path);
        }
        if paths.len() > MAX_TEMPLATES {
            let (count, maximum) = (paths.len() as u64, MAX_TEMPLATES as u64);
            return Err(Rejected::TooMany { what: "templates", count, maximum });
        }
        let mut facts = Vec::with_capacity(templates.len());
        let mut versions = Vec::with_capacity(templates.len());
        let mut handled = BTreeSet::new();
        for (path, sha256) in templates {
            if !handled.insert(path.clone()) {
                return Err(Rejected::BadName(format!("the template {path} is given twice")));
            }
            let before = self.templates.get(&path);
            // The same text again adds nothing.
            if let Some(same) = before.filter(|before| before.sha256 == sha256) {
                versions.push((path, same.version, false));
                continue;
            }
            let version = before.map_or(0, |before| before.version) + 1;
            if version > MAX_VERSIONS {
                let (count, maximum) = (u64::from(version), u64::from(MAX_VERSIONS));
                return Err(Rejected::TooMany { what: "versions of a template", count, maximum });
            }
            versions.push((path.clone(), version, true));
            facts.push(Fact::TemplateAdded { path, sha256, version, user: user.clone(), at: now });
        }
        Ok(Step::answered(facts, Answer::TemplatesAdded(versions)))
    }

    pub(in crate::scheduler) fn apply_template(
        &mut self,
        path: &str,
        added: AddedTemplate,
    ) -> Result<(), FactError> {
        let (path, version) = (Box::<str>::from(path), added.version);
        let before = self.templates.get(&path).map_or(0, |before| before.version);
        if version != before + 1 {
            return Err(FactError::VersionOutOfOrder { path, version, before });
        }
        self.templates.insert(path, added);
        Ok(())
    }

    /// The latest version of each path, in order of path.
    pub fn templates(&self) -> impl Iterator<Item = (&str, &AddedTemplate)> {
        self.templates.iter().map(|(path, added)| (&**path, added))
    }

    /// Number of versions added so far, by which a later addition is noticed.
    #[must_use]
    pub fn template_changes(&self) -> u64 {
        self.templates.values().map(|added| u64::from(added.version)).sum()
    }
}
