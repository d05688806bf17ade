//! Slices of devices in MIG mode.
//!
//! `nvidia-smi -L` prints the UUID and the profile of each slice, and the XML report its memory. Both
//! number the slices of a device in the same way. The memory belongs to the GPU instance. If several
//! compute instances share it, each gets an equal part, so that tests on all of them at the same time
//! have enough: the memory of all slices together is never more than there is.

use super::card::is_uuid;
use super::xml::XmlSlice;
use crate::detect::vendors::field;

/// One slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    /// The id by which tests are pinned to the slice.
    pub uuid: String,
    /// The profile, such as `3g.40gb`; empty if unknown.
    pub profile: String,
    /// Memory in bytes; None if unknown.
    pub memory: Option<u64>,
    /// Number of slices that share the GPU instance, and with it the memory.
    pub sharing: u64,
}

/// A slice in the output of `nvidia-smi -L`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedSlice {
    pub index: u16,
    pub profile: String,
    pub uuid: String,
}

/// The UUID of each device in the output of `nvidia-smi -L`, with its slices.
pub(super) fn listed(list: &str) -> Vec<(String, Vec<ListedSlice>)> {
    let mut cards: Vec<(String, Vec<ListedSlice>)> = Vec::new();
    for line in list.lines() {
        let uuid =
            line.rsplit_once("UUID: ").map(|(_, rest)| rest.trim_end_matches([')', ' ', '\r']));
        let Some(uuid) = uuid.filter(|uuid| is_uuid(uuid)) else { continue };
        match (line.trim_start().strip_prefix("MIG "), cards.last_mut()) {
            (None, _) => cards.push((uuid.to_owned(), Vec::new())),
            (Some(slice), Some((_, slices))) => {
                let profile = slice.split_whitespace().next().unwrap_or_default().to_owned();
                let number = line.split_once("Device").map(|(_, rest)| rest.trim_start());
                let number = number.and_then(|rest| rest.split(':').next()?.trim().parse().ok());
                let index = number.unwrap_or(u16::try_from(slices.len()).unwrap_or(u16::MAX));
                slices.push(ListedSlice { index, profile, uuid: uuid.to_owned() });
            }
            (Some(_), None) => {}
        }
    }
    cards
}

/// The slices of a device from both sources, ordered by their number. A slice without a UUID gets the
/// id that CUDA composes of the UUID of the device and the numbers of both instances.
pub(super) fn combined(
    card: &str,
    listed: &[ListedSlice],
    all_reported: &[XmlSlice],
) -> Vec<Slice> {
    let mut indices: Vec<u16> = listed.iter().map(|slice| slice.index).collect();
    indices.extend(all_reported.iter().map(|slice| slice.index));
    indices.sort_unstable();
    indices.dedup();
    let slice = |index: u16| {
        let listed = listed.iter().find(|slice| slice.index == index);
        let reported = all_reported.iter().find(|slice| slice.index == index);
        let composed = || {
            let XmlSlice { gpu_instance, compute_instance, uuid, .. } = reported?;
            let (gpu, compute) = (gpu_instance.as_ref()?, compute_instance.as_ref()?);
            let composed = || format!("MIG-{card}/{gpu}/{compute}");
            Some(if is_uuid(uuid) { uuid.clone() } else { composed() })
        };
        Some(Slice {
            uuid: listed.map(|slice| slice.uuid.clone()).or_else(composed)?,
            profile: listed.map(|slice| slice.profile.clone()).unwrap_or_default(),
            memory: reported.and_then(|slice| field::size(&slice.memory, 1 << 20)),
            sharing: reported.map_or(1, |slice| sharing(slice, all_reported)),
        })
    };
    indices.into_iter().filter_map(slice).collect()
}

/// The number of slices with the GPU instance of this one.
fn sharing(slice: &XmlSlice, all: &[XmlSlice]) -> u64 {
    let is_same = |other: &&XmlSlice| other.gpu_instance == slice.gpu_instance;
    if slice.gpu_instance.is_some() { all.iter().filter(is_same).count() as u64 } else { 1 }
}
