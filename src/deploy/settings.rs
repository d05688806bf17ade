//! The values that templates and scripts receive.

use crate::deploy::spec::{Address, Hardware, Line, Mode, Program, Role, Spec, Target};
use crate::domain::tag::Tag;
use serde_json::{Value, json};

/// Time in seconds between the second signal to a stopping program and the end of its processes. It
/// is longer than the 50 s in which a worker ends killed tests and sends their results.
const KILL_SECONDS: u64 = 60;
/// Port of a coordinator behind a proxy that provides `https`.
const PLAIN_PORT: u16 = 7700;

/// The values of the templates.
pub fn context(spec: &Spec) -> Value {
    let drain = drain_seconds(spec);
    let resources = &spec.resources;
    let (files, platform, libc) = served(&spec.program);
    let loopback = spec.coordinator.loopback.as_deref();
    let listen = loopback.unwrap_or("0.0.0.0");
    let listen_in_container = "0.0.0.0";
    let port = port(spec);
    let tags: Vec<_> = spec.tags.iter().map(Tag::as_str).collect();
    let environment: Vec<_> = spec
        .environment
        .iter()
        .map(|variable| json!({"name": variable.name, "value": variable.value}))
        .collect();
    json!({
        "id": spec.id.as_str(),
        "target": spec.target.word(),
        "mode": spec.mode.word(),
        "role": spec.role.word(),
        "coordinator": spec.coordinator.as_str(),
        "name": spec.name.as_ref().map_or("", |name| name.as_str()),
        "version": spec.version,
        "program": spec.program.word(),
        "program_files": files,
        "program_platform": platform,
        "program_libc": libc,
        "index": spec.index.as_ref().map_or("", Address::as_str),
        "has_token": spec.has_token,
        "token": if spec.has_token { "yes" } else { "no" },
        "prefix": prefix(spec),
        "environment": environment,
        "slots": spec.slots.unwrap_or(0),
        "tags": tags,
        "idle_seconds": spec.idle_timeout.map_or(0, |time| time.0.div_ceil(1000)),
        "drain": drain,
        "stop": drain + KILL_SECONDS,
        "listen": format!("{listen}:{port}"),
        "listen_in_container": format!("{listen_in_container}:{port}"),
        "published": loopback.map_or_else(|| format!("{port}:{port}"), |host| format!("{host}:{port}:{port}")),
        "port": port,
        "hardware": resources.hardware.word(),
        "gpus": resources.gpus,
        "gpu_resource": gpu_resource(resources.hardware),
        "cpus": resources.cpus.unwrap_or(0),
        "memory_mib": resources.memory.map_or(0, |bytes| bytes.div_ceil(1 << 20)),
        "replicas": resources.replicas,
        "time_limit": clock(resources.time_limit().0.div_ceil(60_000)),
        "partition": resources.partition.as_deref().unwrap_or(""),
        "device_group": resources.device_group.unwrap_or(0),
        "image": image(spec),
        "base_image": base_image(spec),
        "base": if spec.startup_only { "" } else { "../" },
        "is_container": matches!(spec.target, Target::Docker | Target::Kubernetes),
    })
}

/// The settings of the scripts for Windows.
pub fn json(spec: &Spec) -> String {
    let (files, platform, _) = served(&spec.program);
    let environment: serde_json::Map<_, _> = spec
        .environment
        .iter()
        .map(|variable| (variable.name.clone(), variable.value.clone().into()))
        .collect();
    let document = json!({
        "id": spec.id.as_str(),
        "mode": spec.mode.word(),
        "role": spec.role.word(),
        "coordinator": spec.coordinator.as_str(),
        "prefix": spec.prefix.as_ref().map(Line::as_str),
        "program": spec.program.word(),
        "programFiles": files,
        "programPlatform": platform,
        "index": spec.index.as_ref().map(Address::as_str),
        "version": spec.version,
        "hasToken": spec.has_token,
        "environment": environment,
        "drainSeconds": drain_seconds(spec),
        "stopSeconds": drain_seconds(spec) + KILL_SECONDS,
    });
    format!("{document:#}\n")
}

/// The directory of an installation; empty if it is below the home directory of a user, which only
/// the machine knows.
fn prefix(spec: &Spec) -> String {
    match &spec.prefix {
        Some(prefix) => prefix.as_str().trim_end_matches('/').to_owned(),
        None if matches!(spec.mode, Mode::System | Mode::Daemon) => {
            format!("/opt/dtf/{}", spec.id.as_str())
        }
        None => String::new(),
    }
}

/// Time for running tests after the first signal, in seconds.
fn drain_seconds(spec: &Spec) -> u64 {
    spec.drain.0.div_ceil(1000)
}

/// The port that a coordinator listens on.
fn port(spec: &Spec) -> u16 {
    if spec.coordinator.is_https { PLAIN_PORT } else { spec.coordinator.port }
}

/// The served files with their digests, their platform and their C library.
fn served(program: &Program) -> (Vec<Value>, String, String) {
    match program {
        Program::Served { files, os, arch, libc } => (
            files
                .iter()
                .map(|file| json!({"name": file.name.as_str(), "sha256": file.sha256}))
                .collect(),
            format!("{os}-{arch}"),
            libc.clone(),
        ),
        Program::Beside | Program::Package => (Vec::new(), String::new(), String::new()),
    }
}

/// The name of an accelerator as a resource of Kubernetes.
fn gpu_resource(hardware: Hardware) -> &'static str {
    match hardware {
        Hardware::Cpu => "",
        Hardware::Cuda => "nvidia.com/gpu",
        Hardware::Rocm => "amd.com/gpu",
    }
}

fn image(spec: &Spec) -> String {
    let default = || format!("dtf-{}:{}", spec.resources.hardware.word(), spec.version);
    spec.image.as_ref().map_or_else(default, |image| image.as_str().to_owned())
}

/// The usual base of an image. The packages of torch bring the libraries of CUDA and `ROCm`, so that
/// the bases only provide what the driver is injected into.
fn base_image(spec: &Spec) -> String {
    let default = match (spec.role, spec.resources.hardware) {
        (Role::Coordinator, _) | (_, Hardware::Cpu) => {
            "docker.io/library/python:3.12-slim-bookworm"
        }
        (_, Hardware::Cuda) => "docker.io/nvidia/cuda:12.8.1-base-ubuntu24.04",
        (_, Hardware::Rocm) => "docker.io/rocm/dev-ubuntu-24.04:6.4.1",
    };
    spec.base_image.as_ref().map_or(default, |base| base.as_str()).to_owned()
}

/// Minutes as `HH:MM:00`, the form that Slurm reads.
fn clock(minutes: u64) -> String {
    format!("{:02}:{:02}:00", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_slurm_have_hours_minutes_and_seconds() {
        assert_eq!(
            (clock(5), clock(240), clock(6000)),
            ("00:05:00".into(), "04:00:00".into(), "100:00:00".into())
        );
    }
}
