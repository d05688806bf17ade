//! Faults of files, system calls and clients, as a user or an administrator meets them.

mod clocks;
mod files;
mod full_disk;
mod hand;
mod injection;
mod refusals;
mod reports;
mod tools;
