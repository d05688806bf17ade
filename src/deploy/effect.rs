//! The deployments in which each flag has an effect. A flag without one is refused, so that nobody relies
//! on it.

use crate::deploy::spec::{
    DEFAULT_DRAIN, DeployError, Hardware, Mode, Program, Role, Spec, Target,
};

/// A flag, and the deployments in which it has an effect.
struct Flag {
    name: &'static str,
    is_given: fn(&Spec) -> bool,
    has_effect: fn(&Spec) -> bool,
    /// The deployments, in words.
    place: &'static str,
}

fn is_container(spec: &Spec) -> bool {
    matches!(spec.target, Target::Docker | Target::Kubernetes)
}

/// A set with an image.
fn is_image(spec: &Spec) -> bool {
    is_container(spec) && !spec.startup_only
}

/// Only the entry point of a container, which takes everything from its environment and `settings.yaml`.
fn is_entry_point(spec: &Spec) -> bool {
    is_container(spec) && spec.startup_only
}

fn is_batch(spec: &Spec) -> bool {
    spec.target == Target::Slurm
}

fn is_unit(spec: &Spec) -> bool {
    spec.target == Target::Linux
        && matches!(spec.mode, Mode::System | Mode::User)
        && !spec.startup_only
}

fn is_worker(spec: &Spec) -> bool {
    spec.role == Role::Worker
}

const WORKERS: &str = "--role worker";
const IMAGES: &str = "--target docker or kubernetes without --startup-only";
const SLURM: &str = "--target slurm";

const EXCEPT_ENTRY_POINTS: &str = "every target, except for the entry point alone of a container";

const FLAGS: &[Flag] = &[
    Flag {
        name: "--id",
        is_given: |spec| spec.id.as_str() != spec.role.default_id(),
        has_effect: |spec| !is_entry_point(spec),
        place: EXCEPT_ENTRY_POINTS,
    },
    Flag {
        name: "--drain",
        is_given: |spec| spec.drain != DEFAULT_DRAIN,
        has_effect: |spec| !is_entry_point(spec),
        place: "every target, except for the entry point alone of a container, which reads DTF_DRAIN_SECONDS",
    },
    Flag {
        name: "--name",
        is_given: |spec| spec.name.is_some(),
        has_effect: |spec| is_worker(spec) && !is_batch(spec),
        place: "workers, except with --target slurm, where each job has its own name",
    },
    Flag {
        name: "--slots",
        is_given: |spec| spec.slots.is_some(),
        has_effect: is_worker,
        place: WORKERS,
    },
    Flag {
        name: "--tags",
        is_given: |spec| !spec.tags.is_empty(),
        has_effect: is_worker,
        place: WORKERS,
    },
    Flag {
        name: "--idle-timeout",
        is_given: |spec| spec.idle_timeout.is_some(),
        has_effect: is_worker,
        place: WORKERS,
    },
    Flag {
        name: "--hw",
        is_given: |spec| spec.resources.hardware != Hardware::Cpu,
        has_effect: |spec| is_worker(spec) && (is_image(spec) || is_batch(spec)),
        place: "workers with --target docker or kubernetes without --startup-only, and with --target slurm; \
                elsewhere a worker offers every device that it finds",
    },
    Flag {
        name: "--cpus",
        is_given: |spec| spec.resources.cpus.is_some(),
        has_effect: |spec| is_unit(spec) || is_image(spec) || is_batch(spec),
        place: "--target linux with --mode system or user, --target docker or kubernetes, all without \
                --startup-only, and --target slurm",
    },
    Flag {
        name: "--memory",
        is_given: |spec| spec.resources.memory.is_some(),
        has_effect: |spec| is_unit(spec) || is_image(spec) || is_batch(spec),
        place: "--target linux with --mode system or user, --target docker or kubernetes, all without \
                --startup-only, and --target slurm",
    },
    Flag {
        name: "--replicas",
        is_given: |spec| spec.resources.replicas != 1,
        has_effect: |spec| {
            is_worker(spec)
                && (is_batch(spec) || is_image(spec) && spec.target == Target::Kubernetes)
        },
        place: "workers with --target kubernetes without --startup-only, and with --target slurm",
    },
    Flag {
        name: "--time-limit",
        is_given: |spec| spec.resources.time_limit.is_some(),
        has_effect: is_batch,
        place: SLURM,
    },
    Flag {
        name: "--partition",
        is_given: |spec| spec.resources.partition.is_some(),
        has_effect: is_batch,
        place: SLURM,
    },
    Flag {
        name: "--device-group",
        is_given: |spec| spec.resources.device_group.is_some(),
        has_effect: |spec| {
            let is_rocm = spec.resources.hardware == Hardware::Rocm;
            is_rocm && is_image(spec) && spec.target == Target::Kubernetes
        },
        place: "--target kubernetes with --hw rocm",
    },
    Flag {
        name: "--image",
        is_given: |spec| spec.image.is_some(),
        has_effect: is_image,
        place: IMAGES,
    },
    Flag {
        name: "--base-image",
        is_given: |spec| spec.base_image.is_some(),
        has_effect: is_image,
        place: IMAGES,
    },
    Flag {
        name: "--prefix",
        is_given: |spec| spec.prefix.is_some(),
        has_effect: |spec| !is_container(spec) && !spec.startup_only,
        place: "installations: every target but docker and kubernetes, without --startup-only",
    },
    Flag {
        name: "--env",
        is_given: |spec| !spec.environment.is_empty(),
        has_effect: |spec| !is_entry_point(spec),
        place: EXCEPT_ENTRY_POINTS,
    },
    Flag {
        name: "--binary",
        is_given: |spec| spec.program != Program::Beside,
        has_effect: |spec| !spec.startup_only,
        place: "sets with an installation; a start script uses the program beside it or in PATH",
    },
    Flag {
        name: "--index",
        is_given: |spec| spec.index.is_some(),
        has_effect: |spec| spec.program == Program::Package,
        place: "--binary package",
    },
];

/// # Errors
/// The first flag without an effect, and where it has one.
pub fn check(spec: &Spec) -> Result<(), DeployError> {
    let without = FLAGS.iter().find(|flag| (flag.is_given)(spec) && !(flag.has_effect)(spec));
    let Some(flag) = without else { return Ok(()) };
    let mut place = format!("--target {} --mode {}", spec.target.word(), spec.mode.word());
    if spec.role == Role::Coordinator {
        place.push_str(" --role coordinator");
    }
    if spec.startup_only {
        place.push_str(" --startup-only");
    }
    let message = format!("{} has no effect with {place}", flag.name);
    Err(DeployError::new(message).hint(format!("omit it; it applies to {}", flag.place)))
}
