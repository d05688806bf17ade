//! Flags of `dtf templates` and its subcommands.

use crate::cli::args::shared::{Server, Shape, Templates};
use crate::config::Program;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// List, show, add and check test templates
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

/// List the templates in effect: built-in ones, those of the coordinator and your own
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf templates list\n  dtf templates list --output json")]
pub struct ListTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Print a template or a shared part of templates
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dtf templates show vlm\n  dtf templates show _shared/base.py.j2"
)]
pub struct ShowTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Family (vlm), family and back-end (vlm/cuda), or path of the template
    pub name: String,
}

/// Add templates to the coordinator, for all users of it
#[derive(Debug, Args)]
#[command(
    after_help = "The templates are checked first. Either all of them are added, or none. An unchanged template\ngets no new version.\n\nExamples:\n  dtf templates add my-templates\n  dtf templates add my-templates/vlm/test.py.j2\n  dtf templates add draft.j2 --as vlm/cuda.py.j2"
)]
pub struct AddTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    /// Directories of templates (laid out as in docs/templates.md), or files in them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Path of a single template, such as vlm/test.py.j2
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// Check templates: render, parse and dry-run their scripts
#[derive(Debug, Args)]
#[command(
    after_help = "Renders each template with ordinary and hostile values, parses the scripts with Python and runs\nthem with --dry-run on this machine, without any packages. Exit codes: 0 all templates are\ncorrect, 100 a template has mistakes, 5 no such template, 1 no Python was found.\n\nExamples:\n  dtf templates check\n  dtf templates check vlm --templates my-templates"
)]
pub struct CheckTemplatesArgs {
    /// Families (vlm), or families with a back-end (vlm/cuda) [default: all]
    #[arg(value_name = "FAMILY")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub templates: Templates,
    /// Python interpreter for the check [default: python3 in PATH]
    #[arg(long, env = "DTF_PYTHON", value_name = "FILE")]
    pub python: Option<Program>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}

/// List the versions of a template, with author and time
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf templates history vlm --coordinator http://lab-1:7700")]
pub struct HistoryTemplatesArgs {
    #[command(flatten)]
    pub server: Server,
    /// Family (vlm), family and back-end (vlm/cuda), or path of the template
    pub name: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub output: Shape,
}
