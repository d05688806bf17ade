//! Calls of the tools of the vendors: environment, search path and limits.

use super::visible::VisibleDevices;
use crate::sys::process::{Call, Keep, Limits};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Time limit of one call of a tool. Without persistence mode, the first `nvidia-smi` initialises
/// every device of the machine, which takes up to 40 s.
pub const TOOL_TIMEOUT: Duration = Duration::from_mins(1);
/// Maximum size of each output stream of a tool, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
pub(super) const LIMITS: Limits =
    Limits { time: TOOL_TIMEOUT, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::Start };
/// Directories in which drivers install their tools. They are searched after those in `PATH`.
const TOOL_DIRECTORIES: &[&str] = if cfg!(windows) {
    &["C:\\Windows\\System32", "C:\\Program Files\\NVIDIA Corporation\\NVSMI"]
} else {
    &["/opt/rocm/bin", "/usr/bin", "/usr/lib/wsl/lib"]
};

/// A call of a tool with the environment of this process, since the library of a driver may be
/// found only through `LD_LIBRARY_PATH`.
pub(super) fn call(program: &str, args: &[&str]) -> Call {
    Call {
        program: program.into(),
        args: args.iter().map(Into::into).collect(),
        cwd: PathBuf::from(if cfg!(windows) { "C:\\" } else { "/" }),
        env: environment(std::env::vars_os()),
        ..Call::default()
    }
}

/// The environment of a tool: that of this process, without two kinds of variables. The settings of
/// dtf stay out because a token is among them. The variables that hide devices stay out because
/// they are applied to the complete listing afterwards, so that the numbers in them keep their
/// meaning.
fn environment(own: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let passes = |name: &str| !name.starts_with("DTF_") && !VisibleDevices::NAMES.contains(&name);
    let mut env: Vec<_> =
        own.filter(|(name, _)| name.to_str().is_none_or(passes) && name != "LC_ALL").collect();
    env.push(("LC_ALL".into(), "C".into()));
    let at = env.iter().position(|(name, _)| name == "PATH");
    let path = at.map(|at| env.swap_remove(at).1).unwrap_or_default();
    let directories =
        std::env::split_paths(&path).chain(TOOL_DIRECTORIES.iter().map(PathBuf::from));
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
        let mut env = environment(own);
        env.sort();
        let names: Vec<_> = env.iter().map(|(name, _)| name.to_str().unwrap_or("?")).collect();
        assert_eq!(names, ["LC_ALL", "LD_LIBRARY_PATH", "PATH"]);
        assert_eq!(env[0].1, "C");
        let path = env[2].1.to_str().expect("text");
        assert!(cfg!(windows) || path.starts_with("/a:/b:/opt/rocm/bin"), "{path}");
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_call_runs_in_the_real_environment() {
        use crate::sys::process::{Completion, Runner, SystemRunner};
        let shell = call("sh", &["-c", "echo out; echo err >&2; exit 3"]);
        let completion = SystemRunner.run(&shell, LIMITS).await;
        let output = completion.output().expect("the shell ran");
        assert_eq!((output.exit.code, &*output.stdout.text), (Some(3), "out\n"));
        let absent = call("dtf-no-such-tool", &[]);
        assert_eq!(SystemRunner.run(&absent, LIMITS).await, Completion::NotFound);
    }
}
