//! Fields in the output of the tools of the vendors: missing values, sizes and PCI addresses.

use crate::domain::capability::MAX_MEMORY_BYTES;

/// The content of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Value(&'a str),
    /// The device does not have this property, or the tool does not report it.
    Absent,
    /// The tool could not read the property, as of a lost device.
    Failed(&'a str),
}

/// Words for a property that does not exist or is not reported, in any case and with or without
/// brackets.
const ABSENT: &[&str] = &[
    "",
    "-",
    "n/a",
    "na",
    "none",
    "null",
    "unknown",
    "not available",
    "not supported",
    "not applicable",
    "insufficient permissions",
    "no permission",
    "requested functionality has been deprecated",
    "deprecated",
    "function not found",
    "0xffffffff",
    "0xffffffffffffffff",
];
/// Words for a property that could not be read.
const FAILED: &[&str] = &["unknown error", "gpu is lost", "gpu requires reset", "error", "err!"];

impl<'a> Field<'a> {
    /// Reads a field. Any text in brackets that is not a known word is a failure, since tools print
    /// error messages in place of values in this way.
    pub fn of(text: &'a str) -> Self {
        let text = text.trim();
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let bare = inner.unwrap_or(text).trim();
        let is = |words: &[&str]| words.iter().any(|word| bare.eq_ignore_ascii_case(word));
        if is(ABSENT) {
            Self::Absent
        } else if is(FAILED) || inner.is_some_and(|inner| !inner.contains(['[', ']'])) {
            Self::Failed(bare)
        } else {
            Self::Value(text)
        }
    }

    pub fn value(self) -> Option<&'a str> {
        match self {
            Self::Value(text) => Some(text),
            Self::Absent | Self::Failed(_) => None,
        }
    }
}

/// The value of a field, if it has one.
pub(super) fn value(text: &str) -> Option<&str> {
    Field::of(text).value()
}

/// A size in bytes, such as `81559 MiB` or `51522830336`. `unit` is the number of bytes of a number
/// without a unit. The tools print `MB` for MiB. None if it is not a size of a device.
pub(super) fn size(text: &str, unit: u64) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, name) = text.split_at(end);
    let unit = match name.trim().to_ascii_lowercase().as_str() {
        "" => unit,
        "b" | "byte" | "bytes" => 1,
        "kb" | "kib" => 1 << 10,
        "mb" | "mib" => 1 << 20,
        "gb" | "gib" => 1 << 30,
        "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    plausible(match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(unit)?,
        Some((whole, fraction)) => {
            let fraction = fraction.get(..fraction.len().min(9))?;
            let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit);
            let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
            whole.checked_add(u64::try_from(part / u128::from(scale)).ok()?)?
        }
    })
}

/// A number of bytes that a device can have.
pub(super) fn plausible(bytes: u64) -> Option<u64> {
    (1..=MAX_MEMORY_BYTES).contains(&bytes).then_some(bytes)
}

/// The PCI address in the form of the Linux kernel, `0000:0c:00.0`. Tools print the domain with 4 or 8
/// digits or not at all, in either case, and some put a word directly before it.
pub(super) fn pci_address(text: &str) -> Option<String> {
    let start = text.rfind(|c: char| !c.is_ascii_hexdigit() && !matches!(c, ':' | '.'));
    let text = start.map_or(text, |at| text.get(at + 1..).unwrap_or_default());
    let (place, function) = text.rsplit_once('.')?;
    let mut parts = place.rsplit(':');
    let number = |digits: &str, max: usize| {
        (1..=max).contains(&digits.len()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let (device, bus) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let domain = parts.next().map_or(Some(0), |digits| number(digits, 8))?;
    let function = number(function, 1)?;
    parts.next().is_none().then(|| format!("{domain:04x}:{bus:02x}:{device:02x}.{function:x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_values_are_not_failures() {
        for text in [
            "[N/A]",
            "N/A",
            "n/a",
            "[Not Supported]",
            "NOT SUPPORTED",
            "[Insufficient Permissions]",
            "[Requested functionality has been deprecated]",
            "[Function Not Found]",
            "",
            "  ",
            "[]",
            "0xFFFFFFFF",
        ] {
            assert_eq!(Field::of(text), Field::Absent, "{text:?}");
        }
        for text in ["[Unknown Error]", "Unknown error", "[GPU is lost]", "[GPU requires reset]"] {
            assert!(matches!(Field::of(text), Field::Failed(_)), "{text:?}");
        }
        for text in ["NVIDIA A100", "Navi 22 [Radeon RX 6700]", "[AMD/ATI] Vega [Radeon]", "0"] {
            assert_eq!(Field::of(text), Field::Value(text));
        }
    }

    #[test]
    fn sizes_have_a_unit_or_that_of_the_column() {
        for (text, bytes) in [
            ("81559 MiB", Some(81_559 << 20)),
            ("32768Mib", Some(32_768 << 20)),
            ("196592 MB", Some(196_592 << 20)),
            ("512", Some(512 << 20)),
            ("1.5 GiB", Some(3 << 29)),
            ("17163091968 B", Some(17_163_091_968)),
            ("0 MiB", None),
            ("-1 MiB", None),
            ("9 parsecs", None),
            ("", None),
            ("1.", None),
            ("99999999999999999999", None),
            ("1.99999999999999999999 GiB", size("1.999999999 GiB", 1)),
        ] {
            assert_eq!(size(text, 1 << 20), bytes, "{text:?}");
        }
    }

    #[test]
    fn pci_addresses_are_compared_in_one_form() {
        for (text, address) in [
            ("00000000:0C:00.0", Some("0000:0c:00.0")),
            ("0000:07:00.0", Some("0000:07:00.0")),
            ("cc:00.0", Some("0000:cc:00.0")),
            ("10000:E1:00.0", Some("10000:e1:00.0")),
            ("the handle for GPU 0000:0B:00.0", Some("0000:0b:00.0")),
            ("[N/A]", None),
            ("", None),
            ("12.5", None),
            ("1:2:3:4.5", None),
        ] {
            assert_eq!(pci_address(text).as_deref(), address, "{text:?}");
        }
    }
}
