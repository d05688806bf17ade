//! Facts about a Mac, from the variables of its kernel.

use super::fact::{Fact, Machine};
use super::host::Host;
use std::collections::BTreeMap;

/// The variables that are read. Names of earlier versions of macOS follow those of later ones.
const NAMES: &[&str] = &[
    "machdep.cpu.brand_string",
    "hw.logicalcpu",
    "hw.ncpu",
    "machdep.cpu.thread_count",
    "hw.physicalcpu",
    "machdep.cpu.core_count",
    "hw.perflevel0.physicalcpu",
    "hw.perflevel1.physicalcpu",
    "hw.memsize",
    "hw.optional.arm64",
    "sysctl.proc_translated",
];

/// The facts about the machine.
pub(super) async fn machine(host: &Host<'_>) -> Machine {
    of(&host.sysctl(NAMES).await)
}

/// The facts in the values of the variables.
fn of(values: &BTreeMap<String, String>) -> Machine {
    let text = |name: &str| values.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let number = |names: &[&str]| -> Fact<u64> {
        let value = |name: &&str| text(name)?.parse().ok().filter(|value| *value > 0);
        match names.iter().find_map(|name| Some((value(name)?, *name))) {
            Some((value, name)) => Fact::known(value, format!("sysctl {name}")),
            None => Fact::unknown(format!("sysctl reports no {}", names.join(", "))),
        }
    };
    let model = text("machdep.cpu.brand_string");
    let logical_cores = number(&["hw.logicalcpu", "hw.ncpu", "machdep.cpu.thread_count"]);
    let milli = logical_cores.value.map(|count| count.saturating_mul(1000));
    let kinds = ["hw.perflevel0.physicalcpu", "hw.perflevel1.physicalcpu"];
    let kinds = kinds.map(|name| number(&[name]).value);
    let kinds = match kinds {
        [Some(performance), Some(efficient)] => {
            Some(vec![("performance".to_owned(), performance), ("efficient".to_owned(), efficient)])
        }
        _ => None,
    };
    let memory_bytes = number(&["hw.memsize"]);
    Machine {
        arch: arch(text("hw.optional.arm64"), model),
        cpu_model: Fact::of(model.map(str::to_owned), "sysctl machdep.cpu.brand_string"),
        cpu_milli: Fact::of(milli, logical_cores.source.clone()),
        logical_cores,
        physical_cores: number(&["hw.physicalcpu", "machdep.cpu.core_count"]),
        core_kinds: Fact::of(
            kinds,
            "sysctl hw.perflevel0.physicalcpu and hw.perflevel1.physicalcpu",
        ),
        memory_bytes,
        available_bytes: Fact::unknown("macOS reports no available memory"),
        memory_limit_bytes: Fact::known(None, "macOS has no memory limits of containers"),
        container: Fact::unknown("macOS has no containers"),
        notes: rosetta(text("sysctl.proc_translated")).into_iter().collect(),
    }
}

/// The architecture of the processor. A program that Rosetta translates sees that of Intel.
fn arch(arm64: Option<&str>, model: Option<&str>) -> Fact<String> {
    match (arm64, model) {
        (Some("1"), _) => Fact::known("aarch64".to_owned(), "sysctl hw.optional.arm64"),
        (_, Some(model)) => {
            let is_apple = model.starts_with("Apple");
            let arch = if is_apple { "aarch64" } else { "x86_64" };
            Fact::known(arch.to_owned(), "sysctl machdep.cpu.brand_string")
        }
        _ => Fact::unknown("sysctl reports neither hw.optional.arm64 nor a model"),
    }
}

fn rosetta(translated: Option<&str>) -> Option<String> {
    (translated == Some("1")).then(|| {
        "dtf runs under Rosetta, which translates programs for Intel processors; install the build \
         for Apple silicon"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> BTreeMap<String, String> {
        let pairs = text.lines().filter_map(|line| line.split_once(": "));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_recorded_m1_is_read() {
        let sample = include_str!("../../tests/data/detect/apple-sysctl-11.0-apple-m1.txt");
        let machine = of(&values(sample));
        assert_eq!(machine.cpu_model.value.as_deref(), Some("Apple M1"));
        assert_eq!(machine.arch.value.as_deref(), Some("aarch64"));
        assert_eq!((machine.logical_cores.value, machine.physical_cores.value), (Some(8), Some(8)));
        assert_eq!((machine.cpu_milli.value, machine.memory_bytes.value), (Some(8000), None));
        assert_eq!(machine.notes, [""; 0]);
    }

    #[test]
    fn cores_of_two_kinds_and_rosetta_are_read() {
        let text = "hw.logicalcpu: 10\nhw.physicalcpu: 10\nhw.perflevel0.physicalcpu: 8\n\
                    hw.perflevel1.physicalcpu: 2\nhw.memsize: 34359738368\nhw.optional.arm64: 1\n\
                    sysctl.proc_translated: 1\nmachdep.cpu.brand_string: VirtualApple @ 2.50GHz\n";
        let machine = of(&values(text));
        assert_eq!(machine.arch.value.as_deref(), Some("aarch64"));
        assert_eq!(machine.memory_bytes.value, Some(32 << 30));
        let kinds = [("performance".to_owned(), 8), ("efficient".to_owned(), 2)];
        assert_eq!(machine.core_kinds.value.as_deref(), Some(&kinds[..]));
        assert!(machine.notes[0].contains("Rosetta"));
        let intel = of(&values("machdep.cpu.brand_string: Intel(R) Core(TM) i7\nhw.ncpu: 8\n"));
        assert_eq!(intel.arch.value.as_deref(), Some("x86_64"));
        assert_eq!(intel.logical_cores.value, Some(8));
        let nothing = of(&values("hw.ncpu: many\n"));
        assert_eq!((nothing.logical_cores.value, nothing.arch.value), (None, None));
    }
}
