//! "Did you mean": the known name that is nearest to one that was mistyped.

/// The known name that a typing mistake was meant to be. Names that have no letter in common, or
/// a number of another length (`fp8`, `fp16`), are other names and no mistake.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: String = name.chars().take(64).collect();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let (number, length) = (digits(&name), name.chars().count());
    known
        .into_iter()
        .filter(|candidate| digits(candidate) == number)
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(distance, candidate)| {
            let other = candidate.chars().count();
            *distance <= 1 + other / 3 && *distance < other.min(length)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// What people of other tools call the keys of a plan.
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

/// A hint that names the nearest known name, or all of them.
#[must_use]
pub fn did_you_mean(name: &str, known: &[&str]) -> String {
    let synonym = SYNONYMS.iter().find(|(other, key)| *other == name && known.contains(key));
    let near = synonym.map(|(_, key)| *key);
    match near.or_else(|| nearest(name, known.iter().copied())) {
        Some(candidate) => format!("did you mean {candidate:?}?"),
        None => format!("known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_suggested_and_nothing_else() {
        assert_eq!(nearest("timout", ["timeout", "tags"]), Some("timeout"));
        assert_eq!(nearest("cudda", ["cpu", "cuda"]), Some("cuda"));
        assert_eq!(nearest("fp8", ["fp16", "bf16", "fp32"]), None);
        assert_eq!(nearest("bfloat61", ["bfloat16"]), Some("bfloat16"));
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("gpt3", ["gpt2"]), Some("gpt2"));
        assert_eq!(did_you_mean("gpu", &["cpu", "accelerators"]), "did you mean \"accelerators\"?");
        assert_eq!(did_you_mean("gpu", &["cpu"]), "did you mean \"cpu\"?");
        assert_eq!(did_you_mean("fp8", &["fp16"]), "known are fp16");
        assert_eq!(nearest("unti-12", ["unit-12", "unit-13"]), Some("unit-12"));
    }
}
