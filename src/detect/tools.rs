//! Runs tools for real.

use super::{CommandRunner, MAX_OUTPUT_BYTES, TOOL_LIMIT};
use crate::sys::process::{Start, lookup};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::path::Path;

/// Finds tools in `PATH` and where drivers put them.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTools;

const MORE_PLACES: &[&str] = &["/opt/rocm/bin", "/usr/bin", "/usr/lib/wsl/lib"];

impl CommandRunner for SystemTools {
    fn run<'a>(&'a self, program: &'a str, args: &'a [&'a str]) -> BoxFuture<'a, Option<String>> {
        run(program, args).boxed()
    }
}

#[expect(clippy::disallowed_methods, reason = "where programs are found, no setting")]
async fn run(program: &str, args: &[&str]) -> Option<String> {
    let cwd = Path::new(if cfg!(windows) { "C:\\" } else { "/" });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = MORE_PLACES.iter().map(Path::new).map(Path::to_path_buf);
    let path = std::env::join_paths(std::env::split_paths(&path).chain(more)).ok()?;
    let start = Start {
        program: lookup::find(program.as_ref(), &path, cwd)?,
        args: args.iter().map(Into::into).collect(),
        cwd: cwd.to_owned(),
        // Devices that are hidden from this process are not hidden from the tool.
        env: vec![("PATH".into(), path), ("LC_ALL".into(), "C".into())],
    };
    let (mut child, mut output) = start.spawn().ok()?;
    let tree = child.tree("");
    let mut text = Vec::new();
    let work = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            let room = MAX_OUTPUT_BYTES.saturating_sub(text.len()).min(count);
            text.extend_from_slice(&buffer[..room]);
        }
        child.wait().await
    };
    let in_time = tokio::time::timeout(TOOL_LIMIT, work).await.is_ok();
    if !in_time {
        tree.kill();
        tracing::warn!(program, "did not answer in time");
        return None;
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}
