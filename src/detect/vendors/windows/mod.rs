//! Detects graphics and compute devices on Windows, with PowerShell.
//!
//! `AdapterRAM` of Windows has 32 bits and is wrong for every card of 4 GiB and more, so it is not
//! used. The memory is that in the registry, paired by the name of the device; without it, the memory is
//! unknown. Which of these devices PyTorch can use is known after a runtime has found them. NVIDIA
//! devices are those of `nvidia-smi`; the ones here that it does not list are entries that no test may use
//! (`nvidia`).

use super::device::{Device, bare, fact, refused, set_memory};
use super::listing::{VendorDevices, exited, reason};
use super::{field, json};
use crate::detect::host::Host;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Proof, Vendor};
use crate::sys::process::Completion;
use name::plain_name;
use serde_json::Value;

mod name;
mod nvidia;
#[cfg(test)]
mod tests;

/// Prints the display controllers.
const CONTROLLERS: &str = "ConvertTo-Json -Compress -Depth 3 -InputObject @(Get-CimInstance \
     Win32_VideoController | Select-Object \
     Name,AdapterCompatibility,AdapterRAM,DriverVersion,PNPDeviceID,ConfigManagerErrorCode)";
/// Prints the names and memory sizes of display controllers in the registry.
const REGISTRY: &str = "ConvertTo-Json -Compress -Depth 3 -InputObject @(Get-ItemProperty \
     'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}\\0*' \
     -ErrorAction SilentlyContinue | Select-Object DriverDesc,'HardwareInformation.qwMemorySize')";
/// Prints the devices for neural networks.
const ACCELERATORS: &str = "ConvertTo-Json -Compress -Depth 3 -InputObject @(Get-CimInstance \
     Win32_PnPEntity -Filter \"PNPClass='ComputeAccelerator'\" | Select-Object \
     Name,Manufacturer,PNPDeviceID,ConfigManagerErrorCode)";
/// Prints the display controllers, as a list of names and values.
const WMIC_CONTROLLERS: &[&str] = &[
    "path",
    "Win32_VideoController",
    "get",
    "Name,AdapterCompatibility,DriverVersion,PNPDeviceID,ConfigManagerErrorCode",
    "/format:list",
];
/// Prints the devices for neural networks in the same form.
const WMIC_ACCELERATORS: &[&str] = &[
    "path",
    "Win32_PnPEntity",
    "where",
    "PNPClass='ComputeAccelerator'",
    "get",
    "Name,Manufacturer,PNPDeviceID,ConfigManagerErrorCode",
    "/format:list",
];
/// Minimum credible memory of a card, in bytes.
const MIN_MEMORY: u64 = 64 << 20;

/// A kind of devices. A device of no kind is a virtual adapter, which is ignored.
#[derive(Debug)]
struct Kind {
    /// A part of the id of the device.
    id: &'static str,
    /// A word of its name, which decides if it has no id.
    word: &'static str,
    vendor: Vendor,
    graphics: Option<Backend>,
    /// The back-end of a device for neural networks.
    networks: Option<Backend>,
}

const KINDS: [Kind; 5] = [
    Kind {
        id: "VEN_10DE",
        word: "nvidia",
        vendor: Vendor::NVIDIA,
        graphics: Some(Backend::CUDA),
        networks: None,
    },
    Kind {
        id: "VEN_1002",
        word: "radeon",
        vendor: Vendor::AMD,
        graphics: Some(Backend::ROCM),
        networks: Some(Backend::NPU),
    },
    Kind {
        id: "VEN_1022",
        word: "amd",
        vendor: Vendor::AMD,
        graphics: None,
        networks: Some(Backend::NPU),
    },
    Kind {
        id: "VEN_8086",
        word: "intel",
        vendor: Vendor::INTEL,
        graphics: Some(Backend::XPU),
        networks: Some(Backend::OPENVINO),
    },
    Kind {
        id: "QCOM",
        word: "qualcomm",
        vendor: Vendor::QUALCOMM,
        graphics: None,
        networks: Some(Backend::QNN),
    },
];

/// The output of the three calls.
pub(super) struct Answers {
    controllers: Completion,
    registry: Completion,
    accelerators: Completion,
}

/// Asks Windows for its devices.
pub(super) async fn ask(host: &Host<'_>) -> Answers {
    let (controllers, registry, accelerators) = tokio::join!(
        query(host, CONTROLLERS, WMIC_CONTROLLERS),
        host.powershell(REGISTRY),
        query(host, ACCELERATORS, WMIC_ACCELERATORS)
    );
    Answers { controllers, registry, accelerators }
}

/// The output of a script in PowerShell, or that of the older `wmic` if PowerShell is not installed or fails and
/// `wmic` does not.
async fn query(host: &Host<'_>, script: &str, wmic: &[&str]) -> Completion {
    let completion = host.powershell(script).await;
    let has_hung = matches!(completion, Completion::TimedOut { .. });
    if has_hung || printed(&completion).is_ok() {
        return completion;
    }
    let older = with_empty_list(host.run("wmic", wmic).await);
    if completion == Completion::NotFound || printed(&older).is_ok() { older } else { completion }
}

/// Drops the error stream of a `wmic` that succeeded and printed no record: it is the message that there is
/// none, in the language of the system. After a failure, the exit code is not 0.
fn with_empty_list(mut completion: Completion) -> Completion {
    if let Completion::Exited(output) = &mut completion
        && output.exit.code == Some(0)
        && output.stdout.text.trim().is_empty()
    {
        output.stderr.text.clear();
    }
    completion
}

/// The devices in the answers. `nvidia` is the result of `nvidia-smi`, whose devices may all be hidden.
pub(super) fn devices(
    answers: &Answers,
    nvidia: &mut VendorDevices,
    is_hidden: bool,
) -> VendorDevices {
    let mut result = VendorDevices::default();
    let mut rows = |what: &str, completion: &Completion| {
        let records = printed(completion).unwrap_or_else(|reason| {
            result.errors.push(format!("cannot detect {what}: {reason}"));
            Vec::new()
        });
        let is_device = |record: &Value| {
            json::first(record, &["name", "caption", "description", "pnpdeviceid"]).is_some()
        };
        let (devices, others): (Vec<_>, Vec<_>) = records.into_iter().partition(is_device);
        if !others.is_empty() {
            let reason = reason("the query of Windows", completion);
            result.errors.push(format!("cannot detect {what}: {reason}"));
        }
        devices
    };
    let controllers = rows("graphics devices", &answers.controllers);
    let accelerators = rows("processors for neural networks", &answers.accelerators);
    let registry = match &answers.registry {
        Completion::NotFound => Err("powershell is not installed".to_owned()),
        completion => printed(completion),
    };
    let sizes = sizes(&registry.unwrap_or_else(|reason| {
        result.notes.push(format!("the memory of graphics devices is unknown: {reason}"));
        Vec::new()
    }));
    let mut of_nvidia = Vec::new();
    for value in &controllers {
        match controller(value, &sizes) {
            Some(device) if device.vendor == Vendor::NVIDIA => {
                of_nvidia.push((device, problem(value)));
            }
            Some(device) => place(device, value, &mut result),
            None => {}
        }
    }
    if !is_hidden {
        nvidia::add_unlisted(of_nvidia, nvidia, &mut result);
    }
    for value in &accelerators {
        let known = |device: &Accelerator| {
            let mut all = result.devices.iter().map(|known| &known.accelerator);
            all.any(|known| known.uuid == device.uuid && known.model == device.model)
        };
        if let Some(accelerator) = accelerator(value).filter(|device| !known(device)) {
            place(accelerator, value, &mut result);
        }
    }
    number(&mut result.devices);
    result
}

/// The records that a call printed; none if it printed an empty list or, without an error, nothing.
///
/// # Errors
/// The call failed, or printed something else.
fn printed(completion: &Completion) -> Result<Vec<Value>, String> {
    if *completion == Completion::NotFound {
        return Err("neither powershell nor wmic is installed".to_owned());
    }
    let failed = || reason("the query of Windows", completion);
    let Some((0, output)) = exited(completion) else { return Err(failed()) };
    let (text, errors) = (output.stdout.text.trim(), output.stderr.text.trim());
    let records = records(text);
    let is_empty_list = || {
        json::documents(text)
            .any(|document| unwrapped(document).as_array().is_some_and(Vec::is_empty))
            || text.is_empty() && errors.is_empty()
    };
    if records.is_empty() && !is_empty_list() { Err(failed()) } else { Ok(records) }
}

/// The records of an output: a JSON list, one JSON mapping, or blocks of lines `Key=Value`, which the
/// older `wmic` prints.
pub(super) fn records(output: &str) -> Vec<Value> {
    let is_record = |value: &Value| value.as_object().is_some_and(|record| !record.is_empty());
    let listed = json::documents(output).find_map(|document| match unwrapped(document) {
        Value::Array(values) if values.first().is_some_and(is_record) => Some(values),
        document if is_record(&document) => Some(vec![document]),
        _ => None,
    });
    listed.unwrap_or_else(|| blocks(output))
}

/// The list in `{"value": […], "Count": 2}`, as which `PowerShell` 5.1 prints some lists; another document as
/// it is.
fn unwrapped(mut document: Value) -> Value {
    let is_wrapped = document.get("count").is_some_and(Value::is_number);
    match document.get_mut("value").filter(|list| is_wrapped && list.is_array()) {
        Some(list) => list.take(),
        None => document,
    }
}

fn blocks(output: &str) -> Vec<Value> {
    let mut all: Vec<serde_json::Map<String, Value>> = vec![serde_json::Map::new()];
    for line in output.lines().map(str::trim) {
        let (Some((key, value)), Some(block)) = (line.split_once('='), all.last_mut()) else {
            continue;
        };
        let (key, value) = (json::plain(key), Value::from(value.replace("&amp;", "&")));
        // A repeated key begins the next block.
        if block.contains_key(&key) {
            all.push(serde_json::Map::from_iter([(key, value)]));
        } else {
            block.insert(key, value);
        }
    }
    all.into_iter().filter(|block| !block.is_empty()).map(Value::Object).collect()
}

/// The names and sizes in the registry.
fn sizes(records: &[Value]) -> Vec<(String, u64)> {
    let size = |value: &Value| {
        let name = json::first(value, &["driverdesc"])?;
        let size = value.get("hardwareinformationqwmemorysize")?;
        let bytes = match size {
            // A binary value is a list of bytes, the lowest first.
            Value::Array(bytes) => {
                let bytes: Vec<u8> = bytes
                    .iter()
                    .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                    .collect::<Option<_>>()?;
                u64::from_le_bytes(bytes.try_into().ok()?)
            }
            other => json::text(other)?.parse().ok()?,
        };
        field::plausible(bytes)
            .filter(|bytes| *bytes >= MIN_MEMORY)
            .map(|bytes| (plain_name(&name), bytes))
    };
    records.iter().filter_map(size).collect()
}

/// The size that the registry has for a name: that of the same name, or of the only one that contains
/// it or is contained in it.
fn size_of(name: &str, sizes: &[(String, u64)]) -> Option<u64> {
    let name = plain_name(name);
    let only = |matches: &dyn Fn(&str) -> bool| {
        let mut found: Vec<u64> =
            sizes.iter().filter(|(known, _)| matches(known)).map(|(_, size)| *size).collect();
        found.dedup();
        match found[..] {
            [size] => Some(size),
            _ => None,
        }
    };
    if sizes.iter().any(|(known, _)| *known == name) {
        return only(&|known| known == name);
    }
    only(&|known| known.contains(&name) || name.contains(known))
}

/// The display controller of a record; None for a virtual adapter.
fn controller(value: &Value, sizes: &[(String, u64)]) -> Option<Accelerator> {
    let kind = kind(value)?;
    let name = json::first(value, &["name", "caption", "description"])?;
    let mut device = bare(kind.vendor, &name, Some(kind.graphics?));
    if kind.vendor == Vendor::INTEL {
        device.backends.insert(Backend::OPENVINO, Proof::Hardware);
    }
    device.uuid = fact(&json::first(value, &["pnpdeviceid"]).unwrap_or_default());
    device.driver = fact(&json::first(value, &["driverversion"]).unwrap_or_default());
    set_memory(&mut device, size_of(&name, sizes), "registry");
    Some(device)
}

fn accelerator(value: &Value) -> Option<Accelerator> {
    let kind = kind(value)?;
    let mut device = bare(kind.vendor, &json::first(value, &["name"])?, kind.networks);
    device.uuid = fact(&json::first(value, &["pnpdeviceid"]).unwrap_or_default());
    Some(device)
}

/// The kind of a record, by the id of the device, else by the names.
fn kind(value: &Value) -> Option<&'static Kind> {
    let text = |key: &str| json::first(value, &[key]).unwrap_or_default();
    let id = text("pnpdeviceid").to_uppercase();
    let names = ["name", "adaptercompatibility", "manufacturer"].map(text).join(" ").to_lowercase();
    KINDS
        .iter()
        .find(|kind| if id.is_empty() { names.contains(kind.word) } else { id.contains(kind.id) })
}

/// The problem that Windows reports with a device, if there is one.
fn problem(value: &Value) -> Option<String> {
    let code = json::first(value, &["configmanagererrorcode"]).filter(|code| code != "0")?;
    Some(format!("Windows reports the problem code {code} for the device"))
}

/// Adds a device, which is not usable if Windows reports a problem with it.
fn place(device: Accelerator, value: &Value, result: &mut VendorDevices) {
    match problem(value) {
        None => result.devices.push(Device::new(device)),
        Some(reason) => {
            result.unusable.push(refused(device, DeviceState::Degraded, &reason));
        }
    }
}

/// Numbers the devices of each vendor by their position.
fn number(devices: &mut [Device]) {
    for at in 0..devices.len() {
        let vendor = devices[at].accelerator.vendor;
        let before =
            devices[..at].iter().filter(|device| device.accelerator.vendor == vendor).count();
        let number = u16::try_from(before).unwrap_or(u16::MAX);
        devices[at].accelerator.index = number;
        devices[at].card = number;
    }
}
