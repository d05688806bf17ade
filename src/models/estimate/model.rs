//! The model of a test: its towers, and the number of places that each of them reads.
//!
//! A place is a position in the input of a tower: a token, a patch, or a step of sound.

use crate::models::estimate::fields::Fields;
use crate::models::estimate::parts;
use crate::models::estimate::stages::Stage;
use crate::models::estimate::tower::{Input, Tower};
use crate::models::estimate::workload::Workload;
use serde_json::{Map, Value};

/// A model and its input in one test.
#[derive(Debug)]
pub(super) struct Model {
    pub towers: Vec<Tower>,
    /// Edge of an image in pixels.
    pub edge: f64,
    /// Number of values in the output per image, besides features.
    pub maps: f64,
    /// Assumptions about a model of which only the size is known; it has no towers.
    pub assumed: Option<AssumedWork>,
}

/// Assumed work of a model of known size, based on small convolutional networks.
#[derive(Debug, Clone, Copy)]
pub(super) struct AssumedWork {
    /// Number of values that are in memory at a time, per input.
    pub live: f64,
    /// Number of operations of one pass, per input.
    pub operations: f64,
}

/// Number of parameters per value that is in memory at a time.
const PARAMETERS_PER_VALUE: f64 = 4.0;
/// Number of places at which a convolutional network uses each weight.
const PLACES: f64 = 100.0;

/// Reads the towers of a model; `None` if its configuration describes none.
pub(super) fn read(config: &Map<String, Value>, workload: &Workload) -> Option<Model> {
    // Only the template of a pipeline determines the tested component and its input.
    if workload.family == "diffusion" {
        return None;
    }
    let fields = Fields::new(config);
    let mut towers = Vec::new();
    parts::collect(fields, "", workload.family, 0, &mut towers);
    if towers.is_empty() {
        return None;
    }
    let edge = match workload.image {
        0 => image_edge(config, workload.family) as f64,
        given => given as f64,
    };
    Some(Model { maps: maps(fields, workload.family, edge), towers, edge, assumed: None })
}

/// Default edge of the images in pixels, the longer one: that of the configuration, otherwise that
/// of the templates. 0 if the model reads no images although its family does.
pub fn image_edge(config: &Map<String, Value>, family: &str) -> u64 {
    let c = Fields::new(config);
    let only_text = matches!(c.kind, "bros" | "layoutlm" | "lilt" | "markuplm");
    if only_text || (c.has("audio_config") && !c.has("vision_config")) {
        return 0;
    }
    edge(c, 0).unwrap_or_else(|| usual_edge(family)) as u64
}

/// The edge in the configuration or one of its parts.
fn edge(c: Fields, depth: usize) -> Option<f64> {
    let own = c.number(&["image_size", "input_size", "crop_size", "img_size"]);
    let parts = || c.objects().filter(|(key, _)| parts::is_part(key));
    own.filter(|edge| *edge > 0.0).or_else(|| {
        let deeper = depth < parts::MAX_DEPTH;
        deeper.then(|| parts().find_map(|(key, map)| edge(c.part(map, key), depth + 1)))?
    })
}

/// The default edge of the templates.
fn usual_edge(family: &str) -> f64 {
    match family {
        "depth_keypoint" => 384.0,
        "object_detection" => 640.0,
        "segmentation" => 512.0,
        _ => 224.0,
    }
}

/// Number of output values that scale with the image: masks have a quarter of its edge, depth maps
/// the whole edge.
fn maps(c: Fields, family: &str, edge: f64) -> f64 {
    match family {
        "segmentation" => {
            let named = c.get("id2label").and_then(Value::as_object).map(|map| map.len() as f64);
            let labels = named.or_else(|| c.number(&["num_labels"])).unwrap_or(150.0);
            labels.max(c.number(&["num_queries"]).unwrap_or(0.0)) * (edge / 4.0) * (edge / 4.0)
        }
        "depth_keypoint" => {
            let heads = c.number(&["head_hidden_size"]).unwrap_or(32.0);
            let fused = c.number(&["fusion_hidden_size"]).unwrap_or(256.0);
            (heads + fused / 4.0) * edge * edge
        }
        _ => 0.0,
    }
}

impl Model {
    /// A model of which only the number of parameters is known.
    pub(super) fn of_size(parameters: u64) -> Self {
        let parameters = parameters as f64;
        let assumed = AssumedWork {
            live: parameters / PARAMETERS_PER_VALUE,
            operations: 2.0 * parameters * PLACES,
        };
        Self { towers: Vec::new(), edge: 0.0, maps: 0.0, assumed: Some(assumed) }
    }

    /// Number of places in the text that represent the image or sound of a multimodal model.
    fn multimodal_places(&self, workload: &Workload) -> f64 {
        if workload.family != "vlm" {
            return 0.0;
        }
        let others = self.towers.iter().filter(|tower| tower.input != Input::Text);
        others
            .filter(|tower| tower.stages.is_empty())
            .map(|tower| self.input_places(tower, workload))
            .fold(0.0, f64::max)
    }

    /// Number of places of one input that a tower reads at once, before anything is generated.
    pub(super) fn input_places(&self, tower: &Tower, workload: &Workload) -> f64 {
        match tower.input {
            // The check of the cache feeds one token more than the prompt.
            Input::Text if tower.has_logits => {
                (workload.tokens as f64) + self.multimodal_places(workload) + 1.0
            }
            Input::Text => workload.tokens as f64,
            Input::Image { patch, frames, more } => {
                let side = (self.edge / patch).ceil();
                side * side * frames + more
            }
            Input::Sound { rate } => rate * seconds(workload) + 1.0,
            Input::Fixed { places } => places,
            Input::Written => 2.0,
        }
    }

    /// Number of places of one stage, for one input.
    pub(super) fn stage_places(&self, stage: &Stage, tower: &Tower, workload: &Workload) -> f64 {
        match tower.input {
            Input::Image { .. } => {
                let side = (self.edge / stage.stride).ceil();
                side * side
            }
            _ => self.input_places(tower, workload) / stage.stride,
        }
    }

    /// Number of places for which a tower keeps values at the end.
    pub(super) fn cached_places(&self, tower: &Tower, workload: &Workload) -> f64 {
        self.input_places(tower, workload) + workload.new_tokens as f64
    }

    /// Number of places of the encoder to which a decoder attends.
    pub(super) fn encoder_places(&self, workload: &Workload) -> f64 {
        let encoders = self.towers.iter().filter(|tower| !tower.has_cross_attention);
        let encoders = encoders.filter(|tower| tower.stages.is_empty());
        encoders.map(|tower| self.input_places(tower, workload)).fold(0.0, f64::max)
    }
}

/// Length of the sound in seconds; 0 if it is not a finite number.
fn seconds(workload: &Workload) -> f64 {
    if workload.audio_seconds.is_finite() { workload.audio_seconds.clamp(0.0, 1e9) } else { 0.0 }
}
