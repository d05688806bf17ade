//! Tests of whole deployments: which files there are, what is refused, and that no value becomes
//! code. Scripts are run and documents are parsed by `tests/python/test_deploy.py`.

use super::spec::{Hardware, Id, Mode, Program, Resources, Role, ServedFile, Target};
use super::*;
use crate::domain::time::Millis;

fn spec(target: Target) -> Spec {
    Spec {
        target,
        mode: target.modes()[0],
        role: Role::Worker,
        startup_only: false,
        coordinator: "http://lab-1:7700".parse().expect("an address"),
        id: "dtf-worker".parse().expect("an id"),
        name: None,
        program: Program::Beside,
        index: None,
        version: "0.1.0".into(),
        has_token: true,
        prefix: None,
        environment: Vec::new(),
        slots: None,
        tags: Vec::new(),
        idle_timeout: None,
        drain: Millis::from_secs(300),
        resources: Resources {
            hardware: Hardware::Cpu,
            gpus: 0,
            cpus: None,
            memory: None,
            replicas: 1,
            time_limit: None,
            partition: None,
            device_group: None,
        },
        image: None,
        base_image: None,
    }
}

const TARGETS: [Target; 6] = [
    Target::Linux,
    Target::MacOs,
    Target::Windows,
    Target::Docker,
    Target::Kubernetes,
    Target::Slurm,
];

fn names(files: &[File]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

#[test]
fn every_mode_of_every_target_has_its_files() {
    for target in TARGETS {
        for mode in target.modes() {
            for startup_only in [false, true] {
                let spec = Spec { mode: *mode, startup_only, ..spec(target) };
                let files =
                    files(&spec).unwrap_or_else(|error| panic!("{target:?} {mode:?} {error}"));
                let mut unique = names(&files);
                unique.sort_unstable();
                unique.dedup();
                assert_eq!(unique.len(), files.len(), "{target:?} {mode:?}");
                let settings =
                    files.iter().find(|file| file.name == "settings.yaml").expect("settings");
                assert_eq!(settings.access, Access::Private);
                assert!(settings.text.contains("coordinator: \"http://lab-1:7700\""));
                for file in &files {
                    assert!(
                        file.text.ends_with('\n') && !file.text.contains("\n\n\n"),
                        "{}",
                        file.name
                    );
                    assert!(
                        !file.text.contains("{%") && !file.text.contains("{{"),
                        "{}",
                        file.name
                    );
                }
            }
        }
    }
}

/// A script that a value could get into would differ for another value.
#[test]
fn scripts_are_the_same_for_every_request() {
    for target in TARGETS {
        for startup_only in [false, true] {
            let plain = Spec { startup_only, ..spec(target) };
            let is_container = matches!(target, Target::Docker | Target::Kubernetes);
            let is_entry_point = startup_only && is_container;
            let other = Spec {
                id: if is_entry_point { plain.id.clone() } else { "other".parse().expect("an id") },
                name: "Ann's $(touch x) \"box\" %PATH% `id`"
                    .parse()
                    .ok()
                    .filter(|_| target != Target::Slurm),
                coordinator: "https://h/x".parse().expect("an address"),
                environment: if is_entry_point {
                    Vec::new()
                } else {
                    vec!["A=$(touch x)'\"`%n".parse().expect("a variable")]
                },
                drain: if is_entry_point { plain.drain } else { Millis::from_secs(7) },
                ..plain.clone()
            };
            let (plain, other) = (files(&plain).expect("files"), files(&other).expect("files"));
            for (plain, other) in plain.iter().zip(&other) {
                let is_batch = plain.name.ends_with(".sbatch");
                if plain.access == Access::Script && !is_batch {
                    assert_eq!(plain, other, "{target:?}");
                }
                let is_quoted_document = plain.access == Access::Private
                    || ["docker-compose.yml", "kubernetes.yaml"].contains(&plain.name.as_str());
                assert!(is_quoted_document || !other.text.contains("touch x"), "{}", other.name);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_next_step() {
    let refused = |spec: Spec| files(&spec).expect_err("refused");
    let served = |name: &str, sha256: &str, os: &str| Program::Served {
        files: vec![ServedFile {
            name: name.parse::<Id>().expect("a name"),
            sha256: sha256.into(),
        }],
        os: os.into(),
        arch: "x86_64".into(),
        libc: "gnu".into(),
    };
    let local = |text: &str| text.parse().expect("an address");
    let digest = "a".repeat(64);
    let cases = [
        (Spec { mode: Mode::Daemon, ..spec(Target::Linux) }, "no mode daemon"),
        (Spec { role: Role::Coordinator, ..spec(Target::Windows) }, "not deployed as windows"),
        (Spec { role: Role::Coordinator, ..spec(Target::Slurm) }, "not deployed as slurm"),
        (
            Spec { role: Role::Coordinator, mode: Mode::Job, ..spec(Target::Kubernetes) },
            "as kubernetes job",
        ),
        (Spec { role: Role::Coordinator, slots: Some(1), ..spec(Target::Linux) }, "--slots has no"),
        (
            Spec {
                role: Role::Coordinator,
                program: served("dtf", &digest, "linux"),
                ..spec(Target::Linux)
            },
            "from itself",
        ),
        (
            Spec { program: served("dtf", &digest, "linux"), ..spec(Target::MacOs) },
            "does not run on macos",
        ),
        (Spec { program: served("dtf", "abc", "linux"), ..spec(Target::Linux) }, "SHA-256"),
        (Spec { prefix: "/".parse().ok(), ..spec(Target::Linux) }, "below another one"),
        (Spec { prefix: "/opt/../etc".parse().ok(), ..spec(Target::Linux) }, "below another one"),
        (Spec { prefix: "opt/dtf".parse().ok(), ..spec(Target::Linux) }, "not an absolute"),
        (Spec { prefix: "C:\\a%b".parse().ok(), ..spec(Target::Windows) }, "pass on safely"),
        (
            Spec { prefix: "/opt/dtf\\".parse().ok(), ..spec(Target::Linux) },
            "no program with \\ in its path",
        ),
        (Spec { program: Program::Package, ..spec(Target::Linux) }, "needs --index"),
        (
            Spec { coordinator: local("http://localhost:7700"), ..spec(Target::Docker) },
            "an address of the container itself",
        ),
        (
            Spec { coordinator: local("http://[::1]:7700"), ..spec(Target::Slurm) },
            "an address of the node of the job itself",
        ),
        (
            Spec {
                role: Role::Coordinator,
                has_token: false,
                coordinator: local("http://localhost:7700"),
                ..spec(Target::Docker)
            },
            "needs a token",
        ),
        (
            Spec { id: "A.b".parse().expect("an id"), ..spec(Target::Kubernetes) },
            "kubernetes objects",
        ),
        (Spec { image: "a b".parse().ok(), ..spec(Target::Docker) }, "name of an image"),
        (Spec { drain: Millis::from_secs(14_400), ..spec(Target::Slurm) }, "batch job ends before"),
    ];
    for (spec, reason) in cases {
        let error = refused(spec);
        assert!(error.message.contains(reason), "{error}");
    }
    let mut rocm = spec(Target::Kubernetes);
    rocm.resources.hardware = Hardware::Rocm;
    assert!(refused(rocm).hint.expect("a hint").contains("stat -c %g"));
}

#[test]
fn the_program_of_a_coordinator_is_named_by_its_digest() {
    let digest = "0123456789abcdef".repeat(4);
    let program = Program::Served {
        files: vec![ServedFile { name: "dtf".parse().expect("a name"), sha256: digest.clone() }],
        os: "linux".into(),
        arch: "x86_64".into(),
        libc: "gnu".into(),
    };
    let files = files(&Spec { program, ..spec(Target::Linux) }).expect("files");
    let conf = files.iter().find(|file| file.name == "deploy.conf").expect("a configuration");
    assert!(conf.text.contains(&format!("'dtf:{digest}'")), "{}", conf.text);
    assert!(conf.text.contains("dtf_platform='linux-x86_64'"));
}

#[test]
fn a_flag_without_an_effect_is_refused() {
    let resources = |change: &dyn Fn(&mut Resources)| {
        let mut resources = spec(Target::Linux).resources;
        change(&mut resources);
        resources
    };
    let cuda = || resources(&|all| (all.hardware, all.gpus) = (Hardware::Cuda, 1));
    let cpus = || resources(&|all| all.cpus = Some(4));
    let replicas = || resources(&|all| all.replicas = 2);
    let coordinator = || Spec { role: Role::Coordinator, ..spec(Target::Kubernetes) };
    let env = || vec!["A=1".parse().expect("a variable")];
    let index = || "https://index.example.org/simple".parse().ok();
    let package = |target| Spec { program: Program::Package, index: index(), ..spec(target) };
    let cases = [
        (Spec { resources: cuda(), ..spec(Target::Linux) }, "--hw"),
        (Spec { resources: cuda(), startup_only: true, ..spec(Target::Docker) }, "--hw"),
        (Spec { resources: cpus(), ..spec(Target::MacOs) }, "--cpus"),
        (Spec { resources: cpus(), mode: Mode::Nohup, ..spec(Target::Linux) }, "--cpus"),
        (Spec { resources: replicas(), ..spec(Target::Docker) }, "--replicas"),
        (Spec { resources: replicas(), ..coordinator() }, "--replicas"),
        (
            Spec {
                resources: resources(&|all| all.time_limit = Some(Millis::from_secs(9000))),
                ..spec(Target::Kubernetes)
            },
            "--time-limit",
        ),
        (
            Spec {
                resources: resources(&|all| all.device_group = Some(44)),
                ..spec(Target::Kubernetes)
            },
            "--device-group",
        ),
        (Spec { image: "a/b:1".parse().ok(), ..spec(Target::Linux) }, "--image"),
        (Spec { base_image: "a/b:1".parse().ok(), ..spec(Target::Slurm) }, "--base-image"),
        (Spec { name: "x".parse().ok(), ..coordinator() }, "--name"),
        (Spec { idle_timeout: Some(Millis::from_secs(60)), ..coordinator() }, "--idle-timeout"),
        (Spec { prefix: "/opt/dtf".parse().ok(), ..spec(Target::Docker) }, "--prefix"),
        (
            Spec { prefix: "/opt/dtf".parse().ok(), startup_only: true, ..spec(Target::Linux) },
            "--prefix",
        ),
        (Spec { environment: env(), startup_only: true, ..spec(Target::Docker) }, "--env"),
        (
            Spec { id: "x".parse().expect("an id"), startup_only: true, ..spec(Target::Docker) },
            "--id",
        ),
        (
            Spec { drain: Millis::from_secs(7), startup_only: true, ..spec(Target::Kubernetes) },
            "--drain",
        ),
        (Spec { startup_only: true, ..package(Target::Linux) }, "--binary"),
        (Spec { index: index(), ..spec(Target::Linux) }, "--index"),
    ];
    for (spec, flag) in cases {
        let error = files(&spec).expect_err(flag);
        assert!(error.message.starts_with(&format!("{flag} has no effect")), "{error}");
        assert!(error.hint.expect("a hint").starts_with("omit it; it applies to "));
    }
    for spec in [
        Spec { resources: cuda(), ..spec(Target::Docker) },
        Spec { resources: cuda(), startup_only: true, ..spec(Target::Slurm) },
        Spec { resources: cpus(), mode: Mode::User, ..spec(Target::Linux) },
        Spec { resources: replicas(), ..spec(Target::Slurm) },
        Spec { environment: env(), startup_only: true, ..spec(Target::MacOs) },
        package(Target::Windows),
    ] {
        files(&spec).expect("it has an effect");
    }
}

/// Slurm creates no directory for a log.
#[test]
fn the_log_of_a_batch_job_is_in_a_directory_that_exists() {
    for (startup_only, log) in [(false, "../log/%x-%j.log"), (true, "%x-%j.log")] {
        let files = files(&Spec { startup_only, ..spec(Target::Slurm) }).expect("files");
        let batch = files.iter().find(|file| file.name == "worker.sbatch").expect("a script");
        assert!(batch.text.contains(&format!("#SBATCH --output={log}\n")), "{}", batch.text);
    }
}

#[test]
fn a_coordinator_listens_on_the_given_address_of_its_machine() {
    for (address, listen) in [
        ("http://[::1]:7700", "[::1]:7700"),
        ("http://127.0.0.2:1", "127.0.0.2:1"),
        ("http://lab-1:7700", "0.0.0.0:7700"),
    ] {
        let coordinator = address.parse().expect("an address");
        let spec = Spec { role: Role::Coordinator, coordinator, ..spec(Target::Linux) };
        let files = files(&spec).expect("files");
        let settings = files.iter().find(|file| file.name == "settings.yaml").expect("settings");
        assert!(settings.text.contains(&format!("listen: \"{listen}\"")), "{}", settings.text);
    }
}

#[test]
fn a_package_is_installed_from_the_given_index_alone() {
    let index = "https://index.example.org/$(id)/simple";
    for target in [Target::Linux, Target::Docker, Target::Windows] {
        let index = index.parse().ok();
        let spec = Spec { program: Program::Package, index, ..spec(target) };
        let files = files(&spec).expect("files");
        let (name, expected) = match target {
            Target::Docker => {
                ("Dockerfile", "--index-url 'https://index.example.org/$(id)/simple'")
            }
            Target::Windows => ("deploy.json", "\"index\": \"https://index.example.org/"),
            _ => ("deploy.conf", "dtf_index='https://index.example.org/$(id)/simple'"),
        };
        let file = files.iter().find(|file| file.name == name).expect(name);
        assert!(file.text.contains(expected), "{}", file.text);
    }
}
