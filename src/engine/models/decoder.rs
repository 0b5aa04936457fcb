//! The decoder that Llama, Qwen2, Qwen3, DeepSeek-V3, Chameleon and the text halves of Qwen3-VL and Kimi-VL share: blocks of
//! attention with rotary positions, grouped-query or latent, and a gated MLP or a mixture of experts. The configuration
//! tells the families apart.

use super::{
    mla::{self, Mla},
    moe,
};
use crate::engine::{
    batch::Batch,
    ops::{
        Backend, Linear, Matrix, Result, RmsNorm, Step, Tensor,
        attention::{Causal, HeadNorms, Heads},
        cache::KvCache,
        lora::Adapted,
        moe::Moe,
        rope::{self, Angles, Frequencies, Llama3Scaling},
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
    pub qk_norm: Option<QkNorm>,
    /// Norms follow attention and MLP, in front of the sum (Swin), instead of leading into them.
    pub norm_after: bool,
    pub tied: bool,
    /// Latent attention; to the cache it has one head of keys, and no values.
    pub latent: Option<mla::Config>,
    pub moe: Option<moe::Config>,
}

/// How the heads of queries and keys are normalised before the rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QkNorm {
    /// RMS norm, one weight for all heads.
    Rms,
    /// Layer norm, weights and biases of each head's own.
    Layer,
}

/// What tells the families apart beyond the fields of their configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Llama,
    /// Biases on q, k and v, always.
    Qwen2,
    /// RMS norm over each head of q and k, before the rotation.
    Qwen3,
    /// The same with experts.
    Qwen3Moe,
    /// Latent attention and experts.
    DeepseekV3,
    /// Layer norm over each head of q and k; norms in front or behind.
    Chameleon,
}

impl Family {
    /// Of text models, by the name in `architectures`.
    pub fn of_text(architecture: &str) -> Option<Self> {
        Some(match architecture {
            "LlamaForCausalLM" => Self::Llama,
            "Qwen2ForCausalLM" => Self::Qwen2,
            "Qwen3ForCausalLM" => Self::Qwen3,
            "Qwen3MoeForCausalLM" => Self::Qwen3Moe,
            "DeepseekV3ForCausalLM" => Self::DeepseekV3,
            _ => return None,
        })
    }
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
        let n_layers = fields.size("num_hidden_layers")?;
        let n_heads = fields.size("num_attention_heads")?;
        let latent = if family == Family::DeepseekV3 { Some(mla::Config::read(fields)?) } else { None };
        let moe = match family {
            Family::Qwen3Moe => Some(moe::Config::read_qwen(fields, n_layers)?),
            Family::DeepseekV3 if !fields.value("n_routed_experts").is_null() => {
                Some(moe::Config::read_deepseek(fields, n_layers, architecture)?)
            }
            _ => None,
        };
        let n_kv_heads = match &latent {
            Some(_) => 1,
            None => fields.optional_size("num_key_value_heads")?.unwrap_or(n_heads),
        };
        let head_dim = match (&latent, fields.optional_size("head_dim")?) {
            (Some(latent), _) => latent.heads.cached_dim(),
            (None, Some(d)) => d,
            (None, None) => hidden_size / n_heads,
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
            n_layers,
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
            qk_norm: match family {
                Family::Llama | Family::Qwen2 | Family::DeepseekV3 => None,
                Family::Qwen3 | Family::Qwen3Moe => Some(QkNorm::Rms),
                Family::Chameleon => Some(QkNorm::Layer),
            },
            norm_after: family == Family::Chameleon && fields.flag("swin_norm", false)?,
            tied: fields.flag("tie_word_embeddings", false)?,
            latent,
            moe,
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

    /// Values of a head that positions turn.
    fn rotary_dim(&self) -> usize {
        self.latent.as_ref().map_or(self.head_dim, |latent| latent.heads.rope_dim)
    }

    /// The layer's mixture of experts; `None`: it has one MLP.
    fn experts_of(&self, layer: usize) -> Option<&moe::Config> {
        self.moe.as_ref().filter(|moe| moe.layers[layer])
    }
}

/// No configuration has it.
const QK_LAYER_NORM_EPS: f64 = 1e-5;

struct Layer {
    input_norm: RmsNorm,
    attention: Attention,
    post_norm: RmsNorm,
    mlp: Mlp,
    norm_after: bool,
}

enum Attention {
    Grouped(Box<Gqa>),
    Latent(Box<Mla>),
}

/// Grouped-query attention.
struct Gqa {
    qkv: Adapted,
    heads: Heads,
    norms: Option<HeadNorms>,
    o: Adapted,
}

enum Mlp {
    Dense(Box<Dense>),
    Experts(Box<Moe>),
}

struct Dense {
    gate_up: Adapted,
    down: Adapted,
}

impl Layer {
    fn load(config: &Config, index: usize, scope: &Scope<'_>) -> Result<Self, LoadError> {
        let Config { hidden_size: h, intermediate_size: i, rms_norm_eps: eps, .. } = *config;
        let (attn, mlp, backend) = (scope.pp("self_attn"), scope.pp("mlp"), scope.backend());
        Ok(Self {
            input_norm: RmsNorm::new(backend, scope.values("input_layernorm.weight", &[h])?, eps)?,
            attention: match &config.latent {
                Some(latent) => Attention::Latent(Box::new(Mla::load(latent, h, &attn)?)),
                None => Attention::Grouped(Box::new(Gqa::load(config, &attn)?)),
            },
            post_norm: RmsNorm::new(backend, scope.values("post_attention_layernorm.weight", &[h])?, eps)?,
            mlp: match config.experts_of(index) {
                Some(experts) => Mlp::Experts(Box::new(moe::load(experts, h, &mlp)?)),
                None => Mlp::Dense(Box::new(Dense {
                    gate_up: mlp.adapted(&[("gate_proj", i), ("up_proj", i)], h, config.mlp_bias)?,
                    down: mlp.adapted(&[("down_proj", h)], i, config.mlp_bias)?,
                })),
            },
            norm_after: config.norm_after,
        })
    }

    /// `x += attention(norm(x)); x += mlp(norm(x))`, or `x += norm(attention(x)); x += norm(mlp(x))`
    fn forward(&self, backend: &Backend, x: &Tensor, angles: &Angles, index: usize, step: &Step<'_>, cache: &mut KvCache) -> Result<()> {
        if let (true, Attention::Grouped(gqa), Mlp::Dense(mlp)) = (self.norm_after, &self.attention, &self.mlp) {
            let qkv = gqa.qkv.forward(backend, x, step)?;
            let attention = Causal { heads: gqa.heads, norms: gqa.norms.as_ref(), angles, layer: index };
            let attended = gqa.o.forward(backend, &attention.forward(backend, &qkv, step, cache)?, step)?;
            self.input_norm.add_to(backend, x, &attended)?;
            return self.post_norm.add_to(backend, x, &mlp.gate_up.gated(backend, x, &mlp.down, step)?);
        }
        match &self.attention {
            Attention::Grouped(gqa) => {
                let qkv = gqa.qkv.forward_normed(backend, x, &self.input_norm, step)?;
                let attention = Causal { heads: gqa.heads, norms: gqa.norms.as_ref(), angles, layer: index };
                let attended = attention.forward(backend, &qkv, step, cache)?;
                drop(qkv);
                gqa.o.forward_add(backend, &attended, x, step)?;
            }
            Attention::Latent(mla) => mla.add(backend, (x, &self.input_norm), angles, index, step, cache)?,
        }
        match &self.mlp {
            Mlp::Dense(mlp) => mlp.gate_up.add_gated(backend, x, &self.post_norm, &mlp.down, step),
            Mlp::Experts(moe) => moe.add(backend, x, &self.post_norm, step),
        }
    }
}

impl Gqa {
    fn load(config: &Config, scope: &Scope<'_>) -> Result<Self, LoadError> {
        let Config { hidden_size: h, n_heads, n_kv_heads, head_dim: d, rms_norm_eps: eps, .. } = *config;
        let backend = scope.backend();
        let norms = match config.qk_norm {
            None => None,
            Some(QkNorm::Rms) => {
                Some(HeadNorms::new(backend, scope.values("q_norm.weight", &[d])?, scope.values("k_norm.weight", &[d])?, eps)?)
            }
            Some(QkNorm::Layer) => {
                let norm = |name: &str, n: usize| -> Result<_, LoadError> {
                    let norm = scope.pp(name);
                    Ok([norm.values("weight", &[n, d])?, norm.values("bias", &[n, d])?])
                };
                Some(HeadNorms::layer(backend, norm("q_norm", n_heads)?, norm("k_norm", n_kv_heads)?, QK_LAYER_NORM_EPS)?)
            }
        };
        let qkv = [("q_proj", n_heads * d), ("k_proj", n_kv_heads * d), ("v_proj", n_kv_heads * d)];
        Ok(Self {
            qkv: scope.adapted(&qkv, h, config.qkv_bias)?,
            heads: config.heads(),
            norms,
            o: scope.adapted(&[("o_proj", h)], n_heads * d, config.o_bias)?,
        })
    }
}

/// Embedding, blocks, final norm and head.
pub struct Decoder {
    pub config: Config,
    backend: Backend,
    embeddings: Matrix,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: Linear,
    frequencies: Frequencies,
}

impl Decoder {
    /// `model` holds `embed_tokens`, `layers`, `norm`; `head` is where `lm_head` lies.
    pub fn load(config: Config, model: &Scope<'_>, head: &Scope<'_>) -> Result<Self, LoadError> {
        let Config { hidden_size: h, vocab_size, rms_norm_eps, .. } = config;
        let rotary_dim = config.rotary_dim();
        let backend = model.backend();
        let embeddings = model.matrix("embed_tokens.weight", vocab_size, h)?;
        let layers = (0..config.n_layers).map(|i| Layer::load(&config, i, &model.pp("layers").pp(i))).collect::<Result<_, _>>()?;
        let norm = RmsNorm::new(backend, model.values("norm.weight", &[h])?, rms_norm_eps)?;
        let head = if config.tied { Linear::tied(&embeddings) } else { head.head("lm_head", vocab_size, h)? };
        let mut inverse_frequencies = rope::inverse_frequencies(config.rope_theta, rotary_dim);
        if let Some(scaling) = &config.rope_scaling {
            scaling.apply(&mut inverse_frequencies);
        }
        // GGUF files store llama3 scaling as divisors.
        if let Some(factors) = model.optional_values("rope_freqs.weight", &[rotary_dim / 2])? {
            inverse_frequencies.iter_mut().zip(factors).for_each(|(f, divisor)| *f /= divisor);
        }
        let axes = rope::interleaved_axes(rotary_dim / 2, &config.mrope_section);
        let frequencies = Frequencies::new(backend, inverse_frequencies, axes)?;
        Ok(Self { backend: backend.clone(), config, embeddings, layers, norm, head, frequencies })
    }

    /// Logits `[n_logits, vocab]` of the rows that want them. Visual rows take the place of their placeholders and, DeepStack,
    /// are added behind the first layers.
    pub fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor> {
        let backend = &self.backend;
        let step = &backend.begin_step(batch)?;
        backend.run_step(step, cache, |cache| {
            let x = self.embeddings.embed(backend, step, cache)?;
            backend.place_visual_rows(&x, step, None)?;
            let angles = self.frequencies.angles(backend, step)?;
            for (index, layer) in self.layers.iter().enumerate() {
                layer.forward(backend, &x, &angles, index, step, cache)?;
                backend.place_visual_rows(&x, step, Some(index))?;
            }
            let x = backend.select_rows(&x, step)?;
            self.head.logits(backend, &x, &self.norm)
        })
    }
}
