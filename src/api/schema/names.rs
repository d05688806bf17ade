//! Schemas of ids, names and digests: texts with a pattern.

use utoipa::ToSchema;

/// A run. Runs are numbered from 1.
#[derive(ToSchema)]
#[schema(pattern = "^r(0|[1-9][0-9]{0,8})$", example = "r12")]
pub struct RunId(pub String);

/// A test of a run. Tests are numbered from 0.
#[derive(ToSchema)]
#[schema(pattern = r"^r(0|[1-9][0-9]{0,8})\.t(0|[1-9][0-9]{0,8})$", example = "r12.t3")]
pub struct TestId(pub String);

/// An attempt at a test. Attempts are numbered from 1.
#[derive(ToSchema)]
#[schema(
    pattern = r"^r(0|[1-9][0-9]{0,8})\.t(0|[1-9][0-9]{0,8})\.a(0|[1-9][0-9]{0,3})$",
    example = "r12.t3.a1"
)]
pub struct AttemptId(pub String);

/// A worker. Workers are numbered from 0.
#[derive(ToSchema)]
#[schema(pattern = "^w(0|[1-9][0-9]{0,8})$", example = "w4")]
pub struct WorkerId(pub String);

/// A quarantine of tests. Quarantines are numbered from 1.
#[derive(ToSchema)]
#[schema(pattern = "^q(0|[1-9][0-9]{0,8})$", example = "q3")]
pub struct QuarantineId(pub String);

/// An acceptance of changes. Acceptances are numbered from 1.
#[derive(ToSchema)]
#[schema(pattern = "^a(0|[1-9][0-9]{0,8})$", example = "a3")]
pub struct AcceptanceId(pub String);

/// SHA-256 of the content of a file.
#[derive(ToSchema)]
#[schema(
    pattern = "^[0-9a-f]{64}$",
    example = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
)]
pub struct Sha256(pub String);

/// Name of a run or test: one line of at most 512 bytes.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 512,
    pattern = r"^[^\x00-\x1f\x7f-\x9f]+$",
    example = "nightly"
)]
pub struct Name(pub String);

/// Name of a worker, an operating system or an architecture: one line of at most 128 bytes.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$", example = "rig7")]
pub struct ShortName(pub String);

/// A label that workers offer and tests require.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Za-z0-9._:=-]{1,64}$", example = "lab")]
pub struct Tag(pub String);

/// A path below the directory of a test: relative, with `/`, without `.` and `..`.
#[derive(ToSchema)]
#[schema(
    max_length = 1024,
    pattern = r"^(?:[^./\\:\x00-\x1f\x7f-\x9f][^/\\:\x00-\x1f\x7f-\x9f]*|\.[^./\\:\x00-\x1f\x7f-\x9f][^/\\:\x00-\x1f\x7f-\x9f]*|\.\.[^/\\:\x00-\x1f\x7f-\x9f]+)(?:/(?:[^./\\:\x00-\x1f\x7f-\x9f][^/\\:\x00-\x1f\x7f-\x9f]*|\.[^./\\:\x00-\x1f\x7f-\x9f][^/\\:\x00-\x1f\x7f-\x9f]*|\.\.[^/\\:\x00-\x1f\x7f-\x9f]+))*$",
    example = "data/config.json"
)]
pub struct Path(pub String);

/// A text without a NUL character, which operating systems do not accept.
#[derive(ToSchema)]
#[schema(pattern = r"^[^\x00]*$")]
pub struct Word(pub String);

/// Name of an environment variable.
#[derive(ToSchema)]
#[schema(pattern = r"^[^=\x00]+$", example = "HF_HOME")]
pub struct Variable(pub String);

/// Name of weights: `sha256:` and the digest of a manifest or file, or a model with its commit.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 300,
    pattern = r"^[^\x00-\x1f\x7f-\x9f]+$",
    example = "gpt2@607a30d783dfa663caf39e06633721c8d4cfcd7e"
)]
pub struct WeightsKey(pub String);

/// The software path that runs a model: `cpu`, `cuda`, `rocm`, `mps`, `xpu`, `openvino`, `qnn`,
/// `neuron`, `tpu`, `hpu`, `npu`, `webgpu`, `webnn`, or the name of an added one.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z][a-z0-9_-]{0,15}$", example = "cuda")]
pub struct Backend(pub String);

/// Manufacturer of a device: `nvidia`, `amd`, `intel`, `apple`, `qualcomm`, `google`, `aws`, `huawei`,
/// `habana`, or the name of an added one.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z][a-z0-9_-]{0,15}$", example = "nvidia")]
pub struct Vendor(pub String);
