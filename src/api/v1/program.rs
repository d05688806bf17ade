//! The program that a coordinator runs: `GET /api/v1/program`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The program that a coordinator runs, and the machines that can run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgramView {
    pub schema: u32,
    /// Version of dtf.
    pub version: String,
    /// Operating system, such as `linux`, `macos` or `windows`.
    pub os: String,
    /// Processor architecture, such as `x86_64` or `aarch64`.
    pub arch: String,
    /// C library that the program needs: `gnu` or `musl`. Empty where the system has only one.
    pub libc: String,
    /// The files of the program, the executable first. They belong in one directory.
    pub files: Vec<ProgramFileView>,
}

/// A file of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgramFileView {
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal digits, under which the file is downloaded.
    pub sha256: String,
}
