//! `dtf templates list`, `show` and `history`.

use crate::api::SCHEMA;
use crate::api::v1::templates::{TemplateQuery, TemplateView};
use crate::cli::args::shared::{Global, Shape};
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::templates::args::{HistoryTemplatesArgs, ListTemplatesArgs, ShowTemplatesArgs};
use crate::cli::templates::name::path_of;
use crate::cli::terminal::console::Console;
use crate::cli::work::library;
use crate::client::Client;
use crate::domain::time::Timestamp;
use crate::plan::files::planned::PlannedFile;
use crate::results::render::words::plain;
use crate::templates::library::Library;
use crate::templates::origin::Origin;
use crate::templates::path::TemplatePath;
use crate::text::node::shortened;
use crate::text::suggest::nearest;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

/// Number of digits of a digest in tables.
const SHORT: usize = 12;
/// Maximum length of the name of an author in tables, in characters.
const MAX_AUTHOR: usize = 80;

#[derive(Debug, Serialize)]
struct Listing {
    schema: u32,
    templates: Vec<Row>,
    /// Sentences: which template overrides which.
    shadows: Vec<String>,
}

/// One text in effect.
#[derive(Debug, Serialize)]
struct Row {
    path: String,
    /// Version in the front matter of the template; shared parts and tables have none.
    version: Option<u32>,
    origin: String,
    /// Version of this path at the coordinator.
    added_version: Option<u32>,
    author: Option<String>,
    added_at: Option<Timestamp>,
    /// Digest that runs record: of a template with everything that it can include, else of the text.
    digest: String,
}

pub async fn list(
    console: Console,
    global: &Global,
    args: ListTemplatesArgs,
) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let client = named(global, &file, &args.server)?;
    let (added, views) = match &client {
        Some(client) => library::added(client).await?,
        None => (Vec::new(), Vec::new()),
    };
    let library = library::library(console, &file, &args.templates, added)?;
    let rows = rows(&library, &views)?;
    match args.output {
        Shape::Json => {
            let shadows = library.overrides().iter().map(ToString::to_string).collect();
            console.json(&Listing { schema: SCHEMA, templates: rows, shadows })?;
        }
        Shape::Table => console.result(&table(&rows, console.width()))?,
    }
    Ok(Exit::Passed)
}

/// A client for the coordinator that is given.
fn named(
    global: &Global,
    file: &crate::config::File,
    server: &crate::cli::args::shared::Server,
) -> Result<Option<Client>, CliError> {
    let connection = connection(global, file, server.coordinator.as_deref());
    connection.is_named.then(|| connect(&connection)).transpose()
}

fn rows(library: &Library, views: &[TemplateView]) -> Result<Vec<Row>, CliError> {
    let row = |(path, text): (&str, &crate::templates::origin::Text)| {
        let template = match TemplatePath::parse(path) {
            Ok(TemplatePath::Test { family, backend }) => {
                Some(library.template(family, backend).map_err(library::refused)?)
            }
            _ => None,
        };
        let view = views.iter().find(|view| view.path == path);
        let view = view.filter(|_| matches!(text.origin, Origin::Coordinator { .. }));
        let own = || PlannedFile::new(String::new(), text.text.as_bytes().to_vec()).sha256;
        Ok(Row {
            path: path.to_owned(),
            version: template.as_ref().map(|template| template.front_matter.version),
            origin: origin(&text.origin),
            added_version: view.map(|view| view.version),
            author: view.map(|view| plain(&view.user, MAX_AUTHOR)),
            added_at: view.map(|view| view.added_at),
            digest: template.map_or_else(own, |template| template.digest),
        })
    };
    library.texts().map(row).collect()
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::BuiltIn => "built-in".to_owned(),
        Origin::Coordinator { version, .. } => format!("coordinator, version {version}"),
        Origin::Directory(path) => path.clone(),
    }
}

fn table(rows: &[Row], width: Option<u16>) -> String {
    let mut table = Table::new();
    let header = ["template", "version", "origin", "author", "added", "digest"];
    table.load_style(NOTHING).set_header(header);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in rows {
        table.add_row([
            row.path.clone(),
            row.version.map(|version| version.to_string()).unwrap_or_default(),
            row.origin.clone(),
            row.author.clone().unwrap_or_default(),
            row.added_at.map(instant).unwrap_or_default(),
            row.digest.chars().take(SHORT).collect(),
        ]);
    }
    table.to_string()
}

/// Formats a time to the second; empty beyond the year 9999.
fn instant(at: Timestamp) -> String {
    let at = i64::try_from(at.0).ok().map(|at| at / 1000 * 1000);
    let at = at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}

pub async fn show(
    console: Console,
    global: &Global,
    args: ShowTemplatesArgs,
) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let added = match named(global, &file, &args.server)? {
        Some(client) => library::added(&client).await?.0,
        None => Vec::new(),
    };
    let library = library::library(console, &file, &args.templates, added)?;
    let path = path_of(&args.name);
    // If several layers have the table, the uppermost is shown.
    let newest = library.texts().filter(|(name, _)| *name == path).last();
    let Some((_, text)) = newest else { return Err(unknown(&library, &args.name)) };
    console.note(&format!("{path} of {}", text.origin));
    console.document(&text.text)?;
    Ok(Exit::Passed)
}

/// The error for an unknown template. Its hint is the nearest path, or else the list of families.
pub(super) fn unknown(library: &Library, name: &str) -> CliError {
    let all = library.texts().map(|(path, _)| path.strip_suffix("/test.py.j2").unwrap_or(path));
    let hint = nearest(name, all).map(|near| format!("did you mean {near:?}?"));
    let families: Vec<&str> = library.with_template().collect();
    let hint = hint.unwrap_or_else(|| format!("families are {}", families.join(", ")));
    let failure = CliError::new(format!("there is no template {:?}", shortened(name))).hint(hint);
    failure.with_exit(Exit::NoTest)
}

#[derive(Debug, Serialize)]
struct History {
    schema: u32,
    path: String,
    versions: Vec<TemplateView>,
    /// Whether they override a built-in template.
    built_in: bool,
}

pub async fn history(
    console: Console,
    global: &Global,
    args: HistoryTemplatesArgs,
) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let path = path_of(&args.name);
    let built_in = Library::built_in();
    let in_binary = built_in.texts().any(|(name, _)| name == path);
    let connection = connection(global, &file, args.server.coordinator.as_deref());
    let versions = if connection.is_named || !in_binary {
        let client = connect(&connection)?;
        let query = TemplateQuery { path: Some(path.clone()) };
        client.template_history(&query).await?.items
    } else {
        Vec::new()
    };
    if versions.is_empty() && !in_binary {
        return Err(unknown(&built_in, &args.name));
    }
    let history = History { schema: SCHEMA, path, versions, built_in: in_binary };
    match args.output {
        Shape::Json => console.json(&history)?,
        Shape::Table => console.result(&history_table(&history, console.width()))?,
    }
    Ok(Exit::Passed)
}

fn history_table(history: &History, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["version", "author", "added", "digest of the text"]);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for view in &history.versions {
        let digest = view.sha256.chars().take(SHORT).collect();
        let row = [
            view.version.to_string(),
            plain(&view.user, MAX_AUTHOR),
            instant(view.added_at),
            digest,
        ];
        table.add_row(row);
    }
    if history.built_in {
        table.add_row(["built-in", concat!("dtf ", env!("CARGO_PKG_VERSION")), "", ""]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::origin::Text;

    #[test]
    fn every_text_has_a_row_with_its_origin() {
        let text = "---\nfamily: vlm\nversion: 9\ntasks: [image-text-to-text]\nbackends: [cpu]\n\
            parameters: {}\nrequirements: []\n---\n";
        let origin = Origin::Coordinator { version: 4, author: "anna".into() };
        let layer = [("vlm/test.py.j2".to_owned(), Text { origin, text: text.into() })];
        let library = Library::built_in().with_layer(layer).expect("a library");
        let views = [TemplateView {
            path: "vlm/test.py.j2".into(),
            version: 4,
            sha256: "0".repeat(64),
            user: "anna".into(),
            added_at: Timestamp(1_700_000_000_123),
        }];
        let rows = rows(&library, &views).expect("rows");
        let shown = table(&rows, None);
        let line = |name: &str| {
            let line = shown.lines().find(|line| line.trim_start().starts_with(name));
            line.expect(name).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let digest = library.template("vlm", None).expect("it").digest;
        let expected = format!(
            "vlm/test.py.j2 9 coordinator, version 4 anna 2023-11-14T22:13:20Z {}",
            &digest[..12]
        );
        assert_eq!(line("vlm/test.py.j2"), expected);
        assert!(line("families.yaml").starts_with("families.yaml built-in "));
        assert!(line("_shared/base.py.j2").starts_with("_shared/base.py.j2 built-in "));
        assert_eq!(shown.lines().count(), 1 + library.texts().count());
    }

    #[test]
    fn names_of_templates_become_paths() {
        assert_eq!(path_of("vlm"), "vlm/test.py.j2");
        assert_eq!(path_of("vlm/cuda"), "vlm/cuda.py.j2");
        assert_eq!(path_of("_shared/base.py.j2"), "_shared/base.py.j2");
        assert_eq!(path_of("families.yaml"), "families.yaml");
        let failure = unknown(&Library::built_in(), "vln");
        assert_eq!(failure.hint.as_deref(), Some("did you mean \"vlm\"?"));
    }
}
