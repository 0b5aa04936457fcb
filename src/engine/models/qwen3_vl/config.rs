//! `config.json` of Qwen3-VL.

use crate::engine::{
    models::decoder,
    ops::Activation,
    weights::{Checkpoint, LoadError},
};

#[derive(Debug, Clone)]
pub struct Config {
    pub text: decoder::Config,
    pub vision: VisionConfig,
    pub image_token_id: u32,
    pub video_token_id: u32,
    pub vision_start_token_id: u32,
    pub vision_end_token_id: u32,
}

#[derive(Debug, Clone)]
pub struct VisionConfig {
    pub hidden_size: usize,
    pub depth: usize,
    pub n_heads: usize,
    pub intermediate_size: usize,
    pub patch_size: usize,
    pub temporal_patch_size: usize,
    pub spatial_merge_size: usize,
    pub in_channels: usize,
    /// Side of the square table of position embeddings.
    pub position_side: usize,
    /// Blocks whose output goes to the text model's first layers.
    pub deepstack_after: Vec<usize>,
    pub out_hidden_size: usize,
    pub activation: Activation,
}

impl VisionConfig {
    /// Values of one patch row: channels × frames × pixels.
    pub fn patch_dim(&self) -> usize {
        self.in_channels * self.temporal_patch_size * self.patch_size * self.patch_size
    }
}

impl Config {
    pub fn read(checkpoint: &Checkpoint) -> Result<Self, LoadError> {
        let architecture = &checkpoint.architecture;
        let fields = checkpoint.fields();
        let text_fields = fields.object("text_config")?;
        let family = if architecture == "Qwen3VLMoeForConditionalGeneration" { decoder::Family::Qwen3Moe } else { decoder::Family::Qwen3 };
        let mut text = decoder::Config::read(&text_fields, family, architecture)?;
        if let Some(moe) = &mut text.moe {
            // Always, as the reference does, whatever the file says.
            moe.normalize = true;
        }
        // The outer value counts; files may repeat it inside.
        text.tied = fields.flag("tie_word_embeddings", text.tied)?;
        if text.mrope_section.len() != 3 || text.mrope_section.iter().sum::<usize>() != text.head_dim / 2 {
            return Err(text_fields.error("rope_scaling.mrope_section", "expected three sections that fill half a head"));
        }
        let v = fields.object("vision_config")?;
        let n_positions = v.size("num_position_embeddings")?;
        let activation = v.text("hidden_act").unwrap_or("gelu_pytorch_tanh");
        let vision = VisionConfig {
            hidden_size: v.size("hidden_size")?,
            depth: v.size("depth")?,
            n_heads: v.size("num_heads")?,
            intermediate_size: v.size("intermediate_size")?,
            patch_size: v.size("patch_size")?,
            temporal_patch_size: v.size("temporal_patch_size")?,
            spatial_merge_size: v.size("spatial_merge_size")?,
            in_channels: v.optional_size("in_channels")?.unwrap_or(3),
            position_side: n_positions.isqrt(),
            deepstack_after: v.sizes("deepstack_visual_indexes")?,
            out_hidden_size: v.size("out_hidden_size")?,
            activation: Activation::from_name(activation)
                .ok_or_else(|| LoadError::unsupported(architecture, format!("unknown activation `{activation}`")))?,
        };
        if vision.position_side * vision.position_side != n_positions {
            return Err(v.error("num_position_embeddings", "expected a square number"));
        }
        if !vision.hidden_size.is_multiple_of(4 * vision.n_heads) {
            return Err(v.error("num_heads", "rotary positions need heads of a multiple of 4"));
        }
        if vision.in_channels != 3 {
            return Err(v.error("in_channels", "expected 3"));
        }
        if vision.out_hidden_size != text.hidden_size {
            return Err(v.error("out_hidden_size", format!("expected the text model's {}", text.hidden_size)));
        }
        if !vision.deepstack_after.is_sorted_by(|a, b| a < b)
            || vision.deepstack_after.iter().any(|i| *i >= vision.depth)
            || vision.deepstack_after.len() > text.n_layers
        {
            return Err(v.error("deepstack_visual_indexes", "expected ascending numbers of blocks, no more than text layers"));
        }
        let token = |name: &str| fields.size(name).map(|id| id as u32);
        Ok(Self {
            image_token_id: token("image_token_id")?,
            video_token_id: token("video_token_id")?,
            vision_start_token_id: token("vision_start_token_id")?,
            vision_end_token_id: token("vision_end_token_id")?,
            text,
            vision,
        })
    }
}
