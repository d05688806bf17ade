//! The inputs from which tests are generated, besides the plan or the command line.

use crate::domain::accelerator::Backend;
use crate::models::source::ModelSource;
use crate::plan::files::directory::PlanFiles;
use crate::plan::history::History;
use crate::plan::packages::Pins;
use crate::templates::library::Library;
use std::collections::BTreeSet;

/// Inputs that the generation of all tests shares.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The directory of the plan.
    pub files: &'a dyn PlanFiles,
    /// The directories and caches of models.
    pub models: &'a dyn ModelSource,
    /// Back-ends of the accelerators of known workers. `auto` means cpu and these.
    pub accelerators: &'a BTreeSet<Backend>,
    /// Templates and families.
    pub library: &'a Library,
    /// Results of earlier runs of the same tests.
    pub history: &'a History,
    /// Packages that are pinned in every environment that is built for a test.
    pub pins: &'a Pins,
    /// The tests run on this machine, so that directories with weights are not sent.
    pub in_place: bool,
}
