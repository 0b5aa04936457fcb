//! `config.json` of Kimi-VL.

use crate::engine::{
    models::decoder,
    weights::{Checkpoint, LoadError},
};

#[derive(Debug, Clone)]
pub struct Config {
    pub text: decoder::Config,
    pub vision: VisionConfig,
    pub image_token_id: u32,
}

/// MoonViT's sizes.
#[derive(Debug, Clone)]
pub struct VisionConfig {
    pub hidden_size: usize,
    pub depth: usize,
    pub n_heads: usize,
    pub intermediate_size: usize,
    pub patch_size: usize,
    /// Side of the square of patches that becomes one token.
    pub merge: usize,
    /// Side of the square table of position embeddings.
    pub position_side: usize,
}

impl Config {
    pub fn read(checkpoint: &Checkpoint) -> Result<Self, LoadError> {
        let fields = checkpoint.fields();
        let text = decoder::Config::read(&fields.object("text_config")?, decoder::Family::DeepseekV3, &checkpoint.architecture)?;
        let v = fields.object("vision_config")?;
        // What files leave out has the published class's values.
        let size = |name: &str, default: usize| v.optional_size(name).map(|size| size.unwrap_or(default));
        let merge = if v.value("merge_kernel_size").is_null() { vec![2, 2] } else { v.sizes("merge_kernel_size")? };
        let vision = VisionConfig {
            hidden_size: v.size("hidden_size")?,
            depth: v.size("num_hidden_layers")?,
            n_heads: v.size("num_attention_heads")?,
            intermediate_size: v.size("intermediate_size")?,
            patch_size: size("patch_size", 14)?,
            merge: merge.first().copied().unwrap_or(0),
            position_side: size("init_pos_emb_height", 64)?,
        };
        if merge.len() != 2 || merge[0] != merge[1] || merge[0] == 0 {
            return Err(v.error("merge_kernel_size", "expected a square such as [2, 2]"));
        }
        if size("init_pos_emb_width", 64)? != vision.position_side {
            return Err(v.error("init_pos_emb_width", "expected a square table"));
        }
        if !vision.hidden_size.is_multiple_of(4 * vision.n_heads) {
            return Err(v.error("num_attention_heads", "rotary positions need heads of a multiple of 4"));
        }
        Ok(Self { image_token_id: fields.size("media_placeholder_token_id")? as u32, text, vision })
    }
}
