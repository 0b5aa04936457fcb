//! Chameleon's picture tokenizer (VQGAN): an encoder from pixels to the numbers of a codebook's rows, and a decoder, its
//! mirror, from those back to pixels. In f32 and on the CPU whatever runs the decoder of text: a picture's codes decide which
//! tokens a model reads, and a GPU's rounding would change them.

use ashlar_kernels::{
    Pool,
    conv::{Codebook, Conv1, Conv3, FeatureMap, GroupNorm},
};

use crate::engine::{
    models::chameleon::config::{N_GROUPS, VqConfig},
    weights::{LoadError, Scope},
};

const NORM_EPS: f32 = 1e-6;

fn conv1(scope: &Scope<'_>, name: &str, n_out: usize, n_in: usize) -> Result<Conv1, LoadError> {
    let scope = scope.pp(name);
    Ok(Conv1::new(&scope.values("weight", &[n_out, n_in, 1, 1])?, scope.values("bias", &[n_out])?, n_in))
}

fn conv3(scope: &Scope<'_>, name: &str, n_out: usize, n_in: usize, stride: usize) -> Result<Conv3, LoadError> {
    let scope = scope.pp(name);
    Ok(Conv3::new(&scope.values("weight", &[n_out, n_in, 3, 3])?, scope.values("bias", &[n_out])?, n_in, stride))
}

fn norm(scope: &Scope<'_>, name: &str, channels: usize) -> Result<GroupNorm, LoadError> {
    let scope = scope.pp(name);
    Ok(GroupNorm::new(scope.values("weight", &[channels])?, scope.values("bias", &[channels])?, N_GROUPS, NORM_EPS))
}

struct ResidualBlock {
    norm1: GroupNorm,
    conv1: Conv3,
    norm2: GroupNorm,
    conv2: Conv3,
    /// Where the number of channels changes.
    shortcut: Option<Conv1>,
}

impl ResidualBlock {
    fn load(scope: &Scope<'_>, n_in: usize, n_out: usize) -> Result<Self, LoadError> {
        Ok(Self {
            norm1: norm(scope, "norm1", n_in)?,
            conv1: conv3(scope, "conv1", n_out, n_in, 1)?,
            norm2: norm(scope, "norm2", n_out)?,
            conv2: conv3(scope, "conv2", n_out, n_out, 1)?,
            shortcut: if n_in == n_out { None } else { Some(conv1(scope, "nin_shortcut", n_out, n_in)?) },
        })
    }

    fn forward(&self, pool: &Pool, x: FeatureMap) -> FeatureMap {
        let y = self.conv1.forward(pool, &self.norm1.forward_silu(pool, &x));
        let mut sum = match &self.shortcut {
            Some(shortcut) => shortcut.forward(pool, &x),
            None => x,
        };
        self.conv2.add(pool, &self.norm2.forward_silu(pool, &y), &mut sum);
        sum
    }
}

struct AttentionBlock {
    norm: GroupNorm,
    q: Conv1,
    k: Conv1,
    v: Conv1,
    out: Conv1,
}

impl AttentionBlock {
    fn load(scope: &Scope<'_>, channels: usize) -> Result<Self, LoadError> {
        let layer = |name: &str| conv1(scope, name, channels, channels);
        Ok(Self { norm: norm(scope, "norm", channels)?, q: layer("q")?, k: layer("k")?, v: layer("v")?, out: layer("proj_out")? })
    }

    fn forward(&self, pool: &Pool, mut x: FeatureMap) -> FeatureMap {
        let h = self.norm.forward(pool, &x);
        let [q, k, v] = [&self.q, &self.k, &self.v].map(|layer| layer.forward(pool, &h));
        x.add(pool, &self.out.forward(pool, &FeatureMap::attend(pool, &q, &k, &v)));
        x
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

    fn forward(&self, pool: &Pool, mut x: FeatureMap) -> FeatureMap {
        for (residual, attention) in &self.0 {
            x = residual.forward(pool, x);
            if let Some(attention) = attention {
                x = attention.forward(pool, x);
            }
        }
        x
    }
}

/// The narrowest part, where every place sees every other.
struct Middle(ResidualBlock, AttentionBlock, ResidualBlock);

impl Middle {
    fn load(scope: &Scope<'_>, channels: usize) -> Result<Self, LoadError> {
        let block = |name: &str| ResidualBlock::load(&scope.pp(name), channels, channels);
        Ok(Self(block("block_1")?, AttentionBlock::load(&scope.pp("attn_1"), channels)?, block("block_2")?))
    }

    fn forward(&self, pool: &Pool, x: FeatureMap) -> FeatureMap {
        self.2.forward(pool, self.1.forward(pool, self.0.forward(pool, x)))
    }
}

/// Pixels to codes.
pub struct Encoder {
    conv_in: Conv3,
    /// Full size first, each with what halves the size behind it.
    levels: Vec<(Level, Option<Conv3>)>,
    middle: Middle,
    norm_out: GroupNorm,
    conv_out: Conv3,
    quant_conv: Conv1,
    codebook: Codebook,
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
                if level + 1 < config.n_levels() { Some(conv3(&scope.pp("downsample"), "conv", channels, channels, 2)?) } else { None };
            levels.push((Level::load(&scope, n_blocks, n_in, n_out, config.attends(level))?, down));
        }
        Ok(Self {
            conv_in: conv3(&encoder, "conv_in", base_channels, 3, 1)?,
            levels,
            middle: Middle::load(&encoder.pp("mid"), channels)?,
            norm_out: norm(&encoder, "norm_out", channels)?,
            conv_out: conv3(&encoder, "conv_out", latent_channels, channels, 1)?,
            quant_conv: conv1(scope, "quant_conv", embed_dim, latent_channels)?,
            codebook: Codebook::new(&scope.values("quantize.embedding.weight", &[n_codes, embed_dim])?, embed_dim),
        })
    }

    /// Codes of a picture, row by row.
    pub fn forward(&self, pool: &Pool, pixels: &FeatureMap) -> Vec<u32> {
        self.codebook.nearest(pool, &self.latents(pool, pixels))
    }

    /// What the codebook is compared with.
    pub fn latents(&self, pool: &Pool, pixels: &FeatureMap) -> FeatureMap {
        let mut x = self.conv_in.forward(pool, &pixels.bordered(pool));
        for (level, down) in &self.levels {
            x = level.forward(pool, x);
            if let Some(down) = down {
                x = down.forward(pool, &x.bordered(pool));
            }
        }
        let x = self.middle.forward(pool, x);
        let x = self.conv_out.forward(pool, &self.norm_out.forward_silu(pool, &x));
        self.quant_conv.forward(pool, &x)
    }
}

/// Codes to pixels.
pub struct Decoder {
    codebook: Vec<f32>,
    embed_dim: usize,
    post_quant_conv: Conv1,
    conv_in: Conv3,
    middle: Middle,
    /// The smallest size first, each with the convolution behind the doubling of its size.
    levels: Vec<(Level, Option<Conv3>)>,
    norm_out: GroupNorm,
    conv_out: Conv3,
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
            let up = if level > 0 { Some(conv3(&scope.pp("upsample"), "conv", channels, channels, 1)?) } else { None };
            levels.push((Level::load(&scope, n_blocks + 1, n_in, n_out, config.attends(level))?, up));
        }
        Ok(Some(Self {
            codebook: scope.values("quantize.embedding.weight", &[n_codes, embed_dim])?,
            embed_dim,
            post_quant_conv: conv1(scope, "post_quant_conv", latent_channels, embed_dim)?,
            conv_in: conv3(&decoder, "conv_in", widest, latent_channels, 1)?,
            middle: Middle::load(&decoder.pp("mid"), widest)?,
            levels,
            norm_out: norm(&decoder, "norm_out", channels)?,
            conv_out: conv3(&decoder, "conv_out", 3, channels, 1)?,
        }))
    }

    /// Pixels, mostly between −1 and 1, of `side`² codes row by row.
    pub fn forward(&self, pool: &Pool, codes: &[u32], side: usize) -> FeatureMap {
        let row = |code: &u32| &self.codebook[*code as usize * self.embed_dim..][..self.embed_dim];
        let latents = FeatureMap::new(codes.iter().flat_map(row).copied().collect(), side, side, self.embed_dim);
        let x = self.conv_in.forward(pool, &self.post_quant_conv.forward(pool, &latents).bordered(pool));
        let mut x = self.middle.forward(pool, x);
        for (level, up) in &self.levels {
            x = level.forward(pool, x);
            if let Some(up) = up {
                x = up.forward(pool, &x.upsampled(pool));
            }
        }
        self.conv_out.forward(pool, &self.norm_out.forward_silu(pool, &x))
    }
}
