//! Flags about models and the combinations to test them in: shared by `run` and `generate`.

use crate::cli::args::values::{Pairs, pair, rule};
use clap::Args;

/// The tests to generate for a model.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]
    #[arg(long, value_delimiter = ',', value_name = "BACKEND,…")]
    pub hw: Vec<String>,
    /// Batch sizes
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub batch: Vec<u32>,
    /// Sequence lengths, in tokens
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub sequence_length: Vec<u32>,
    /// Image sizes, in pixels
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub image_size: Vec<u32>,
    /// Data types, such as float32,bfloat16
    #[arg(long, value_delimiter = ',', value_name = "DTYPE,…")]
    pub dtype: Vec<String>,
    /// Attention implementations: default, eager, sdpa, `flash_attention_2`
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub attention: Vec<String>,
    /// Runtimes that execute the model: torch, onnxruntime, openvino
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub runtime: Vec<String>,
    /// Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …
    ///
    /// `auto` uses the weights in the directory of the model, else those of the hub at the commit
    /// that the revision has now, else those of the model cache, else random ones. Further values:
    /// random:SEED, folder:DIRECTORY, shared:DIRECTORY (workers have it, too), path:DIRECTORY (of the
    /// workers), hub:MODEL@REVISION, cached:MODEL, url:ADDRESS#sha256=DIGEST.
    #[arg(long, value_delimiter = ',', value_name = "SOURCE,…")]
    pub weights: Vec<String>,
    /// Load pickled weights if there are no others; reading a pickle may run code
    #[arg(long)]
    pub allow_pickle: bool,
    /// Run Python code in the directory of the model; workers must allow it
    #[arg(long)]
    pub trust_remote_code: bool,
    /// Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable
    #[arg(long, value_parser = rule, value_name = "KEY=VALUE,…")]
    pub exclude: Vec<Pairs>,
    /// Add one combination; give a value for every axis with several values. Repeatable
    #[arg(long, value_parser = rule, value_name = "KEY=VALUE,…")]
    pub include: Vec<Pairs>,
    /// Family of the model [default: detected]
    #[arg(long, value_name = "FAMILY")]
    pub family: Option<String>,
    /// Revision of the model: a branch, a tag or a commit
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// Another checkpoint of the model, tested and compared with it on the same inputs
    #[arg(long, value_name = "MODEL")]
    pub compare: Option<String>,
    /// Additional parameter of the template. Repeatable
    #[arg(long = "set", value_parser = pair, value_name = "NAME=VALUE")]
    pub parameters: Vec<(String, String)>,
}

impl ModelArgs {
    /// Returns one of the flags that were given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--hw", self.hw.is_empty()),
            ("--batch", self.batch.is_empty()),
            ("--sequence-length", self.sequence_length.is_empty()),
            ("--image-size", self.image_size.is_empty()),
            ("--dtype", self.dtype.is_empty()),
            ("--attention", self.attention.is_empty()),
            ("--runtime", self.runtime.is_empty()),
            ("--weights", self.weights.is_empty()),
            ("--allow-pickle", !self.allow_pickle),
            ("--trust-remote-code", !self.trust_remote_code),
            ("--exclude", self.exclude.is_empty()),
            ("--include", self.include.is_empty()),
            ("--family", self.family.is_none()),
            ("--revision", self.revision.is_none()),
            ("--compare", self.compare.is_none()),
            ("--set", self.parameters.is_empty()),
        ];
        flags.into_iter().find(|(_, absent)| !absent).map(|(flag, _)| flag)
    }
}
