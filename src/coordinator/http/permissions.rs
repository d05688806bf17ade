//! What a request may do, and who usually may.

use crate::domain::access::Subject;

/// What a route asks for. One word per kind of deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Anybody, without a token: health and the description of the API.
    Public,
    /// Look at runs, tests, workers, reports, metrics.
    View,
    /// Submit and cancel runs.
    Submit,
    /// Register, claim, report, send output.
    Work,
    /// Drain workers, add templates.
    Manage,
    /// Upload files: submitters and workers do.
    Upload,
}

/// A bundle of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    Worker,
    Viewer,
}

impl Role {
    const ALL: [Role; 3] = [Role::Admin, Role::Worker, Role::Viewer];

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == word)
    }

    pub fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::Public | Permission::View => true,
            Permission::Work | Permission::Upload => self != Role::Viewer,
            Permission::Submit | Permission::Manage => self == Role::Admin,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Worker => "worker",
            Role::Viewer => "viewer",
        }
    }

    /// The roles that may do it, in words.
    pub fn that_may(permission: Permission) -> String {
        let may = Self::ALL.into_iter().filter(|role| role.allows(permission));
        may.map(Role::name).collect::<Vec<_>>().join(" or ")
    }
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub subject: Subject,
    pub role: Role,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_stay_apart() {
        assert_eq!(Role::that_may(Permission::Manage), "admin");
        assert_eq!(Role::that_may(Permission::Upload), "admin or worker");
        assert_eq!(Role::ALL.map(|role| Role::parse(role.name())), Role::ALL.map(Some));
        assert_eq!(Role::parse("root"), None);
        assert!(Role::Admin.allows(Permission::Manage));
        assert!(Role::Worker.allows(Permission::Work) && Role::Worker.allows(Permission::Upload));
        assert!(!Role::Worker.allows(Permission::Submit));
        assert!(Role::Viewer.allows(Permission::View));
        assert!(!Role::Viewer.allows(Permission::Work) && !Role::Viewer.allows(Permission::Upload));
    }
}
