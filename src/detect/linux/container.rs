//! The kind of the container in which this process runs.
//!
//! The first evidence of a list decides, from the marker of systemd down to the names of control groups.
//! WSL is reported in addition, since containers also run inside of it. A control group namespace shows
//! the path `/` to a process in a container, so such a path proves nothing.

use crate::detect::fact::Fact;
use crate::detect::host::Host;

const MARKER: &str = "/run/systemd/container";
const INIT: &str = "/proc/1/environ";
const PODMAN: &str = "/run/.containerenv";
const DOCKER: &str = "/.dockerenv";
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const GROUPS: &str = "/proc/self/cgroup";
const MOUNTS: &str = "/proc/self/mountinfo";
const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// Maximum length of the name of a kind, in bytes.
const MAX_KIND_BYTES: usize = 40;
/// Files of a container that its runtime mounts from its own directory.
const RUNTIME_FILES: &[&str] = &["/", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// The kind: `docker`, `wsl`, or `wsl+docker` for one inside of the other. Unknown if there is none.
pub(super) fn kind(host: &Host<'_>) -> Fact<String> {
    let (wsl, inner) = (wsl(host), container(host));
    match (wsl.value, inner.value) {
        (Some(wsl_name), Some(name)) if name != wsl_name => Fact::known(
            format!("{wsl_name}+{name}"),
            format!("{} and {}", wsl.source, inner.source),
        ),
        (Some(name), _) => Fact::known(name, wsl.source),
        (None, name) => Fact::of(name, inner.source),
    }
}

/// The Windows Subsystem for Linux names its kernel after Microsoft.
fn wsl(host: &Host<'_>) -> Fact<String> {
    let name = || "wsl".to_owned();
    if host.text(RELEASE).is_some_and(|text| text.to_lowercase().contains("microsoft")) {
        return Fact::known(name(), RELEASE);
    }
    Fact::of(host.variable("WSL_DISTRO_NAME").map(|_| name()), "WSL_DISTRO_NAME")
}

fn container(host: &Host<'_>) -> Fact<String> {
    let marker = host.text(MARKER).and_then(|text| name(&text));
    if marker.is_some() {
        return Fact::of(marker, MARKER);
    }
    let init = host.read(INIT).unwrap_or_default();
    let variable = init.split('\0').find_map(|pair| pair.strip_prefix("container="));
    if let Some(kind) = variable.and_then(name) {
        return Fact::known(kind, format!("{INIT} (container)"));
    }
    for (file, kind) in [(PODMAN, "podman"), (DOCKER, "docker")] {
        if host.exists(file) {
            return Fact::known(kind.to_owned(), file);
        }
    }
    if host.variable("KUBERNETES_SERVICE_HOST").is_some() {
        return Fact::known("kubernetes".to_owned(), "KUBERNETES_SERVICE_HOST");
    }
    if host.exists(SERVICE_ACCOUNT) {
        return Fact::known("kubernetes".to_owned(), SERVICE_ACCOUNT);
    }
    let groups = host.read(GROUPS).unwrap_or_default();
    if let Some(kind) =
        groups.lines().filter_map(|line| line.splitn(3, ':').nth(2)).find_map(by_path)
    {
        return Fact::known(kind.to_owned(), GROUPS);
    }
    let mounts = host.read(MOUNTS).unwrap_or_default();
    match mounts.lines().find_map(by_mount) {
        Some(kind) => Fact::known(kind.to_owned(), MOUNTS),
        None => Fact::unknown("no evidence of a container"),
    }
}

/// The name of a kind that a file contains. Only a short plain word is one.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = !text.is_empty() && text.len() <= MAX_KIND_BYTES && text.chars().all(is_plain);
    is_name.then(|| text.to_ascii_lowercase())
}

/// Whether a part of a path is that of a kind.
type IsKind = fn(&str) -> bool;

/// The kind that a path of a control group or of a container's directory shows. The services of the
/// runtimes themselves, such as `docker.service`, are not containers.
fn by_path(path: &str) -> Option<&'static str> {
    let kinds: [(&str, IsKind); 6] = [
        ("kubernetes", |part| part.starts_with("kubepods")),
        ("podman", |part| part.starts_with("libpod")),
        ("lxc", |part| part == "lxc" || part.starts_with("lxc.payload")),
        ("docker", |part| part == "docker" || is_scope(part, "docker-")),
        ("containerd", |part| part == "containerd" || is_scope(part, "cri-containerd-")),
        ("cri-o", |part| part == "crio" || is_scope(part, "crio-")),
    ];
    let parts = || path.trim().split('/');
    kinds.iter().find(|(_, is_kind)| parts().any(is_kind)).map(|(kind, _)| *kind)
}

fn is_scope(part: &str, prefix: &str) -> bool {
    part.starts_with(prefix) && part.strip_suffix(".scope").is_some()
}

/// The kind that a line of the mounts shows: where the root and the files of the runtime are from. A
/// machine that runs containers mounts their directories elsewhere.
fn by_mount(line: &str) -> Option<&'static str> {
    let (place, kind) = line.split_once(" - ")?;
    let mut fields = place.split(' ').skip(3);
    let (top, at) = (fields.next()?, fields.next()?);
    if !RUNTIME_FILES.contains(&at) {
        return None;
    }
    // The directories of an overlay are in its options, separated by commas and colons.
    let options = kind.split([' ', ',', ':', '=']);
    std::iter::once(top).chain(options).find_map(|path| {
        if path.contains("/kubelet/pods/") {
            return Some("kubernetes");
        }
        if path.contains("/containers/storage/") {
            return Some("podman");
        }
        by_path(path).or_else(|| path.contains("containerd.snapshotter").then_some("containerd"))
    })
}
