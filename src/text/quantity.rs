//! Durations (`90s`, `1h30m`) and sizes (`16GiB`, `500MB`) as people write them.

use crate::domain::time::Millis;
use crate::text::error::ValueError;
use crate::text::node::Node;

/// Maximum duration: 365 days.
pub const MAX_DURATION: Millis = Millis::from_secs(365 * 24 * 3600);
/// Maximum size: 1 PiB.
pub const MAX_SIZE_BYTES: u64 = 1 << 50;

const TIMES: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a duration from 1 ms to [`MAX_DURATION`].
///
/// # Errors
/// The unit is missing or unknown, or the duration is out of range.
pub fn duration(node: &Node) -> Result<Millis, ValueError> {
    let error = || ValueError::expected("a duration such as 90s, 10m or 1h30m", node);
    let Node::Text(text) = node else {
        return Err(match node {
            Node::Int(_) | Node::Float(_) => error().hint("add a unit: ms, s, m, h or d"),
            _ => error(),
        });
    };
    let mut rest = text.as_str();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let (number, unit, after) =
            amount(rest).ok_or_else(|| error().hint("units are ms, s, m, h and d"))?;
        let (_, scale) = TIMES
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| error().hint("units are ms, s, m, h and d"))?;
        sum += number * *scale as f64;
        rest = after;
    }
    if sum < 1.0 {
        return Err(if text.is_empty() { error() } else { error().hint("the minimum is 1ms") });
    }
    if sum > MAX_DURATION.0 as f64 {
        return Err(error().hint("the maximum is 365d"));
    }
    Ok(Millis(sum.round() as u64))
}

/// Reads a size from 0 to [`MAX_SIZE_BYTES`], in bytes.
///
/// # Errors
/// The unit is missing or unknown, or the size is too large.
pub fn size(node: &Node) -> Result<u64, ValueError> {
    let error = || {
        ValueError::expected("a size such as 16GiB or 500MB", node)
            .hint("units are B, KB, MB, GB, TB, KiB, MiB, GiB and TiB")
    };
    let Node::Text(text) = node else { return Err(error()) };
    let (number, unit, after) = amount(text).ok_or_else(error)?;
    let scale = if unit == "TiB" {
        Some(1u64 << 40)
    } else {
        SIZES.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale)
    };
    let bytes = number * scale.ok_or_else(error)? as f64;
    if !after.is_empty() {
        return Err(error());
    }
    if bytes > MAX_SIZE_BYTES as f64 {
        return Err(error().hint("the maximum is 1024TiB"));
    }
    Ok(bytes.ceil() as u64)
}

/// Splits `1.5h30m` into 1.5, `h` and `30m`. There may be blanks between number and unit.
fn amount(text: &str) -> Option<(f64, &str, &str)> {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    let number: f64 = number.parse().ok()?;
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at_checked(letters)?;
    (!unit.is_empty() && number.is_finite()).then_some((number, unit, after.trim()))
}

/// Writes a duration in a form that [`duration`] reads without loss.
#[must_use]
pub fn write_duration(span: Millis) -> String {
    match span.0 {
        ms if ms % 1000 != 0 => format!("{ms}ms"),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms / 1000),
    }
}

/// Writes a size in a form that [`size`] reads without loss.
#[must_use]
pub fn write_size(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 30) == 0 => format!("{}GiB", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{}MiB", bytes >> 20),
        bytes => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Option<u64> {
        duration(&Node::Text(text.into())).ok().map(|span| span.0)
    }

    fn bytes(text: &str) -> Option<u64> {
        size(&Node::Text(text.into())).ok()
    }

    #[test]
    fn durations_need_a_unit_and_add_up() {
        assert_eq!(ms("10m"), Some(600_000));
        assert_eq!(ms("1h30m"), Some(5_400_000));
        assert_eq!(ms("1.5 h"), Some(5_400_000));
        assert_eq!(ms("250ms"), Some(250));
        for text in ["", "10", "m", "10 parsecs", "-1s", "0s", "1e9d", "366d", "1s1", "1..5s"] {
            assert_eq!(ms(text), None, "{text:?}");
        }
        let error = duration(&Node::Int(30)).expect_err("no unit");
        assert_eq!(error.hint.as_deref(), Some("add a unit: ms, s, m, h or d"));
    }

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(bytes("16GiB"), Some(16 << 30));
        assert_eq!(bytes("500MB"), Some(500_000_000));
        assert_eq!(bytes("0.5 GiB"), Some(1 << 29));
        for text in ["16", "16G", "16gib", "-1GiB", "2000TiB", "1GiB1", ""] {
            assert_eq!(bytes(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for span in [1, 999, 1000, 90_000, 600_000, 7_200_000, 86_400_000] {
            assert_eq!(ms(&write_duration(Millis(span))), Some(span));
        }
        for number in [1, 1 << 20, 3 << 30, 12345] {
            assert_eq!(bytes(&write_size(number)), Some(number));
        }
    }
}
