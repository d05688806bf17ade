//! Parses `/proc/cpuinfo`, whose form differs between architectures.
//!
//! On x86 and other architectures it has one block of `key : value` lines for each processor. s390x prints one line
//! for each processor, SPARC and Alpha one block for all. ARM prints numbers in place of the model.

use super::cpu_names::{arm_core, s390_machine};
use std::collections::BTreeSet;

/// Keys with the model, in the order of preference.
const MODEL_KEYS: &[&str] =
    &["model name", "Model Name", "cpu model", "cpu", "uarch", "Processor", "Hardware"];
/// Maximum number of kinds of cores that a model names.
const MAX_KINDS: usize = 4;

/// The lines of the file.
#[derive(Debug)]
pub(super) struct CpuInfo<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> CpuInfo<'a> {
    pub fn parse(text: &'a str) -> Self {
        let pair = |line: &'a str| {
            let (key, value) = line.split_once(':')?;
            Some((key.trim(), value.trim()))
        };
        Self { pairs: text.lines().filter_map(pair).collect() }
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn first(&self, key: &str) -> Option<&'a str> {
        self.values(key).find(|value| !value.is_empty() && !value.eq_ignore_ascii_case("unknown"))
    }

    /// Number of processors; None if the file names none.
    pub fn processors(&self) -> Option<u64> {
        let blocks = self.values("processor").filter(|value| value.parse::<u32>().is_ok()).count();
        let lines = self.pairs.iter().filter(|(key, _)| s390_processor(key)).count();
        let counted = ["ncpus active", "cpus active", "cpus detected"];
        let count = || counted.iter().find_map(|key| self.first(key)?.parse().ok());
        match blocks.max(lines) as u64 {
            0 => count().filter(|count| *count > 0),
            number => Some(number),
        }
    }

    /// The model and the key that it is from.
    pub fn model(&self) -> Option<(String, &'static str)> {
        let is_value = |value: &str| !value.is_empty();
        MODEL_KEYS.iter().find_map(|key| {
            // A number is that of a processor, and no model.
            let value = self.values(key).find(|v| is_value(v) && v.parse::<u64>().is_err())?;
            let value = if value.eq_ignore_ascii_case("unknown") { return None } else { value };
            Some((squeezed(value), *key))
        })
    }

    /// The model of processors that are known by numbers only, and the keys of the numbers.
    pub fn coded_model(&self) -> Option<(String, &'static str)> {
        let lines = self.pairs.iter().find(|(key, _)| s390_processor(key));
        if let Some((_, line)) = lines {
            let machine = line.split("machine =").nth(1)?.trim();
            return Some((s390_machine(machine), "machine"));
        }
        let implementers = self.values("CPU implementer");
        let mut names: Vec<String> = Vec::new();
        for (implementer, part) in implementers.zip(self.values("CPU part")) {
            let name = arm_core(implementer, part);
            if !names.contains(&name) && names.len() < MAX_KINDS {
                names.push(name);
            }
        }
        if !names.is_empty() {
            return Some((names.join(" + "), "CPU implementer and CPU part"));
        }
        Some((format!("RISC-V {}", self.first("isa")?), "isa"))
    }

    /// Number of cores, from the numbers of sockets and cores, or of threads of a core.
    pub fn cores(&self) -> Option<u64> {
        let processors = self.processors()?;
        let sockets: Vec<&str> = self.values("physical id").collect();
        let cores: Vec<&str> = self.values("core id").collect();
        if cores.len() as u64 == processors && sockets.len() == cores.len() {
            let pairs: BTreeSet<_> = sockets.iter().zip(&cores).collect();
            return Some(pairs.len() as u64);
        }
        let threads: u64 = self.first("max thread id")?.parse().ok()?;
        processors.checked_div(threads.checked_add(1)?).filter(|cores| *cores > 0)
    }

    /// The architecture, as Rust names it.
    pub fn arch(&self) -> Option<&'static str> {
        let flags = self.first("flags");
        let has = |flag: &str| flags.is_some_and(|all| all.split(' ').any(|one| one == flag));
        if flags.is_some() && self.first("vendor_id").is_some() {
            return Some(if has("lm") { "x86_64" } else { "x86" });
        }
        if let Some(version) = self.first("CPU architecture") {
            let is_64 = version == "8" || version == "AArch64";
            let is_32 = self.model().is_some_and(|(model, _)| model.starts_with("ARMv"));
            return Some(if is_64 && !is_32 { "aarch64" } else { "arm" });
        }
        if self.pairs.iter().any(|(key, _)| s390_processor(key)) {
            return Some("s390x");
        }
        if let Some(isa) = self.first("isa").filter(|isa| isa.starts_with("rv")) {
            return Some(if isa.starts_with("rv64") { "riscv64" } else { "riscv32" });
        }
        match self.first("cpu").unwrap_or_default() {
            cpu if cpu.starts_with("POWER") || cpu.starts_with("PPC") => Some("powerpc64"),
            cpu if cpu.to_lowercase().contains("sparc") => Some("sparc64"),
            "Alpha" => Some("alpha"),
            _ if self.first("CPU Family").is_some_and(|f| f.starts_with("Loongson")) => {
                Some("loongarch64")
            }
            _ => None,
        }
    }
}

/// Whether a key is that of a processor of s390x, such as `processor 0`.
fn s390_processor(key: &str) -> bool {
    let number = key.strip_prefix("processor ").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text in which blanks are single and unprintable characters are left out.
pub(super) fn squeezed(text: &str) -> String {
    let printable: String = text.chars().filter(|c| !c.is_control()).collect();
    let words: Vec<&str> = printable.split_whitespace().collect();
    let mut text = words.join(" ");
    text.truncate(text.floor_char_boundary(crate::domain::capability::MAX_NAME_BYTES));
    text
}
