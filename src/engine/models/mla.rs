//! DeepSeek's attention: queries and a narrow latent a token, which stands for the keys and values of all heads.

use crate::engine::{
    ops::{
        Backend, Result, RmsNorm, Step, Tensor,
        cache::KvCache,
        lora::Adapted,
        mla::{Columns, LatentAttention, LatentHeads},
        rope::Angles,
    },
    weights::{Fields, LoadError, Permuted, Scope},
};

/// Of the norms inside the attention, whatever `rms_norm_eps` says: as the reference has it.
const NORM_EPS: f64 = 1e-6;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub heads: LatentHeads,
    /// Queries go through so many numbers first.
    pub q_rank: Option<usize>,
    pub bias: bool,
    /// Rotary pairs lie side by side in the files, not half a head apart.
    pub interleaved: bool,
}

impl Config {
    pub fn read(fields: &Fields<'_>) -> Result<Self, LoadError> {
        let heads = LatentHeads {
            n_heads: fields.size("num_attention_heads")?,
            nope_dim: fields.size("qk_nope_head_dim")?,
            rope_dim: fields.size("qk_rope_head_dim")?,
            value_dim: fields.size("v_head_dim")?,
            latent_dim: fields.size("kv_lora_rank")?,
        };
        let sizes = [
            ("qk_nope_head_dim", heads.nope_dim),
            ("qk_rope_head_dim", heads.rope_dim),
            ("v_head_dim", heads.value_dim),
            ("kv_lora_rank", heads.latent_dim),
        ];
        if let Some((name, size)) = sizes.into_iter().find(|(_, size)| size % 4 != 0) {
            return Err(fields.error(name, format!("expected a multiple of four, not {size}")));
        }
        let q_rank = fields.optional_size("q_lora_rank")?;
        Ok(Self { heads, q_rank, bias: fields.flag("attention_bias", false)?, interleaved: fields.flag("rope_interleave", true)? })
    }

    /// Where the file has row `i` of a rotated part, for heads that rotate halves.
    fn stored_rope_row(&self, i: usize) -> usize {
        let half = self.heads.rope_dim / 2;
        match self.interleaved {
            true => 2 * (i % half) + i / half,
            false => i,
        }
    }
}

pub struct Mla {
    projections: Projections,
    heads: LatentHeads,
    attention: LatentAttention,
    o: Adapted,
}

/// What makes queries and latents.
enum Projections {
    /// One behind the other.
    Direct(Adapted),
    LowRank(Box<LowRank>),
}

/// Queries through a bottleneck: `b` over the norm of `a`.
struct LowRank {
    a: Adapted,
    norm: RmsNorm,
    b: Adapted,
    latents: Adapted,
}

impl Mla {
    pub fn load(config: &Config, hidden: usize, scope: &Scope<'_>) -> Result<Self, LoadError> {
        let LatentHeads { n_heads, nope_dim, value_dim, latent_dim, .. } = config.heads;
        let (query_dim, cached_dim) = (config.heads.query_dim(), config.heads.cached_dim());
        let backend = scope.backend();
        let query_row = |row: usize| match row % query_dim {
            i if i < nope_dim => row,
            i => row - i + nope_dim + config.stored_rope_row(i - nope_dim),
        };
        let latent_row = |row: usize| match row.checked_sub(latent_dim) {
            None => row,
            Some(i) => latent_dim + config.stored_rope_row(i),
        };
        let queries = |name| Permuted { name, n_out: n_heads * query_dim, bias: false, stored: &query_row };
        let latents = Permuted { name: "kv_a_proj_with_mqa", n_out: cached_dim, bias: config.bias, stored: &latent_row };
        let projections = match config.q_rank {
            None => Projections::Direct(scope.adapted_permuted(&[queries("q_proj"), latents], hidden)?),
            Some(rank) => Projections::LowRank(Box::new(LowRank {
                a: scope.adapted(&[("q_a_proj", rank)], hidden, config.bias)?,
                norm: RmsNorm::new(backend, scope.values("q_a_layernorm.weight", &[rank])?, NORM_EPS)?,
                b: scope.adapted_permuted(&[queries("q_b_proj")], rank)?,
                latents: scope.adapted_permuted(&[latents], hidden)?,
            })),
        };
        let norm = RmsNorm::new(backend, scope.values("kv_a_layernorm.weight", &[latent_dim])?, NORM_EPS)?;
        let up = scope.stored("kv_b_proj.weight", n_heads * (nope_dim + value_dim), latent_dim)?;
        Ok(Self {
            projections,
            heads: config.heads,
            attention: LatentAttention::new(backend, config.heads, norm, &up)?,
            o: scope.adapted(&[("o_proj", hidden)], n_heads * value_dim, config.bias)?,
        })
    }

    /// `x += ` the attention over the norm of `x`.
    pub fn add(
        &self,
        backend: &Backend,
        (x, norm): (&Tensor, &RmsNorm),
        angles: &Angles,
        layer: usize,
        step: &Step<'_>,
        cache: &mut KvCache,
    ) -> Result<()> {
        let (queries, latents) = match &self.projections {
            Projections::Direct(linear) => {
                let both = linear.forward_normed(backend, x, norm, step)?;
                (Columns { of: both.clone(), first: 0 }, Columns { of: both, first: self.heads.n_heads * self.heads.query_dim() })
            }
            Projections::LowRank(low_rank) => {
                let LowRank { a, norm: inner_norm, b, latents } = &**low_rank;
                let normed = norm.forward(backend, x)?;
                let queries = b.forward_normed(backend, &a.forward(backend, &normed, step)?, inner_norm, step)?;
                (Columns { of: queries, first: 0 }, Columns { of: latents.forward(backend, &normed, step)?, first: 0 })
            }
        };
        let attended = self.attention.forward(backend, (&queries, &latents), angles, layer, step, cache)?;
        self.o.forward_add(backend, &attended, x, step)
    }
}
