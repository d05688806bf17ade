//! Finds the place of a plan's path on this worker, which may have another system.
//!
//! A path of the worker's own system is used as it is, unless a mount of the worker moves it. Another path
//! is converted (`text::system_path`). Promises: the conversion is lexical, a path that has no place here
//! is an error with the reason, and no result is outside of the root or the mount that the path names.

use crate::domain::capability::Capability;
use crate::text::system_path::{Conversion, Mount, System};
use std::path::PathBuf;

/// See the head of this module.
#[derive(Debug, Clone)]
pub struct Places(Conversion);

impl Places {
    /// The places of a worker with this capability and these mounts.
    #[must_use]
    pub fn of(capability: &Capability, mounts: Vec<Mount>) -> Self {
        let is_wsl = capability.container.split('+').any(|kind| kind == "wsl");
        let system = match (&*capability.os, is_wsl) {
            ("windows", _) => System::Windows,
            (_, true) => System::Wsl,
            _ => System::Posix,
        };
        Self(Conversion { mounts, ..Conversion::to(system) })
    }

    /// The place of an absolute path.
    ///
    /// # Errors
    /// The reason why the path has no place here.
    pub fn here(&self, path: &str) -> Result<PathBuf, String> {
        let is_own = path.starts_with('/') != (self.0.to == System::Windows);
        if is_own && !self.0.is_mounted(path) {
            return Ok(PathBuf::from(path));
        }
        let converted = self.0.convert(path).map_err(|error| error.to_string())?;
        match converted.variable {
            None => Ok(PathBuf::from(converted.path)),
            Some(variable) => Err(format!(
                "it contains {variable}, which this worker cannot expand; write the path without \
                 variables"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(os: &str, container: &str, mounts: &[&str]) -> Places {
        let capability = serde_json::from_value(serde_json::json!({
            "os": os, "arch": "x86_64", "cpu_milli": 1000, "memory_bytes": 1 << 30, "slots": 1,
            "backends": ["cpu"], "container": container,
        }));
        let mounts = mounts.iter().map(|mount| mount.parse().expect("a mount"));
        Places::of(&capability.expect("a capability"), mounts.collect())
    }

    #[test]
    fn a_path_of_the_own_system_is_used_as_it_is() {
        let linux = places("linux", "", &[]);
        for path in ["/models/x", "/models//a/../b/", r"/odd\name", "/a/$x", "/a/b:c"] {
            assert_eq!(linux.here(path), Ok(PathBuf::from(path)));
        }
        let windows = places("windows", "", &[]);
        for path in [r"C:\models\x", r"\\srv\share\x"] {
            assert_eq!(windows.here(path), Ok(PathBuf::from(path)));
        }
    }

    #[test]
    fn mounts_lead_from_one_system_to_the_other() {
        let mounts = [r"D:\models=/srv/models"];
        let linux = places("linux", "", &mounts);
        assert_eq!(linux.here(r"d:\Models\bert"), Ok("/srv/models/bert".into()));
        let windows = places("windows", "", &mounts);
        assert_eq!(windows.here("/srv/models/bert"), Ok(r"D:\models\bert".into()));
        let moved = places("linux", "docker", &["/blue/models=/mnt/models"]);
        assert_eq!(moved.here("/blue/models/bert"), Ok("/mnt/models/bert".into()));
        assert_eq!(moved.here("/blue/other"), Ok("/blue/other".into()));
        let wsl = places("linux", "wsl+docker", &[]);
        assert_eq!(wsl.here(r"C:\models\bert"), Ok("/mnt/c/models/bert".into()));
    }

    #[test]
    fn a_path_without_a_place_is_an_error_with_the_reason() {
        let linux = places("linux", "", &[r"D:\models=/srv/models"]);
        let refused = |path: &str| linux.here(path).expect_err("no place");
        assert!(refused(r"E:\x").contains("--mount"), "{}", refused(r"E:\x"));
        assert!(refused(r"D:\models\..\secret").contains("--mount"), "it leaves the mount");
        let variable = refused(r"D:\models\%USERNAME%\x");
        assert!(variable.contains("%USERNAME%, which this worker cannot expand"), "{variable}");
    }
}
