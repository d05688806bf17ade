//! An error and its causes as one line of text.

/// The messages of the error and of its causes, joined by colons: "cannot write the event log: no
/// space left". A cause is left out if the message before it already ends with it.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        if !message.ends_with(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Layer {
        message: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layer(message: &'static str, source: Option<Layer>) -> Layer {
        Layer { message, source: source.map(Box::new) }
    }

    #[test]
    fn each_cause_is_named_once() {
        let inner = layer("read failed", Some(layer("disk is full", None)));
        let outer = layer("cannot start: read failed", Some(inner));
        assert_eq!(with_causes(&outer), "cannot start: read failed: disk is full");
    }
}
