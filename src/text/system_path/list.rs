//! Lists of paths, as in `PATH`: separated by `;` on Windows and by `:` elsewhere.

use super::conversion::{Conversion, Converted};
use super::error::PathError;
use super::system::System;
use super::variable::unexpanded;
use super::windows;

impl Conversion {
    /// Converts each path of a list, with the separators of both systems.
    ///
    /// # Errors
    /// The first path that has no equivalent, or that contains the separator of the other system.
    pub fn convert_list(&self, list: &str) -> Result<Converted, PathError> {
        let is_windows = match self.from {
            Some(from) => from == System::Windows,
            // The first path decides, unless it begins with a variable.
            None => list
                .split(';')
                .find(|path| unexpanded(path).is_none())
                .is_some_and(windows::is_recognised),
        };
        let (from, to) = (separator(is_windows), separator(self.to == System::Windows));
        let mut paths = Vec::new();
        let mut variable = None;
        for path in list.split(from) {
            let converted = self.convert(path)?;
            if converted.path.contains(to) {
                let (name, to) = (converted.path, self.to);
                let character = separator(to == System::Windows);
                return Err(PathError::InvalidCharacter { name, character, to });
            }
            variable = variable.or(converted.variable);
            paths.push(converted.path);
        }
        Ok(Converted { path: paths.join(to.encode_utf8(&mut [0; 4])), variable })
    }
}

fn separator(is_windows: bool) -> char {
    if is_windows { ';' } else { ':' }
}
