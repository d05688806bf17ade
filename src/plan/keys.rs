//! Keys of a plan, and the names that other tools use for them.

use crate::text::fields::Keys;

/// Names that other tools use for keys of a plan.
const SYNONYMS: [(&str, &str); 18] = [
    ("gpu", "accelerators"),
    ("gpus", "accelerators"),
    ("device", "accelerators"),
    ("devices", "accelerators"),
    ("gpu_memory", "accelerator_memory"),
    ("vram", "accelerator_memory"),
    ("ram", "memory"),
    ("mem", "memory"),
    ("cpus", "cpu"),
    ("cores", "cpu"),
    ("compute_capability", "min_architecture"),
    ("command", "cmd"),
    ("run", "cmd"),
    ("needs", "depends_on"),
    ("dependencies", "depends_on"),
    ("resources", "requires"),
    ("retry", "retries"),
    ("precision", "dtype"),
];

/// The keys that a mapping of a plan may have. A name that another tool uses leads to a hint.
pub(super) fn with_synonyms<'a>(known: &'a [&'a str]) -> Keys<'a> {
    Keys { known, synonyms: &SYNONYMS }
}
