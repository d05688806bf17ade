//! Facts about a Windows machine, from its management database.
//!
//! The database has one row for each socket. `PowerShell` prints a single row as an object and several as
//! an array, and the earlier `wmic` prints a list of names and values.

use super::fact::{Fact, Machine};
use super::host::Host;
use crate::sys::process::Completion;
use serde_json::Value;
use std::collections::BTreeMap;

const PROCESSOR: &str = "Win32_Processor";
const SYSTEM: &str = "Win32_ComputerSystem";
const PROCESSOR_FIELDS: &str = "Name,NumberOfCores,NumberOfLogicalProcessors,Architecture";
const SYSTEM_FIELDS: &str = "TotalPhysicalMemory,NumberOfLogicalProcessors";
/// Number of processors of a processor group. The number that a system call reports is that of one group.
const GROUP: u64 = 64;
/// Maximum number of positions of an output at which JSON is tried.
const MAX_STARTS: usize = 100;

/// A row of the database. The names are in lower case.
pub(super) type Row = BTreeMap<String, String>;

/// The facts about the machine.
pub(super) async fn machine(host: &Host<'_>) -> Machine {
    let (processors, system) =
        tokio::join!(query(host, PROCESSOR, PROCESSOR_FIELDS), query(host, SYSTEM, SYSTEM_FIELDS));
    let parallel = host.is_own().then(std::thread::available_parallelism);
    let usable = parallel.and_then(Result::ok).map(|count| count.get() as u64);
    of(&processors, &system, &|name| host.variable(name), usable)
}

/// The rows of a class, from `PowerShell`, or from `wmic` where there is no `PowerShell` or it fails.
async fn query(host: &Host<'_>, class: &str, fields: &str) -> Vec<Row> {
    let script = format!(
        "@(Get-CimInstance {class} | Select-Object {fields}) | ConvertTo-Json -Compress -Depth 3"
    );
    let rows = |completion: &Completion| {
        completion.output().map(|output| rows(&output.stdout.text)).unwrap_or_default()
    };
    let completion = host.powershell(&script).await;
    let given = rows(&completion);
    if !given.is_empty() || matches!(completion, Completion::TimedOut { .. }) {
        return given;
    }
    rows(&host.run("wmic", &["path", class, "get", fields, "/format:list"]).await)
}

/// The rows in an output.
pub(super) fn rows(text: &str) -> Vec<Row> {
    let mut starts = text.match_indices(['{', '[']).take(MAX_STARTS).map(|(start, _)| start);
    let json = |start: usize| {
        let rest = text.get(start..)?;
        let value = serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()?;
        let objects = match value {
            Value::Array(values) => values,
            object => vec![object],
        };
        let rows: Vec<Row> = objects.iter().filter_map(json_row).collect();
        (!rows.is_empty()).then_some(rows)
    };
    starts.find_map(json).unwrap_or_else(|| listed_rows(text))
}

fn json_row(value: &Value) -> Option<Row> {
    let text = |value: &Value| match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let object = value.as_object()?;
    Some(object.iter().map(|(name, value)| (name.to_lowercase(), text(value))).collect())
}

/// The rows of a list of `Name=Value` or `Name : Value` lines. A repeated name begins the next row.
fn listed_rows(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(['=', ':']) else { continue };
        let (name, value) = (name.trim().to_lowercase(), value.trim().to_owned());
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name {
            continue;
        }
        match rows.last_mut().filter(|row| !row.contains_key(&name)) {
            Some(row) => drop(row.insert(name, value)),
            None => rows.push(Row::from([(name, value)])),
        }
    }
    rows
}

/// The facts in the rows and in the environment. `usable` is the number of processors that this process
/// may use, if it is known.
fn of(
    processors: &[Row],
    system: &[Row],
    variable: &dyn Fn(&str) -> Option<String>,
    usable: Option<u64>,
) -> Machine {
    let sum = |field: &str| {
        let values: Option<Vec<u64>> = processors.iter().map(|row| number(row, field)).collect();
        let values = values.filter(|values| !values.is_empty());
        let sum = values.and_then(|values| values.into_iter().try_fold(0u64, u64::checked_add));
        Fact::of(sum, format!("{PROCESSOR} ({field})"))
    };
    let of_system = |field: &str| {
        let value = system.iter().find_map(|row| number(row, field));
        Fact::of(value, format!("{SYSTEM} ({field})"))
    };
    let name = processors.iter().filter_map(|row| row.get("name")).find(|name| !name.is_empty());
    let all = sum("NumberOfLogicalProcessors")
        .or_else(|| of_system("NumberOfLogicalProcessors"))
        .or_else(|| {
            let count = variable("NUMBER_OF_PROCESSORS").and_then(|text| text.parse().ok());
            Fact::of(count, "NUMBER_OF_PROCESSORS")
        });
    let logical_cores = match (all.value, usable) {
        (Some(count), Some(usable)) if usable >= count || count > GROUP => all,
        (_, Some(usable)) => Fact::known(usable, "a system call"),
        (_, None) => all,
    };
    let milli = logical_cores.value.map(|count| count.saturating_mul(1000));
    Machine {
        arch: arch(processors, variable),
        cpu_model: Fact::of(name.map(|name| squeezed(name)), format!("{PROCESSOR} (Name)")),
        cpu_milli: Fact::of(milli, logical_cores.source.clone()),
        logical_cores,
        physical_cores: sum("NumberOfCores"),
        core_kinds: Fact::unknown("Windows reports no kinds of cores"),
        memory_bytes: of_system("TotalPhysicalMemory"),
        available_bytes: Fact::unknown("dtf does not read the available memory on Windows"),
        memory_limit_bytes: Fact::known(None, "dtf does not read memory limits on Windows"),
        container: Fact::unknown("dtf does not recognise containers on Windows"),
        notes: Vec::new(),
    }
}

/// A positive number in a row.
fn number(row: &Row, field: &str) -> Option<u64> {
    row.get(&field.to_lowercase())?.parse().ok().filter(|number| *number > 0)
}

fn squeezed(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The architecture, from the number of the database or from the environment.
fn arch(processors: &[Row], variable: &dyn Fn(&str) -> Option<String>) -> Fact<String> {
    let code = processors.iter().find_map(|row| row.get("architecture")).map(String::as_str);
    let name = match code {
        Some("9") => Some("x86_64"),
        Some("12") => Some("aarch64"),
        Some("0") => Some("x86"),
        Some("5") => Some("arm"),
        _ => None,
    };
    Fact::of(name.map(str::to_owned), format!("{PROCESSOR} (Architecture)")).or_else(|| {
        // The second variable is that of the machine, for a 32-bit program.
        let names = ["PROCESSOR_ARCHITEW6432", "PROCESSOR_ARCHITECTURE"];
        let value = names.iter().find_map(|name| variable(name)).unwrap_or_default();
        let name = match value.to_uppercase().as_str() {
            "AMD64" => Some("x86_64"),
            "ARM64" => Some("aarch64"),
            "X86" => Some("x86"),
            _ => None,
        };
        Fact::of(name.map(str::to_owned), "PROCESSOR_ARCHITECTURE")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::decode_lossy;

    const SAMPLE: &[u8] = include_bytes!("../../tests/data/detect/windows-wmi-processor-7.txt");

    fn machine(processors: &str, system: &str) -> Machine {
        of(&rows(processors), &rows(system), &|_| None, None)
    }

    #[test]
    fn a_recorded_list_is_read_with_and_without_its_mark() {
        for bytes in [SAMPLE, SAMPLE.strip_prefix(b"\xff\xfe").expect("a mark")] {
            let machine = machine(&decode_lossy(bytes), "");
            let model = machine.cpu_model.value.expect("a model");
            assert_eq!(model, "Intel(R) Core(TM) i5-2300 CPU @ 2.80GHz");
            assert_eq!(machine.arch.value.as_deref(), Some("x86_64"));
            assert_eq!(
                (machine.logical_cores.value, machine.physical_cores.value),
                (Some(4), Some(4))
            );
            assert_eq!((machine.cpu_milli.value, machine.memory_bytes.value), (Some(4000), None));
        }
    }

    #[test]
    fn sockets_are_added_in_every_form() {
        let one = r#"{"Name":"AMD EPYC 7763 64-Core Processor                ","NumberOfCores":64,"NumberOfLogicalProcessors":128,"Architecture":9}"#;
        let memory = r#"{"TotalPhysicalMemory":549755813888,"NumberOfLogicalProcessors":256}"#;
        for (text, sockets) in [
            (one.to_owned(), 1),
            (format!("[{one},{one}]"), 2),
            (format!("WARNING: [noise] {{\r\n[{one},\r\n{one}]\r\n"), 2),
            (one.replace("64,", "\"64\",").replace("128", "\"128\""), 1),
            (one.replace("NumberOfCores", "numberofcores"), 1),
            ("Name=AMD EPYC 7763 64-Core Processor\r\nNumberOfCores=64\r\nNumberOfLogicalProcessors=128\r\nArchitecture=9\r\n\r\n".repeat(2), 2),
            ("Name : AMD EPYC 7763 64-Core Processor\nNumberOfCores : 64\nNumberOfLogicalProcessors : 128\nArchitecture : 9\n".to_owned(), 1),
        ] {
            let machine = machine(&text, memory);
            assert_eq!(machine.physical_cores.value, Some(64 * sockets), "{text}");
            assert_eq!(machine.logical_cores.value, Some(128 * sockets), "{text}");
            assert_eq!(machine.cpu_model.value.as_deref(), Some("AMD EPYC 7763 64-Core Processor"));
            assert_eq!(machine.memory_bytes.value, Some(512 << 30));
            assert_eq!(machine.arch.value.as_deref(), Some("x86_64"));
        }
    }

    #[test]
    fn without_a_database_the_environment_is_used() {
        let variable = |name: &str| match name {
            "NUMBER_OF_PROCESSORS" => Some("12".to_owned()),
            "PROCESSOR_ARCHITECTURE" => Some("ARM64".to_owned()),
            _ => None,
        };
        let machine = of(&[], &[], &variable, None);
        assert_eq!(machine.logical_cores.value, Some(12));
        assert_eq!(machine.arch.value.as_deref(), Some("aarch64"));
        assert_eq!((machine.physical_cores.value, machine.memory_bytes.value), (None, None));
        // An affinity limits this process.
        let machine = of(&[], &[], &variable, Some(4));
        assert_eq!((machine.logical_cores.value, machine.cpu_milli.value), (Some(4), Some(4000)));
        // The system call reports one of several groups of processors.
        let row = rows(r#"{"NumberOfLogicalProcessors": 128}"#);
        assert_eq!(of(&row, &[], &variable, Some(64)).logical_cores.value, Some(128));
    }
}
