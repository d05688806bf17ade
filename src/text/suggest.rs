//! Suggestions for mistyped names ("did you mean").

/// The known name that is most similar to a mistyped name. Names without a common letter, or with
/// another number of digits (`fp8`, `fp16`), are not similar.
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

/// A hint with the most similar known name, or with all known names.
#[must_use]
pub fn did_you_mean(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(candidate) => did_you_mean_name(candidate),
        None => format!("valid names are {}", known.join(", ")),
    }
}

/// A hint with one name.
#[must_use]
pub fn did_you_mean_name(candidate: &str) -> String {
    format!("did you mean {candidate:?}?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_suggested() {
        assert_eq!(nearest("timout", ["timeout", "tags"]), Some("timeout"));
        assert_eq!(nearest("cudda", ["cpu", "cuda"]), Some("cuda"));
        assert_eq!(nearest("fp8", ["fp16", "bf16", "fp32"]), None);
        assert_eq!(nearest("bfloat61", ["bfloat16"]), Some("bfloat16"));
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("gpt3", ["gpt2"]), Some("gpt2"));
        assert_eq!(did_you_mean("gpu", &["cpu"]), "did you mean \"cpu\"?");
        assert_eq!(did_you_mean("fp8", &["fp16"]), "valid names are fp16");
        assert_eq!(nearest("unti-12", ["unit-12", "unit-13"]), Some("unit-12"));
    }
}
