//! The declaration of all settings: sections, keys, types, defaults and meanings.
//!
//! The types that a settings file is read into and `docs/config.md` come from this declaration. The
//! flag of a setting is its key with `-` for `_`; its variable is `DTF_` and the key in capitals.
//! A test of the command line compares them with its flags.

use super::value::{DEFAULT_LISTEN, List, ListenAddress, Program, Retention, SizeLimit, Value};
use crate::domain::tag::Tag;
use crate::domain::time::Millis;
use crate::text::error::{FieldErrors, ValueError};
use crate::text::fields::Fields;
use crate::text::node::Node;
use crate::text::system_path::Mount;
use std::path::{Path, PathBuf};

/// Address of the coordinator for clients and workers by default.
pub const DEFAULT_COORDINATOR: &str = "http://127.0.0.1:7700";

/// One section of a settings file.
#[derive(Debug)]
pub struct Section {
    pub name: &'static str,
    pub meaning: &'static str,
    pub settings: &'static [Setting],
}

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    pub section: &'static str,
    pub key: &'static str,
    /// The commands that read it.
    pub commands: &'static str,
    /// The default, in words.
    pub default: &'static str,
    pub meaning: &'static str,
}

impl Setting {
    /// Section and key, as `worker.slots`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    #[must_use]
    pub fn variable(&self) -> String {
        format!("DTF_{}", self.key.to_uppercase())
    }
}

/// The value of a setting in a file, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    pub setting: &'static Setting,
    pub value: Option<T>,
}

/// The mapping that has the values of one section.
pub(super) struct Values<'a> {
    pub fields: Fields<'a>,
    /// Directory that relative paths are relative to.
    pub directory: &'a Path,
}

impl Values<'_> {
    fn read<T: Value>(&self, key: &str, errors: &mut FieldErrors) -> Option<T> {
        // An empty value does not mean the default: `token_file:` would mean no tokens.
        if self.fields.node.get(key) == Some(&Node::Null) {
            let error = ValueError::expected("a value", &Node::Null);
            let error = error.hint("write a value, or remove the key");
            errors.note(error.at(&self.fields.path.key(key)));
            return None;
        }
        errors.keep(self.fields.optional(key, |node| T::read(node, self.directory))).flatten()
    }
}

macro_rules! sections {
    ($($(#[doc = $about:literal])+ $section:ident: $Struct:ident {$(
        $key:ident: $type:ty {
            $(#[doc = $meaning:literal])+
            commands: $commands:literal, default: $default:expr $(,)?
        }
    )+})+) => {
        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, PartialEq)]
            pub struct $Struct {
                $($(#[doc = $meaning])+ pub $key: Entry<$type>,)+
            }

            impl $Struct {
                const SETTINGS: &[Setting] = &[$(Setting {
                    section: stringify!($section),
                    key: stringify!($key),
                    commands: $commands,
                    default: $default,
                    meaning: concat!($($meaning),+),
                }),+];
            }
        )+

        /// The values of a settings file.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Sections {
            $($(#[doc = $about])+ pub $section: $Struct,)+
        }

        /// Every section that a settings file may have.
        pub const SECTIONS: &[Section] = &[$(Section {
            name: stringify!($section),
            meaning: concat!($($about),+),
            settings: $Struct::SETTINGS,
        }),+];

        impl Sections {
            /// Reads every section that `values` finds.
            pub(super) fn read<'a>(
                values: impl Fn(&'static str, &mut FieldErrors) -> Option<Values<'a>>,
                errors: &mut FieldErrors,
            ) -> Self {
                Self {$(
                    $section: {
                        let values = values(stringify!($section), errors);
                        $Struct {$($key: Entry {
                            setting: &Setting {
                                section: stringify!($section),
                                key: stringify!($key),
                                commands: $commands,
                                default: $default,
                                meaning: concat!($($meaning),+),
                            },
                            value: values
                                .as_ref()
                                .and_then(|values| values.read(stringify!($key), errors)),
                        },)+}
                    },
                )+}
            }
        }
    };
}

sections! {
    /// The connection of commands and workers to a coordinator.
    client: ClientSection {
        coordinator: String {
            /// Address of the coordinator.
            commands: "worker and all clients", default: DEFAULT_COORDINATOR,
        }
        token_file: PathBuf {
            /// File with one token, which only its owner can read.
            commands: "worker and all clients", default: "none",
        }
        templates: PathBuf {
            /// Directory of the user's templates; they override built-in ones.
            commands: "check, generate, run, submit, templates", default: "none",
        }
        backends: PathBuf {
            /// File with further back-ends, and changes of known ones, as docs/backends.md describes.
            commands: "check, generate, run, submit, templates, worker", default: "none",
        }
    }
    /// The server.
    coordinator: CoordinatorSection {
        listen: ListenAddress {
            /// Address and port to listen on. Any address but loopback needs `auth.token_file`.
            commands: "coordinator", default: DEFAULT_LISTEN,
        }
        confirm_changes: bool {
            /// Run tests again, with the lowest priority and on the same worker, when a metric seems to be
            /// worse than before.
            commands: "coordinator", default: "true",
        }
    }
    /// The users of a coordinator.
    auth: AuthSection {
        token_file: PathBuf {
            /// File with the accepted tokens, which only its owner can read: lines of
            /// `ROLE USER TOKEN` with the role admin, submitter, worker or viewer.
            commands: "coordinator", default: "none: only this machine, without tokens",
        }
    }
    /// The data of a coordinator, or of `dtf run`.
    storage: StorageSection {
        data_dir: PathBuf {
            /// Directory of the event log, the results and the files of tests.
            commands: "coordinator, run, report, logs, why",
            default: "`coordinator`, or `local` for run, in the platform's data directory for dtf",
        }
        max_run_size: SizeLimit {
            /// Maximum size of the files of one run, such as 64GiB, or `none`. The files that its tests
            /// name count, and those that its tests leave. A worker reports a result without the
            /// files that exceed it.
            commands: "coordinator", default: "64GiB",
        }
        max_data_size: SizeLimit {
            /// Maximum size of the data directory, such as 500GiB, or `none`. Beyond it, uploads and
            /// submissions are refused.
            commands: "coordinator", default: "none",
        }
        max_weights_size: SizeLimit {
            /// Maximum size of the weights that clients pushed, such as 2TiB, or `none`. Weights that no
            /// waiting or running test needs are removed first, then further ones are refused.
            commands: "coordinator", default: "500GiB",
        }
        min_free: SizeLimit {
            /// Free disk space below which uploads and submissions are refused, such as 10GiB, or
            /// `none`. The files of results may use half of it.
            commands: "coordinator", default: "1GiB, or 5 % of the disk if that is less",
        }
        log_retention: Retention {
            /// Time for which the event log keeps its records, such as 90d, or `forever`. Older
            /// records are replaced by an archive of the results; no result is removed.
            commands: "coordinator", default: "180d",
        }
    }
    /// A machine that runs tests.
    worker: WorkerSection {
        name: String {
            /// Name of the worker in reports.
            commands: "worker", default: "the host name",
        }
        slots: u32 {
            /// Maximum number of tests at a time, 1 to 4096.
            commands: "worker, run", default: "one for each core",
        }
        tags: List<Tag> {
            /// Free labels that tests can require.
            commands: "worker, run", default: "none",
        }
        allow_remote_code: bool {
            /// Allow tests to run Python code that comes with a model.
            commands: "worker, run", default: "false",
        }
        work_dir: PathBuf {
            /// Directory of running attempts, files, and results that are not sent yet.
            commands: "worker", default: "`worker` in the platform's data directory for dtf",
        }
        environments_dir: PathBuf {
            /// Directory of Python environments. Workers on one machine may share it.
            commands: "worker, run", default: "`environments` in the platform's cache directory for dtf",
        }
        weights_dir: PathBuf {
            /// Directory of fetched weights. Workers on one machine may share it.
            commands: "worker, run, weights", default: "`weights` in the platform's cache directory for dtf",
        }
        weights_cache_size: SizeLimit {
            /// Maximum size of the fetched weights, such as 500GiB, or `none`. Weights that were not used
            /// for the longest time are removed first; those of running and waiting tests stay.
            commands: "worker, run", default: "half of the disk",
        }
        idle_timeout: Millis {
            /// Exit after this time without a test, such as 10m.
            commands: "worker", default: "none",
        }
        python: Program {
            /// Interpreter to build environments with.
            commands: "worker, run, generate, templates check", default: "python3 in PATH",
        }
        system_packages: bool {
            /// Use the packages of this interpreter instead of building environments.
            commands: "worker, run", default: "false",
        }
        torch_backend: String {
            /// Torch build to install: cpu, auto, cu128, rocm6.4, …
            commands: "worker, run", default: "the build for the detected devices",
        }
        offline: bool {
            /// Build environments from caches only, and do not ask the model hub.
            commands: "worker, run, check, generate", default: "false",
        }
        pass_env: List<String> {
            /// Further environment variables that tests can see.
            commands: "worker, run", default: "none",
        }
        mounts: List<Mount> {
            /// Directories that have other names on other systems, such as `D:\models=/srv/models`, for the
            /// paths of weights in plans.
            commands: "worker, run", default: "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_flags_and_variables_follow_from_the_key() {
        let all: Vec<_> = SECTIONS.iter().flat_map(|section| section.settings).collect();
        let setting = all.iter().find(|setting| setting.key == "idle_timeout").expect("declared");
        assert_eq!(setting.name(), "worker.idle_timeout");
        assert_eq!(setting.flag(), "--idle-timeout");
        assert_eq!(setting.variable(), "DTF_IDLE_TIMEOUT");
        let mut names: Vec<_> = all.iter().map(|setting| setting.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len(), "each setting is declared once");
    }
}
