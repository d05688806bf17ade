//! `dtf templates add`: checks templates here and sends them to the coordinator, all or none.

use crate::api::v1::templates::{AddTemplates, NewTemplate};
use crate::cli::args::shared::{Global, Shape};
use crate::cli::connect::client;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::templates::args::AddTemplatesArgs;
use crate::cli::terminal::console::Console;
use crate::cli::work::library;
use crate::sys::fs::read_text;
use crate::templates::check;
use crate::templates::library::{Library, MAX_FILE_BYTES};
use crate::templates::path::{LAYOUT, SHARED, TemplatePath};
use std::path::Path;

pub async fn run(
    console: Console,
    global: &Global,
    args: AddTemplatesArgs,
) -> Result<Exit, CliError> {
    let templates = gather(&args)?;
    let client = client(global, &args.server)?;
    let (added, _) = library::added(&client).await?;
    check_together(&added, &templates)?;
    let answer = client.add_templates(&AddTemplates { templates }).await?;
    match args.output {
        Shape::Json => console.json(&answer)?,
        Shape::Table => {
            for item in &answer.items {
                let same = if item.new { "" } else { " (unchanged)" };
                console.result(&format!("{} version {}{same}", item.path, item.version))?;
            }
        }
    }
    Ok(Exit::Passed)
}

/// Reads the given files and directories.
fn gather(args: &AddTemplatesArgs) -> Result<Vec<NewTemplate>, CliError> {
    if args.name.is_some() && (args.paths.len() != 1 || args.paths.iter().any(|path| path.is_dir()))
    {
        return Err(CliError::usage("--as requires exactly one file"));
    }
    let mut templates: Vec<NewTemplate> = Vec::new();
    for path in &args.paths {
        if path.is_dir() {
            let layer = library::read(path)?.into_iter();
            templates.extend(
                layer.map(|(path, text)| NewTemplate { path, text: text.text.into_owned() }),
            );
        } else {
            templates.push(one(path, args.name.as_deref())?);
        }
    }
    Ok(templates)
}

/// Reads one file. Its template path is the end of its path unless it is given.
fn one(file: &Path, given: Option<&str>) -> Result<NewTemplate, CliError> {
    let shown = file.display();
    let failed = |why: String| CliError::usage(format!("cannot read {shown}: {why}"));
    let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
    if size > MAX_FILE_BYTES as u64 {
        return Err(failed(format!("it is too large ({size} bytes, maximum {MAX_FILE_BYTES})")));
    }
    let text = read_text(file).map_err(|error| failed(error.to_string()))?;
    if let Some(given) = given {
        TemplatePath::parse(given).map_err(library::refused)?;
        return Ok(NewTemplate { path: given.to_owned(), text });
    }
    let full = std::path::absolute(file).map_err(|error| failed(error.to_string()))?;
    let parts: Vec<&str> = full.iter().filter_map(|part| part.to_str()).collect();
    let place = [2, 1].into_iter().find_map(|count| {
        let path = parts.get(parts.len().checked_sub(count)?..)?.join("/");
        TemplatePath::parse(&path).is_ok().then_some(path)
    });
    match place {
        Some(path) => Ok(NewTemplate { path, text }),
        None => Err(CliError::usage(format!("cannot determine which template {shown} is"))
            .hint(format!("give its path with --as NAME; {LAYOUT}"))),
    }
}

/// Checks the new templates together with those of the coordinator, which repeats this check.
fn check_together(added: &library::Layer, new: &[NewTemplate]) -> Result<(), CliError> {
    let replaced = |path: &str| new.iter().any(|new| new.path == path);
    let kept = added.iter().filter(|(path, _)| !replaced(path)).cloned();
    let fresh = new.iter().map(|new| (new.path.clone(), library::fresh(&new.text)));
    let library = Library::built_in().with_layer(kept.chain(fresh)).map_err(library::refused)?;
    let all = new.iter().any(|new| new.path.starts_with(SHARED));
    for (path, _) in library.texts().filter(|(path, _)| all || replaced(path)) {
        if !check::is_test(path) {
            continue;
        }
        let checked = check::check(&library, path).map_err(library::refused)?;
        if !checked.problems.is_empty() {
            let listed = checked.problems.join("\n  ");
            return Err(CliError::usage(format!("{path}:\n  {listed}"))
                .hint("docs/templates.md lists the requirements of a template"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn args(paths: &[PathBuf], name: Option<&str>) -> AddTemplatesArgs {
        AddTemplatesArgs {
            server: crate::cli::args::shared::Server { coordinator: None },
            paths: paths.to_vec(),
            name: name.map(str::to_owned),
            output: Shape::Table,
        }
    }

    #[test]
    fn the_place_of_a_file_is_the_end_of_its_path() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("vlm/test.py.j2");
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        std::fs::write(&file, "text").expect("written");
        let stray = directory.path().join("mine.j2");
        std::fs::write(&stray, "text").expect("written");
        let path =
            |args: &AddTemplatesArgs| gather(args).map(|templates| templates[0].path.clone());
        let there = path(&args(std::slice::from_ref(&file), None));
        assert_eq!(there.expect("a template"), "vlm/test.py.j2");
        let named = path(&args(std::slice::from_ref(&stray), Some("vlm/cuda.py.j2")));
        assert_eq!(named.expect("a template"), "vlm/cuda.py.j2");
        let failure = path(&args(std::slice::from_ref(&stray), None)).expect_err("nowhere");
        assert!(failure.hint.is_some_and(|hint| hint.contains("--as")));
        assert!(path(&args(std::slice::from_ref(&stray), Some("../x"))).is_err());
        assert!(path(&args(&[file, stray], Some("vlm/cuda.py.j2"))).is_err());
    }

    #[test]
    fn broken_templates_never_leave() {
        let new = |path: &str, text: &str| NewTemplate { path: path.into(), text: text.into() };
        let failure = check_together(&Vec::new(), &[new("vlm/test.py.j2", "x")]);
        let message = failure.expect_err("refused").message;
        assert!(message.starts_with("vlm/test.py.j2:\n  vlm/test.py.j2 of the file"), "{message}");
        assert!(check_together(&Vec::new(), &[new("_shared/report.py.j2", "{% if %}")]).is_err());
    }
}
