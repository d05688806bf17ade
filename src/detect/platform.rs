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
        System::Linux => &Linux::Plain,
        System::MacOs => &MacOs,
        System::Windows => &Windows,
    }
}

/// The kind of a machine.
pub fn of_machine(system: System, machine: &Machine) -> &'static dyn Platform {
    let container = machine.container.value.as_deref().unwrap_or_default();
    match (system, container) {
        (System::Linux, "") => &Linux::Plain,
        (System::Linux, "wsl") => &Linux::Wsl,
        (System::Linux, _) => &Linux::Container,
        (other, _) => of_system(other),
    }
}

/// Linux, also in a container and under Windows.
enum Linux {
    Plain,
    /// Its service is the container itself.
    Container,
    /// The drives of Windows are below `/mnt`.
    Wsl,
}

impl Platform for Linux {
    fn name(&self) -> &'static str {
        match self {
            Self::Plain => "linux",
            Self::Container => "container",
            Self::Wsl => "wsl",
        }
    }

    fn machine<'a>(&self, host: &'a Host<'a>) -> BoxFuture<'a, Machine> {
        futures::future::ready(linux::machine(host)).boxed()
    }

    fn limits(&self, host: &Host<'_>) -> Limits {
        linux::limits(host)
    }

    fn service(&self, host: &Host<'_>) -> &'static str {
        match self {
            Self::Container => "the entry point of the container",
            Self::Plain | Self::Wsl if host.exists("/run/systemd/system") => "systemd",
            Self::Plain | Self::Wsl => "nohup",
        }
    }

    fn package_managers(&self) -> &'static [&'static str] {
        &["apt-get", "dnf", "yum", "zypper", "pacman", "apk"]
    }

    fn paths(&self) -> system_path::System {
        match self {
            Self::Plain | Self::Container => system_path::System::Posix,
            Self::Wsl => system_path::System::Wsl,
        }
    }

    fn process_tree(&self) -> &'static str {
        "process group, label and marker in the environment"
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
