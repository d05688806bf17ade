//! Subjects that send requests, and their permissions: roles and principals.
//!
//! A [`Role`] is a value, a named bundle of permissions with a scope, so that settings can define
//! further roles without a change of the code that checks them. How a request proves who sent it
//! is not known here.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// The name of a person or program that sends requests, as its credentials state it.
///
/// An empty name means that it is not known: logs that were written before facts carried a
/// subject have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(Box<str>);

impl Subject {
    /// Whether nothing is known about who asked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}

impl Deref for Subject {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Subject {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0.into()
    }
}

/// An operation, or a group of operations that are always allowed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Permission {
    /// Read runs, tests, logs, files, workers, templates, reports and metrics.
    Read,
    /// Submit runs, and add tests to them.
    SubmitRuns,
    CancelRuns,
    /// Upload files that tests need or that they produced.
    UploadFiles,
    /// Register as a worker, claim tests, and report their results and output.
    RunTests,
    /// Drain workers, and let them take tests again.
    ManageWorkers,
    /// Add templates for everybody who submits.
    ManageTemplates,
    /// Remove stored weights.
    ManageWeights,
    /// Quarantine tests and accept changes of results, for all who read them.
    MarkResults,
}

impl Permission {
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::SubmitRuns,
        Self::CancelRuns,
        Self::UploadFiles,
        Self::RunTests,
        Self::ManageWorkers,
        Self::ManageTemplates,
        Self::ManageWeights,
        Self::MarkResults,
    ];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::SubmitRuns => "submit-runs",
            Self::CancelRuns => "cancel-runs",
            Self::UploadFiles => "upload-files",
            Self::RunTests => "run-tests",
            Self::ManageWorkers => "manage-workers",
            Self::ManageTemplates => "manage-templates",
            Self::ManageWeights => "manage-weights",
            Self::MarkResults => "mark-results",
        }
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < permissions.len() {
            bits |= 1 << permissions[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }
}

/// The objects that permissions to change them apply to. Everybody who may read may read all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Only those that the same subject submitted.
    Own,
}

/// A named bundle of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub name: Cow<'static, str>,
    pub permissions: Permissions,
    pub scope: Scope,
}

impl Role {
    /// Every permission, for all objects.
    pub const ADMIN: Self = Self {
        name: Cow::Borrowed("admin"),
        permissions: Permissions::of(&Permission::ALL),
        scope: Scope::All,
    };

    /// The roles that need no definition, the most powerful one first.
    pub const BUILT_IN: [Self; 4] = [
        Self::ADMIN,
        Self {
            name: Cow::Borrowed("submitter"),
            permissions: Permissions::of(&[
                Permission::Read,
                Permission::SubmitRuns,
                Permission::CancelRuns,
                Permission::UploadFiles,
                Permission::MarkResults,
            ]),
            scope: Scope::Own,
        },
        Self {
            name: Cow::Borrowed("worker"),
            permissions: Permissions::of(&[
                Permission::Read,
                Permission::UploadFiles,
                Permission::RunTests,
            ]),
            scope: Scope::All,
        },
        Self {
            name: Cow::Borrowed("viewer"),
            permissions: Permissions::of(&[Permission::Read]),
            scope: Scope::All,
        },
    ];

    /// The built-in role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::BUILT_IN.into_iter().find(|role| role.name == name)
    }

    /// The names of the built-in roles that have a permission, for messages.
    #[must_use]
    pub fn names_with(permission: Permission) -> String {
        let roles = Self::BUILT_IN.into_iter().filter(|role| role.permissions.contains(permission));
        roles.map(|role| role.name).collect::<Vec<_>>().join(", ")
    }
}

/// The sender of a request, with everything that decides what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub subject: Subject,
    pub permissions: Permissions,
    pub scope: Scope,
}

impl Principal {
    #[must_use]
    pub fn with_role(subject: impl Into<Subject>, role: &Role) -> Self {
        Self { subject: subject.into(), permissions: role.permissions, scope: role.scope }
    }

    /// Whether the scope includes an object of this owner.
    #[must_use]
    pub fn reaches(&self, owner: &Subject) -> bool {
        match self.scope {
            Scope::All => true,
            Scope::Own => !owner.is_unknown() && *owner == self.subject,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Fact;

    #[test]
    fn facts_without_a_subject_still_read_and_write_the_same() {
        let old = r#"{"worker_draining":{"worker":"w1","epoch":7,"at":1000}}"#;
        let fact: Fact = serde_json::from_str(old).expect("an old fact");
        let Fact::WorkerDraining { by, .. } = &fact else { panic!("{fact:?}") };
        assert!(by.is_unknown());
        assert_eq!(serde_json::to_string(&fact).expect("JSON"), old);
        let new = old.replace(",\"at\"", ",\"by\":\"anna\",\"at\"");
        let fact: Fact = serde_json::from_str(&new).expect("a new fact");
        assert_eq!(serde_json::to_string(&fact).expect("JSON"), new);
    }

    #[test]
    fn a_role_has_its_permissions_and_no_other() {
        let has =
            |role: &Role| Permission::ALL.map(|permission| role.permissions.contains(permission));
        let expected = [
            // read, submit, cancel, upload, run tests, manage workers, templates and weights, mark
            ("admin", [true, true, true, true, true, true, true, true, true]),
            ("submitter", [true, true, true, true, false, false, false, false, true]),
            ("worker", [true, false, false, true, true, false, false, false, false]),
            ("viewer", [true, false, false, false, false, false, false, false, false]),
        ];
        let actual = Role::BUILT_IN;
        assert_eq!(actual.each_ref().map(|role| (&*role.name, has(role))), expected);
        assert_eq!(Role::named("root"), None);
        assert_eq!(Role::names_with(Permission::CancelRuns), "admin, submitter");
        assert_eq!(Permissions::default(), Permissions::of(&[]));
    }

    #[test]
    fn the_scope_of_a_submitter_is_its_own_objects() {
        let [anna, eve] = ["anna", "eve"].map(Subject::from);
        let role = Role::named("submitter").expect("built in");
        let principal = Principal::with_role("anna", &role);
        assert!(principal.reaches(&anna) && !principal.reaches(&eve));
        assert!(Principal::with_role("anna", &Role::ADMIN).reaches(&eve));
        let nobody = Principal::with_role("", &role);
        assert!(!nobody.reaches(&Subject::default()), "an unknown owner is not the same subject");
    }
}
