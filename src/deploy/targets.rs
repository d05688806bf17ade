//! The files of each target, and the requests that a target refuses.

use crate::deploy::effect;
use crate::deploy::file::{Access, Content, Part};
use crate::deploy::spec::{DeployError, Hardware, Line, Mode, Program, Role, Spec, Target};

/// Checks that the parts of a request fit each other.
pub fn check(spec: &Spec) -> Result<(), DeployError> {
    let target = spec.target.word();
    if !spec.target.modes().contains(&spec.mode) {
        let modes: Vec<_> = spec.target.modes().iter().map(|mode| mode.word()).collect();
        let message = format!("the target {target} has no mode {}", spec.mode.word());
        return Err(DeployError::new(message).hint(format!("its modes are {}", modes.join(", "))));
    }
    if spec.role == Role::Coordinator {
        check_coordinator(spec)?;
    }
    effect::check(spec)?;
    check_program(spec)?;
    check_addresses(spec)?;
    check_prefix(spec)?;
    if matches!(spec.target, Target::Docker | Target::Kubernetes) {
        check_container(spec)?;
    }
    if spec.target == Target::Slurm && spec.drain.0 + 120_000 >= spec.resources.time_limit().0 {
        return Err(DeployError::new("a batch job ends before its running tests may end")
            .hint("give a longer --time-limit or a shorter --drain"));
    }
    Ok(())
}

fn check_coordinator(spec: &Spec) -> Result<(), DeployError> {
    if matches!(spec.target, Target::Windows | Target::Slurm) || spec.mode == Mode::Job {
        let message = format!(
            "a coordinator is not deployed as {} {}: it must run without an end, and stop gracefully",
            spec.target.word(),
            spec.mode.word()
        );
        return Err(DeployError::new(message)
            .hint("use --target linux, macos, docker or kubernetes with its default mode"));
    }
    if matches!(spec.program, Program::Served { .. }) {
        return Err(DeployError::new("a coordinator cannot fetch its program from itself")
            .hint("use --binary file or --binary package"));
    }
    Ok(())
}

/// Addresses at which nothing would answer, or which would be open to everybody.
fn check_addresses(spec: &Spec) -> Result<(), DeployError> {
    let is_container = matches!(spec.target, Target::Docker | Target::Kubernetes);
    let address = spec.coordinator.as_str();
    match spec.role {
        Role::Coordinator if is_container && !spec.has_token => {
            let message = "a coordinator in a container needs a token: it listens on all addresses of the \
                           container";
            Err(DeployError::new(message).hint("give the file of the tokens with --token-file"))
        }
        Role::Worker
            if spec.coordinator.loopback.is_some()
                && (is_container || spec.target == Target::Slurm) =>
        {
            let place = if is_container { "the container" } else { "the node of the job" };
            let message = format!("--coordinator {address} is an address of {place} itself");
            Err(DeployError::new(message)
                .hint("give the name or the address of the machine of the coordinator"))
        }
        _ => Ok(()),
    }
}

fn check_program(spec: &Spec) -> Result<(), DeployError> {
    if spec.program == Program::Package && spec.index.is_none() {
        return Err(DeployError::new(
            "--binary package needs --index: dtf is not published in a package index, and anybody could \
             take its name there",
        )
        .hint("give the address of an index with your packages, which has the wheel of `make wheel`"));
    }
    let Program::Served { os, files, .. } = &spec.program else { return Ok(()) };
    let needed = match spec.target {
        Target::MacOs => "macos",
        Target::Windows => "windows",
        Target::Linux | Target::Docker | Target::Kubernetes | Target::Slurm => "linux",
    };
    if os != needed {
        let message =
            format!("the coordinator runs on {os}, and its program does not run on {needed}");
        return Err(DeployError::new(message).hint("use --binary file or --binary package"));
    }
    let is_digest =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if files.is_empty() || !files.iter().all(|file| is_digest(&file.sha256)) {
        return Err(DeployError::new(
            "the coordinator does not describe its program with SHA-256 digests",
        ));
    }
    Ok(())
}

fn check_prefix(spec: &Spec) -> Result<(), DeployError> {
    let Some(prefix) = &spec.prefix else { return Ok(()) };
    let prefix = prefix.as_str();
    if spec.target == Target::Windows {
        // The scripts use it as the argument of programs, where a quote cannot be passed on.
        let drive = prefix.as_bytes();
        let is_absolute = drive.len() > 3
            && drive[0].is_ascii_alphabetic()
            && drive[1] == b':'
            && matches!(drive[2], b'\\' | b'/');
        if !is_absolute
            || prefix[3..].contains(['"', '<', '>', '|', '?', '*', ':', '%', '!', '^', '&'])
        {
            return Err(DeployError::new(format!("--prefix {prefix:?} is not an absolute path of Windows that scripts can pass on safely"))
                .hint("for example --prefix 'D:\\dtf'"));
        }
        return Ok(());
    }
    let parts = || prefix.split('/').filter(|part| !part.is_empty());
    if !prefix.starts_with('/')
        || parts().count() < 2
        || parts().any(|part| part == ".." || part == ".")
    {
        return Err(DeployError::new(format!(
            "--prefix {prefix:?} is not an absolute directory below another one"
        ))
        .hint("uninstall removes its contents; for example --prefix /opt/dtf"));
    }
    Ok(())
}

/// Ids and images of containers have a narrower form.
fn check_container(spec: &Spec) -> Result<(), DeployError> {
    let id = spec.id.as_str();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !id.bytes().all(plain)
        || id.ends_with('-')
        || !id.starts_with(|first: char| first.is_ascii_lowercase())
    {
        return Err(DeployError::new(format!(
            "--id {id:?} is not a name of {} objects",
            spec.target.word()
        ))
        .hint("use lower-case letters, digits and '-', with a letter first"));
    }
    for (flag, image) in [("--image", &spec.image), ("--base-image", &spec.base_image)] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
        let Some(image) = image.as_ref().map(Line::as_str) else { continue };
        if !image.bytes().all(plain)
            || !image.starts_with(|first: char| first.is_ascii_alphanumeric())
        {
            return Err(DeployError::new(format!("{flag} {image:?} is not the name of an image"))
                .hint("for example registry.example.org/dtf:1"));
        }
    }
    let is_rocm = spec.resources.hardware == Hardware::Rocm;
    if is_rocm && spec.target == Target::Kubernetes && spec.resources.device_group.is_none() {
        return Err(DeployError::new(
            "a container of another user than root needs the group that owns /dev/kfd",
        )
        .hint("give --device-group, the number that `stat -c %g /dev/kfd` prints on a node"));
    }
    Ok(())
}

/// The files of a request, in the order in which a person reads them.
pub fn parts(spec: &Spec) -> Vec<Part> {
    let mut parts = match (spec.target, spec.startup_only) {
        (Target::Linux | Target::MacOs, true) => vec![script("start.sh", "unix/start.sh.j2")],
        (Target::Linux | Target::MacOs, false) => service_parts(spec),
        (Target::Windows, is_startup) => return windows_parts(spec, is_startup),
        (Target::Docker | Target::Kubernetes, true) => {
            vec![script("entrypoint.sh", "container/entrypoint.sh.j2")]
        }
        (Target::Docker, false) => vec![
            script("control.sh", "container/control_docker.sh.j2"),
            script("entrypoint.sh", "container/entrypoint.sh.j2"),
            public("Dockerfile", "container/Dockerfile.j2"),
            public(".dockerignore", "container/dockerignore.j2"),
            private("docker-compose.yml", "container/docker-compose.yml.j2"),
        ],
        (Target::Kubernetes, false) => vec![
            script("control.sh", "container/control_kubernetes.sh.j2"),
            script("entrypoint.sh", "container/entrypoint.sh.j2"),
            public("Dockerfile", "container/Dockerfile.j2"),
            public(".dockerignore", "container/dockerignore.j2"),
            private("kubernetes.yaml", "container/kubernetes.yaml.j2"),
        ],
        (Target::Slurm, true) => vec![script("worker.sbatch", "unix/worker.sbatch.j2")],
        (Target::Slurm, false) => vec![
            script("control.sh", "unix/control_slurm.sh.j2"),
            script("worker.sbatch", "unix/worker.sbatch.j2"),
        ],
    };
    let is_container = matches!(spec.target, Target::Docker | Target::Kubernetes);
    if !is_container || !spec.startup_only {
        parts.push(private("deploy.conf", "settings/deploy.conf.j2"));
    }
    parts.push(private("settings.yaml", "settings/settings.yaml.j2"));
    if !is_container {
        parts.push(private("environment", "settings/environment.j2"));
    }
    parts
}

fn service_parts(spec: &Spec) -> Vec<Part> {
    let id = spec.id.as_str();
    match spec.mode {
        Mode::System | Mode::User => vec![
            script("control.sh", "unix/control_systemd.sh.j2"),
            public(&format!("{id}.service"), "unix/unit.service.j2"),
        ],
        Mode::Daemon | Mode::Agent => vec![
            script("control.sh", "unix/control_launchd.sh.j2"),
            public(&format!("{id}.plist"), "unix/service.plist.j2"),
            public(&format!("{id}.rotate.plist"), "unix/rotate.plist.j2"),
        ],
        _ => vec![script("control.sh", "unix/control_nohup.sh.j2")],
    }
}

fn windows_parts(spec: &Spec, is_startup: bool) -> Vec<Part> {
    let mut parts = if is_startup {
        vec![dos("start.ps1", "windows/start.ps1.j2"), dos("start.bat", "windows/start.bat.j2")]
    } else {
        vec![
            dos("control.ps1", "windows/control.ps1.j2"),
            dos("control.bat", "windows/control.bat.j2"),
        ]
    };
    if spec.mode == Mode::Service && !is_startup {
        parts.push(dos("service.cs", "windows/service.cs.j2"));
    }
    parts.push(Part {
        name: "deploy.json".to_owned(),
        content: Content::Json,
        access: Access::Private,
    });
    parts.push(private("settings.yaml", "settings/settings.yaml.j2"));
    parts
}

fn part(name: &str, template: &'static str, is_dos: bool, access: Access) -> Part {
    Part { name: name.to_owned(), content: Content::Template { template, is_dos }, access }
}

fn script(name: &str, template: &'static str) -> Part {
    part(name, template, false, Access::Script)
}

fn public(name: &str, template: &'static str) -> Part {
    part(name, template, false, Access::Public)
}

fn private(name: &str, template: &'static str) -> Part {
    part(name, template, false, Access::Private)
}

/// A script of Windows: `cmd` misreads long files whose lines end with a line feed alone.
fn dos(name: &str, template: &'static str) -> Part {
    part(name, template, true, Access::Script)
}
