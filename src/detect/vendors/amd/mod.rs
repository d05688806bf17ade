//! Detects AMD devices with `rocm-smi` or the newer `amd-smi`, and without a tool in the files of the
//! kernel.
//!
//! The tools print warnings around their listing, and the forms and keys differ between versions, so
//! every output is read in each form. `rocm-smi` is called again for CSV and for text if it does not
//! know JSON.

use super::device::{bare, refused};
use super::evidence::{Seen, has_node};
use super::listing::{Maker, NoListing, VendorDevices, exited, reason};
use crate::detect::host::Host;
use crate::domain::accelerator::{Backend, DeviceState, Vendor};
use crate::sys::process::Completion;
use card::Card;

mod amd_smi;
mod card;
mod kernel;
mod rocm_smi;
#[cfg(test)]
mod tests;

const MAKER: Maker = Maker { name: "AMD", vendor: Vendor::AMD, backend: Backend::ROCM };
const ROCM_SMI: &str = "rocm-smi";
const AMD_SMI: &str = "amd-smi";
const ROCM_SMI_ARGS: &[&str] = &[
    "--showproductname",
    "--showmeminfo",
    "vram",
    "gtt",
    "--showuniqueid",
    "--showbus",
    "--showdriverversion",
];
/// The forms of the output of `rocm-smi`, tried in this order.
const ROCM_SMI_FORMS: [Option<&str>; 3] = [Some("--json"), Some("--csv"), None];
const AMD_SMI_ARGS: &[&str] =
    &["static", "--asic", "--bus", "--vram", "--board", "--driver", "--json"];
/// Messages of the tools on a machine without a device.
const NO_DEVICE_MESSAGES: &[&str] = &["No AMD GPUs specified", "No JSON data to report"];
/// Variable with the target that `ROCm` uses for every device, such as `10.3.0`.
const TARGET_OVERRIDE: &str = "HSA_OVERRIDE_GFX_VERSION";
/// The file by which programs use the compute driver.
const COMPUTE_DRIVER: &str = "/dev/kfd";

/// Detects the devices with the first tool that lists any.
pub(super) async fn detect(host: &Host<'_>, seen: &Seen) -> VendorDevices {
    let kernel = kernel::cards(host);
    let of_tools = of_tools(host, seen, &kernel).await;
    let is_of_kernel = of_tools.is_none();
    let mut result = match of_tools {
        Some(result) => result,
        None if !kernel.is_empty() => devices(kernel),
        None => {
            let graphics = kernel::graphics(host);
            if graphics.is_empty() {
                MAKER.without_tool(seen, "rocm-smi or amd-smi")
            } else {
                devices(graphics)
            }
        }
    };
    forbid(host, &mut result, is_of_kernel);
    override_target(host, &mut result);
    result
}

/// The result of the tools; None if none is installed.
async fn of_tools(host: &Host<'_>, seen: &Seen, kernel: &[Card]) -> Option<VendorDevices> {
    let mut results = Vec::new();
    for tool in [ROCM_SMI, AMD_SMI] {
        let (completion, cards) = call(host, tool).await;
        if completion == Completion::NotFound {
            continue;
        }
        let result = match cards {
            Some(cards) => listed(tool, &completion, cards, host, kernel),
            None => MAKER.without_devices(tool, &completion, no_listing(&completion), seen),
        };
        if !result.devices.is_empty() {
            return Some(result);
        }
        results.push((tool, completion, result));
    }
    // The result of one tool without an error is enough.
    let successful = results.iter().position(|(_, _, result)| result.errors.is_empty());
    let at = successful.unwrap_or(0);
    let (tool, completion, result) = (at < results.len()).then(|| results.swap_remove(at))?;
    if kernel.is_empty() {
        return Some(result);
    }
    // The driver works without the tool.
    let mut of_kernel = devices(kernel.to_vec());
    of_kernel
        .notes
        .push(format!("AMD devices are those of the kernel: {}", reason(tool, &completion)));
    Some(of_kernel)
}

/// Calls a tool, in each form of its output until one is a listing.
async fn call(host: &Host<'_>, tool: &str) -> (Completion, Option<Vec<Option<Card>>>) {
    if tool == AMD_SMI {
        let completion = host.run(AMD_SMI, AMD_SMI_ARGS).await;
        let cards = completion.output().and_then(|output| amd_smi::cards(&output.stdout.text));
        return (completion, cards);
    }
    let mut first = None;
    for form in ROCM_SMI_FORMS {
        let args: Vec<&str> = ROCM_SMI_ARGS.iter().copied().chain(form).collect();
        let completion = host.run(ROCM_SMI, &args).await;
        let cards = completion.output().and_then(|output| rocm_smi::cards(&output.stdout.text));
        let is_final = exited(&completion).is_none()
            || no_listing(&completion) == NoListing::NoDevice
            || cards.is_some();
        if is_final {
            return (completion, cards);
        }
        first.get_or_insert(completion);
    }
    (first.unwrap_or(Completion::NotFound), None)
}

/// The meaning of an output without a listing.
fn no_listing(completion: &Completion) -> NoListing {
    let Some((0, output)) = exited(completion) else { return NoListing::Unclear };
    let both = [&output.stdout.text, &output.stderr.text];
    let reports_none =
        NO_DEVICE_MESSAGES.iter().any(|words| both.iter().any(|text| text.contains(words)));
    if reports_none
        || amd_smi::is_empty_listing(&output.stdout.text)
        || is_empty(&output.stdout.text)
    {
        NoListing::NoDevice
    } else {
        NoListing::Unclear
    }
}

/// Whether the output is an empty mapping.
fn is_empty(output: &str) -> bool {
    super::json::documents(output)
        .next()
        .is_some_and(|document| document.as_object().is_some_and(serde_json::Map::is_empty))
}

/// The devices of a listing. Those of a tool that failed cannot be trusted.
fn listed(
    tool: &str,
    completion: &Completion,
    cards: Vec<Option<Card>>,
    host: &Host<'_>,
    kernel: &[Card],
) -> VendorDevices {
    let graphics = kernel::graphics(host);
    let mut cards: Vec<Card> = cards.into_iter().map(Option::unwrap_or_default).collect();
    kernel::complete(&mut cards, kernel);
    kernel::complete(&mut cards, &graphics);
    let count = cards.len();
    let mut result = devices(cards);
    let unusable = result.unusable.len();
    if unusable > 0 {
        let reason = format!("{tool} reports no usable data of {unusable} of {count} devices");
        result.errors.push(MAKER.error(&reason));
    }
    if completion.failure().is_some() {
        let reason = reason(tool, completion);
        result.errors.push(MAKER.error(&reason));
        let doubtful = result.devices.drain(..).map(|device| device.accelerator);
        let degraded = doubtful.map(|device| refused(device, DeviceState::Degraded, &reason));
        result.unusable.extend(degraded);
    }
    result.note_unknown_memory(tool);
    result
}

/// The devices with their position in the list, as `ROCm` numbers them. The numbers of the tool are those
/// of the graphics driver, which may have gaps. An entry whose facts do not identify a device is one that
/// no test may use.
fn devices(mut cards: Vec<Card>) -> VendorDevices {
    card::count_partitions(&mut cards);
    let mut result = VendorDevices::default();
    for (position, card) in cards.into_iter().enumerate() {
        let Ok(position) = u16::try_from(position) else { break };
        if let Some(device) = card.device(position) {
            result.devices.push(device);
        } else {
            let mut device = bare(MAKER.vendor, "", Some(MAKER.backend));
            device.index = position;
            device.uuid = card.bus.unwrap_or_default();
            let reason = "its tool reports no name, target or memory of the device";
            result.unusable.push(refused(device, DeviceState::Degraded, reason));
        }
    }
    result
}

/// Refuses all devices if this process may not use the compute driver. Without a tool, the files of the
/// kernel also show devices that a container does not have.
fn forbid(host: &Host<'_>, result: &mut VendorDevices, is_of_kernel: bool) {
    if result.devices.is_empty() {
        return;
    }
    let reason = match host.access(COMPUTE_DRIVER) {
        Some(false) => {
            let reason = format!(
                "this user has no permission for {COMPUTE_DRIVER}; add the user to the group of this \
                 file (usually render or video)"
            );
            result.errors.push(MAKER.error(&reason));
            reason
        }
        None if is_of_kernel && !has_node(host, COMPUTE_DRIVER) => {
            format!("the file {COMPUTE_DRIVER} of the driver is not available here")
        }
        _ => return,
    };
    let devices = result.devices.drain(..).map(|device| device.accelerator);
    let refused = devices.map(|device| refused(device, DeviceState::Unusable, &reason));
    result.unusable.extend(refused);
}

/// Applies the variable with which people let a device be used as another target.
fn override_target(host: &Host<'_>, result: &mut VendorDevices) {
    let Some(version) = host.variable(TARGET_OVERRIDE) else { return };
    let Some(target) = card::target_of_override(&version) else { return };
    for device in &mut result.devices {
        device.accelerator.architecture.clone_from(&target);
    }
    if !result.devices.is_empty() {
        result.notes.push(format!("{TARGET_OVERRIDE} makes every AMD device the target {target}"));
    }
}
