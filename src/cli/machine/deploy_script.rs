//! `dtf deploy-script`: writes the files that install and start a worker or a coordinator.

use crate::cli::args::shared::{Global, Server};
use crate::cli::args::values::span;
use crate::cli::connect;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::config::read_token;
use crate::deploy::spec::{
    Address, Hardware, Id, Line, MAX_VARIABLES, Mode, Program, Resources, Role, ServedFile, Spec,
    Target, Variable,
};
use crate::deploy::{self, Access, File};
use crate::domain::tag::Tag;
use crate::domain::time::Millis;
use crate::sys::fs::write_durably;
use crate::sys::private::read_private;
use crate::text::quantity;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Maximum size of the token file of a coordinator, in bytes.
const MAX_TOKENS_BYTES: u64 = 64 * 1024;

/// Write scripts that install and start a worker or a coordinator
#[derive(Debug, Args)]
#[command(after_help = "\
The scripts are the same for everybody: names, addresses and paths are in files of settings, which only
their owner can read. A token is copied into a separate file and is in no script, argument or unit.
docs/deploy.md describes each target, and how to set up ten machines.

Examples:
  dtf deploy-script --target linux --coordinator http://lab-1:7700 --token-file token
  dtf deploy-script --target linux --mode nohup --binary coordinator --coordinator http://lab-1:7700
  dtf deploy-script --target docker --hw cuda --coordinator http://lab-1:7700 --memory 64GiB
  dtf deploy-script --target kubernetes --mode job --hw cuda --replicas 4 --coordinator http://lab-1:7700
  dtf deploy-script --target slurm --hw cuda --time-limit 8h --coordinator http://lab-1:7700
  dtf deploy-script --target linux --role coordinator --coordinator http://lab-1:7700 --token-file tokens
  dtf deploy-script --target macos --startup-only --dry-run --coordinator http://lab-1:7700")]
pub struct DeployScriptArgs {
    /// Platform of the machine
    #[arg(long, value_enum, value_name = "TARGET")]
    target: TargetName,
    /// Address of the coordinator, as the machine reaches it
    #[arg(long, env = "DTF_COORDINATOR", value_name = "URL")]
    coordinator: String,
    /// Part of dtf that runs on the machine
    #[arg(long, value_enum, default_value_t, value_name = "ROLE")]
    role: RoleName,
    /// How the platform starts and restarts it [default: the first one of the target]
    ///
    /// linux: system, user, nohup; macos: agent, daemon, nohup; windows: task, service; docker:
    /// compose; kubernetes: deployment, job; slurm: batch.
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<ModeName>,
    /// Write only the script that starts it, without installation
    #[arg(long)]
    startup_only: bool,
    /// Directory of the files [default: dtf-deploy-ID]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the files instead of writing them
    #[arg(long)]
    dry_run: bool,
    /// Name of service, files and objects [default: dtf-worker or dtf-coordinator]
    ///
    /// 1 to 63 letters, digits, '.', '_' or '-'. --name takes any display name.
    #[arg(long, value_name = "ID")]
    id: Option<Id>,
    /// Display name of the worker in reports [default: the name of its host, pod or job]
    #[arg(long, value_name = "NAME")]
    name: Option<Line>,
    /// Source of the program
    #[arg(long, value_enum, default_value_t, value_name = "SOURCE")]
    binary: BinaryName,
    /// Package index from which --binary package installs dtf
    #[arg(long, value_name = "URL")]
    index: Option<String>,
    /// Directory of the installation on the machine [default: depends on the mode, see docs/deploy.md]
    #[arg(long, value_name = "DIR")]
    prefix: Option<Line>,
    /// Environment variable of the program; secrets are refused. Repeatable
    #[arg(long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
    /// Time that running tests have to end when the worker is stopped
    #[arg(long, value_parser = span, default_value = "5m", value_name = "DURATION")]
    drain: Millis,
    #[command(flatten)]
    worker: WorkerFlags,
    #[command(flatten)]
    resources: ResourceFlags,
}

/// Settings of the worker.
#[derive(Debug, Args)]
struct WorkerFlags {
    /// Maximum number of tests at a time, 1 to 4096 [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096), value_name = "N")]
    slots: Option<u32>,
    /// Labels that tests can require
    #[arg(long, value_delimiter = ',', value_name = "TAGS")]
    tags: Vec<Tag>,
    /// Exit after this time without a test, such as 10m
    #[arg(long, value_parser = span, value_name = "DURATION")]
    idle_timeout: Option<Millis>,
}

/// Resources of a container, a service or a batch job.
#[derive(Debug, Args)]
struct ResourceFlags {
    /// Accelerators of a container or a batch job
    #[arg(long, value_enum, default_value_t, value_name = "HW")]
    hw: HardwareName,
    /// Number of accelerators of each container or job [default: 1, without --hw 0]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64), value_name = "N")]
    gpus: Option<u32>,
    /// Maximum number of cores
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096), value_name = "N")]
    cpus: Option<u32>,
    /// Maximum memory, such as 64GiB
    #[arg(long, value_parser = size, value_name = "SIZE")]
    memory: Option<u64>,
    /// Number of pods or batch jobs
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000), default_value_t = 1, value_name = "N")]
    replicas: u32,
    /// Maximum time of a batch job [default: 4h]
    #[arg(long, value_parser = span, value_name = "DURATION")]
    time_limit: Option<Millis>,
    /// Partition of the Slurm cluster
    #[arg(long, value_parser = partition, value_name = "NAME")]
    partition: Option<Id>,
    /// Number of the group that owns the devices of a Kubernetes node with --hw rocm
    #[arg(long, value_name = "GID")]
    device_group: Option<u32>,
    /// Name of the container image [default: dtf-HW:VERSION]
    #[arg(long, value_name = "IMAGE")]
    image: Option<Line>,
    /// Image that the container image is built on [default: one for --hw]
    #[arg(long, value_name = "IMAGE")]
    base_image: Option<Line>,
}

macro_rules! names {
    ($Name:ident for $Of:ident { $($(#[$meta:meta])* $Variant:ident,)+ }) => {
        #[derive(Debug, Clone, Copy, ValueEnum)]
        enum $Name { $($(#[$meta])* $Variant,)+ }

        impl From<$Name> for $Of {
            fn from(name: $Name) -> Self {
                match name { $($Name::$Variant => Self::$Variant,)+ }
            }
        }
    };
}

names!(TargetName for Target { Linux, #[value(name = "macos")] MacOs, Windows, Docker, Kubernetes, Slurm, });
names!(ModeName for Mode {
    System, User, Nohup, Daemon, Agent, Task, Service, Compose, Deployment, Job, Batch,
});

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum RoleName {
    #[default]
    Worker,
    Coordinator,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum HardwareName {
    #[default]
    Cpu,
    Cuda,
    Rocm,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum BinaryName {
    /// The file dtf beside the script
    #[default]
    File,
    /// The program of the coordinator, checked by its SHA-256
    Coordinator,
    /// The Python package dtf
    Package,
}

fn size(text: &str) -> Result<u64, String> {
    quantity::size(&crate::text::node::Node::Text(text.to_owned())).map_err(|error| error.message)
}

/// A name of a partition has the form of an id.
fn partition(text: &str) -> Result<Id, String> {
    text.parse().map_err(|_| {
        "the name of a partition has letters, digits, '.', '_' or '-'; `sinfo` lists them"
            .to_owned()
    })
}

pub async fn run(
    console: Console,
    global: &Global,
    args: DeployScriptArgs,
) -> Result<Exit, CliError> {
    let spec = spec(console, global, &args).await?;
    let files = deploy::files(&spec).map_err(refused)?;
    if args.dry_run {
        return print(console, &files);
    }
    let directory = args.out.unwrap_or_else(|| format!("dtf-deploy-{}", spec.id.as_str()).into());
    let token = global.token_file.as_deref().map(|path| token(path, spec.role)).transpose()?;
    write(&directory, &files, token.as_deref()).map_err(|error| {
        CliError::new(format!("cannot write to {}: {error}", directory.display()))
    })?;
    console.result(&format!("{}\n", directory.display()))?;
    let count = files.len() + usize::from(token.is_some());
    let next = match (spec.startup_only, spec.target) {
        (false, Target::Windows) => {
            "copy the directory to the machine and run there: control.bat install"
        }
        (false, Target::Kubernetes) => "run: control.sh image, then control.sh install",
        (false, _) => "copy the directory to the machine and run there: control.sh install",
        (true, Target::Linux | Target::MacOs) => {
            "copy the directory and the program dtf to the machine and run there: start.sh start"
        }
        (true, Target::Windows) => {
            "copy the directory and dtf.exe to the machine and run there: start.bat start"
        }
        (true, Target::Docker | Target::Kubernetes) => {
            "make entrypoint.sh the entry point of your image (docs/deploy.md)"
        }
        (true, Target::Slurm) => {
            "copy the directory and the program dtf to the cluster and run there: sbatch worker.sbatch"
        }
    };
    let place = directory.display();
    // The scripts for a start alone name the program themselves.
    let program = match (&spec.program, spec.target) {
        (Program::Beside, Target::Windows) if !spec.startup_only => "put dtf.exe into it, ",
        (Program::Beside, _) if !spec.startup_only => "put the program dtf into it, ",
        _ => "",
    };
    let target = spec.target.word();
    console.note(&format!("wrote {count} files for {target} to {place}; {program}{next}"));
    let token_file = directory.join("token");
    if spec.has_token && token.is_none() && !token_file.exists() {
        console.warning(&format!(
            "the directory has no token: put it into {} with chmod 600, or give --token-file",
            token_file.display()
        ));
    }
    Ok(Exit::Passed)
}

async fn spec(
    console: Console,
    global: &Global,
    args: &DeployScriptArgs,
) -> Result<Spec, CliError> {
    if args.environment.len() > MAX_VARIABLES {
        return Err(CliError::usage(format!("more than {MAX_VARIABLES} environment variables")));
    }
    // They are not parsed as arguments are, since the message would repeat a secret in them.
    let coordinator: Address = args
        .coordinator
        .parse()
        .map_err(|reason: String| CliError::usage(format!("--coordinator: {reason}")))
        .map_err(|error| {
            error.hint("an address such as http://lab-1:7700; a token is given with --token-file")
        })?;
    let variable = |text: &String| {
        text.parse::<Variable>().map_err(|reason| CliError::usage(format!("--env: {reason}")))
    };
    let index = args.index.as_deref().map(|text| {
        text.parse().map_err(|reason: String| {
            CliError::usage(format!("--index: {reason}")).hint(
                "an address such as https://packages.example.org/simple; pip and uv read a password for it \
                 from a .netrc file",
            )
        })
    });
    let environment = args.environment.iter().map(variable).collect::<Result<_, _>>()?;
    let target = Target::from(args.target);
    let role = match args.role {
        RoleName::Worker => Role::Worker,
        RoleName::Coordinator => Role::Coordinator,
    };
    let id = match &args.id {
        Some(id) => id.clone(),
        None => role.default_id().parse().map_err(CliError::usage)?,
    };
    let resources = &args.resources;
    let hardware = match resources.hw {
        HardwareName::Cpu => Hardware::Cpu,
        HardwareName::Cuda => Hardware::Cuda,
        HardwareName::Rocm => Hardware::Rocm,
    };
    if hardware == Hardware::Cpu && resources.gpus.is_some() {
        return Err(CliError::usage("--gpus needs the kind of the accelerators")
            .hint("add --hw cuda or --hw rocm, or omit --gpus"));
    }
    // Any other address than that of this machine needs a token.
    let has_token = global.token_file.is_some() || coordinator.loopback.is_none();
    Ok(Spec {
        target,
        mode: args.mode.map_or(target.modes()[0], Mode::from),
        role,
        startup_only: args.startup_only,
        program: program(console, global, args.binary, &coordinator).await?,
        index: index.transpose()?,
        coordinator,
        id,
        name: args.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        has_token,
        prefix: args.prefix.clone(),
        environment,
        slots: args.worker.slots,
        tags: args.worker.tags.clone(),
        idle_timeout: args.worker.idle_timeout,
        drain: args.drain,
        resources: Resources {
            hardware,
            gpus: if hardware == Hardware::Cpu { 0 } else { resources.gpus.unwrap_or(1) },
            cpus: resources.cpus,
            memory: resources.memory,
            replicas: resources.replicas,
            time_limit: resources.time_limit,
            partition: resources.partition.as_ref().map(|name| name.as_str().to_owned()),
            device_group: resources.device_group,
        },
        image: resources.image.clone(),
        base_image: resources.base_image.clone(),
    })
}

/// The source of the program. The coordinator is asked for the digests of its files.
async fn program(
    console: Console,
    global: &Global,
    binary: BinaryName,
    coordinator: &Address,
) -> Result<Program, CliError> {
    match binary {
        BinaryName::File => Ok(Program::Beside),
        BinaryName::Package => Ok(Program::Package),
        BinaryName::Coordinator => {
            console
                .note(&format!("asking {} for the digests of its program", coordinator.as_str()));
            let server = Server { coordinator: Some(coordinator.as_str().to_owned()) };
            let view = connect::client(global, &server)?.program().await?;
            let files = view.files.into_iter().map(|file| {
                let name = file.name.parse().map_err(CliError::new)?;
                Ok(ServedFile { name, sha256: file.sha256 })
            });
            let files = files.collect::<Result<_, CliError>>()?;
            Ok(Program::Served { files, os: view.os, arch: view.arch, libc: view.libc })
        }
    }
}

fn refused(error: deploy::spec::DeployError) -> CliError {
    CliError { hint: error.hint, ..CliError::usage(error.message) }
}

/// The content of the token file, which is checked as the program will check it.
fn token(path: &Path, role: Role) -> Result<String, CliError> {
    match role {
        Role::Worker => read_token(path).map(|token| format!("{}\n", token.reveal())),
        Role::Coordinator => {
            read_private(path, MAX_TOKENS_BYTES).map_err(crate::config::SecretError::File)
        }
    }
    .map_err(|error| {
        let content = match role {
            Role::Worker => "token of the worker",
            Role::Coordinator => "tokens of the coordinator",
        };
        let mut error = CliError::from(error);
        error.hint.get_or_insert_with(|| {
            format!(
                "--token-file needs a file with the {content} that only you can read (chmod 600)"
            )
        });
        error
    })
}

fn print(console: Console, files: &[File]) -> Result<Exit, CliError> {
    for file in files {
        console.document(&format!("==> {} <==\n{}\n", file.name, file.text.replace('\r', "")))?;
    }
    Ok(Exit::Passed)
}

/// Writes the files, each in one step.
fn write(directory: &Path, files: &[File], token: Option<&str>) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for file in files {
        let path = directory.join(&file.name);
        write_durably(&path, file.text.as_bytes(), file.access == Access::Private)?;
        #[cfg(unix)]
        if file.access == Access::Script {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    match token {
        Some(token) => write_durably(&directory.join("token"), token.as_bytes(), true),
        None => Ok(()),
    }
}
