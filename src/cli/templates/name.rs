//! Names of templates, as people write them.

/// Expands a name to a path: `vlm` and `vlm/cuda` are templates, anything else is a path.
pub fn path_of(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else if name.contains('/') {
        format!("{name}.py.j2")
    } else {
        format!("{name}/test.py.j2")
    }
}
