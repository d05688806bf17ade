//! `dtf templates check`: renders templates with hostile values, parses their scripts with Python
//! and runs them with `--dry-run`.

use crate::api::SCHEMA;
use crate::cli::args::shared::{Global, Shape};
use crate::cli::connect::{connect, connection, settings};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::templates::args::CheckTemplatesArgs;
use crate::cli::templates::name::path_of;
use crate::cli::templates::{list, python};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::work::library;
use crate::config::{Resolver, roles};
use crate::domain::accelerator::Backend;
use crate::templates::check;
use crate::templates::check::Checked;
use crate::templates::library::Library;
use crate::templates::origin::Origin;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

/// Number of templates that are checked at the same time.
const AT_A_TIME: usize = 4;

#[derive(Debug, Serialize)]
struct Answer {
    schema: u32,
    templates: Vec<Row>,
    /// False if no Python was found, so that the scripts were not checked.
    scripts_checked: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    family: String,
    path: String,
    /// Absent if the front matter cannot be read; `backends` is then empty.
    version: Option<u32>,
    origin: String,
    backends: Vec<Backend>,
    scripts: usize,
    problems: Vec<String>,
}

pub async fn run(
    console: Console,
    global: &Global,
    args: CheckTemplatesArgs,
) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let connection = connection(global, &file, args.server.coordinator.as_deref());
    let added = if connection.is_named {
        library::added(&connect(&connection)?).await?.0
    } else {
        Vec::new()
    };
    let library = library::library(console, &file, &args.templates, added)?;
    let paths = chosen(&library, &args)?;
    let python = python::find(roles::python(args.python, &mut Resolver::new(&file)).as_deref());
    let progress = Progress::new(console);
    let interpreter = python.as_deref().ok();
    let (library, line) = (&library, &progress);
    let rows: Vec<Row> = stream::iter(&paths)
        .map(|path| async move {
            let mut checked = check::check(library, path).map_err(library::refused)?;
            line.show(&format!("checking {}", checked.name));
            if let (Some(python), true) = (interpreter, checked.problems.is_empty()) {
                checked.problems = python::verify(python, &checked.scripts).await?;
            }
            Ok::<_, CliError>(row(checked))
        })
        .buffered(AT_A_TIME)
        .try_collect()
        .await?;
    drop(progress);
    let bad = rows.iter().any(|row| !row.problems.is_empty());
    let answer = Answer { schema: SCHEMA, templates: rows, scripts_checked: python.is_ok() };
    match args.output {
        Shape::Json => console.json(&answer)?,
        Shape::Table => console.result(&table(&answer, console.width()))?,
    }
    match python {
        _ if bad => Ok(Exit::TestsFailed),
        Err(missing) => Err(missing),
        Ok(_) => Ok(Exit::Passed),
    }
}

/// Templates of the given families. Without names all templates, also with a directory of the
/// user: a shared part in it affects all of them.
fn chosen(library: &Library, args: &CheckTemplatesArgs) -> Result<Vec<String>, CliError> {
    let tests: Vec<&str> =
        library.texts().map(|(path, _)| path).filter(|path| check::is_test(path)).collect();
    if args.names.is_empty() {
        return Ok(tests.into_iter().map(str::to_owned).collect());
    }
    let mut chosen = Vec::new();
    for name in &args.names {
        let (path, directory) = (path_of(name), format!("{name}/"));
        let members = tests.iter().filter(|test| **test == path || test.starts_with(&directory));
        let before = chosen.len();
        chosen.extend(members.map(|path| (*path).to_owned()));
        if chosen.len() == before {
            return Err(list::unknown(library, name));
        }
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

fn row(checked: Checked) -> Row {
    Row {
        family: checked.name,
        path: checked.path,
        version: checked.version,
        origin: match checked.origin {
            Origin::BuiltIn => "built-in".to_owned(),
            other => other.to_string(),
        },
        backends: checked.backends,
        scripts: checked.scripts.len(),
        problems: checked.problems,
    }
}

fn table(answer: &Answer, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["family", "version", "origin", "back-ends", "result"]);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in &answer.templates {
        let backends: Vec<&str> = row.backends.iter().map(Backend::name).collect();
        let result = match (row.problems.as_slice(), answer.scripts_checked) {
            ([], true) => format!("ok: {} scripts", row.scripts),
            ([], false) => "rendered only".to_owned(),
            (problems, _) => problems.join("\n"),
        };
        let unknown = || "unknown".to_owned();
        let version = row.version.map_or_else(unknown, |version| version.to_string());
        let backends = if row.version.is_some() { backends.join(",") } else { unknown() };
        table.add_row([row.family.clone(), version, row.origin.clone(), backends, result]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(names: &[&str]) -> CheckTemplatesArgs {
        CheckTemplatesArgs {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            server: crate::cli::args::shared::Server { coordinator: None },
            templates: crate::cli::args::shared::Templates {
                templates: None,
                backends: Default::default(),
            },
            python: None,
            output: Shape::Table,
        }
    }

    #[test]
    fn families_are_chosen_by_name() {
        let library = Library::built_in();
        let chosen = |names: &[&str]| chosen(&library, &args(names));
        assert_eq!(chosen(&[]).expect("all").len(), library.with_template().count());
        let two = chosen(&["vlm", "video", "vlm/test.py.j2"]).expect("two");
        assert_eq!(two, ["video/test.py.j2", "vlm/test.py.j2"]);
        let failure = chosen(&["vln"]).expect_err("unknown");
        assert_eq!(failure.exit, Exit::NoTest);
        assert_eq!(failure.hint.as_deref(), Some("did you mean \"vlm\"?"));
    }

    #[test]
    fn the_table_shows_what_is_wrong() {
        let row = |family: &str, problems: &[&str]| Row {
            family: family.into(),
            path: format!("{family}/test.py.j2"),
            version: Some(2),
            origin: "built-in".into(),
            backends: vec![Backend::CPU, Backend::CUDA],
            scripts: 12,
            problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
        };
        let templates = vec![row("video", &[]), row("vlm", &["model is bare", "nothing reads x"])];
        let mut answer = Answer { schema: 1, templates, scripts_checked: true };
        insta::assert_snapshot!(table(&answer, None));
        let mut broken = row("audio", &["the front matter is not YAML"]);
        (broken.version, broken.backends, broken.scripts) = (None, Vec::new(), 0);
        let shown =
            table(&Answer { schema: 1, templates: vec![broken], scripts_checked: true }, None);
        assert!(
            shown.lines().nth(1).is_some_and(|line| {
                line.split_whitespace().take(4).eq(["audio", "unknown", "built-in", "unknown"])
            }),
            "{shown}"
        );
        answer.scripts_checked = false;
        assert!(table(&answer, None).contains("rendered only"));
    }
}
