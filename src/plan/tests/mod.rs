//! Plans as people write them, good and bad.

mod backends;
mod bad;
mod compared;
mod examples;
mod generated;
mod good;
mod graphs;
mod hostile;
mod own_weights;
mod packages;
mod past;
mod published_weights;

use crate::domain::accelerator::Backend;
use crate::domain::launch::Launch;
use crate::domain::test::TestSpec;
use crate::models::description::{Description, FileRead};
use crate::models::source::ModelSource;
use crate::plan::document::Plan;
use crate::plan::files::directory::PlanFiles;
use crate::plan::history::History;
use crate::plan::packages::Pins;
use crate::plan::sources::Sources;
use crate::plan::submission::Submission;
use crate::templates::library::Library;
use crate::text::error::{ReadError, SourceError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A directory in memory.
#[derive(Default)]
struct TestFiles(BTreeMap<String, Vec<u8>>);

impl TestFiles {
    fn with(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).into(), text.as_bytes().to_vec());
        Self(files.iter().map(owned).collect())
    }
}

impl PlanFiles for TestFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.0.get(path).cloned().ok_or_else(|| ReadError("no such file".into()))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let prefix = format!("{path}/");
        let below = |name: &&String| path.is_empty() || *name == path || name.starts_with(&prefix);
        let names: Vec<String> = self.0.keys().filter(below).cloned().collect();
        if names.is_empty() { Err(ReadError("no such directory".into())) } else { Ok(names) }
    }
}

impl ModelSource for TestFiles {
    fn configuration_file(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.read(path)
    }

    fn model_directory(&self, path: &str) -> Result<Description, ReadError> {
        described(self, path)
    }
}

/// A directory of which every file can be read.
fn described(files: &dyn PlanFiles, path: &str) -> Result<Description, ReadError> {
    let prefix = format!("{path}/");
    let listed = files.list(path)?;
    let names = listed.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned);
    Ok(Description::with_files(names.collect()).read_files(|name| {
        FileRead::Content(files.read(&format!("{prefix}{name}")).expect("listed"))
    }))
}

fn submit(
    text: &str,
    files: &TestFiles,
    accelerators: &[Backend],
) -> Result<Submission, SourceError> {
    let accelerators: BTreeSet<Backend> = accelerators.iter().copied().collect();
    let plan = Plan::parse(text.as_bytes(), "plan.yaml")?;
    plan.into_submission(&Sources { accelerators: &accelerators, ..sources(files) })
}

/// No accelerators, nothing tested before.
fn sources<S: PlanFiles + ModelSource>(files: &S) -> Sources<'_> {
    static NOTHING: LazyLock<(BTreeSet<Backend>, History, Pins)> = LazyLock::new(Default::default);
    static LIBRARY: LazyLock<Library> = LazyLock::new(Library::built_in);
    Sources {
        files,
        models: files,
        accelerators: &NOTHING.0,
        library: &LIBRARY,
        history: &NOTHING.1,
        pins: &NOTHING.2,
        in_place: false,
    }
}

fn names(submission: &Submission) -> Vec<&str> {
    submission.tests.iter().map(|test| &*test.name).collect()
}

fn launch(test: &TestSpec) -> Launch {
    serde_json::from_str(test.launch.get()).expect("a launch")
}
