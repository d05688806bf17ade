//! The directory `templates/` as part of the binary: templates, families and model configurations.
//! `build.rs` makes cargo rebuild when a file is added or removed.

use include_dir::{Dir, File, include_dir};
use std::path::Path;

/// Directory of the templates of deployments.
const DEPLOY: &str = "deploy";

/// Directory of the pages of the coordinator.
const PAGES: &str = "pages";

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The built-in table of families.
#[must_use]
pub fn families() -> &'static str {
    text("families.yaml").unwrap_or_default()
}

/// The built-in table of back-ends.
#[must_use]
pub fn backends() -> &'static str {
    text("backends.yaml").unwrap_or_default()
}

/// The index of the built-in model configurations.
#[must_use]
pub fn catalogue_index() -> &'static str {
    text("catalogue/index.yaml").unwrap_or_default()
}

/// A built-in model configuration, by its file name.
#[must_use]
pub fn configuration(file: &str) -> Option<&'static str> {
    text(&format!("catalogue/{file}"))
}

/// Path and text of every built-in template of tests and of every shared part.
pub fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    // Those of deployments are one level deeper.
    texts(FOLDER.dirs().flat_map(Dir::files))
}

/// Path and text of every template of deployments, such as `unix/control_nohup.sh.j2`.
pub fn deployment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let directory = FOLDER.get_dir(DEPLOY);
    let files = directory.into_iter().flat_map(Dir::dirs).flat_map(Dir::files);
    texts(files)
        .filter_map(|(path, text)| Some((path.strip_prefix(DEPLOY)?.strip_prefix('/')?, text)))
}

/// Name and text of every template of pages, such as `now.html`.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    FOLDER.get_dir(PAGES).into_iter().flat_map(Dir::files).filter_map(|file| {
        let name = file.path().file_name()?.to_str()?;
        Some((name, file.contents_utf8()?)).filter(|_| is_html(name))
    })
}

fn is_html(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "html")
}

/// A file that the pages name: a style sheet, a script or an image.
#[must_use]
pub fn page_file(name: &str) -> Option<&'static str> {
    let is_template = is_html(name) || name.contains('/');
    if is_template { None } else { text(&format!("{PAGES}/{name}")) }
}

/// A part of the HTML report. Empty if there is no such part.
#[must_use]
pub fn report(name: &str) -> &'static str {
    text(&format!("report/{name}")).unwrap_or_default()
}

/// The style of the pages and of the HTML report.
#[must_use]
pub fn style() -> &'static str {
    page_file("style.css").unwrap_or_default()
}

fn texts(
    files: impl Iterator<Item = &'static File<'static>>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    files
        .filter(|file| file.path().extension().is_some_and(|ending| ending == "j2"))
        .filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)))
}

fn text(path: &str) -> Option<&'static str> {
    FOLDER.get_file(path)?.contents_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_of_the_directory_is_built_in() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let read = |path: &str| std::fs::read_to_string(top.join(path)).expect(path);
        assert_eq!(families(), read("families.yaml"));
        assert_eq!(backends(), read("backends.yaml"));
        assert_eq!(catalogue_index(), read("catalogue/index.yaml"));
        let shared = std::fs::read_dir(top.join("_shared")).expect("listed").count();
        assert_eq!(templates().filter(|(path, _)| path.starts_with("_shared/")).count(), shared);
        for (path, text) in templates() {
            assert_eq!(text, read(path));
        }
        assert!(templates().all(|(path, _)| !path.starts_with(DEPLOY)));
        for (name, text) in deployment() {
            assert_eq!(text, read(&format!("{DEPLOY}/{name}")));
        }
        assert!(deployment().any(|(name, _)| name == "unix/control_nohup.sh.j2"));
        assert!(pages().any(|(name, text)| name == "now.html" && text == read("pages/now.html")));
        assert!(pages().all(|(name, _)| page_file(name).is_none()));
        assert_eq!(page_file("style.css"), Some(read("pages/style.css").as_str()));
        assert_eq!(page_file("../families.yaml"), None);
        assert_eq!(configuration("gpt2.json"), Some(read("catalogue/gpt2.json").as_str()));
    }
}
