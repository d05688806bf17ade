//! Numbers for people: three significant digits and a unit.

/// A duration in seconds, e.g. `52.3 ms` or `2 min 05 s`.
pub fn seconds(value: f64) -> String {
    let (scale, unit) = match value.abs() {
        size if size == 0.0 || size >= 1.0 => (1.0, "s"),
        size if size >= 1e-3 => (1e3, "ms"),
        size if size >= 1e-6 => (1e6, "µs"),
        _ => (1e9, "ns"),
    };
    // Beyond 30,000 years, hours mean nothing.
    if !(60.0..1e12).contains(&value) {
        return format!("{} {unit}", three_digits(value * scale));
    }
    let whole = value.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours} h {minutes:02} min")
    } else {
        format!("{minutes} min {seconds:02} s")
    }
}

/// A size in bytes, e.g. `118 MiB`.
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    // Up to 1023 of a unit need four digits.
    let digits = if (1000.0..1024.0).contains(&value.abs()) {
        format!("{value:.0}")
    } else {
        three_digits(value)
    };
    format!("{digits} {}", UNITS[unit])
}

/// A share in per cent, e.g. `3.1 %` or `25 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        _ if value < 9.95 => format!("{value:.1} %"),
        _ if value < 1e6 => format!("{value:.0} %"),
        _ => format!("{value:.2e} %"),
    }
}

/// A number with commas between thousands, e.g. `1,200`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 test`, `6 tests`.
pub fn counted(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// A number with the unit of its metric.
pub fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "seconds" => seconds(value),
        "bytes" => bytes(value),
        other => format!("{} {other}", three_digits(value)),
    }
}

/// A number with three significant digits. Larger numbers have all digits before the point.
pub fn three_digits(value: f64) -> String {
    let size = value.abs();
    if size >= 1e12 || (size > 0.0 && size < 1e-3) {
        return format!("{value:.2e}");
    }
    let decimals = match size {
        _ if size >= 99.95 || size == 0.0 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let cases = [
            (0.0, "0 s"),
            (2.5e-8, "25.0 ns"),
            (0.000_012_34, "12.3 µs"),
            (0.0523, "52.3 ms"),
            (1.0, "1.00 s"),
            (59.99, "60.0 s"),
            (125.0, "2 min 05 s"),
            (3725.0, "1 h 02 min"),
            (1e308, "1.00e308 s"),
        ];
        for (value, text) in cases {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn shares_have_a_digit_below_ten_per_cent() {
        let texts = [0.0, 0.0314, 0.0994, 0.0996, 2.5].map(percent);
        assert_eq!(texts, ["0.0 %", "3.1 %", "9.9 %", "10 %", "250 %"]);
    }

    #[test]
    fn bytes_and_rates() {
        assert_eq!(bytes(0.0), "0 B");
        assert_eq!(bytes(1023.0), "1023 B");
        assert_eq!(bytes(1536.0), "1.50 KiB");
        assert_eq!(bytes(123_456_789.0), "118 MiB");
        assert_eq!(bytes(1e308), "9.09e295 TiB");
        assert_eq!(percent(1e300), "1.00e302 %");
        assert_eq!(with_unit(1234.56, "tokens/s"), "1235 tokens/s");
        assert_eq!(with_unit(0.0421, "samples/s"), "0.042 samples/s");
    }
}
