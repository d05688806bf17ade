//! Settings of all roles: from a flag, a `DTF_*` variable, the settings file or a default, in this
//! order.
//!
//! `declaration` lists every setting once. `file` reads the settings file into the declared types.
//! `resolve` merges the sources, and `roles` has the result of each role with its defaults. Flags
//! and variables are parsed by the command line, which hands over their values.

mod declaration;
mod file;
pub mod locate;
pub mod reference;
mod resolve;
pub mod roles;
mod secret;
mod value;

pub use declaration::{SECTIONS, Setting};
pub use file::{ConfigError, File};
pub use resolve::{Origin, Resolved, Resolver};
pub use secret::{SecretError, read_token, write_token};
pub use value::{List, ListenAddress, Program, Retention, SizeLimit};
