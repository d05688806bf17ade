//! The packages of a suite's environment: those of its requirements file, those that it imports in
//! the versions that are installed here, and wheels of packages that no index has.

use crate::gather::GatherError;
use crate::gather::Notices;
use crate::gather::pytest::ask::{Asker, quoted};
use crate::gather::pytest::place::SuiteLocation;
use crate::plan::pytest::suite::{Collected, Distribution};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const WHEELS: &str = include_str!("wheels.py");
const REQUIREMENTS: &str = include_str!("requirements.py");
/// Exit code of `requirements.py` where the interpreter has no pip.
const NO_PIP: i32 = 3;

pub struct Needed {
    pub requirements: Vec<String>,
    pub wheels: BTreeMap<String, Arc<[u8]>>,
}

/// A requirements file as pip reads it.
#[derive(Debug, Default, Deserialize)]
struct Listed {
    requirements: Vec<String>,
    constraints: Vec<String>,
    local: Vec<String>,
    left_out: Vec<String>,
}

pub async fn needed(
    notices: &dyn Notices,
    asker: &Asker,
    place: &SuiteLocation,
    collected: &Collected,
) -> Result<Needed, GatherError> {
    let installed = &collected.distributions;
    let mut listed = Listed::default();
    if let Some(file) = requirements_beside(place) {
        listed = requirements_file(notices, asker, &file).await?;
        for path in &listed.local {
            check_local(asker, directory_of(&file), path, installed)?;
        }
    }
    let packed: Vec<&Distribution> = installed.iter().filter(|one| one.pack).collect();
    let packed_names: BTreeSet<&str> = packed.iter().map(|one| one.name.as_str()).collect();
    let mut requirements = listed.requirements.clone();
    requirements.retain(|text| !packed_names.contains(canonical(text).as_str()));
    let named: BTreeSet<String> = requirements.iter().map(|text| canonical(text)).collect();
    let others = installed.iter().filter(|one| !one.pack && !named.contains(&one.name));
    requirements.extend(others.map(|one| one.requirement.clone()));
    notices.note(&format!("packages: {}", requirements.join(" ")));
    let pinned: BTreeSet<&str> = installed.iter().map(|one| one.name.as_str()).collect();
    let unused: Vec<&str> = listed
        .constraints
        .iter()
        .filter(|text| !pinned.contains(canonical(text).as_str()))
        .map(String::as_str)
        .collect();
    if !unused.is_empty() {
        let unused = unused.join(", ");
        notices.warning(&format!("constraints that workers do not apply: {unused}"));
    }
    if !listed.left_out.is_empty() {
        notices.warning(&format!("left out of the requirements: {}", listed.left_out.join(", ")));
    }
    let wheels = wheels(notices, asker, place, collected, &packed).await?;
    Ok(Needed { requirements, wheels })
}

/// The name in a requirement, as indexes compare names.
fn canonical(requirement: &str) -> String {
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
    let name = &requirement[..end.unwrap_or(requirement.len())];
    let mut canonical = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if canonical.ends_with('-') => {}
            '-' | '_' | '.' => canonical.push('-'),
            c => canonical.push(c.to_ascii_lowercase()),
        }
    }
    canonical
}

/// The nearest requirements.txt, from the tests up to the root.
fn requirements_beside(place: &SuiteLocation) -> Option<PathBuf> {
    let above = place.suite.ancestors().take_while(|one| one.starts_with(&place.root));
    above.map(|one| one.join("requirements.txt")).find(|file| file.is_file())
}

async fn requirements_file(
    notices: &dyn Notices,
    asker: &Asker,
    file: &Path,
) -> Result<Listed, GatherError> {
    let question = file.display().to_string();
    let mut last = None;
    let mut failures = Vec::new();
    // Any pip reads it the same way; environments of some tools have none.
    for python in asker.interpreters() {
        let ended = asker.ask_with(python, REQUIREMENTS, &question, directory_of(file)).await;
        match ended {
            Ok(ended) if ended.exit.code == Some(0) => {
                return serde_json::from_str(&ended.stdout.text).map_err(|error| {
                    GatherError::new(format!(
                        "pip's answer about {question} cannot be read: {error}"
                    ))
                });
            }
            Ok(ended) if ended.exit.code == Some(NO_PIP) => {}
            Ok(ended) => last = Some(quoted(&ended.stderr.text).join("\n")),
            Err(error) => failures.push(error.message),
        }
    }
    if let Some(output) = last {
        return Err(GatherError::usage(format!("pip cannot read {question}:\n{output}")));
    }
    let why = match failures.as_slice() {
        [] => "no interpreter here has pip".to_owned(),
        failures => failures.join("; "),
    };
    notices.warning(&format!(
        "cannot read {question}: {why}; using the packages that are installed for {}",
        asker.name()
    ));
    Ok(Listed::default())
}

/// The directory of a requirements file; its relative paths start there.
fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// A path in a requirements file must be what is installed here.
fn check_local(
    asker: &Asker,
    directory: &Path,
    path: &str,
    installed: &[Distribution],
) -> Result<(), GatherError> {
    let plain = path.strip_prefix("file://").unwrap_or(path);
    let plain = plain.split(['[', '#', ';']).next().unwrap_or(plain).trim();
    let full = directory.join(plain);
    let full = full.canonicalize().unwrap_or(full);
    let known = |one: &Distribution| one.from.as_deref().map(Path::new) == Some(full.as_path());
    if installed.iter().any(known) {
        return Ok(());
    }
    let message = format!(
        "the requirements name {path}, but nothing that the suite uses in {} was installed from \
         there",
        asker.name()
    );
    Err(GatherError::usage(message).hint(format!("{} -m pip install {path}", asker.name())))
}

/// Packs what no index has. Whatever cannot be packed must not be replaced by something else.
async fn wheels(
    notices: &dyn Notices,
    asker: &Asker,
    place: &SuiteLocation,
    collected: &Collected,
    packed: &[&Distribution],
) -> Result<BTreeMap<String, Arc<[u8]>>, GatherError> {
    let mut wheels = BTreeMap::new();
    if packed.is_empty() {
        return Ok(wheels);
    }
    let out: PathBuf = asker.scratch.path().join("wheels");
    std::fs::create_dir_all(&out)
        .map_err(|error| GatherError::new(format!("cannot write {}: {error}", out.display())))?;
    let names: Vec<&str> = packed.iter().map(|one| one.name.as_str()).collect();
    let question =
        json!({ "out": out, "root": place.root, "paths": collected.paths, "names": names });
    let ended = asker.script(WHEELS, &question, &place.root).await?;
    let answers: BTreeMap<String, Answer> =
        serde_json::from_str(&ended.stdout.text).map_err(|_| {
            let output =
                quoted(&format!("{}\n{}", ended.stdout.text, ended.stderr.text)).join("\n");
            GatherError::new(format!("cannot pack {}:\n{output}", names.join(", ")))
        })?;
    for one in packed {
        let from = one.from.as_deref().unwrap_or("an unknown place");
        let file = match answers.get(&one.name) {
            Some(Answer::Wheel(file)) => file,
            Some(Answer::Failed { error }) => return Err(unpackable(asker, one, error)),
            None => return Err(unpackable(asker, one, "no answer")),
        };
        let bytes = std::fs::read(out.join(file))
            .map_err(|error| unpackable(asker, one, &error.to_string()))?;
        wheels.insert(file.clone(), Arc::from(bytes));
        let how = if one.editable { " (editable)" } else { "" };
        notices.note(&format!(
            "sent as installed here: {} {} from {from}{how}",
            one.name, one.version
        ));
    }
    Ok(wheels)
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Wheel(String),
    Failed { error: String },
}

fn unpackable(asker: &Asker, one: &Distribution, why: &str) -> GatherError {
    let from = one.from.as_deref().unwrap_or("PATH");
    GatherError::new(format!(
        "{} {} is installed from {from}, and cannot be sent to workers: {why}",
        one.name, one.version
    ))
    .hint(format!("install it again: {} -m pip install {from}", asker.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_requirements_file_up_to_the_root_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("root");
        let suite = root.join("project/tests");
        std::fs::create_dir_all(&suite).expect("directories");
        let place = SuiteLocation {
            suite,
            root: root.clone(),
            settings: None,
            directory: root.clone(),
            args: Vec::new(),
        };
        let write = |path: &str| {
            let file = directory.path().join(path).join("requirements.txt");
            std::fs::write(&file, "").expect("written");
            file
        };
        write("");
        assert_eq!(requirements_beside(&place), None);
        for nearer in ["root", "root/project", "root/project/tests"] {
            let file = write(nearer);
            assert_eq!(requirements_beside(&place), Some(file));
        }
    }

    #[test]
    fn names_are_compared_as_indexes_do() {
        for text in ["Zope.Interface==5", "zope_interface", "zope-.-interface[x] ; os_name == 'nt'"]
        {
            assert_eq!(canonical(text), "zope-interface", "{text}");
        }
    }
}
