//! Detects AMD devices with `rocm-smi` or the newer `amd-smi`, and without a tool in the files of the
//! kernel.
//!
//! The tools print warnings around their listing, and the forms and keys differ between versions, so
//! every output is read in each form. `rocm-smi` is called again for CSV and for text if it does not
//! know JSON. The kernel decides which numbers the devices have (`numbers`), and shows those that a tool
//! leaves out. They cannot be used, except for graphics in the processor, which a runtime must find; and no
//! device can if each tool fails.

use super::bus;
use super::device::{Device, bare, refused};
use super::evidence::{Seen, has_node};
use super::listing::{Maker, NoListing, VendorDevices, exited, reason};
use crate::detect::host::Host;
use crate::domain::accelerator::{Backend, DeviceState, Proof, Vendor};
use crate::sys::process::Completion;
use card::Card;
use kernel::COMPUTE_DRIVER;
use numbers::{Numbered, Roster, numbered, with_numbers};
use std::collections::BTreeSet;

mod amd_smi;
mod card;
mod kernel;
mod numbers;
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

/// Detects the devices with the first tool that lists any. `host_memory` is the memory of the machine
/// that may be used, in bytes.
pub(super) async fn detect(host: &Host<'_>, seen: &Seen, host_memory: u64) -> VendorDevices {
    let machine = Machine::of(host, seen, host_memory);
    let mut result = match of_tools(host, seen, &machine).await {
        Some(result) => result,
        None if machine.is_empty() => MAKER.without_tool(seen, "rocm-smi or amd-smi"),
        None => {
            let mut result = machine.of_kernel(seen);
            forbid(host, &mut result, true);
            result
        }
    };
    override_target(host, &mut result);
    result
}

/// The facts that are known without a tool.
struct Machine {
    /// The devices of the compute driver, in the order of their numbers.
    compute: Vec<Card>,
    /// The devices of the graphics driver that the compute driver does not have.
    graphics: Vec<Card>,
    /// The addresses of devices that a container does not have, although the kernel shows them.
    out_of_reach: BTreeSet<String>,
    /// The devices on the bus that the graphics driver controls.
    on_bus: Vec<Card>,
    host_memory: u64,
}

impl Machine {
    fn of(host: &Host<'_>, seen: &Seen, host_memory: u64) -> Self {
        let all = kernel::graphics(host);
        let (compute, others) = kernel::cards(host, &all);
        let mut out_of_reach: BTreeSet<String> =
            others.into_iter().filter_map(|card| card.bus).collect();
        let is_known = |card: &Card| compute.iter().any(|known| known.place() == card.place());
        let mut graphics: Vec<Card> = all.iter().filter(|card| !is_known(card)).cloned().collect();
        if !compute.is_empty() {
            let (near, far): (Vec<Card>, Vec<Card>) = graphics.into_iter().partition(|card| {
                let is_near = |bus: &String| !out_of_reach.contains(bus);
                card.bus.as_ref().is_some_and(is_near) && kernel::is_available(host, card)
            });
            out_of_reach.extend(far.into_iter().filter_map(|card| card.bus));
            graphics = near;
            for card in &mut graphics {
                card.has_compute_driver = Some(false);
            }
        }
        Self { compute, graphics, out_of_reach, on_bus: kernel::on_bus(seen), host_memory }
    }

    /// The devices that only the graphics driver has and that are not `known`. If an unknown address is
    /// among the known ones, any device may be known, so there are none.
    fn without_compute(&self, known: &BTreeSet<String>) -> Vec<Card> {
        let is_new = |card: &&Card| {
            let bus = card.bus.as_deref().unwrap_or_default();
            card.has_compute_driver == Some(false) && !bus.is_empty() && !known.contains(bus)
        };
        let cards = self.graphics.iter().filter(|_| !known.contains(""));
        cards.filter(is_new).cloned().collect()
    }

    /// Whether no file of the kernel shows a device.
    fn is_empty(&self) -> bool {
        self.compute.is_empty() && self.graphics.is_empty()
    }

    /// The devices in the files of the kernel, and those on the bus that its driver does not control.
    fn of_kernel(&self, seen: &Seen) -> VendorDevices {
        let all = || self.compute.iter().chain(&self.graphics);
        let mut known: BTreeSet<String> = all().filter_map(|card| card.bus.clone()).collect();
        known.extend(self.out_of_reach.iter().cloned());
        let mut result = self.devices(with_numbers(all().cloned().collect(), 0));
        result.add(bus::without_driver(MAKER, seen.devices.iter(), &known, &[kernel::DRIVER]));
        result
    }

    fn roster(&self) -> Roster<'_> {
        if self.compute.is_empty() {
            Roster::Bus(&self.on_bus)
        } else {
            Roster::Compute(&self.compute)
        }
    }
}

/// The result of one tool.
struct Attempt {
    tool: &'static str,
    completion: Completion,
    /// The tool printed a list of devices.
    has_list: bool,
    result: VendorDevices,
}

/// The result of the tools; None if none is installed. If none of them prints a list, the devices that
/// the kernel shows cannot be used.
async fn of_tools(host: &Host<'_>, seen: &Seen, machine: &Machine) -> Option<VendorDevices> {
    let mut attempts = Vec::new();
    for tool in [ROCM_SMI, AMD_SMI] {
        let (completion, cards) = call(host, tool).await;
        if completion == Completion::NotFound {
            continue;
        }
        let has_list = cards.is_some();
        let result = match cards {
            Some(cards) => {
                let mut result = listed(tool, &completion, cards, seen, machine);
                forbid(host, &mut result, false);
                result
            }
            None => MAKER.without_devices(tool, &completion, no_listing(&completion), seen),
        };
        if !result.devices.is_empty() {
            return Some(result);
        }
        attempts.push(Attempt { tool, completion, has_list, result });
    }
    // The result of one tool without an error is enough.
    let successful = attempts.iter().position(|attempt| attempt.result.errors.is_empty());
    let at = successful.unwrap_or(0);
    let chosen = (at < attempts.len()).then(|| attempts.swap_remove(at))?;
    if chosen.has_list || machine.is_empty() {
        return Some(chosen.result);
    }
    let mut of_kernel = machine.of_kernel(seen);
    forbid(host, &mut of_kernel, true);
    if !of_kernel.devices.is_empty() {
        let reason = reason(chosen.tool, &chosen.completion);
        let contradiction = match no_listing(&chosen.completion) {
            NoListing::NoDevice => ", but this machine has one",
            NoListing::Unclear => "",
        };
        MAKER.distrust(&format!("{reason}{contradiction}"), &mut of_kernel);
    }
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

/// The devices of a listing, and those that it leaves out. Those of a tool that failed cannot be trusted.
fn listed(
    tool: &str,
    completion: &Completion,
    cards: Vec<Option<Card>>,
    seen: &Seen,
    machine: &Machine,
) -> VendorDevices {
    let mut cards: Vec<Card> = cards.into_iter().map(Option::unwrap_or_default).collect();
    kernel::complete(&mut cards, &machine.compute);
    kernel::complete(&mut cards, &machine.graphics);
    let count = cards.len();
    let mut known: BTreeSet<String> =
        cards.iter().map(|card| card.bus.clone().unwrap_or_default()).collect();
    let Numbered { listed, mut left_out, unmatched } = numbered(cards, machine.roster());
    known.extend(left_out.iter().filter_map(|(_, card)| card.bus.clone()));
    known.extend(machine.out_of_reach.iter().cloned());
    let numbers = listed.iter().chain(&left_out).map(|(number, _)| usize::from(*number));
    let next = numbers.max().map_or(0, |last| last + 1);
    left_out.extend(with_numbers(machine.without_compute(&known), next));
    let mut result = machine.devices(listed);
    let unusable = result.unusable.len();
    if unusable > 0 {
        let reason = format!("{tool} reports no usable data of {unusable} of {count} devices");
        result.errors.push(MAKER.error(&reason));
    }
    if completion.failure().is_some() {
        MAKER.distrust(&reason(tool, completion), &mut result);
    }
    let reason = match unmatched {
        0 => format!("the driver has the device, but {tool} does not list it"),
        _ => format!(
            "{tool} does not give the address of every device, so their numbers are unknown"
        ),
    };
    add_left_out(tool, &reason, machine.devices(left_out), &mut result);
    result.add(bus::without_driver(MAKER, seen.devices.iter(), &known, &[kernel::DRIVER]));
    result.note_unknown_memory(tool);
    result
}

/// Adds the devices that a tool leaves out. They cannot be used, except for graphics in the processor, which
/// the tool does not always know: a runtime must find them.
fn add_left_out(tool: &str, reason: &str, left_out: VendorDevices, result: &mut VendorDevices) {
    let (integrated, cards): (Vec<Device>, Vec<Device>) =
        left_out.devices.into_iter().partition(|device| device.integrated);
    let mut cards =
        VendorDevices { devices: cards, unusable: left_out.unusable, ..VendorDevices::default() };
    if !cards.devices.is_empty() || !cards.unusable.is_empty() {
        MAKER.distrust(reason, &mut cards);
        for device in &mut cards.unusable {
            reason.clone_into(&mut device.reason);
        }
        result.add(cards);
    }
    for mut device in integrated {
        device.accelerator.backends.insert(MAKER.backend, Proof::Hardware);
        let model = &device.accelerator.model;
        result.notes.push(format!("{tool} does not list {model}, so a runtime must find it"));
        result.devices.push(device);
    }
    result.devices.sort_by_key(|device| device.card);
}

impl Machine {
    /// The devices with these numbers. An entry whose facts do not identify a device is one that no test
    /// may use.
    fn devices(&self, cards: Vec<(u16, Card)>) -> VendorDevices {
        let (numbers, mut cards): (Vec<u16>, Vec<Card>) = cards.into_iter().unzip();
        card::count_partitions(&mut cards);
        let mut result = VendorDevices::default();
        for (number, card) in numbers.into_iter().zip(cards) {
            if let Some(device) = card.device(number, self.host_memory) {
                result.devices.push(device);
            } else {
                let mut device = bare(MAKER.vendor, "", Some(MAKER.backend));
                device.index = number;
                device.uuid = card.bus.unwrap_or_default();
                let reason = "its tool reports no name, target or memory of the device";
                result.unusable.push(refused(device, DeviceState::Degraded, reason));
            }
        }
        result.devices.sort_by_key(|device| device.card);
        result
    }
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
