//! Chameleon's picture tokenizer (VQGAN): an encoder from pixels to the numbers of a codebook's rows, and a decoder, its
//! mirror, from those back to pixels.

use crate::engine::{
    models::chameleon::config::VqConfig,
    ops::{
        Result,
        conv::{Conv2d, FeatureMap, GroupNorm, nearest},
    },
    weights::{LoadError, Scope},
};

const N_GROUPS: usize = 32;
const NORM_EPS: f32 = 1e-6;

fn conv(scope: &Scope<'_>, name: &str, n_out: usize, n_in: usize, kernel: usize, stride: usize) -> Result<Conv2d, LoadError> {
    let scope = scope.pp(name);
    let (weight, bias) = (scope.values("weight", &[n_out, n_in, kernel, kernel])?, scope.values("bias", &[n_out])?);
    Ok(Conv2d::new(weight, bias, n_out, n_in, kernel, stride)?)
}

fn norm(scope: &Scope<'_>, name: &str, channels: usize) -> Result<GroupNorm, LoadError> {
    let scope = scope.pp(name);
    Ok(GroupNorm::new(scope.values("weight", &[channels])?, scope.values("bias", &[channels])?, N_GROUPS, NORM_EPS)?)
}

struct ResidualBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    norm2: GroupNorm,
    conv2: Conv2d,
    /// Where the number of channels changes.
    shortcut: Option<Conv2d>,
}

impl ResidualBlock {
    fn load(scope: &Scope<'_>, n_in: usize, n_out: usize) -> Result<Self, LoadError> {
        Ok(Self {
            norm1: norm(scope, "norm1", n_in)?,
            conv1: conv(scope, "conv1", n_out, n_in, 3, 1)?,
            norm2: norm(scope, "norm2", n_out)?,
            conv2: conv(scope, "conv2", n_out, n_out, 3, 1)?,
            shortcut: if n_in == n_out { None } else { Some(conv(scope, "nin_shortcut", n_out, n_in, 1, 1)?) },
        })
    }

    fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let y = self.conv1.forward(&self.norm1.forward_silu(x)?)?;
        let y = self.conv2.forward(&self.norm2.forward_silu(&y)?)?;
        match &self.shortcut {
            Some(shortcut) => y.add(&shortcut.forward(x)?),
            None => y.add(x),
        }
    }
}

struct AttentionBlock {
    norm: GroupNorm,
    q: Conv2d,
    k: Conv2d,
    v: Conv2d,
    out: Conv2d,
}

impl AttentionBlock {
    fn load(scope: &Scope<'_>, channels: usize) -> Result<Self, LoadError> {
        let layer = |name: &str| conv(scope, name, channels, channels, 1, 1);
        Ok(Self { norm: norm(scope, "norm", channels)?, q: layer("q")?, k: layer("k")?, v: layer("v")?, out: layer("proj_out")? })
    }

    fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let h = self.norm.forward(x)?;
        let attended = FeatureMap::attend(&self.q.forward(&h)?, &self.k.forward(&h)?, &self.v.forward(&h)?)?;
        x.add(&self.out.forward(&attended)?)
    }
}

/// The blocks that work at one size.
struct Level(Vec<(ResidualBlock, Option<AttentionBlock>)>);

impl Level {
    /// `n_in` channels become `n_out` in the first block.
    fn load(scope: &Scope<'_>, n_blocks: usize, n_in: usize, n_out: usize, attends: bool) -> Result<Self, LoadError> {
        let block = |i: usize| -> Result<_, LoadError> {
            let residual = ResidualBlock::load(&scope.pp("block").pp(i), if i == 0 { n_in } else { n_out }, n_out)?;
            let attention = if attends { Some(AttentionBlock::load(&scope.pp("attn").pp(i), n_out)?) } else { None };
            Ok((residual, attention))
        };
        Ok(Self((0..n_blocks).map(block).collect::<Result<_, _>>()?))
    }

    fn forward(&self, mut x: FeatureMap) -> Result<FeatureMap> {
        for (residual, attention) in &self.0 {
            x = residual.forward(&x)?;
            if let Some(attention) = attention {
                x = attention.forward(&x)?;
            }
        }
        Ok(x)
    }
}

/// The narrowest part, where every place sees every other.
struct Middle(ResidualBlock, AttentionBlock, ResidualBlock);

impl Middle {
    fn load(scope: &Scope<'_>, channels: usize) -> Result<Self, LoadError> {
        let block = |name: &str| ResidualBlock::load(&scope.pp(name), channels, channels);
        Ok(Self(block("block_1")?, AttentionBlock::load(&scope.pp("attn_1"), channels)?, block("block_2")?))
    }

    fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        self.2.forward(&self.1.forward(&self.0.forward(x)?)?)
    }
}

/// Pixels to codes.
pub struct Encoder {
    conv_in: Conv2d,
    /// Full size first, each with what halves the size behind it.
    levels: Vec<(Level, Option<Conv2d>)>,
    middle: Middle,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    quant_conv: Conv2d,
    codebook: Vec<f32>,
}

impl Encoder {
    /// `scope` holds `encoder`, `quant_conv` and `quantize`.
    pub fn load(config: &VqConfig, scope: &Scope<'_>) -> Result<Self, LoadError> {
        let encoder = scope.pp("encoder");
        let VqConfig { base_channels, latent_channels, embed_dim, n_codes, n_blocks, .. } = *config;
        let mut channels = base_channels;
        let mut levels = Vec::new();
        for level in 0..config.n_levels() {
            let scope = encoder.pp("down").pp(level);
            let (n_in, n_out) = (channels, config.channels(level));
            channels = n_out;
            let down =
                if level + 1 < config.n_levels() { Some(conv(&scope.pp("downsample"), "conv", channels, channels, 3, 2)?) } else { None };
            levels.push((Level::load(&scope, n_blocks, n_in, n_out, config.attends(level))?, down));
        }
        Ok(Self {
            conv_in: conv(&encoder, "conv_in", base_channels, 3, 3, 1)?,
            levels,
            middle: Middle::load(&encoder.pp("mid"), channels)?,
            norm_out: norm(&encoder, "norm_out", channels)?,
            conv_out: conv(&encoder, "conv_out", latent_channels, channels, 3, 1)?,
            quant_conv: conv(scope, "quant_conv", embed_dim, latent_channels, 1, 1)?,
            codebook: scope.values("quantize.embedding.weight", &[n_codes, embed_dim])?,
        })
    }

    /// Codes of a picture, row by row.
    pub fn forward(&self, pixels: &FeatureMap) -> Result<Vec<u32>> {
        nearest(&self.latents(pixels)?, &self.codebook)
    }

    /// What the codebook is compared with.
    pub fn latents(&self, pixels: &FeatureMap) -> Result<FeatureMap> {
        let mut x = self.conv_in.forward(pixels)?;
        for (level, down) in &self.levels {
            x = level.forward(x)?;
            if let Some(down) = down {
                x = down.forward(&x)?;
            }
        }
        let x = self.middle.forward(&x)?;
        let x = self.conv_out.forward(&self.norm_out.forward_silu(&x)?)?;
        self.quant_conv.forward(&x)
    }
}

/// Codes to pixels.
pub struct Decoder {
    codebook: Vec<f32>,
    embed_dim: usize,
    post_quant_conv: Conv2d,
    conv_in: Conv2d,
    middle: Middle,
    /// The smallest size first, each with the convolution behind the doubling of its size.
    levels: Vec<(Level, Option<Conv2d>)>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    /// `scope` holds `decoder`, `post_quant_conv` and `quantize`. `None` if the checkpoint has no decoder: conversions of
    /// the released weights leave it out.
    pub fn load(config: &VqConfig, scope: &Scope<'_>) -> Result<Option<Self>, LoadError> {
        let decoder = scope.pp("decoder");
        if !decoder.contains("conv_in.weight") {
            return Ok(None);
        }
        let VqConfig { latent_channels, embed_dim, n_codes, n_blocks, .. } = *config;
        let widest = config.channels(config.n_levels() - 1);
        let mut channels = widest;
        let mut levels = Vec::new();
        for level in (0..config.n_levels()).rev() {
            let scope = decoder.pp("up").pp(level);
            let (n_in, n_out) = (channels, config.channels(level));
            channels = n_out;
            let up = if level > 0 { Some(conv(&scope.pp("upsample"), "conv", channels, channels, 3, 1)?) } else { None };
            levels.push((Level::load(&scope, n_blocks + 1, n_in, n_out, config.attends(level))?, up));
        }
        Ok(Some(Self {
            codebook: scope.values("quantize.embedding.weight", &[n_codes, embed_dim])?,
            embed_dim,
            post_quant_conv: conv(scope, "post_quant_conv", latent_channels, embed_dim, 1, 1)?,
            conv_in: conv(&decoder, "conv_in", widest, latent_channels, 3, 1)?,
            middle: Middle::load(&decoder.pp("mid"), widest)?,
            levels,
            norm_out: norm(&decoder, "norm_out", channels)?,
            conv_out: conv(&decoder, "conv_out", 3, channels, 3, 1)?,
        }))
    }

    /// Pixels, mostly between −1 and 1, of `side`² codes row by row.
    pub fn forward(&self, codes: &[u32], side: usize) -> Result<FeatureMap> {
        let rows = |c: usize| codes.iter().map(move |code| self.codebook[*code as usize * self.embed_dim + c]);
        let latents = (0..self.embed_dim).flat_map(rows).collect();
        let x = self.post_quant_conv.forward(&FeatureMap::new(latents, self.embed_dim, side, side)?)?;
        let mut x = self.middle.forward(&self.conv_in.forward(&x)?)?;
        for (level, up) in &self.levels {
            x = level.forward(x)?;
            if let Some(up) = up {
                x = up.forward(&x.upsampled()?)?;
            }
        }
        self.conv_out.forward(&self.norm_out.forward_silu(&x)?)
    }
}
