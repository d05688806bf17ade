//! The request for a deployment: what is installed, for which platform, and with which settings.
//!
//! Promise: a value of these types has a form that is harmless as a name of files, units and
//! objects ([`Id`]) or as an address ([`Address`]). Free texts are quoted by the templates.

use crate::deploy::quote::refusal;
use crate::domain::tag::Tag;
use crate::domain::time::Millis;
use std::str::FromStr;

/// Maximum length of an id, as of a label in DNS.
pub const MAX_ID_BYTES: usize = 63;
/// Maximum length of a display name, a path, an address or the value of a variable, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;
/// Time that running tests have to end, unless it is given.
pub const DEFAULT_DRAIN: Millis = Millis::from_secs(300);
/// Maximum number of environment variables.
pub const MAX_VARIABLES: usize = 64;

/// The reason why something is not deployed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeployError {
    pub message: String,
    /// The next step for the user.
    pub hint: Option<String>,
}

impl DeployError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

macro_rules! words {
    ($(#[$about:meta])* $Name:ident { $($(#[$meaning:meta])* $Variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Name { $($(#[$meaning])* $Variant,)+ }

        impl $Name {
            /// The word for it in flags and files.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }
        }
    };
}

words!(
    /// The platform of a deployment.
    Target {
        Linux = "linux",
        MacOs = "macos",
        Windows = "windows",
        Docker = "docker",
        Kubernetes = "kubernetes",
        Slurm = "slurm",
    }
);

words!(
    /// How a platform starts and restarts the program.
    Mode {
        /// A service of the system: systemd.
        System = "system",
        /// A service of one user: systemd.
        User = "user",
        /// A process in the background, without a service manager.
        Nohup = "nohup",
        /// A service of the system: launchd.
        Daemon = "daemon",
        /// A service of one user: launchd.
        Agent = "agent",
        /// A scheduled task.
        Task = "task",
        /// A service of Windows.
        Service = "service",
        Compose = "compose",
        Deployment = "deployment",
        Job = "job",
        Batch = "batch",
    }
);

words!(Role { Worker = "worker", Coordinator = "coordinator", });

words!(
    /// Kind of accelerator that a container or a batch job receives.
    Hardware { Cpu = "cpu", Cuda = "cuda", Rocm = "rocm", }
);

impl Role {
    /// The name of files, units and objects, unless it is given.
    #[must_use]
    pub fn default_id(self) -> &'static str {
        match self {
            Self::Worker => "dtf-worker",
            Self::Coordinator => "dtf-coordinator",
        }
    }
}

impl Target {
    /// The modes of a platform, the default first.
    #[must_use]
    pub fn modes(self) -> &'static [Mode] {
        match self {
            Self::Linux => &[Mode::System, Mode::User, Mode::Nohup],
            Self::MacOs => &[Mode::Agent, Mode::Daemon, Mode::Nohup],
            Self::Windows => &[Mode::Task, Mode::Service],
            Self::Docker => &[Mode::Compose],
            Self::Kubernetes => &[Mode::Deployment, Mode::Job],
            Self::Slurm => &[Mode::Batch],
        }
    }
}

/// A name of files, units, containers and objects. It begins with a letter or digit, so that it is
/// never taken for an option or a hidden file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= MAX_ID_BYTES && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(format!(
            "{shown:?} is not an id: an id has 1 to {MAX_ID_BYTES} letters, digits, '.', '_' or '-' \
             and begins with a letter or digit"
        ))
    }
}

/// An `http` or `https` address without user, password, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    /// Port, also if it is the usual one of the scheme.
    pub port: u16,
    pub is_https: bool,
    /// The host as an address to listen on, if it is this machine: `127.0.0.1`, `[::1]`.
    pub loopback: Option<String>,
}

impl Address {
    /// The address without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(format!("the address has more than {MAX_TEXT_BYTES} bytes"));
        }
        if let Some(reason) = refusal(text) {
            return Err(reason);
        }
        let url = url::Url::parse(text).map_err(|error| format!("not an address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme {:?} is not http or https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address with a user or a password would reveal them in files and logs"
                .to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(
                "an address with ? or # is not a base to which paths can be added".to_owned()
            );
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => (name == "localhost").then(|| "127.0.0.1".to_owned()),
            Some(url::Host::Ipv4(host)) => host.is_loopback().then(|| host.to_string()),
            Some(url::Host::Ipv6(host)) => host.is_loopback().then(|| format!("[{host}]")),
            None => return Err("the address has no host".to_owned()),
        };
        let port = url.port_or_known_default().ok_or("the address has no port")?;
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { text, port, is_https: url.scheme() == "https", loopback })
    }
}

/// A free text of one line: a display name or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Line {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match refusal(text) {
            _ if text.trim().is_empty() => Err("it is empty".to_owned()),
            _ if text.len() > MAX_TEXT_BYTES => {
                Err(format!("it has more than {MAX_TEXT_BYTES} bytes"))
            }
            Some(reason) => Err(reason),
            None => Ok(Self(text.to_owned())),
        }
    }
}

/// An environment variable of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub value: String,
}

/// Last words of the names of variables that usually contain a secret.
const SECRET_WORDS: [&str; 8] =
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "_PASS", "KEY", "CREDENTIAL", "CREDENTIALS"];

/// Whether a value is an address with a password, such as `http://user:password@proxy`.
fn has_password(value: &str) -> bool {
    let authority = value.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let user = authority.and_then(|authority| authority.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':'))
}

impl FromStr for Variable {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !begins || name.len() > MAX_ID_BYTES || !name.bytes().all(plain) {
            let shown: String = name.chars().take(80).collect();
            return Err(format!("{shown:?} is not the name of a variable"));
        }
        let upper = name.to_ascii_uppercase();
        if SECRET_WORDS.iter().any(|word| upper.ends_with(word)) || has_password(value) {
            return Err(format!(
                "{name} looks like a secret, which the files of a deployment must not contain; \
                 put it into a file that only the user of the service can read, and name that file \
                 (for example HF_TOKEN_PATH instead of HF_TOKEN)"
            ));
        }
        if value.len() > MAX_TEXT_BYTES {
            return Err(format!("the value of {name} has more than {MAX_TEXT_BYTES} bytes"));
        }
        match refusal(value) {
            Some(reason) => Err(format!("{name}: {reason}")),
            None => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
        }
    }
}

/// A file of the executable that a coordinator serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedFile {
    pub name: Id,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// Source of the executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A file beside the script.
    Beside,
    /// The coordinator serves it for one platform, such as `linux` `x86_64` with `gnu`.
    Served { files: Vec<ServedFile>, os: String, arch: String, libc: String },
    /// The Python package of the same version.
    Package,
}

impl Program {
    /// The word of `--binary`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Beside => "file",
            Self::Served { .. } => "coordinator",
            Self::Package => "package",
        }
    }
}

/// Resources that a container, a service or a batch job receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    pub hardware: Hardware,
    /// Number of accelerators of each replica; 0 without.
    pub gpus: u32,
    /// Number of cores, if it is limited.
    pub cpus: Option<u32>,
    /// Memory in bytes, if it is limited.
    pub memory: Option<u64>,
    /// Number of containers or jobs.
    pub replicas: u32,
    /// Maximum time of a batch job, if it is not the usual one.
    pub time_limit: Option<Millis>,
    /// Partition of a Slurm cluster.
    pub partition: Option<String>,
    /// Number of the group that owns the devices of a Kubernetes node.
    pub device_group: Option<u32>,
}

/// Usual maximum time of a batch job.
const TIME_LIMIT: Millis = Millis::from_secs(4 * 3600);

impl Resources {
    /// Maximum time of a batch job.
    #[must_use]
    pub fn time_limit(&self) -> Millis {
        self.time_limit.unwrap_or(TIME_LIMIT)
    }
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    pub target: Target,
    pub mode: Mode,
    pub role: Role,
    /// Only the start script, without installation.
    pub startup_only: bool,
    pub coordinator: Address,
    pub id: Id,
    pub name: Option<Line>,
    pub program: Program,
    /// Index from which the package is installed.
    pub index: Option<Address>,
    /// Version of dtf.
    pub version: String,
    /// Whether the program has a token, in a file named `token` beside the script.
    pub has_token: bool,
    /// Absolute directory of the installation, if it is not the usual one.
    pub prefix: Option<Line>,
    pub environment: Vec<Variable>,
    pub slots: Option<u32>,
    pub tags: Vec<Tag>,
    pub idle_timeout: Option<Millis>,
    /// Time that running tests have to end when the worker is stopped.
    pub drain: Millis,
    pub resources: Resources,
    /// Name of the container image.
    pub image: Option<Line>,
    /// Image that the container image is built on.
    pub base_image: Option<Line>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_addresses_have_a_harmless_form() {
        for id in ["dtf-worker", "7", "A.b_c", &"x".repeat(63)] {
            assert_eq!(id.parse::<Id>().as_ref().map(Id::as_str), Ok(id));
        }
        for id in ["", "-rf", ".x", "a b", "a/b", "é", "a\n", "$(id)", &"x".repeat(64)] {
            assert!(id.parse::<Id>().is_err(), "{id:?}");
        }
        let address = |text: &str| text.parse::<Address>();
        let lab = address("http://lab-1:7700/").expect("an address");
        assert_eq!((lab.as_str(), lab.port, &lab.loopback), ("http://lab-1:7700", 7700, &None));
        assert!(address("https://h/dtf").is_ok_and(|https| https.is_https && https.port == 443));
        for (text, host) in [
            ("http://127.0.0.2:1", "127.0.0.2"),
            ("http://[::1]:1", "[::1]"),
            ("http://localhost:1", "127.0.0.1"),
        ] {
            let found = address(text).expect("an address");
            assert_eq!(found.loopback.as_deref(), Some(host), "{text}");
        }
        for text in [
            "lab:7700",
            "ftp://h",
            "http://u:p@h",
            "http://u@h",
            "http://h/?a=1&b=2",
            "http://h/#x",
            "http://",
            "http://h:1/\n",
            "file:///x",
        ] {
            assert!(address(text).is_err(), "{text:?}");
        }
        let hostile = address("http://h/$(id)'\"`%n").expect("an address");
        assert!(!hostile.as_str().contains(['"', '`']), "{}", hostile.as_str());
    }

    #[test]
    fn variables_have_a_name_and_no_secret() {
        let variable = |text: &str| text.parse::<Variable>();
        let home = variable("HF_HOME=/a b=c").expect("a variable");
        assert_eq!((home.name.as_str(), home.value.as_str()), ("HF_HOME", "/a b=c"));
        assert!(variable("HF_TOKEN_PATH=/x").is_ok() && variable("X=").is_ok());
        for text in [
            "X",
            "=x",
            "1X=1",
            "A-B=1",
            "A B=1",
            "HF_TOKEN=hf_x",
            "PGPASSWORD=x",
            "DB_PASS=x",
            "HTTPS_PROXY=http://user:x@proxy:3128",
            "aws_secret_access_key=x",
            "X=a\nb",
        ] {
            assert!(variable(text).is_err(), "{text:?}");
        }
        assert!(!variable("API_KEY=hunter2").expect_err("a secret").contains("hunter2"));
        assert!("  ".parse::<Line>().is_err() && "Ann's \"box\"".parse::<Line>().is_ok());
    }
}
