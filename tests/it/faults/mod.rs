//! Faults of files, system calls and clients, as a user or an administrator meets them.

mod files;
mod hand;
mod injection;
mod refusals;
mod reports;
