//! What tests are made from, beside the words of a plan or of the command line.

use crate::domain::accelerator::Backend;
use crate::plan::files::Files;
use crate::plan::history::History;
use crate::plan::library::Library;
use std::collections::BTreeSet;

/// Handed down unchanged to whoever needs a part of it.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The folder of the plan, and the machine's model cache.
    pub files: &'a dyn Files,
    /// Back-ends with a device that known workers have: `auto` stands for cpu and these.
    pub accelerators: &'a BTreeSet<Backend>,
    /// Templates and families.
    pub library: &'a Library,
    /// What earlier runs of the same tests showed.
    pub history: &'a History,
}
