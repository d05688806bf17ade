//! What tests are made from, beside the words of a plan or of the command line.

use crate::domain::accelerator::Backend;
use crate::models::source::ModelSource;
use crate::plan::files::PlanFiles;
use crate::plan::history::History;
use crate::templates::library::Library;
use std::collections::BTreeSet;

/// Handed down unchanged to whoever needs a part of it.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The directory of the plan.
    pub files: &'a dyn PlanFiles,
    /// Where the models of the plan are read.
    pub models: &'a dyn ModelSource,
    /// Back-ends with a device that known workers have: `auto` stands for cpu and these.
    pub accelerators: &'a BTreeSet<Backend>,
    /// Templates and families.
    pub library: &'a Library,
    /// What earlier runs of the same tests showed.
    pub history: &'a History,
}
