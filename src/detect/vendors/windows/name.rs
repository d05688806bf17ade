//! Names of devices, which several sources write in different ways.

/// A name without case, blanks and the marks of trade names.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.to_lowercase().replace("(r)", "").replace("(tm)", "");
    name.chars().filter(|c| c.is_alphanumeric()).collect()
}
