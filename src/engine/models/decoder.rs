//! The decoder that Llama, Qwen2, Qwen3 and the text half of Qwen3-VL share: pre-norm blocks of grouped-query attention
//! with rotary positions and a gated MLP. Flags of the configuration tell the families apart.

use candle_core::Tensor;

use crate::engine::{
    batch::Batch,
    ops::{
        self, Backend, Linear, Matrix, Result, RmsNorm,
        attention::{self, Heads},
        cache::KvCache,
        rope::{self, Angles, Llama3Scaling},
    },
    weights::{Fields, LoadError, Scope},
};

/// What the checkpoint says about its decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub n_layers: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_dim: usize,
    pub vocab_size: usize,
    pub context_length: usize,
    pub rms_norm_eps: f64,
    pub rope_theta: f64,
    pub rope_scaling: Option<Llama3Scaling>,
    /// Sections of interleaved M-RoPE; empty for text models.
    pub mrope_section: Vec<usize>,
    pub qkv_bias: bool,
    pub o_bias: bool,
    pub mlp_bias: bool,
    pub qk_norm: bool,
    pub tied: bool,
}

/// What tells the families apart beyond the fields of their configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Llama,
    /// Biases on q, k and v, always.
    Qwen2,
    /// RMS norm over each head of q and k, before the rotation.
    Qwen3,
}

impl Config {
    /// `fields` is the text configuration; `tied` is the outer value of `tie_word_embeddings` if there is one.
    pub fn read(fields: &Fields<'_>, family: Family, architecture: &str) -> Result<Self, LoadError> {
        let unsupported = |why: String| LoadError::unsupported(architecture, why);
        match fields.text("hidden_act") {
            None | Some("silu") => {}
            Some(other) => return Err(unsupported(format!("its activation is `{other}`, this decoder has `silu`"))),
        }
        if fields.flag("use_sliding_window", false)? {
            return Err(unsupported("it needs sliding-window attention".into()));
        }
        let hidden_size = fields.size("hidden_size")?;
        let n_heads = fields.size("num_attention_heads")?;
        let n_kv_heads = fields.optional_size("num_key_value_heads")?.unwrap_or(n_heads);
        let head_dim = match fields.optional_size("head_dim")? {
            Some(d) => d,
            None => hidden_size / n_heads,
        };
        if n_heads % n_kv_heads != 0 {
            return Err(fields.error("num_key_value_heads", format!("{n_heads} query heads can't be shared by {n_kv_heads}")));
        }
        if head_dim == 0 || head_dim % 2 != 0 {
            return Err(fields.error("head_dim", "rotary positions need an even head size"));
        }
        let bias = fields.flag("attention_bias", false)?;
        let mut config = Self {
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            n_layers: fields.size("num_hidden_layers")?,
            n_heads,
            n_kv_heads,
            head_dim,
            vocab_size: fields.size("vocab_size")?,
            context_length: fields.optional_size("max_position_embeddings")?.unwrap_or(2048),
            rms_norm_eps: fields.number("rms_norm_eps")?,
            rope_theta: 10_000.0,
            rope_scaling: None,
            mrope_section: Vec::new(),
            qkv_bias: bias || family == Family::Qwen2,
            o_bias: bias && family != Family::Qwen2,
            mlp_bias: fields.flag("mlp_bias", false)?,
            qk_norm: family == Family::Qwen3,
            tied: fields.flag("tie_word_embeddings", false)?,
        };
        config.read_rope(fields, architecture)?;
        Ok(config)
    }

    /// Theta stands beside or, in newer files, inside `rope_parameters` / `rope_scaling`.
    fn read_rope(&mut self, fields: &Fields<'_>, architecture: &str) -> Result<(), LoadError> {
        if let Some(theta) = fields.optional_number("rope_theta")? {
            self.rope_theta = theta;
        }
        if fields.optional_number("partial_rotary_factor")?.is_some_and(|f| f != 1.0) {
            return Err(LoadError::unsupported(architecture, "it rotates only a part of each head"));
        }
        for name in ["rope_scaling", "rope_parameters"] {
            if !fields.value(name).is_object() {
                continue;
            }
            let rope = fields.object(name)?;
            if let Some(theta) = rope.optional_number("rope_theta")? {
                self.rope_theta = theta;
            }
            if rope.value("mrope_section").is_array() {
                self.mrope_section = rope.sizes("mrope_section")?;
                if !rope.flag("mrope_interleaved", false)? {
                    return Err(LoadError::unsupported(architecture, "its M-RoPE sections are not interleaved"));
                }
            }
            match rope.text("rope_type").or(rope.text("type")) {
                None | Some("default" | "mrope") => {}
                Some("llama3") => {
                    self.rope_scaling = Some(Llama3Scaling {
                        factor: rope.number("factor")?,
                        low_freq_factor: rope.number("low_freq_factor")?,
                        high_freq_factor: rope.number("high_freq_factor")?,
                        original_max_position_embeddings: rope.number("original_max_position_embeddings")?,
                    });
                }
                Some(other) => {
                    return Err(LoadError::unsupported(architecture, format!("it scales rotary positions by `{other}`")));
                }
            }
        }
        if self.rope_theta <= 0.0 {
            return Err(fields.error("rope_theta", "must be positive"));
        }
        Ok(())
    }

    pub fn heads(&self) -> Heads {
        Heads { n_heads: self.n_heads, n_kv_heads: self.n_kv_heads, head_dim: self.head_dim }
    }
}

struct Layer {
    input_norm: RmsNorm,
    qkv: Linear,
    /// Weights of the norms over heads of q and of k.
    qk_norm: Option<(Vec<f32>, Vec<f32>)>,
    o: Linear,
    post_norm: RmsNorm,
    gate_up: Linear,
    down: Linear,
}

impl Layer {
    fn load(config: &Config, scope: &Scope<'_>) -> Result<Self, LoadError> {
        let Config { hidden_size: h, intermediate_size: i, n_heads, n_kv_heads, head_dim: d, rms_norm_eps: eps, .. } = *config;
        let (attn, mlp) = (scope.pp("self_attn"), scope.pp("mlp"));
        let qkv = [("q_proj", n_heads * d), ("k_proj", n_kv_heads * d), ("v_proj", n_kv_heads * d)];
        let qk_norm = if config.qk_norm { Some((attn.values("q_norm.weight", &[d])?, attn.values("k_norm.weight", &[d])?)) } else { None };
        Ok(Self {
            input_norm: RmsNorm::new(scope.values("input_layernorm.weight", &[h])?, eps)?,
            qkv: attn.fused(&qkv, h, config.qkv_bias)?,
            qk_norm,
            o: attn.linear("o_proj", h, n_heads * d, config.o_bias)?,
            post_norm: RmsNorm::new(scope.values("post_attention_layernorm.weight", &[h])?, eps)?,
            gate_up: mlp.fused(&[("gate_proj", i), ("up_proj", i)], h, config.mlp_bias)?,
            down: mlp.linear("down_proj", h, i, config.mlp_bias)?,
        })
    }
}

/// Embedding, blocks, final norm and head.
pub struct Decoder {
    pub config: Config,
    embeddings: Matrix,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: Linear,
    inverse_frequencies: Vec<f32>,
    /// Which position axis turns each frequency.
    axes: Vec<usize>,
}

impl Decoder {
    /// `model` holds `embed_tokens`, `layers`, `norm`; `head` is where `lm_head` lies.
    pub fn load(config: Config, model: &Scope<'_>, head: &Scope<'_>) -> Result<Self, LoadError> {
        let Config { hidden_size: h, vocab_size, head_dim, rms_norm_eps, .. } = config;
        let embeddings = model.matrix("embed_tokens.weight", vocab_size, h)?;
        let layers = (0..config.n_layers).map(|i| Layer::load(&config, &model.pp("layers").pp(i))).collect::<Result<_, _>>()?;
        let norm = RmsNorm::new(model.values("norm.weight", &[h])?, rms_norm_eps)?;
        let head = if config.tied { Linear::new(vec![embeddings.clone()], None) } else { head.linear("lm_head", vocab_size, h, false)? };
        let mut inverse_frequencies = rope::inverse_frequencies(config.rope_theta, head_dim);
        if let Some(scaling) = &config.rope_scaling {
            scaling.apply(&mut inverse_frequencies);
        }
        // GGUF files store llama3 scaling as divisors.
        if let Some(factors) = model.optional_values("rope_freqs.weight", &[head_dim / 2])? {
            inverse_frequencies.iter_mut().zip(factors).for_each(|(f, divisor)| *f /= divisor);
        }
        let axes = rope::interleaved_axes(head_dim / 2, &config.mrope_section);
        Ok(Self { config, embeddings, layers, norm, head, inverse_frequencies, axes })
    }

    /// `[n_tokens, hidden]`
    pub fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        self.embeddings.gather(ids)
    }

    /// Runs the blocks over `x` (overwritten), calls `after_layer` with each block's output, and returns the logits of
    /// the rows that want them.
    pub fn forward(
        &self,
        backend: &Backend,
        x: Tensor,
        batch: &Batch,
        cache: &mut KvCache,
        mut after_layer: impl FnMut(usize, &Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let heads = self.config.heads();
        let angles = Angles::new(batch.ids.len(), heads.head_dim / 2, |row, i| {
            batch.positions[row][self.axes[i]] as f32 * self.inverse_frequencies[i]
        });
        // The MLP's output of the block before, not yet added to the residual `x`: it is added inside the next norm.
        let mut mlp: Option<Tensor> = None;
        for (index, layer) in self.layers.iter().enumerate() {
            let h = match mlp.take() {
                Some(mlp) => layer.input_norm.add_forward(backend, &x, &mlp)?,
                None => layer.input_norm.forward(backend, &x)?,
            };
            let qkv = layer.qkv.forward(backend, &h)?;
            if let Some((q_norm, k_norm)) = &layer.qk_norm {
                attention::norm_heads(backend, &qkv, heads, q_norm, k_norm, self.config.rms_norm_eps as f32)?;
            }
            // Queries and keys lie side by side in a fused row: both turn in one call.
            angles.rotate(backend, &qkv, 0, heads.n_heads + heads.n_kv_heads, heads.head_dim)?;
            let cache = cache.layer(index);
            attention::store(&qkv, heads, &batch.slot_mapping, cache)?;
            let attended = attention::paged(backend, &qkv, heads, batch, cache)?;
            let o = layer.o.forward(backend, &attended)?;
            let h = layer.post_norm.add_forward(backend, &x, &o)?;
            let h = ops::silu_mul(backend, &layer.gate_up.forward(backend, &h)?)?;
            let out = layer.down.forward(backend, &h)?;
            if index + 1 < self.layers.len() && batch.visual.is_empty() {
                mlp = Some(out);
            } else {
                ops::add(backend, &x, &out)?;
                after_layer(index, &x)?;
            }
        }
        let x = ops::select_rows(&x, &batch.logit_rows)?;
        self.head.forward(backend, &self.norm.forward(backend, &x)?)
    }
}
