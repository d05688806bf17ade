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
            time_limit: Millis::from_secs(14_400),
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
            let other = Spec {
                id: "other".parse().expect("an id"),
                name: "Ann's $(touch x) \"box\" %PATH% `id`".parse().ok(),
                coordinator: "https://h/x".parse().expect("an address"),
                environment: vec!["A=$(touch x)'\"`%n".parse().expect("a variable")],
                drain: Millis::from_secs(7),
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
    let digest = "a".repeat(64);
    let cases = [
        (Spec { mode: Mode::Daemon, ..spec(Target::Linux) }, "no mode daemon"),
        (Spec { role: Role::Coordinator, ..spec(Target::Windows) }, "not deployed as windows"),
        (Spec { role: Role::Coordinator, ..spec(Target::Slurm) }, "not deployed as slurm"),
        (
            Spec { role: Role::Coordinator, mode: Mode::Job, ..spec(Target::Kubernetes) },
            "as kubernetes job",
        ),
        (Spec { role: Role::Coordinator, slots: Some(1), ..spec(Target::Linux) }, "runs no tests"),
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
        (Spec { prefix: "/opt/dtf".parse().ok(), ..spec(Target::Docker) }, "containers have none"),
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
