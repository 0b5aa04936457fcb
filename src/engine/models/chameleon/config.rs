//! What `config.json` says about Chameleon's picture tokenizer; its decoder is [`decoder::Config`](super::super::decoder).

use crate::engine::weights::{Checkpoint, LoadError};

/// Of channels, in every norm.
pub const N_GROUPS: usize = 32;

#[derive(Debug, Clone)]
pub struct VqConfig {
    pub base_channels: usize,
    /// Of each level, full size first.
    multipliers: Vec<usize>,
    /// Residual blocks of a level of the encoder; the decoder has one more.
    pub n_blocks: usize,
    pub latent_channels: usize,
    pub embed_dim: usize,
    pub n_codes: usize,
    /// Side of a picture in pixels.
    pub resolution: usize,
    /// Sizes at which blocks have attention behind them.
    attn_resolutions: Vec<usize>,
}

impl VqConfig {
    pub fn read(checkpoint: &Checkpoint) -> Result<Self, LoadError> {
        let fields = checkpoint.fields().object("vq_config")?;
        let size = |name: &str, default: usize| Ok::<_, LoadError>(fields.optional_size(name)?.unwrap_or(default));
        let sizes = |name: &str, default: &[usize]| match fields.value(name).is_null() {
            true => Ok(default.to_vec()),
            false => fields.sizes(name),
        };
        let config = Self {
            base_channels: size("base_channels", 128)?,
            multipliers: sizes("channel_multiplier", &[1, 1, 2, 2, 4])?,
            n_blocks: size("num_res_blocks", 2)?,
            latent_channels: size("latent_channels", 256)?,
            embed_dim: size("embed_dim", 256)?,
            n_codes: size("num_embeddings", 8192)?,
            resolution: size("resolution", 512)?,
            attn_resolutions: sizes("attn_resolutions", &[])?,
        };
        if !config.base_channels.is_multiple_of(N_GROUPS) {
            return Err(fields.error("base_channels", format!("must be a multiple of {N_GROUPS}: norms take channels in as many groups")));
        }
        if config.multipliers.is_empty() || config.multipliers.len() > 16 || config.multipliers.contains(&0) {
            return Err(fields.error("channel_multiplier", "expected one positive number for each level"));
        }
        if !config.resolution.is_multiple_of(1 << (config.n_levels() - 1)) {
            return Err(fields.error("resolution", "can't be halved between all levels"));
        }
        if size("in_channels", 3)? != 3 {
            return Err(fields.error("in_channels", "expected 3"));
        }
        if fields.flag("double_latent", false)? {
            return Err(LoadError::unsupported(&checkpoint.architecture, "its picture tokenizer has a double latent"));
        }
        if fields.text("attn_type").is_some_and(|kind| kind != "vanilla") {
            return Err(fields.error("attn_type", "expected `vanilla`"));
        }
        Ok(config)
    }

    pub fn n_levels(&self) -> usize {
        self.multipliers.len()
    }

    pub fn channels(&self, level: usize) -> usize {
        self.base_channels * self.multipliers[level]
    }

    pub fn attends(&self, level: usize) -> bool {
        self.attn_resolutions.contains(&(self.resolution >> level))
    }

    /// Codes of a picture along each side.
    pub fn side(&self) -> usize {
        self.resolution >> (self.n_levels() - 1)
    }
}
