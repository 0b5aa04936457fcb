//! DeepSeek's attention: queries and a narrow latent a token, which stands for the keys and values of all heads.

use crate::engine::{
    ops::{
        Backend, Linear, Result, RmsNorm, Step, Tensor,
        cache::KvCache,
        mla::{LatentAttention, LatentHeads},
        rope::Angles,
    },
    weights::{Fields, LoadError, Scope},
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
    query: Query,
    kv_a: Linear,
    attention: LatentAttention,
    o: Linear,
}

enum Query {
    Direct(Linear),
    LowRank { a: Linear, norm: RmsNorm, b: Linear },
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
        let queries = |name: &str, n_in: usize| scope.permuted(name, n_heads * query_dim, n_in, false, query_row);
        let query = match config.q_rank {
            None => Query::Direct(queries("q_proj", hidden)?),
            Some(rank) => Query::LowRank {
                a: scope.linear("q_a_proj", rank, hidden, config.bias)?,
                norm: RmsNorm::new(backend, scope.values("q_a_layernorm.weight", &[rank])?, NORM_EPS)?,
                b: queries("q_b_proj", rank)?,
            },
        };
        let kv_a = scope.permuted("kv_a_proj_with_mqa", cached_dim, hidden, config.bias, |row| match row.checked_sub(latent_dim) {
            None => row,
            Some(i) => latent_dim + config.stored_rope_row(i),
        })?;
        let norm = RmsNorm::new(backend, scope.values("kv_a_layernorm.weight", &[latent_dim])?, NORM_EPS)?;
        let up = scope.stored("kv_b_proj.weight", n_heads * (nope_dim + value_dim), latent_dim)?;
        Ok(Self {
            query,
            kv_a,
            attention: LatentAttention::new(backend, config.heads, norm, &up)?,
            o: scope.linear("o_proj", hidden, n_heads * value_dim, config.bias)?,
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
        let normed = norm.forward(backend, x)?;
        let queries = match &self.query {
            Query::Direct(linear) => linear.forward(backend, &normed)?,
            Query::LowRank { a, norm, b } => b.forward_normed(backend, &a.forward(backend, &normed)?, norm)?,
        };
        let latents = self.kv_a.forward(backend, &normed)?;
        drop(normed);
        let attended = self.attention.forward(backend, (&queries, &latents), angles, layer, step, cache)?;
        self.o.forward_add(backend, &attended, x)
    }
}
