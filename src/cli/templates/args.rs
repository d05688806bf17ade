//! Flags of `dtf templates` and its subcommands.

use crate::cli::args::shared::{Server, Shape, Templates};
use crate::config::Program;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// List, show, add and check templates of tests
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates list\n  dtf templates show vlm\n  dtf templates check vlm --templates my-templates\n  dtf templates add my-templates --coordinator http://lab-1:7700"
)]
pub struct TemplatesArgs {
    #[command(subcommand)]
    pub command: TemplatesCommand,
}

#[derive(Debug, Subcommand)]
pub enum TemplatesCommand {
    List(ListTemplatesArgs),
    Show(ShowTemplatesArgs),
    Add(AddTemplatesArgs),
    Check(CheckTemplatesArgs),
    History(HistoryTemplatesArgs),
}

/// List what is in effect: built in, added to the coordinator, your own
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf templates list\n  dtf templates list --output json")]
pub struct ListTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Print a template or a shared part
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates show vlm\n  dtf templates show _shared/base.py.j2"
)]
pub struct ShowTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Family (vlm), family and back-end (vlm/cuda), or path
    pub name: String,
}

/// Add templates to the coordinator, for everybody who submits there
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates add my-templates\n  dtf templates add my-templates/vlm/test.py.j2\n  dtf templates add draft.j2 --as vlm/cuda.py.j2\nThey are checked first; all are taken, or none. The same text again adds no version."
)]
pub struct AddTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    /// Directories like templates/, or files in such
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Place of a single file, such as vlm/test.py.j2
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Check templates: hostile values, Python's own reading, dry runs without packages
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates check\n  dtf templates check vlm --templates my-templates\nIt runs the scripts of the templates with --dry-run on this machine. Exit codes: 0 all is\nwell, 100 something must be changed, 5 no such template, 1 no Python was found."
)]
pub struct CheckTemplatesArgs {
    /// Families, or family and back-end [default: all]
    #[arg(value_name = "FAMILY")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Interpreter to check with [default: python3 in PATH]
    #[arg(long, env = "DTF_PYTHON", value_name = "FILE")]
    pub python: Option<Program>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// List the versions of a template with author and time
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf templates history vlm --coordinator http://lab-1:7700")]
pub struct HistoryTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    /// Family (vlm), family and back-end (vlm/cuda), or path
    pub name: String,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}
