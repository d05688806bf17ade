//! The folder of a plan as the plan may see it, and the machine's model cache.

use super::peek;
use super::walk;
use crate::plan::files::{Files, KnownModel, Listing, MAX_FILE_BYTES, Unreadable};
use crate::plan::markers::{Description, MAX_CONFIG_BYTES, NAMES};
use crate::plan::weights::{At, Directory, Root};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Files below one folder. Links are followed only inside of it.
#[derive(Debug, Default)]
pub struct Folder {
    root: PathBuf,
    hub: Option<PathBuf>,
    /// What the hub knows of models, by name.
    pub fetched: HashMap<String, KnownModel>,
    /// Models outside of the root, by the name that they go by in it.
    adopted: HashMap<String, PathBuf>,
    /// Every name that the command line has used for a place, and the place.
    claimed: HashMap<String, PathBuf>,
}

impl Folder {
    pub fn new(root: &Path) -> Self {
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        Self { root: root.to_owned(), hub: hub_cache(), ..Self::default() }
    }

    /// The folder that holds a file.
    pub fn of(file: &Path) -> Self {
        Self::new(file.parent().unwrap_or(Path::new(".")))
    }

    /// How a plan would name a model of the command line: a path is relative and starts with
    /// `./`, whatever lies outside is as if it lay inside, and what is no path is a name. The
    /// folder itself has no name within: it goes by the one that it has on the disk.
    pub fn adopt(&mut self, model: &str) -> Result<String, String> {
        let path = Path::new(model);
        let json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        let marked = json || model.starts_with('.') || model.ends_with('/') || path.is_absolute();
        if !marked && !NAMES.iter().any(|name| self.root.join(path).join(name).is_file()) {
            return Ok(model.to_owned());
        }
        if let Some(parts) = below(path)
            && !matches!(parts.as_slice(), [] | ["config.json"])
        {
            let first = self.root.join(parts[0]);
            self.claim(parts[0], first.canonicalize().unwrap_or(first))?;
            return Ok(format!("./{}", parts.join("/")));
        }
        let full = self.root.join(path).canonicalize();
        let full = full.map_err(|error| format!("cannot read {model}: {error}"))?;
        // A config.json is called after its folder.
        let config = full.file_name().is_some_and(|name| name == "config.json");
        let top = if config { full.parent().unwrap_or(&full) } else { &full };
        let name = top.file_name().and_then(|name| name.to_str()).unwrap_or("model").to_owned();
        self.claim(&name, top.to_owned())?;
        self.adopted.insert(name.clone(), top.to_owned());
        Ok(if config { format!("./{name}/config.json") } else { format!("./{name}") })
    }

    /// One name of the command line stands for one place.
    fn claim(&mut self, name: &str, place: PathBuf) -> Result<(), String> {
        let taken = self.claimed.entry(name.to_owned()).or_insert_with(|| place.clone());
        if *taken == place {
            return Ok(());
        }
        let (taken, place) = (taken.display(), place.display());
        Err(format!("{taken} and {place} have the same name: generate them one by one"))
    }

    fn inside(&self, path: &str) -> Result<PathBuf, Unreadable> {
        let failed = |error: std::io::Error| Unreadable(format!("{path}: {error}"));
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let (root, path) = match self.adopted.get(first) {
            Some(file) if rest.is_empty() && file.is_file() => return Ok(file.clone()),
            Some(folder) => (folder, rest),
            None => (&self.root, path),
        };
        let root = root.canonicalize().map_err(failed)?;
        let full = root.join(path).canonicalize().map_err(failed)?;
        if full.starts_with(&root) {
            Ok(full)
        } else {
            let (full, root) = (full.display(), root.display());
            Err(Unreadable(format!("it leads to {full}, outside of the directory {root}")))
        }
    }
}

/// The names in a path that leads down and nowhere else; `.` is no name.
fn below(path: &Path) -> Option<Vec<&str>> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect()
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        read_capped(&self.inside(path)?, MAX_FILE_BYTES)
            .map_err(|reason| Unreadable(format!("{path}: {reason}")))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let listing = self.survey(path, &[])?;
        match listing.refused.first() {
            Some(refused) => Err(Unreadable(refused.to_string())),
            None => Ok(listing.files),
        }
    }

    fn survey(&self, path: &str, ignored: &[&str]) -> Result<Listing, Unreadable> {
        let full = self.inside(path)?;
        if full.is_file() {
            return Ok(Listing { files: vec![path.to_owned()], ..Listing::default() });
        }
        let root = self.root.canonicalize().map_err(|e| Unreadable(e.to_string()))?;
        walk::below(&root, path, &full, ignored)
    }

    #[cfg(unix)]
    fn executable(&self, path: &str) -> bool {
        use std::os::unix::fs::PermissionsExt;
        let mode = self
            .inside(path)
            .and_then(|full| full.metadata().map_err(|error| Unreadable(error.to_string())));
        mode.is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
    }

    fn cached_model(&self, model: &str) -> Option<KnownModel> {
        let (snapshot, revision) = self.snapshot(model)?;
        let text = |name| read_capped(&snapshot.join(name), MAX_CONFIG_BYTES).ok();
        let description = Description::read(text, || false);
        (!description.texts.is_empty()).then_some(KnownModel { description, revision })
    }

    fn directory(&self, at: At<'_>) -> Result<Option<Directory>, Unreadable> {
        let root = match at.root {
            Root::Plan(path) => Some(self.inside(path)?),
            Root::Cache(model) => self.snapshot(model).map(|(snapshot, _)| snapshot),
        };
        root.map_or(Ok(None), |root| peek::directory(&root, at.part))
    }

    fn first_bytes(&self, file: &str, most: usize) -> Result<Vec<u8>, Unreadable> {
        peek::first_bytes(file, most)
    }

    fn fetched_model(&self, model: &str) -> Option<KnownModel> {
        self.fetched.get(model).cloned()
    }
}

impl Folder {
    /// The directory of a model in the hub's cache, and its commit:
    /// `models--OWNER--NAME/refs/main` names that, `snapshots/COMMIT` holds the files.
    fn snapshot(&self, model: &str) -> Option<(PathBuf, String)> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        if !model.chars().all(plain) || model.contains("..") {
            return None;
        }
        let folder = self.hub.as_ref()?.join(format!("models--{}", model.replace('/', "--")));
        let revision = read_capped(&folder.join("refs/main"), 256).ok()?;
        let revision = String::from_utf8(revision).ok()?.trim().to_owned();
        if revision.is_empty() || !revision.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        Some((folder.join("snapshots").join(&revision), revision))
    }
}

fn read_capped(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() > limit {
        return Err(format!("it has more than {limit} bytes"));
    }
    Ok(bytes)
}

/// Where the model hub's own tools keep what they have fetched.
#[expect(clippy::disallowed_methods, reason = "variables of the model hub's tools, no settings")]
fn hub_cache() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(hub) = named("HF_HUB_CACHE") {
        return Some(PathBuf::from(hub));
    }
    if let Some(home) = named("HF_HOME") {
        return Some(PathBuf::from(home).join("hub"));
    }
    let base = directories::BaseDirs::new()?;
    Some(base.home_dir().join(".cache/huggingface/hub"))
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
        let folder = Folder::new(&plan);
        assert_eq!(folder.list("tests").expect("listed"), ["tests/b.py", "tests/deep/a.py"]);
        assert_eq!(folder.read("tests/b.py").expect("read"), b"b");
        assert!(folder.read("../secret").is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", plan.join("link")).expect("linked");
            assert!(folder.read("link").is_err());
        }
    }

    #[test]
    fn models_are_paths_or_names() {
        let place = tempfile::tempdir().expect("a directory");
        let (root, other) = (place.path().join("root"), place.path().join("other/mine"));
        std::fs::create_dir_all(root.join("bare")).expect("a folder");
        std::fs::create_dir_all(&other).expect("a folder");
        for file in [root.join("bare/config.json"), other.join("config.json")] {
            std::fs::write(file, "{}").expect("written");
        }
        std::fs::write(root.join("config.json"), "{}").expect("written");
        let mut folder = Folder::new(&root);
        let outside = other.to_str().expect("a plain path");
        for (said, named) in [
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
            assert_eq!(folder.adopt(said).as_deref(), Ok(named), "{said}");
            // What is named so can be read so.
            if let Some(inside) = named.strip_prefix("./") {
                let file = format!("{}/config.json", inside.trim_end_matches("/config.json"));
                assert_eq!(folder.read(&file).expect("read"), b"{}", "{said}");
            }
        }
        let mut below = Folder::new(&root.join("bare"));
        assert_eq!(below.adopt("..").as_deref(), Ok("./root"));
        assert!(folder.adopt("../nowhere").is_err());
        assert!(folder.read("mine/../../root/bare/config.json").is_err());
        let away = root.join("mine");
        std::fs::create_dir(&away).expect("a folder");
        for same_name in [away.to_str().expect("a plain path"), "./mine"] {
            assert!(folder.adopt(same_name).is_err(), "{same_name}");
        }
    }

    #[test]
    fn a_cached_model_is_found_by_its_reference() {
        let directory = tempfile::tempdir().expect("a directory");
        let model = directory.path().join("models--owner--name");
        std::fs::create_dir_all(model.join("snapshots/abc123")).expect("folders");
        std::fs::create_dir_all(model.join("refs")).expect("folders");
        std::fs::write(model.join("refs/main"), "abc123").expect("written");
        std::fs::write(model.join("snapshots/abc123/config.json"), "{}").expect("written");
        let mut folder = Folder::new(directory.path());
        folder.hub = Some(directory.path().to_owned());
        let found = folder.cached_model("owner/name").expect("found");
        assert_eq!(found.description, Description::config(b"{}".to_vec()));
        assert_eq!(found.revision, "abc123");
        assert!(folder.cached_model("../name").is_none());
        assert!(folder.cached_model("no/such").is_none());
    }
}
