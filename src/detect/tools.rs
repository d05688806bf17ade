//! Runs tools for real, in the environment of this process: a driver's library may be found
//! through `LD_LIBRARY_PATH` only.

use super::{CommandRunner, MAX_OUTPUT_BYTES, TOOL_LIMIT, Visible};
use crate::sys::process::{self, Call, Keep, Limits, Ran};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::ffi::OsString;
use std::path::PathBuf;

/// Finds tools in `PATH` and where drivers put them.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTools;

const MORE_PLACES: &[&str] = if cfg!(windows) {
    &["C:\\Windows\\System32", "C:\\Program Files\\NVIDIA Corporation\\NVSMI"]
} else {
    &["/opt/rocm/bin", "/usr/bin", "/usr/lib/wsl/lib"]
};
const LIMITS: Limits =
    Limits { time: TOOL_LIMIT, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::Start };

impl CommandRunner for SystemTools {
    fn run<'a>(&'a self, program: &'a str, args: &'a [&'a str]) -> BoxFuture<'a, Ran> {
        let call = Call {
            program: program.into(),
            args: args.iter().map(Into::into).collect(),
            cwd: PathBuf::from(if cfg!(windows) { "C:\\" } else { "/" }),
            env: environment(std::env::vars_os()),
        };
        async move { process::run(&call, LIMITS).await }.boxed()
    }
}

/// The tool sees what this process sees, but for two things: dtf's own settings, among them its
/// token, and the variables that hide devices. Those are applied to the whole listing afterwards,
/// so that the numbers in them keep their meaning.
fn environment(own: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let passes = |name: &str| !name.starts_with("DTF_") && !Visible::NAMES.contains(&name);
    let mut env: Vec<_> =
        own.filter(|(name, _)| name.to_str().is_none_or(passes) && name != "LC_ALL").collect();
    env.push(("LC_ALL".into(), "C".into()));
    let more = MORE_PLACES.iter().map(PathBuf::from);
    let at = env.iter().position(|(name, _)| name == "PATH");
    let path = at.map(|at| env.swap_remove(at).1).unwrap_or_default();
    let joined = std::env::join_paths(std::env::split_paths(&path).chain(more));
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
    async fn real_tools_are_found_and_absent_ones_are_not() {
        let ran = SystemTools.run("sh", &["-c", "echo out; echo err >&2; exit 3"]).await;
        let ended = ran.output().expect("it ran");
        assert_eq!((ended.exit.code, &*ended.stdout.text), (Some(3), "out\n"));
        assert_eq!(SystemTools.run("dtf-no-such-tool", &[]).await, Ran::Absent);
    }
}
