//! Networks with stages, each of which has fewer places and more channels than the one before.
//!
//! Their memory is that of the largest stage, which is usually the first.

use crate::models::estimate::defaults;
use crate::models::estimate::fields::Fields;

/// Maximum number of stages that are read from a configuration.
const MAX_STAGES: usize = 16;

/// A stage of several equal layers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    /// Number of layers.
    pub depth: f64,
    /// Edge of a place in pixels, or its length in samples.
    pub stride: f64,
    /// Number of values that are in memory at a time, per place.
    pub live: f64,
    pub attention: Attention,
    /// Number of parameters of one layer.
    pub parameters: f64,
}

/// The places to which a place of a stage attends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Attention {
    Without,
    /// The places of a window.
    Window {
        heads: f64,
        places: f64,
    },
    /// All places, reduced by this factor in each direction.
    Reduced {
        heads: f64,
        by: f64,
    },
}

impl Attention {
    /// Number of attention scores per place, in a stage with `places` places.
    pub(super) fn scores(self, places: f64) -> f64 {
        match self {
            Self::Without => 0.0,
            Self::Window { heads, places: window } => heads * window,
            Self::Reduced { heads, by } => heads * (places / (by * by)).max(1.0),
        }
    }
}

/// Stages of an image network; empty where the configuration describes none.
pub(super) fn of_image(c: Fields) -> Vec<Stage> {
    let widths = c.list(&["hidden_sizes", "embed_dims", "widths"], c.defaults.widths);
    let depths = c.list(&["depths", "num_blocks"], c.defaults.depths);
    // Swin and similar types specify the first width, which doubles with each stage.
    let first = c.number(&["embed_dim"]).filter(|_| !c.has("hidden_sizes") && !depths.is_empty());
    let widths = match first {
        Some(first) => (0..depths.len().min(MAX_STAGES)).map(|i| first * power(i)).collect(),
        None => widths,
    };
    if widths.is_empty() || depths.is_empty() {
        return Vec::new();
    }
    let strides = c.list(&["strides"], &[]);
    let heads = c.list(&["num_attention_heads", "num_heads"], &[]);
    let ratios = c.list(&["mlp_ratios"], &[]);
    let reductions = c.list(&["sr_ratios", "sequence_reduction_ratios"], &[]);
    let start = c.or(&["patch_size"], c.defaults.patch).unwrap_or(4.0).clamp(1.0, 64.0);
    let window = c.number(&["window_size"]).unwrap_or(7.0);
    let mut stride = 1.0;
    let mut stages = Vec::new();
    for (index, (width, depth)) in widths.into_iter().zip(depths).take(MAX_STAGES).enumerate() {
        let usual = if index == 0 { start } else { 2.0 };
        stride *= strides.get(index).copied().unwrap_or(usual).clamp(1.0, 64.0);
        let at = |list: &[f64]| list.get(index).copied();
        let heads = at(&heads).unwrap_or((width / 32.0).max(1.0));
        let attention = match at(&reductions) {
            Some(by) => Attention::Reduced { heads, by: by.max(1.0) },
            None if first.is_some() || c.kind.contains("swin") => {
                Attention::Window { heads, places: window * window }
            }
            None => Attention::Without,
        };
        let ratio = at(&ratios).or_else(|| c.number(&["mlp_ratio"])).unwrap_or(4.0);
        stages.push(Stage { depth, stride, ..layer(c, width, ratio, attention) });
    }
    stages
}

/// Memory and parameters of one layer of a stage.
fn layer(c: Fields, width: f64, ratio: f64, attention: Attention) -> Stage {
    let square = width * width;
    let (live, parameters) = match attention {
        Attention::Without if c.kind.starts_with("convnext") => (10.0 * width, 8.0 * square),
        // Without an MLP: input, shortcut and output.
        Attention::Without if c.text("layer_type") == "basic" => (3.0 * width, 18.0 * square),
        Attention::Without => (3.0 * width, 1.0625 * square),
        Attention::Window { .. } => ((2.0 * ratio + 2.0) * width, (4.0 + 2.0 * ratio) * square),
        Attention::Reduced { by, .. } => {
            ((2.0 * ratio + 2.0) * width, (4.0 + 2.0 * ratio + by * by) * square)
        }
    };
    Stage { depth: 1.0, stride: 1.0, live, attention, parameters }
}

/// The convolutions over a waveform (wav2vec 2.0) or those of a codec (`EnCodec`, DAC).
pub(super) fn of_sound(c: Fields) -> Vec<Stage> {
    let convolutions = c.has("conv_dim") || c.has("conv_stride");
    if convolutions || matches!(c.kind, "wav2vec2" | "hubert") {
        let widths = c.list(&["conv_dim"], &[512; 7]);
        let strides = c.list(&["conv_stride"], &[5, 2, 2, 2, 2, 2, 2]);
        let kernels = c.list(&["conv_kernel"], &[10, 3, 3, 3, 3, 2, 2]);
        let kernel = |i: usize| kernels.get(i).copied().unwrap_or(3.0);
        return narrowing(&widths, &strides, kernel);
    }
    let strides = c.list(&["upsampling_ratios", "downsampling_ratios"], &[]);
    let first = c.number(&["num_filters", "encoder_hidden_size"]);
    match first {
        Some(first) if !strides.is_empty() => {
            // The ratios are those of the decoder; the encoder has them in reverse order.
            let mut strides: Vec<f64> = strides.into_iter().take(MAX_STAGES - 1).rev().collect();
            strides.insert(0, 1.0);
            let widths: Vec<f64> = (0..strides.len()).map(|i| first * power(i)).collect();
            narrowing(&widths, &strides, |_| 14.0)
        }
        _ => Vec::new(),
    }
}

fn narrowing(widths: &[f64], strides: &[f64], kernel: impl Fn(usize) -> f64) -> Vec<Stage> {
    let mut stride = 1.0;
    let mut before = 1.0;
    let mut stages = Vec::new();
    for (index, (width, step)) in widths.iter().zip(strides).take(MAX_STAGES).enumerate() {
        stride *= step.clamp(1.0, 64.0);
        stages.push(Stage {
            depth: 1.0,
            stride,
            live: 3.0 * width,
            attention: Attention::Without,
            parameters: before * width * kernel(index),
        });
        before = *width;
    }
    stages
}

/// The default backbone of a detector.
pub(super) fn usual_backbone(c: Fields) -> Vec<Stage> {
    of_image(c.as_if(defaults::RESNET))
}

fn power(exponent: usize) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * 2.0)
}
