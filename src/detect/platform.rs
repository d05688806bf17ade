//! The differences between the systems on which workers run.
//!
//! Every kind can be used on every system, with recorded files and programs.

use super::fact::{Limits, Machine};
use super::host::{Host, System};
use super::{linux, macos, windows};
use crate::text::system_path;
use futures::FutureExt;
use futures::future::BoxFuture;

/// A kind of system on which workers run.
pub trait Platform: Send + Sync {
    fn name(&self) -> &'static str;
    /// Detects the processors and the memory.
    fn machine<'a>(&self, host: &'a Host<'a>) -> BoxFuture<'a, Machine>;
    /// Reads the limits that may change while a worker runs.
    fn limits(&self, host: &Host<'_>) -> Limits;
    /// The program that keeps a worker running.
    fn service(&self, host: &Host<'_>) -> &'static str;
    /// The programs that install dependencies, in the order of preference.
    fn package_managers(&self) -> &'static [&'static str];
    /// The form of paths.
    fn paths(&self) -> system_path::System;
    /// How the processes of a test are found and ended.
    fn process_tree(&self) -> &'static str;
}

/// The kind of a system, before it is known whether it is a container.
pub(super) fn of_system(system: System) -> &'static dyn Platform {
    match system {
        System::Linux => &Linux,
        System::MacOs => &MacOs,
        System::Windows => &Windows,
    }
}

/// The kind of a machine.
pub fn of_machine(system: System, machine: &Machine) -> &'static dyn Platform {
    let container = machine.container.value.as_deref().unwrap_or_default();
    match (system, container) {
        (System::Linux, "") => &Linux,
        (System::Linux, "wsl") => &Wsl,
        (System::Linux, _) => &Container,
        (other, _) => of_system(other),
    }
}

const LINUX_PACKAGES: &[&str] = &["apt-get", "dnf", "yum", "zypper", "pacman", "apk"];
const LABELLED_GROUP: &str = "process group, label and marker in the environment";

struct Linux;

impl Platform for Linux {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn machine<'a>(&self, host: &'a Host<'a>) -> BoxFuture<'a, Machine> {
        futures::future::ready(linux::machine(host)).boxed()
    }

    fn limits(&self, host: &Host<'_>) -> Limits {
        linux::limits(host)
    }

    fn service(&self, host: &Host<'_>) -> &'static str {
        if host.exists("/run/systemd/system") { "systemd" } else { "nohup" }
    }

    fn package_managers(&self) -> &'static [&'static str] {
        LINUX_PACKAGES
    }

    fn paths(&self) -> system_path::System {
        system_path::System::Posix
    }

    fn process_tree(&self) -> &'static str {
        LABELLED_GROUP
    }
}

/// Linux in a container, whose service is the container itself.
struct Container;

impl Platform for Container {
    fn name(&self) -> &'static str {
        "container"
    }

    fn machine<'a>(&self, host: &'a Host<'a>) -> BoxFuture<'a, Machine> {
        Linux.machine(host)
    }

    fn limits(&self, host: &Host<'_>) -> Limits {
        Linux.limits(host)
    }

    fn service(&self, _: &Host<'_>) -> &'static str {
        "the entry point of the container"
    }

    fn package_managers(&self) -> &'static [&'static str] {
        LINUX_PACKAGES
    }

    fn paths(&self) -> system_path::System {
        system_path::System::Posix
    }

    fn process_tree(&self) -> &'static str {
        LABELLED_GROUP
    }
}

/// Linux under Windows, whose drives are below `/mnt`.
struct Wsl;

impl Platform for Wsl {
    fn name(&self) -> &'static str {
        "wsl"
    }

    fn machine<'a>(&self, host: &'a Host<'a>) -> BoxFuture<'a, Machine> {
        Linux.machine(host)
    }

    fn limits(&self, host: &Host<'_>) -> Limits {
        Linux.limits(host)
    }

    fn service(&self, host: &Host<'_>) -> &'static str {
        Linux.service(host)
    }

    fn package_managers(&self) -> &'static [&'static str] {
        LINUX_PACKAGES
    }

    fn paths(&self) -> system_path::System {
        system_path::System::Wsl
    }

    fn process_tree(&self) -> &'static str {
        LABELLED_GROUP
    }
}

struct MacOs;

impl Platform for MacOs {
    fn name(&self) -> &'static str {
        "macos"
    }

    fn machine<'a>(&self, host: &'a Host<'a>) -> BoxFuture<'a, Machine> {
        macos::machine(host).boxed()
    }

    fn limits(&self, _: &Host<'_>) -> Limits {
        Limits::default()
    }

    fn service(&self, _: &Host<'_>) -> &'static str {
        "launchd"
    }

    fn package_managers(&self) -> &'static [&'static str] {
        &["brew"]
    }

    fn paths(&self) -> system_path::System {
        system_path::System::Posix
    }

    fn process_tree(&self) -> &'static str {
        "process group"
    }
}

struct Windows;

impl Platform for Windows {
    fn name(&self) -> &'static str {
        "windows"
    }

    fn machine<'a>(&self, host: &'a Host<'a>) -> BoxFuture<'a, Machine> {
        windows::machine(host).boxed()
    }

    fn limits(&self, _: &Host<'_>) -> Limits {
        Limits::default()
    }

    fn service(&self, _: &Host<'_>) -> &'static str {
        "a scheduled task"
    }

    fn package_managers(&self) -> &'static [&'static str] {
        &["winget"]
    }

    fn paths(&self) -> system_path::System {
        system_path::System::Windows
    }

    fn process_tree(&self) -> &'static str {
        "job object"
    }
}
