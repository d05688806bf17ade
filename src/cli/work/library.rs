//! The templates that a command uses: the built-in ones, those of the coordinator, and those of the
//! user's directory. Later ones override earlier ones.

use crate::api::v1::templates::TemplateView;
use crate::backends::Table;
use crate::cli::args::shared::{Backends, Global, Lender, Templates};
use crate::cli::connect::{connect, connection};
use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::client::{Client, ClientError};
use crate::config::{File, Resolver, roles};
use crate::gather::PlanDirectory;
use crate::plan::files::directory::PlanFiles;
use crate::plan::files::planned::PlannedFile;
use crate::sys::fs;
use crate::templates::library::{Library, MAX_FILE_BYTES, MAX_FILES, check_size};
use crate::templates::origin::{Origin, Text};
use crate::templates::path::{BACKENDS, LAYOUT, TemplatePath};
use crate::text::error::ValueError;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Number of texts that are fetched at the same time.
const FETCHED_AT_A_TIME: usize = 8;

/// Texts of one layer, by path.
pub type Layer = Vec<(String, Text)>;

/// Combines the layers and notes which templates override others.
pub fn library(
    console: Console,
    file: &File,
    args: &Templates,
    added: Layer,
) -> Result<Library, CliError> {
    let own = match directory(file, args) {
        Some(root) => read(&root)?,
        None => Layer::new(),
    };
    let library = Library::built_in().with_layer(added).and_then(|below| below.with_layer(own));
    let mut library = library.map_err(refused)?;
    if let Some(path) = backends_file(file, &args.backends) {
        let origin = Origin::Directory(path.display().to_string());
        let text = Text { origin, text: read_backends(&path)?.into() };
        library = library.with_layer([(BACKENDS.to_owned(), text)]).map_err(refused)?;
    }
    for shadow in library.overrides() {
        console.note(&format!("note: {shadow}"));
    }
    Ok(library)
}

/// The table of back-ends of a worker: the built-in one with the user's file.
pub fn backends(file: &File, args: &Backends) -> Result<Table, CliError> {
    let Some(path) = backends_file(file, args) else { return Ok(Table::built_in().clone()) };
    let merged = Table::built_in().merged(&read_backends(&path)?);
    merged.map_err(|why| CliError::usage(format!("{}: {why}", path.display())))
}

fn backends_file(file: &File, args: &Backends) -> Option<PathBuf> {
    roles::backends(args.backends.clone(), &mut Resolver::new(file))
}

fn read_backends(path: &Path) -> Result<String, CliError> {
    let shown = path.display();
    let failed = |why: String| {
        CliError::usage(format!("cannot read the back-ends in {shown}: {why}"))
            .hint("docs/backends.md describes the file of --backends")
    };
    let size = path.metadata().map_err(|error| failed(error.to_string()))?.len();
    if size > MAX_FILE_BYTES as u64 {
        return Err(failed(format!("it is too large ({size} bytes, maximum {MAX_FILE_BYTES})")));
    }
    fs::read_text(path).map_err(|error| failed(error.to_string()))
}

/// Fetches the texts that were added to a coordinator, and its information about each.
pub async fn added(client: &Client) -> Result<(Layer, Vec<TemplateView>), CliError> {
    let views = match client.templates().await {
        // A coordinator of an earlier version has no templates.
        Err(ClientError::NotFound(_)) => Vec::new(),
        answer => answer?.items,
    };
    if views.len() > MAX_FILES {
        return Err(CliError::new(format!("the coordinator has more than {MAX_FILES} templates")));
    }
    let layer = stream::iter(&views)
        .map(|view| async move {
            let bytes = client.get_blob(&view.sha256).await?;
            let file = PlannedFile::new(view.path.clone(), bytes);
            let text = std::str::from_utf8(&file.bytes).ok().filter(|_| file.sha256 == view.sha256);
            let path = &view.path;
            let damaged = || {
                CliError::new(format!("the template {path} arrived damaged from the coordinator"))
            };
            let text = Cow::Owned(text.ok_or_else(damaged)?.to_owned());
            let author = view.user.clone();
            let origin = Origin::Coordinator { version: view.version, author };
            Ok::<_, CliError>((path.clone(), Text { origin, text }))
        })
        .buffered(FETCHED_AT_A_TIME)
        .try_collect()
        .await?;
    Ok((layer, views))
}

/// Fetches the texts of the coordinator that is given by a flag. The variable and the settings file
/// are ignored: their coordinator may be unreachable, and the command needs it for nothing else.
pub async fn added_to(global: &Global, file: &File, lender: &Lender) -> Result<Layer, CliError> {
    match &lender.coordinator {
        Some(url) => Ok(added(&connect(&connection(global, file, Some(url)))?).await?.0),
        None => Ok(Layer::new()),
    }
}

/// A text that is to be added.
pub fn fresh(text: &str) -> Text {
    Text { origin: Origin::Directory("the file".into()), text: Cow::Owned(text.to_owned()) }
}

/// The directory of the user's templates, if one is set.
pub fn directory(file: &File, args: &Templates) -> Option<PathBuf> {
    roles::templates(args.templates.clone(), &mut Resolver::new(file))
}

/// Reads every template in a directory.
///
/// # Errors
/// A file looks like a template and has no valid path for one, or the directory has no templates.
pub fn read(root: &Path) -> Result<Layer, CliError> {
    let shown = root.display().to_string();
    let failed =
        |why: String| CliError::usage(format!("cannot read the templates in {shown}: {why}"));
    if !root.is_dir() {
        return Err(failed("it is not a directory".to_owned()).hint(LAYOUT));
    }
    let files = PlanDirectory::new(root);
    let mut layer = Layer::new();
    for name in files.list("").map_err(|error| failed(error.to_string()))? {
        if !is_template(&name)
            .map_err(|error| CliError { hint: error.hint, ..failed(error.message) })?
        {
            continue;
        }
        let bytes = files.read(&name).map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| failed(format!("{name} is not UTF-8")))?;
        check_size(&name, &text).map_err(refused)?;
        let text = Text { origin: Origin::Directory(shown.clone()), text: Cow::Owned(text) };
        layer.push((name, text));
    }
    if layer.is_empty() {
        return Err(failed("it contains no templates".to_owned()).hint(LAYOUT));
    }
    Ok(layer)
}

/// Whether a file is a template. An error if it only looks like one; other files are ignored.
fn is_template(name: &str) -> Result<bool, ValueError> {
    let Err(parsed) = TemplatePath::parse(name) else { return Ok(true) };
    let whole = format!("{name}.j2");
    if TemplatePath::parse(&whole).is_ok() {
        return Err(parsed.hint(format!("is its name meant to be {whole}?")));
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    let endings = [".j2", ".jinja", ".jinja2", ".tmpl"];
    let like = endings.iter().any(|ending| last.ends_with(ending))
        || last.starts_with("families.")
        || last.starts_with("backends.");
    if like { Err(parsed) } else { Ok(false) }
}

pub fn refused(error: ValueError) -> CliError {
    CliError { hint: error.hint, ..CliError::usage(error.message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    fn layer_directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for (name, content) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            std::fs::write(path, content).expect("written");
        }
        root
    }

    fn refusal(files: &[(&str, &[u8])]) -> String {
        let root = layer_directory(files);
        let failure = read(root.path()).expect_err("refused");
        assert_eq!(failure.exit, Exit::Usage);
        let text = format!("{} | {}", failure.message, failure.hint.unwrap_or_default());
        text.replace(&root.path().display().to_string(), "DIR")
    }

    #[test]
    fn templates_are_found_among_other_files() {
        let root = layer_directory(&[
            ("README.md", b"mine"),
            ("vlm/test.py.j2", b"a"),
            ("vlm/notes/data.json", b"{}"),
            ("_shared/own.py.j2", b"b"),
            ("families.yaml", b"schema: 1"),
        ]);
        let layer = read(root.path()).expect("read");
        let names: Vec<&str> = layer.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["_shared/own.py.j2", "families.yaml", "vlm/test.py.j2"]);
    }

    #[test]
    fn what_looks_like_a_template_by_mistake_is_told() {
        assert_eq!(
            refusal(&[("vlm/test.py", b"a")]),
            "cannot read the templates in DIR: \"vlm/test.py\" is not the path of a template: \
             it has another form | is its name meant to be vlm/test.py.j2?"
        );
        assert!(
            refusal(&[("templates/vlm/test.py.j2", b"a")]).contains("not the path of a template")
        );
        assert!(refusal(&[("families.yml", b"a")]).contains("families.yml"));
        assert!(refusal(&[("vlm/test.py.j2", b"\xff")]).contains("not UTF-8"));
        assert!(refusal(&[("README.md", b"a")]).contains("contains no templates"));
        let large = vec![b'x'; crate::templates::library::MAX_FILE_BYTES + 1];
        assert!(refusal(&[("vlm/test.py.j2", &large)]).contains("maximum 262144"));
        let failure = read(Path::new("/no/such/directory")).expect_err("refused");
        assert!(failure.message.ends_with("it is not a directory"));
    }
}
