//! Settings, by flag, then `DTF_*` variable, then file, then default, in this order.
//!
//! Flags and variables are the command line's (`cli::args`); this module reads the file and
//! fills what they left open. [`TABLE`] lists every setting once: `docs/config.md` is made
//! from it, and a file may name nothing else.

mod file;
pub mod locate;
pub mod reference;
mod secret;

pub use file::{ConfigError, File};
pub use secret::{SecretError, read_token, write_token};

/// One setting. Its key in a file is the flag with `_` for `-`; its variable is `DTF_` and
/// the key in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub key: &'static str,
    pub kind: Kind,
    /// Commands that read it.
    pub commands: &'static str,
    /// In words.
    pub default: &'static str,
    pub help: &'static str,
}

/// What a setting holds, for those who read it from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Value,
    /// A file or directory; a relative one is relative to the settings file.
    Path,
    /// The same, or the plain name of a program to look for.
    Program,
}

/// Address that clients ask and coordinators bind when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7700";

/// Every setting that a file can hold.
pub const TABLE: &[Setting] = &[
    Setting {
        key: "coordinator",
        kind: Kind::Value,
        commands: "worker and all clients",
        default: "http://127.0.0.1:7700",
        help: "address of the coordinator",
    },
    Setting {
        key: "token_file",
        kind: Kind::Path,
        commands: "all",
        default: "none",
        help: "file with the token (for `coordinator`: the accepted tokens), readable by its owner only",
    },
    Setting {
        key: "listen",
        kind: Kind::Value,
        commands: "coordinator",
        default: DEFAULT_LISTEN,
        help: "address and port to listen on; any but loopback needs a token file",
    },
    Setting {
        key: "data_dir",
        kind: Kind::Path,
        commands: "coordinator, run, report, logs, why",
        default: "the platform's data directory for dtf",
        help: "directory of the event log, results and files",
    },
    Setting {
        key: "name",
        kind: Kind::Value,
        commands: "worker",
        default: "the host name",
        help: "name of the worker in reports",
    },
    Setting {
        key: "slots",
        kind: Kind::Value,
        commands: "worker",
        default: "one for each core",
        help: "maximum number of tests at a time, 1 to 4096",
    },
    Setting {
        key: "tags",
        kind: Kind::Value,
        commands: "worker",
        default: "none",
        help: "free labels that tests can require, separated by commas",
    },
    Setting {
        key: "work_dir",
        kind: Kind::Path,
        commands: "worker",
        default: "the platform's data directory for dtf",
        help: "directory of attempts, results not yet sent, files and environments",
    },
    Setting {
        key: "environments_dir",
        kind: Kind::Path,
        commands: "worker, run",
        default: "the platform's cache directory for dtf",
        help: "directory of Python environments; may be shared between workers of one machine",
    },
    Setting {
        key: "idle_timeout",
        kind: Kind::Value,
        commands: "worker",
        default: "none",
        help: "exit after this time without a test, such as 10m",
    },
    Setting {
        key: "python",
        kind: Kind::Program,
        commands: "worker, run",
        default: "python3 in PATH",
        help: "interpreter to build environments with",
    },
    Setting {
        key: "system_packages",
        kind: Kind::Value,
        commands: "worker, run",
        default: "false",
        help: "use the packages that this interpreter has, instead of building environments",
    },
    Setting {
        key: "torch_backend",
        kind: Kind::Value,
        commands: "worker, run",
        default: "what suits the devices found",
        help: "torch build to install: cpu, auto, cu128, rocm6.4, …",
    },
    Setting {
        key: "offline",
        kind: Kind::Value,
        commands: "worker, run",
        default: "false",
        help: "build environments from caches only",
    },
    Setting {
        key: "templates",
        kind: Kind::Path,
        commands: "generate, run, submit, templates",
        default: "none",
        help: "directory with templates of your own, which win over those of dtf",
    },
    Setting {
        key: "pass_env",
        kind: Kind::Value,
        commands: "worker, run",
        default: "none",
        help: "further environment variables that tests may see, separated by commas",
    },
];
