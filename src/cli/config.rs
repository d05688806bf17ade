//! `dtf config`: the settings in effect, and where each comes from.
//!
//! Promise: the values are those that `coordinator`, `worker` and clients use with the same flags,
//! because they come from the same functions. Files with tokens are named and never read.

use crate::api::SCHEMA;
use crate::cli::args::shared::{Global, Shape, Templates};
use crate::cli::connect::settings;
use crate::cli::coordinator::SettingArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::worker::args::WorkerArgs;
use crate::cli::worker::machine;
use crate::config::roles::{self, ClientSettings, CoordinatorSettings, WorkerSettings};
use crate::config::{File, Origin, Resolved, Resolver, locate};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches, Subcommand};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Show the settings in effect
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dtf config show --origin\n  dtf config path")]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print each setting with its value
    ///
    /// Also takes the flags of `dtf coordinator` and `dtf worker`, and prints what they change.
    /// Tokens are not printed, only the names of their files.
    #[command(after_help = "\
Examples:
  dtf config show
  dtf config show --origin                     Also print where each value comes from
  dtf config show --origin --config lab.yaml
  dtf config show --output json")]
    Show(Box<ShowArgs>),
    /// Print the path of the settings file, whether it exists or not
    #[command(after_help = "Examples:\n  dtf config path")]
    Path,
}

/// The flags of `config show`, and those that settings have.
#[derive(Debug)]
pub struct ShowArgs {
    show: ShowFlags,
    settings: SettingFlags,
    /// Keys of the settings that a flag, and not a variable, gives.
    flags: BTreeSet<String>,
}

#[derive(Debug, Args)]
struct ShowFlags {
    /// Print where each value comes from
    #[arg(long)]
    origin: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    output: Shape,
}

/// Every flag that has a setting, besides the global ones.
#[derive(Debug, Args)]
struct SettingFlags {
    #[command(flatten)]
    coordinator: SettingArgs,
    #[command(flatten)]
    worker: WorkerArgs,
}

/// By hand, because only the matches distinguish a flag from a variable.
impl Args for ShowArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let settings = SettingFlags::augment_args(clap::Command::new("settings"));
        let flags = settings.get_arguments().map(|arg| arg.clone().hide(true));
        ShowFlags::augment_args(command).args(flags)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ShowArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_flag = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        Ok(Self {
            show: ShowFlags::from_arg_matches(matches)?,
            settings: SettingFlags::from_arg_matches(matches)?,
            flags: matches.ids().map(clap::Id::as_str).filter(is_flag).map(str::to_owned).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub fn run(console: Console, global: &Global, args: ConfigArgs) -> Result<Exit, CliError> {
    match args.command {
        ConfigCommand::Show(args) => show(console, global, *args),
        ConfigCommand::Path => {
            let path = global.config.clone().or_else(locate::settings_file);
            let path = path.ok_or_else(|| {
                CliError::new("this platform has no settings directory")
                    .hint("name a settings file with --config or DTF_CONFIG")
            })?;
            console.result(&path.display().to_string())?;
            Ok(Exit::Passed)
        }
    }
}

fn show(console: Console, global: &Global, args: ShowArgs) -> Result<Exit, CliError> {
    let file = settings(global)?;
    let resolved = resolve(&file, global.token_file.clone(), args.settings, &args.flags);
    match args.show.output {
        Shape::Json => {
            let settings = resolved.iter().map(Row::of).collect();
            let file = file.path().map(|path| path.display().to_string());
            console.json(&Listing { schema: SCHEMA, file, settings })?;
        }
        Shape::Table => {
            console.result(&table(&resolved, args.show.origin, console.width()))?;
        }
    }
    Ok(Exit::Passed)
}

/// Every setting, in the order of the declaration of the roles.
fn resolve(
    file: &File,
    token_file: Option<PathBuf>,
    flags: SettingFlags,
    given: &BTreeSet<String>,
) -> Vec<Resolved> {
    let is_flag = |key: &str| given.contains(key);
    let mut resolver = Resolver::with_flags(file, &is_flag);
    let SettingFlags { coordinator, worker } = flags;
    ClientSettings::resolve(worker.server.coordinator, token_file.clone(), &mut resolver);
    let Templates { templates, backends } = worker.templates;
    roles::templates(templates, &mut resolver);
    roles::backends(backends.backends, &mut resolver);
    let storage = coordinator.storage.given();
    let (listen, data_dir) = (coordinator.listen, coordinator.data_dir);
    let confirm = coordinator.confirm_changes;
    CoordinatorSettings::resolve(listen, token_file, data_dir, storage, confirm, &mut resolver);
    let (name, work_dir) = (worker.name, worker.work_dir);
    WorkerSettings::resolve(name, work_dir, worker.idle_timeout, &mut resolver);
    machine::resolve(&worker.machine, &mut resolver);
    resolver.finish()
}

#[derive(Serialize)]
struct Listing {
    schema: u32,
    /// The settings file that was read.
    file: Option<String>,
    settings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    setting: String,
    value: Option<serde_json::Value>,
    origin: Source,
}

#[derive(Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
enum Source {
    Flag { name: String },
    Variable { name: String },
    File { path: String, line: Option<u32> },
    Default,
}

impl Row {
    fn of(resolved: &Resolved) -> Self {
        let origin = match &resolved.origin {
            Origin::Flag(name) => Source::Flag { name: name.clone() },
            Origin::Variable(name) => Source::Variable { name: name.clone() },
            Origin::File { path, line } => {
                Source::File { path: path.display().to_string(), line: *line }
            }
            Origin::Default => Source::Default,
        };
        Self { setting: resolved.setting.name(), value: resolved.value.clone(), origin }
    }
}

fn table(resolved: &[Resolved], with_origin: bool, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for one in resolved {
        let value = one.value.as_ref().map(text).filter(|text| !text.is_empty());
        let value = value.unwrap_or_else(|| format!("({})", one.setting.default));
        let mut row = vec![one.setting.name(), value];
        if with_origin {
            row.push(one.origin.to_string());
        }
        table.add_row(row);
    }
    let lines = table.lines().map(|line| line.trim().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// A value as a flag takes it.
fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::app::Cli;
    use crate::config::{SECTIONS, Setting};
    use clap::CommandFactory;

    fn declared() -> impl Iterator<Item = &'static Setting> {
        SECTIONS.iter().flat_map(|section| section.settings)
    }

    /// Flag and variable of every argument, over all commands.
    fn arguments(command: &clap::Command, all: &mut Vec<(String, Option<String>)>) {
        for arg in command.get_arguments() {
            let flag = arg.get_long().map_or_else(String::new, |long| format!("--{long}"));
            let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            all.push((flag, variable));
        }
        command.get_subcommands().for_each(|command| arguments(command, all));
    }

    #[test]
    fn settings_have_their_flags_and_variables_have_a_setting() {
        let mut all = Vec::new();
        arguments(&Cli::command(), &mut all);
        for setting in declared() {
            let expected = (setting.flag(), Some(setting.variable()));
            assert!(all.contains(&expected), "{}: no {expected:?}", setting.name());
        }
        for (flag, variable) in all {
            let Some(variable) = variable.filter(|name| name != "DTF_CONFIG") else { continue };
            let is_declared = |setting: &Setting| {
                (setting.flag(), setting.variable()) == (flag.clone(), variable.clone())
            };
            assert!(declared().any(is_declared), "{flag} has {variable}, but is no setting");
        }
    }

    #[test]
    fn every_setting_is_shown_once() {
        let settings = SettingFlags::augment_args(clap::Command::new("settings"));
        let matches = settings.try_get_matches_from(["settings"]).expect("no arguments");
        let flags = SettingFlags::from_arg_matches(&matches).expect("flags");
        let shown = resolve(&File::empty(), None, flags, &BTreeSet::new());
        let mut shown: Vec<_> = shown.iter().map(|resolved| resolved.setting.name()).collect();
        let mut expected: Vec<_> = declared().map(Setting::name).collect();
        shown.sort_unstable();
        expected.sort_unstable();
        assert_eq!(shown, expected);
    }
}
