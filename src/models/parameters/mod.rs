//! Counts the parameters of a model exactly, from its configuration alone.
//!
//! The counted class is the first one in `architectures`. If there is none, or none with a formula,
//! it is the class that a test loads: text and audio encoders and models with two towers as
//! `AutoModel` (with pooler if the type has one), decoders as `AutoModelForCausalLM`, image models
//! as `AutoModelForImageClassification`, encoder-decoders as `AutoModelForSeq2SeqLM`, Whisper as
//! `AutoModelForSpeechSeq2Seq`. A table that two layers share is counted once; a computed table (a
//! buffer) is not counted.
//!
//! Formulae and defaults of absent fields follow transformers 5. Tests compare the counts with
//! models that transformers builds, for a fixed list (written by `scripts/parameters.py`) and for
//! random options (`scripts/parameter_options.py`), and with the published counts of known
//! checkpoints. Limits: a type, variant or value without a formula has no count instead of a
//! guess, and neither does anything above 2⁵⁰.
//!
//! Pure. Promise: no configuration causes a panic or an overflow, and the time is proportional to
//! the length of the configuration.

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

use config::{Config, Experts, Type, class_of};
use serde_json::{Map, Value};

/// Maximum plausible number of parameters.
const LIMIT: u64 = 1 << 50;

/// Numbers of parameters of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// All parameters, which must fit into memory.
    pub total: u64,
    /// Parameters that are used to compute one token: fewer than all if a router selects experts.
    /// Tables are counted completely.
    pub active: u64,
}

/// The type with this `model_type`.
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

/// Number of parameters of the model with this configuration (`config.json`). `None` if its
/// `model_type` is unknown, or a field selects a variant without a formula.
///
/// Source: `modeling_<type>.py` and `configuration_<type>.py` of transformers 5.
#[must_use]
pub fn count(config: &Map<String, Value>) -> Option<Count> {
    let kind = find(config.get("model_type")?.as_str()?)?;
    let named = config.get("architectures").and_then(|names| names.get(0)?.as_str());
    let of = |class, experts| (kind.count)(Config::new(config, class, experts, find));
    let counted = |experts| {
        let named = named.and_then(|name| of(class_of(name), experts));
        named.or_else(|| of(kind.default_class, experts))?.get()
    };
    let (total, active) = (counted(Experts::All)?, counted(Experts::Chosen)?);
    (1..=LIMIT).contains(&total).then_some(Count { total, active })
}
