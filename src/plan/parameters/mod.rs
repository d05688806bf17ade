//! How many parameters a model has, exactly, from its configuration alone.
//!
//! Counted is the class that the configuration names first in `architectures`. Where it names
//! none, or one without a formula, it is the class that a test loads: text and audio encoders
//! and models of two towers as `AutoModel` (with pooler where the type has one), decoders as
//! `AutoModelForCausalLM`, image models as `AutoModelForImageClassification`, encoder-decoders
//! as `AutoModelForSeq2SeqLM`, Whisper as `AutoModelForSpeechSeq2Seq`. A table that two layers
//! share counts once, a table that is computed (a buffer) does not count.
//!
//! Formulae and defaults of absent fields follow transformers 5. Tests compare the counts with
//! those of models built there: a fixed list (`scripts/parameters.py` writes it), options drawn
//! at random (`scripts/parameter_options.py`), and the published counts of known checkpoints.
//! Limits: a type, a variant or a value without a formula gives no count rather than a guess,
//! and so does anything above 2⁵⁰.
//!
//! Pure; never panics or wraps, whatever the configuration holds, and takes time in
//! proportion to its length.

mod audio;
mod config;
mod decoder;
mod dense;
mod encoder;
mod llama;
mod seq2seq;
mod series;
mod size;
mod speech;
mod stages;
#[cfg(test)]
mod tests;
mod towers;
mod vision;

use config::{Config, Experts, class_of};
use serde_json::{Map, Value};
use size::Size;

/// Nothing real has more parameters; a configuration may say anything.
const LIMIT: u64 = 1 << 50;

/// Parameters of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// All of them: what memory must hold.
    pub total: u64,
    /// Those that take part in computing one token: fewer than all where a router chooses
    /// among experts. Tables count whole.
    pub active: u64,
}

/// A model type: its formula, and the class that a test loads.
#[derive(Clone, Copy)]
struct Type {
    /// Parameters of the class that the configuration is read for; none where the type has no
    /// such class.
    count: fn(Config) -> Option<Size>,
    usual: &'static str,
}

fn find(kind: &str) -> Option<Type> {
    let groups = [
        encoder::find,
        decoder::find,
        llama::find,
        seq2seq::find,
        vision::find,
        stages::find,
        dense::find,
        towers::find,
        audio::find,
        series::find,
        speech::find,
    ];
    groups.iter().find_map(|find| find(kind))
}

/// Number of parameters of the model that has this configuration (`config.json`), where its
/// `model_type` is known and no field asks for what has no formula.
///
/// Source: `modeling_<type>.py` and `configuration_<type>.py` of transformers 5.
#[must_use]
pub fn count(config: &Map<String, Value>) -> Option<Count> {
    let kind = find(config.get("model_type")?.as_str()?)?;
    let named = config.get("architectures").and_then(|names| names.get(0)?.as_str());
    let of = |class, experts| (kind.count)(Config::new(config, class, experts));
    let counted = |experts| {
        let named = named.and_then(|name| of(class_of(name), experts));
        named.or_else(|| of(kind.usual, experts))?.get()
    };
    let (total, active) = (counted(Experts::All)?, counted(Experts::Chosen)?);
    (1..=LIMIT).contains(&total).then_some(Count { total, active })
}
