//! The directory of a plan, the models that the command line names, and the machine's model cache.
//!
//! A plan may come from somebody else, so it has access only to its directory, and links are
//! followed only inside it. Models on the command line are the user's choice: their links are
//! followed anywhere.

use crate::domain::weights::Manifest;
use crate::gather::model_directory::{cached, describe, read_capped, snapshot};
use crate::gather::{base_model, peek, walk};
use crate::models::description::Description;
use crate::models::source::{
    BaseModel, DirectoryEntries, KnownModel, ModelSource, Published, WeightsPath, WeightsRoot,
};
use crate::models::weights::formats::is_single_file;
use crate::models::weights::requested::ModelVersion;
use crate::plan::files::directory::{Listing, MAX_FILE_BYTES, PlanFiles};
use crate::plan::names::shortest_unique_suffixes;
use crate::sys::caches::{self, Caches, UserContext};
use crate::text::error::ReadError;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The directory of a plan, and the models that it may use.
#[derive(Debug, Default)]
pub struct PlanDirectory {
    root: PathBuf,
    /// Model cache of the hub's tools.
    hub: PathBuf,
    /// Answers of the hub about models.
    pub published: BTreeMap<ModelVersion, Published>,
    /// Manifests of directories with weights, by their absolute paths.
    pub manifests: BTreeMap<String, Arc<Manifest>>,
    /// Models of the command line, by their names in the plan.
    adopted: HashMap<String, PathBuf>,
}

/// The location of a model of the command line.
struct ModelLocation {
    /// A directory, a file with a configuration, or a file with weights.
    path: PathBuf,
    /// Components of its path, from the root of the file system or from the current directory.
    parts: Vec<String>,
    /// Whether it is a path below the current directory.
    within: bool,
    /// Whether the model is a `config.json`; `path` is then its directory.
    config: bool,
}

impl PlanDirectory {
    pub fn new(root: &Path) -> Self {
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        Self { root: root.to_owned(), hub: Caches::of_process().models, ..Self::default() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that contains a file.
    pub fn of(file: &Path) -> Self {
        Self::new(file.parent().unwrap_or(Path::new(".")))
    }

    /// Returns the names of the models of the command line in a plan. A path becomes relative and
    /// starts with `./`, as if it were inside the directory of the plan; anything else is the name of
    /// a model. The directory itself gets its name on the disk. Paths with the same last component
    /// get as many components as distinguish them.
    pub fn adopt(&mut self, models: &[String]) -> Result<Vec<String>, String> {
        let places: Vec<Option<ModelLocation>> =
            models.iter().map(|model| self.place(model)).collect::<Result<_, _>>()?;
        let parts: Vec<Vec<&str>> = places
            .iter()
            .flatten()
            .map(|place| place.parts.iter().map(String::as_str).collect())
            .collect();
        let mut ends = shortest_unique_suffixes(&parts).into_iter();
        let mut named = Vec::new();
        for (model, place) in models.iter().zip(&places) {
            let Some(place) = place else {
                named.push(model.clone());
                continue;
            };
            let end = ends.next().unwrap_or_default();
            let name = if place.within { place.parts.join("/") } else { end };
            let name = portable(&name);
            self.adopted.insert(name.clone(), place.path.clone());
            let config = if place.config { "/config.json" } else { "" };
            named.push(format!("./{name}{config}"));
        }
        Ok(named)
    }

    /// Locates a model of the command line. None if it is a name and not a path.
    fn place(&self, model: &str) -> Result<Option<ModelLocation>, String> {
        let given = if model == "~" || model.starts_with("~/") {
            caches::expand_user(&surroundings(), Path::new(model))
        } else {
            PathBuf::from(model)
        };
        let json = given.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        let file = json || is_single_file(model);
        let marked = file || model.starts_with('.') || model.ends_with('/') || given.is_absolute();
        let path = self.root.join(&given);
        // A directory whose path looks like a name is a model only if its files show it.
        let has_evidence =
            || describe(&path, None).is_ok_and(|description| description.has_evidence());
        if !(marked || path.is_dir() && has_evidence()) {
            return Ok(None);
        }
        let config = given.file_name().is_some_and(|name| name == "config.json");
        // A config.json is named after its directory.
        let (given, path) = match (config, given.parent(), path.parent()) {
            (true, Some(given), Some(path)) => (given.to_owned(), path.to_owned()),
            _ => (given, path),
        };
        let full = path.canonicalize().map_err(|error| format!("cannot read {model}: {error}"))?;
        let leads_down = below(&given).filter(|parts| !parts.is_empty());
        let within = leads_down.is_some();
        // After a link, `..` is not the parent directory that the text of the path shows.
        let winding = given.components().any(|part| part == Component::ParentDir);
        let parts = match leads_down {
            Some(parts) => parts.into_iter().map(str::to_owned).collect(),
            None if given.is_absolute() && !winding => names(&given),
            None => names(&full),
        };
        Ok(Some(ModelLocation { path, parts, within, config }))
    }

    /// The path of a model of the command line, or of a file in it.
    fn adopted(&self, path: &str) -> Option<PathBuf> {
        let steps = path.split('/').any(|part| matches!(part, "." | ".."));
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut named = ends.filter_map(|end| {
            let place = self.adopted.get(&path[..end])?;
            let rest = path[end..].trim_start_matches('/');
            Some(if rest.is_empty() { place.clone() } else { place.join(rest) })
        });
        if steps { None } else { named.next() }
    }

    /// The place of weights that a plan or the command line names. `None` if it does not exist.
    fn given(&self, path: &str) -> Result<Option<PathBuf>, ReadError> {
        let place = self.root.join(caches::expand_user(&surroundings(), Path::new(path)));
        match real(&place) {
            Ok(full) => Ok(Some(full)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ReadError(error.to_string())),
        }
    }

    fn inside(&self, path: &str) -> Result<PathBuf, ReadError> {
        let failed = |error: std::io::Error| ReadError(format!("{path}: {error}"));
        // The choice of the user: links may lead anywhere.
        if let Some(place) = self.adopted(path) {
            return place.canonicalize().map_err(failed);
        }
        let root = &self.root;
        let root = root.canonicalize().map_err(failed)?;
        let full = root.join(path).canonicalize().map_err(failed)?;
        if full.starts_with(&root) {
            Ok(full)
        } else {
            let (full, root) = (full.display(), root.display());
            Err(ReadError(format!("it leads to {full}, outside of the directory {root}")))
        }
    }
}

/// The path without links. A file keeps its name, which shows the format: the model cache has links to
/// files that are named after their digests.
fn real(place: &Path) -> io::Result<PathBuf> {
    let full = place.canonicalize()?;
    match (full.is_file(), place.parent(), place.file_name()) {
        (true, Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
        _ => Ok(full),
    }
}

fn surroundings() -> UserContext<'static> {
    UserContext { get: &caches::variable, home: &caches::home }
}

/// The components of a path. A snapshot of a model cache, whose directory is named after its
/// commit, gets the name of its model.
fn names(path: &Path) -> Vec<String> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let mut parts: Vec<String> = parts.collect();
    if let [.., model, snapshots, commit] = parts.as_mut_slice()
        && snapshots == "snapshots"
        && let Some(name) = model.strip_prefix("models--")
    {
        name.rsplit("--").next().unwrap_or(name).clone_into(commit);
    }
    if parts.is_empty() { vec!["model".to_owned()] } else { parts }
}

/// Replaces characters that a path in a plan must not have.
fn portable(name: &str) -> String {
    name.replace(|c: char| c.is_control() || matches!(c, '\\' | ':'), "_")
}

/// The components of a path that only descends, without `.`.
fn below(path: &Path) -> Option<Vec<&str>> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect()
}

impl PlanFiles for PlanDirectory {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        read_capped(&self.inside(path)?, MAX_FILE_BYTES)
            .map_err(|reason| ReadError(format!("{path}: {reason}")))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let listing = self.survey(path, &[])?;
        match listing.refused.first() {
            Some(refused) => Err(ReadError(refused.to_string())),
            None => Ok(listing.files),
        }
    }

    fn survey(&self, path: &str, ignored: &[&str]) -> Result<Listing, ReadError> {
        let full = self.inside(path)?;
        if full.is_file() {
            return Ok(Listing { files: vec![path.to_owned()], ..Listing::default() });
        }
        let root = self.root.canonicalize().map_err(|e| ReadError(e.to_string()))?;
        walk::below(&root, path, &full, ignored)
    }

    #[cfg(unix)]
    fn executable(&self, path: &str) -> bool {
        use std::os::unix::fs::PermissionsExt;
        let mode = self
            .inside(path)
            .and_then(|full| full.metadata().map_err(|error| ReadError(error.to_string())));
        mode.is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
    }
}

impl ModelSource for PlanDirectory {
    fn configuration_file(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.read(path)
    }

    fn model_directory(&self, path: &str) -> Result<Description, ReadError> {
        let described = if let Some(place) = self.adopted(path) {
            describe(&place, None)
        } else {
            let root = self.root.canonicalize().map_err(|e| ReadError(e.to_string()))?;
            describe(&root.join(path), Some(&root))
        };
        described.map_err(ReadError)
    }

    fn cached_model(
        &self,
        model: &str,
        revision: Option<&str>,
    ) -> Result<Option<KnownModel>, ReadError> {
        cached(&self.hub, model, revision)
    }

    fn base_model(&self, adapter: &str) -> Result<Option<BaseModel>, ReadError> {
        let Some(place) = base_model::of(Path::new(adapter)) else { return Ok(None) };
        let path = place.display().to_string();
        let description = describe(&place, None);
        let description = description.map_err(|why| ReadError(format!("{path}: {why}")))?;
        Ok(Some(BaseModel { path, description }))
    }

    fn directory(&self, at: WeightsPath<'_>) -> Result<Option<DirectoryEntries>, ReadError> {
        let root = match at.root {
            WeightsRoot::Plan(path) => {
                self.inside(path)?;
                let place = self.adopted(path).unwrap_or_else(|| self.root.join(path));
                Some(real(&place).map_err(|error| ReadError(format!("{path}: {error}")))?)
            }
            WeightsRoot::Given(path) => self.given(path)?,
            WeightsRoot::Cache { model, revision } => {
                snapshot(&self.hub, model, revision)?.map(|(snapshot, _)| snapshot)
            }
        };
        root.map_or(Ok(None), |root| peek::directory(&root, at.part))
    }

    fn first_bytes(&self, file: &str, most: usize) -> Result<Vec<u8>, ReadError> {
        peek::first_bytes(file, most)
    }

    fn published(&self, model: &str, revision: Option<&str>) -> Published {
        let version =
            ModelVersion { model: model.to_owned(), revision: revision.map(str::to_owned) };
        let unasked = || Published::Unknown("the model hub was not asked".to_owned());
        self.published.get(&version).cloned().unwrap_or_else(unasked)
    }

    fn manifest(&self, folder: &str) -> Option<Arc<Manifest>> {
        self.manifests.get(folder).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_and_read_inside_the_folder_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let plan = directory.path().join("plan");
        std::fs::create_dir_all(plan.join("tests/deep")).expect("folders");
        std::fs::write(plan.join("tests/deep/a.py"), "a").expect("written");
        std::fs::write(plan.join("tests/b.py"), "b").expect("written");
        std::fs::write(directory.path().join("secret"), "s").expect("written");
        let plan_directory = PlanDirectory::new(&plan);
        assert_eq!(
            plan_directory.list("tests").expect("listed"),
            ["tests/b.py", "tests/deep/a.py"]
        );
        assert_eq!(plan_directory.read("tests/b.py").expect("read"), b"b");
        assert!(plan_directory.read("../secret").is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", plan.join("link")).expect("linked");
            assert!(plan_directory.read("link").is_err());
        }
    }

    #[test]
    fn models_are_paths_or_names() {
        let place = tempfile::tempdir().expect("a directory");
        let (root, other) = (place.path().join("root"), place.path().join("other/mine"));
        std::fs::create_dir_all(root.join("bare")).expect("a directory");
        std::fs::create_dir_all(&other).expect("a directory");
        for file in [root.join("bare/config.json"), other.join("config.json")] {
            std::fs::write(file, "{}").expect("written");
        }
        std::fs::write(root.join("config.json"), "{}").expect("written");
        let mut plan_directory = PlanDirectory::new(&root);
        let outside = other.to_str().expect("a plain path");
        for (given, named) in [
            ("bert-base-uncased", "bert-base-uncased"),
            ("owner/name", "owner/name"),
            ("bare", "./bare"),
            ("./bare", "./bare"),
            ("./bare/", "./bare"),
            ("bare/.", "./bare"),
            ("bare/config.json", "./bare/config.json"),
            (".", "./root"),
            ("./", "./root"),
            ("bare/..", "./root"),
            ("config.json", "./root/config.json"),
            ("../other/mine", "./mine"),
            ("../other/mine/config.json", "./mine/config.json"),
            (outside, "./mine"),
            (&format!("{outside}/config.json"), "./mine/config.json"),
        ] {
            assert_eq!(
                plan_directory.adopt(&[given.to_owned()]),
                Ok(vec![named.to_owned()]),
                "{given}"
            );
            // The returned name can be read.
            if let Some(inside) = named.strip_prefix("./") {
                let file = format!("{}/config.json", inside.trim_end_matches("/config.json"));
                assert_eq!(plan_directory.read(&file).expect("read"), b"{}", "{given}");
            }
        }
        let mut below = PlanDirectory::new(&root.join("bare"));
        assert_eq!(below.adopt(&["..".to_owned()]), Ok(vec!["./root".to_owned()]));
        assert!(plan_directory.adopt(&["../nowhere".to_owned()]).is_err());
        assert!(plan_directory.read("mine/../../root/bare/config.json").is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_file_keeps_its_name_although_it_is_a_link() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path().canonicalize().expect("a path");
        let snapshot = root.join("models--o--n/snapshots/0a1b");
        std::fs::create_dir_all(&snapshot).expect("a directory");
        std::fs::create_dir_all(root.join("here")).expect("a directory");
        std::fs::write(root.join("blob"), "GGUF").expect("written");
        std::os::unix::fs::symlink(root.join("blob"), snapshot.join("q4.gguf")).expect("linked");
        let mut plan_directory = PlanDirectory::new(&root.join("here"));
        let given = snapshot.join("q4.gguf").display().to_string();
        let named = plan_directory.adopt(std::slice::from_ref(&given)).expect("named");
        assert_eq!(named, ["./q4.gguf"]);
        for at in [WeightsRoot::Plan("q4.gguf"), WeightsRoot::Given(&given)] {
            let found = plan_directory.directory(WeightsPath { root: at, part: "" });
            let found = found.expect("readable").expect("there");
            assert!(found.is_file && found.path == given, "{found:?}");
            assert!(found.entries.keys().eq(["q4.gguf"]), "{found:?}");
        }
        // A plan does not lead there, and a file that does not exist is not the name of a model.
        std::os::unix::fs::symlink("../blob", root.join("here/mine.gguf")).expect("linked");
        let of_plan = WeightsPath { root: WeightsRoot::Plan("mine.gguf"), part: "" };
        assert!(
            plan_directory.directory(of_plan).expect_err("outside").to_string().contains("leads")
        );
        // A directory with one such file shows that it is a model.
        std::fs::create_dir_all(root.join("here/packed")).expect("a directory");
        std::fs::write(root.join("here/packed/q4.gguf"), "GGUF").expect("written");
        assert_eq!(plan_directory.adopt(&["packed".to_owned()]), Ok(vec!["./packed".to_owned()]));
        let error = plan_directory.adopt(&["owner/none.gguf".to_owned()]).expect_err("missing");
        assert!(error.contains("cannot read owner/none.gguf"), "{error}");
    }

    #[test]
    fn places_with_one_last_name_are_told_apart() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path().canonicalize().expect("a path");
        for name in ["here/model", "x/model", "y/model", "models--o--n/snapshots/0a1b"] {
            std::fs::create_dir_all(root.join(name)).expect("a directory");
            let text = format!("{{\"name\": \"{name}\"}}");
            std::fs::write(root.join(name).join("config.json"), text).expect("written");
        }
        let mut plan_directory = PlanDirectory::new(&root.join("here"));
        let outside = |name: &str| root.join(name).display().to_string();
        let given = ["model".to_owned(), outside("x/model"), "../y/model".to_owned()];
        let named = plan_directory.adopt(&given).expect("named");
        assert_eq!(named, ["./model", "./x/model", "./y/model"]);
        for (name, place) in named.iter().zip(["here/model", "x/model", "y/model"]) {
            let file = format!("{}/config.json", name.trim_start_matches("./"));
            let text = plan_directory.read(&file).expect("read");
            assert_eq!(text, format!("{{\"name\": \"{place}\"}}").into_bytes());
        }
        let snapshot = outside("models--o--n/snapshots/0a1b");
        assert_eq!(plan_directory.adopt(&[snapshot]), Ok(vec!["./n".to_owned()]));
        assert!(plan_directory.model_directory("n").expect("there").has_evidence());
    }

    #[test]
    #[cfg(unix)]
    fn models_of_the_command_line_may_be_reached_through_links() {
        let place = tempfile::tempdir().expect("a directory");
        let (root, blobs) = (place.path().join("root"), place.path().join("blobs"));
        std::fs::create_dir_all(root.join("inside")).expect("a directory");
        std::fs::create_dir_all(&blobs).expect("a directory");
        std::fs::write(blobs.join("config.json"), "{\"model_type\": \"bert\"}").expect("written");
        std::os::unix::fs::symlink("../../blobs/config.json", root.join("inside/config.json"))
            .expect("linked");
        std::os::unix::fs::symlink("../blobs", root.join("link")).expect("linked");
        let mut plan_directory = PlanDirectory::new(&root);
        // A plan from others does not lead there.
        for (path, reason) in [("inside", "config.json of x: it leads out"), ("link", "leads out")]
        {
            let error = match plan_directory.model_directory(path) {
                Err(error) => error.to_string(),
                Ok(directory) => directory.interpret("x").expect_err(path).message,
            };
            assert!(error.contains(reason), "{error}");
        }
        let given = ["inside", "./link", "link/", "link/config.json"].map(str::to_owned);
        let named = plan_directory.adopt(&given).expect("named");
        assert_eq!(named, ["./inside", "./link", "./link", "./link/config.json"]);
        for path in ["inside", "link"] {
            assert!(plan_directory.model_directory(path).expect(path).interpret("x").is_ok());
        }
        // A directory without evidence of a model does not make a name a path.
        std::fs::create_dir_all(root.join("gpt2")).expect("a directory");
        assert_eq!(plan_directory.adopt(&["gpt2".to_owned()]), Ok(vec!["gpt2".to_owned()]));
    }
}
