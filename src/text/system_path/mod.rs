//! Converts paths between Windows, POSIX, WSL, MSYS2 and Cygwin.
//!
//! The conversion is lexical: it reads no file, follows no link and knows no current directory. A path
//! is read into its root and its names, and written for the other system.
//!
//! Promises: a path that was converted can be converted back to the same place. No result is
//! outside of the root or the mount that the path names. What has no equivalent is an error with the
//! reason; nothing is dropped silently. Limits: [`MAX_PATH_BYTES`] and the length of names of each system.

mod conversion;
mod error;
mod list;
mod mount;
mod mounting;
mod parsed;
mod posix;
mod system;
mod uri;
mod variable;
mod windows;

#[cfg(test)]
mod tests;

pub use conversion::{Conversion, Converted};
pub use error::{MAX_PATH_BYTES, PathError};
pub use mount::Mount;
pub use system::System;

use parsed::Parsed;
use variable::unexpanded;

impl Conversion {
    /// Converts a path.
    ///
    /// # Errors
    /// The path has no equivalent on the other system.
    pub fn convert(&self, path: &str) -> Result<Converted, PathError> {
        check_text(path)?;
        if let Some(variable) = unexpanded(path) {
            let variable = Some(variable.to_owned());
            return Ok(Converted { path: path.to_owned(), variable });
        }
        let parsed = self.parse(path)?;
        let mapped = self.mounts.iter().find_map(|mount| mount.apply(&parsed, self.to));
        let path = match mapped.unwrap_or(parsed) {
            parsed if self.to == System::Windows => windows::write(&parsed, self)?,
            parsed => posix::write(&parsed, self)?,
        };
        Ok(Converted { path, variable: None })
    }

    /// Whether a path is below one of the mounts.
    #[must_use]
    pub fn is_mounted(&self, path: &str) -> bool {
        let parsed = check_text(path).and_then(|()| self.parse(path));
        parsed.is_ok_and(|parsed| {
            self.mounts.iter().any(|mount| mount.apply(&parsed, self.to).is_some())
        })
    }

    /// Reads a path of the system that is given or recognised.
    fn parse(&self, path: &str) -> Result<Parsed, PathError> {
        if uri::is_file_uri(path) {
            return uri::parse(path, self);
        }
        match self.from {
            Some(System::Windows) => windows::parse(path, true),
            None if windows::is_recognised(path) => windows::parse(path, true),
            from => posix::parse(path, from, self),
        }
    }
}

fn check_text(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(PathError::PathTooLong(path.len()));
    }
    if path.contains('\0') { Err(PathError::Nul) } else { Ok(()) }
}
