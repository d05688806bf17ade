//! Measured values of a benchmark beside their targets, as a Markdown table.
//!
//! Printed, and appended to the file that `DTF_BENCH_OUT` names (`make bench` sets it).

use std::fmt::Write as _;
use std::io::Write as _;

/// A promised limit of a figure.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Measured for the record.
    None,
}

/// The rows of one benchmark; ratios are put first by whoever fills it.
pub struct Figures {
    title: &'static str,
    rows: Vec<[String; 4]>,
    missed: usize,
}

impl Figures {
    pub fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new(), missed: 0 }
    }

    pub fn row(&mut self, what: &str, value: f64, unit: &str, target: Target) {
        let (wanted, holds) = match target {
            Target::AtLeast(least) => (format!("≥ {}", number(least)), Some(value >= least)),
            Target::AtMost(most) => (format!("≤ {}", number(most)), Some(value <= most)),
            Target::None => (String::new(), None),
        };
        let verdict = match holds {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "",
        };
        self.missed += usize::from(holds == Some(false));
        let measured = format!("{} {unit}", number(value));
        println!("{what}: {measured} {wanted} {verdict}");
        self.rows.push([what.into(), measured.trim_end().into(), wanted, verdict.into()]);
    }

    /// Prints and stores the table; the number of promises that do not hold.
    #[must_use]
    pub fn finish(self) -> usize {
        let mut text = format!("\n### {}\n\n", self.title);
        text.push_str("| what | measured | target | verdict |\n| --- | --- | --- | --- |\n");
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        println!("{text}");
        if let Some(path) = out_path() {
            let appended = std::fs::OpenOptions::new().create(true).append(true).open(&path);
            let written = appended.and_then(|mut file| file.write_all(text.as_bytes()));
            if let Err(error) = written {
                eprintln!("cannot write {}: {error}", path.display());
            }
        }
        self.missed
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is not a module of dtf")]
fn out_path() -> Option<std::path::PathBuf> {
    std::env::var_os("DTF_BENCH_OUT").map(Into::into)
}

/// Three significant digits, thousands set apart.
fn number(value: f64) -> String {
    if value >= 1000.0 {
        let digits = format!("{value:.0}");
        let mut out = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else if value >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}
