//! Calls of programs: environment, search path and limits.

use super::root::Root;
use super::system::System;
use crate::sys::process::{Call, Keep, Limits};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Time limit of one call of a program.
pub const TOOL_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum size of each output stream of a program, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
/// The variables that hide devices from a process.
pub const HIDING_VARIABLES: &[&str] = &[
    "NVIDIA_VISIBLE_DEVICES",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
];
/// The variables of this process that the programs of a recorded machine get. All others could describe
/// this machine, such as its devices or the libraries of its drivers.
const RECORDED_VARIABLES: &[&str] = &["PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SystemRoot"];
/// Directory whose programs precede all others of a recorded machine.
const RECORDED_DIRECTORY: &str = "/usr/bin";

pub(super) fn limits(time: Duration) -> Limits {
    Limits { time, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::Start }
}

/// Directories in which drivers and systems install their tools. They are searched after those in
/// `PATH`.
fn tool_directories(system: System) -> &'static [&'static str] {
    match system {
        System::Linux => &[
            "/opt/rocm/bin",
            "/usr/bin",
            "/usr/local/bin",
            "/usr/lib/wsl/lib",
            "/opt/aws/neuron/bin",
            "/usr/local/Ascend/driver/tools",
        ],
        System::MacOs => &["/usr/bin", "/usr/sbin"],
        System::Windows => &[
            "C:\\Windows\\System32",
            "C:\\Windows\\System32\\WindowsPowerShell\\v1.0",
            "C:\\Windows\\System32\\wbem",
            "C:\\Program Files\\NVIDIA Corporation\\NVSMI",
        ],
    }
}

/// A call of a program with the environment of this process, since the library of a driver may be
/// found only through `LD_LIBRARY_PATH`.
pub(super) fn call(program: &str, args: &[&str], root: &Root, system: System) -> Call {
    Call {
        program: program_file(program, root, system).into(),
        args: args.iter().map(Into::into).collect(),
        cwd: root.place(if cfg!(windows) { "C:\\" } else { "/" }),
        env: environment(std::env::vars_os(), root, system),
        ..Call::default()
    }
}

/// The file name of a program: with the suffix of Windows if a recorded Windows has it so.
fn program_file(program: &str, root: &Root, system: System) -> String {
    let with_suffix = format!("{program}.exe");
    let exists = |name: &str| root.resolve(&format!("{RECORDED_DIRECTORY}/{name}")).is_ok();
    let is_recorded = system == System::Windows && matches!(root, Root::Recorded(_));
    if is_recorded && !exists(program) && exists(&with_suffix) {
        with_suffix
    } else {
        program.to_owned()
    }
}

/// The environment of a tool: that of this process, without two kinds of variables. The settings of
/// dtf stay out because a token is among them. The variables that hide devices stay out because
/// they are applied to the complete listing afterwards, so that the numbers in them keep their
/// meaning. A recorded machine has its programs before those of `PATH`, and no other variables than
/// [`RECORDED_VARIABLES`].
fn environment(
    own: impl Iterator<Item = (OsString, OsString)>,
    root: &Root,
    system: System,
) -> Vec<(OsString, OsString)> {
    let passes = |name: &str| match root {
        Root::Own => !name.starts_with("DTF_") && !HIDING_VARIABLES.contains(&name),
        Root::Recorded(_) => RECORDED_VARIABLES.contains(&name),
    };
    let passes = |name: &OsString| match name.to_str() {
        Some(name) => passes(name),
        None => matches!(root, Root::Own),
    };
    let mut env: Vec<_> = own.filter(|(name, _)| passes(name) && name != "LC_ALL").collect();
    env.push(("LC_ALL".into(), "C".into()));
    let at = env.iter().position(|(name, _)| name == "PATH");
    let path = at.map(|at| env.swap_remove(at).1).unwrap_or_default();
    let usual = tool_directories(system).iter().map(|directory| root.place(directory));
    let directories: Vec<PathBuf> = match root {
        Root::Own => std::env::split_paths(&path).chain(usual).collect(),
        Root::Recorded(_) => std::iter::once(root.place(RECORDED_DIRECTORY))
            .chain(usual)
            .chain(std::env::split_paths(&path))
            .collect(),
    };
    let joined = std::env::join_paths(directories);
    env.push(("PATH".into(), joined.unwrap_or(path)));
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_find_libraries_and_get_no_secret() {
        let own = [
            ("PATH", "/a:/b"),
            ("LD_LIBRARY_PATH", "/usr/local/nvidia/lib64"),
            ("LC_ALL", "de_DE"),
            ("DTF_TOKEN", "secret"),
            ("CUDA_VISIBLE_DEVICES", "3"),
        ];
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut env = environment(own, &Root::Own, System::Linux);
        env.sort();
        let names: Vec<_> = env.iter().map(|(name, _)| name.to_str().unwrap_or("?")).collect();
        assert_eq!(names, ["LC_ALL", "LD_LIBRARY_PATH", "PATH"]);
        assert_eq!(env[0].1, "C");
        let path = env[2].1.to_str().expect("text");
        assert!(cfg!(windows) || path.starts_with("/a:/b:/opt/rocm/bin"), "{path}");
        let recorded = Root::Recorded("/fake".into());
        let own = [("ZE_AFFINITY_MASK", "0"), ("LD_LIBRARY_PATH", "/x"), ("PATH", "/a")];
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let env = environment(own, &recorded, System::MacOs);
        assert_eq!(env.len(), 2, "{env:?}");
        let path = env.last().and_then(|(_, value)| value.to_str());
        assert!(cfg!(windows) || path == Some("/fake/usr/bin:/fake/usr/bin:/fake/usr/sbin:/a"));
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_call_runs_in_the_real_environment() {
        use crate::sys::process::{Completion, Runner, SystemRunner};
        let call = |program: &str, args: &[&str]| call(program, args, &Root::Own, System::Linux);
        let limits = limits(TOOL_TIMEOUT);
        let shell = call("sh", &["-c", "echo out; echo err >&2; exit 3"]);
        let completion = SystemRunner.run(&shell, limits).await;
        let output = completion.output().expect("the shell ran");
        assert_eq!((output.exit.code, &*output.stdout.text), (Some(3), "out\n"));
        let absent = call("dtf-no-such-tool", &[]);
        assert_eq!(SystemRunner.run(&absent, limits).await, Completion::NotFound);
    }
}
