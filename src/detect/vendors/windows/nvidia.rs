//! NVIDIA devices that Windows has and `nvidia-smi` does not list.
//!
//! Windows reports no address that `nvidia-smi` has as well, so devices are matched by their names, and
//! what remains by its number. A device with a problem is not one that works.

use super::name::plain_name;
use crate::detect::vendors::device::refused;
use crate::detect::vendors::listing::VendorDevices;
use crate::domain::accelerator::{Accelerator, DeviceState};

/// A display controller, with the problem that Windows reports.
type Controller = (Accelerator, Option<String>);

/// Adds an entry for each controller that is not in the result of the tool.
pub(super) fn add_unlisted(
    mut controllers: Vec<Controller>,
    nvidia: &mut VendorDevices,
    result: &mut VendorDevices,
) {
    if controllers.is_empty() {
        return;
    }
    // A device without an id represents all that the tool could not list.
    let unnamed = nvidia.unusable.iter().position(|device| device.uuid.is_empty());
    let unnamed = unnamed.map(|at| nvidia.unusable.remove(at).reason);
    controllers.sort_by_key(|(_, problem)| problem.is_some());
    let reason = if let Some(reason) = unnamed {
        reason
    } else if nvidia.absence.is_empty() {
        controllers = without_listed(controllers, nvidia);
        let reason = "nvidia-smi does not list the device";
        for (device, problem) in &controllers {
            let reason = problem.as_deref().unwrap_or(reason);
            result.errors.push(format!("cannot detect NVIDIA devices: {}: {reason}", device.model));
        }
        reason.to_owned()
    } else {
        nvidia.absence.clone()
    };
    for (controller, problem) in controllers {
        let reason = match problem {
            Some(problem) => format!("{problem}, and {reason}"),
            None => reason.clone(),
        };
        result.unusable.push(refused(controller, DeviceState::Degraded, &reason));
    }
}

/// The controllers that are not in the list of the tool. Those without a problem come first.
fn without_listed(controllers: Vec<Controller>, nvidia: &VendorDevices) -> Vec<Controller> {
    let working = nvidia.devices.iter().map(|device| (&device.accelerator.model, true));
    let others = nvidia.unusable.iter().map(|device| (&device.model, false));
    let mut listed: Vec<(String, bool)> =
        working.chain(others).map(|(model, works)| (plain_name(model), works)).collect();
    let mut take = |matches: &dyn Fn(&(String, bool)) -> bool| {
        listed.iter().position(matches).map(|at| listed.remove(at)).is_some()
    };
    let mut remaining = Vec::new();
    for (device, problem) in controllers {
        let name = plain_name(&device.model);
        let is_same = |(known, works): &(String, bool)| {
            let may_be = problem.is_none() || !works;
            may_be && (known.contains(&name) || name.contains(known.as_str()))
        };
        if !take(&is_same) {
            remaining.push((device, problem));
        }
    }
    remaining.retain(|(_, problem)| {
        let may_be = |(_, works): &(String, bool)| problem.is_none() || !works;
        !take(&may_be)
    });
    remaining
}
