//! Commands about this machine and about setting up others.

pub mod deploy_script;
pub mod detect;
mod explain;
pub mod path;
