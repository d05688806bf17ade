//! How many parameters a model has, exactly, from its configuration alone.
//!
//! Counted is the model that a test loads: text and audio encoders and models of two towers
//! as `AutoModel` (with pooler where the type has one), decoders as `AutoModelForCausalLM`,
//! image models as `AutoModelForImageClassification`, encoder-decoders as
//! `AutoModelForSeq2SeqLM`, Whisper as `AutoModelForSpeechSeq2Seq`. A table that two layers
//! share counts once, a table that is computed (buffers) not at all.
//!
//! Formulae and defaults of left-out fields follow transformers 5; counts of many variants
//! built there are compared in the tests (`scripts/parameters.py` writes them), as are the
//! published counts of known checkpoints. Limits: a type, a variant or a value that has no
//! formula here gives no count rather than a guess, and so does anything above 2⁵⁰.
//!
//! Pure; never panics or wraps, whatever the configuration holds, and takes time in
//! proportion to its length.

mod audio;
mod config;
mod decoder;
mod encoder;
mod llama;
mod seq2seq;
mod size;
#[cfg(test)]
mod tests;
mod towers;
mod vision;

use config::Config;
use llama::Experts;
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

/// How the parameters of a type are counted.
enum Formula {
    /// All parameters take part in every token.
    Dense(fn(Config) -> Size),
    /// With as many experts a layer as are asked for.
    Sparse(fn(Config, Experts) -> Size),
}

/// Number of parameters of the model that has this configuration (`config.json`), where its
/// `model_type` is known and no field asks for what has no formula.
///
/// Source: `modeling_<type>.py` and `configuration_<type>.py` of transformers 5.
#[must_use]
pub fn count(config: &Map<String, Value>) -> Option<Count> {
    let kind = config.get("model_type")?.as_str()?;
    let groups = [
        encoder::find,
        decoder::find,
        llama::find,
        seq2seq::find,
        vision::find,
        towers::find,
        audio::find,
    ];
    let config = Config::new(config);
    let (total, active) = match groups.iter().find_map(|find| find(kind))? {
        Formula::Dense(count) => {
            let total = count(config).get()?;
            (total, total)
        }
        Formula::Sparse(count) => {
            (count(config, Experts::All).get()?, count(config, Experts::Chosen).get()?)
        }
    };
    (1..=LIMIT).contains(&total).then_some(Count { total, active })
}
