//! Models by name and without a download: the real configuration, made-up weights ([`weights::random`](super::weights)),
//! and a tokenizer as large as the model's vocabulary. For benchmarks, the planner and tests; what they answer is noise.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::host::bundled;
use super::weights::random::{self, RandomWeights};

struct Text {
    hidden: usize,
    intermediate: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    vocab: usize,
    context: usize,
    theta: f64,
    tied: bool,
}

struct Vision {
    depth: usize,
    hidden: usize,
    intermediate: usize,
    heads: usize,
    /// Positions of the square table.
    positions: usize,
    /// Blocks whose output goes to the text model's first layers.
    deepstack: &'static [usize],
}

struct Experts {
    n: usize,
    /// Of a token.
    top_k: usize,
    /// Of one expert's MLP.
    width: usize,
}

/// Latent attention; the heads' values are as wide as their unrotated keys.
struct Latent {
    rank: usize,
    nope: usize,
    rope: usize,
}

enum Family {
    Llama,
    Qwen3,
    Qwen3Moe(Experts),
    Qwen3Vl(Vision),
    Qwen3VlMoe(Vision, Experts),
    /// The first layer is dense; the others have two shared experts besides.
    KimiVl(Vision, Experts, Latent),
    Chameleon(PictureTokenizer),
}

/// Chameleon's VQGAN, with a decoder.
struct PictureTokenizer {
    resolution: usize,
    channels: usize,
    multipliers: &'static [usize],
    blocks: usize,
    latent: usize,
    codes: usize,
}

struct NamedShape {
    name: &'static str,
    text: Text,
    family: Family,
}

/// The side of a patch, its frames, and patches per side of what becomes one token: the same in every Qwen3-VL.
const PATCH: [usize; 3] = [16, 2, 2];
/// The same in every Kimi-VL, whose patches have one frame.
const KIMI_PATCH: usize = 14;
const KIMI_SHARED: usize = 2;

const fn text(hidden: usize, intermediate: usize, layers: usize, heads: [usize; 2], tied: bool) -> Text {
    let (heads, kv_heads) = (heads[0], heads[1]);
    Text { hidden, intermediate, layers, heads, kv_heads, head_dim: 128, vocab: 151_936, context: 262_144, theta: 5e6, tied }
}

const VISION_SMALL: Vision = Vision { depth: 24, hidden: 1024, intermediate: 4096, heads: 16, positions: 2304, deepstack: &[5, 11, 17] };
const VISION_LARGE: Vision = Vision { depth: 27, hidden: 1152, intermediate: 4304, heads: 16, positions: 2304, deepstack: &[8, 16, 24] };
const MOONVIT: Vision = Vision { positions: 4096, deepstack: &[], ..VISION_LARGE };
const EXPERTS_30B: Experts = Experts { n: 128, top_k: 8, width: 768 };

const CHAMELEON_PICTURES: PictureTokenizer =
    PictureTokenizer { resolution: 512, channels: 128, multipliers: &[1, 1, 2, 2, 4], blocks: 2, latent: 256, codes: 8192 };

/// Sizes as the published configurations have them; the tiny ones are ours, for tests.
const SHAPES: &[NamedShape] = &[
    NamedShape { name: "qwen3-vl-2b", text: text(2048, 6144, 28, [16, 8], true), family: Family::Qwen3Vl(VISION_SMALL) },
    NamedShape { name: "qwen3-vl-4b", text: text(2560, 9728, 36, [32, 8], true), family: Family::Qwen3Vl(VISION_SMALL) },
    NamedShape { name: "qwen3-vl-8b", text: text(4096, 12_288, 36, [32, 8], false), family: Family::Qwen3Vl(VISION_LARGE) },
    NamedShape { name: "qwen3-vl-32b", text: text(5120, 25_600, 64, [64, 8], false), family: Family::Qwen3Vl(VISION_LARGE) },
    NamedShape {
        name: "qwen3-vl-tiny",
        text: Text { head_dim: 64, vocab: 4096, context: 8192, ..text(256, 640, 4, [4, 2], true) },
        family: Family::Qwen3Vl(Vision { depth: 4, hidden: 128, intermediate: 512, heads: 2, positions: 576, deepstack: &[0, 1, 3] }),
    },
    NamedShape {
        name: "qwen3-vl-30b-a3b",
        text: text(2048, 6144, 48, [32, 4], false),
        family: Family::Qwen3VlMoe(VISION_LARGE, EXPERTS_30B),
    },
    NamedShape {
        name: "kimi-vl-a3b",
        text: Text { vocab: 163_840, context: 131_072, theta: 8e5, ..text(2048, 11_264, 27, [16, 16], false) },
        family: Family::KimiVl(MOONVIT, Experts { n: 64, top_k: 6, width: 1408 }, Latent { rank: 512, nope: 128, rope: 64 }),
    },
    NamedShape {
        name: "kimi-vl-tiny",
        text: Text { vocab: 4096, context: 8192, theta: 8e5, ..text(128, 256, 3, [4, 4], false) },
        family: Family::KimiVl(
            Vision { depth: 2, hidden: 64, intermediate: 128, heads: 2, positions: 64, deepstack: &[] },
            Experts { n: 8, top_k: 3, width: 64 },
            // The only latents that GPU kernels know.
            Latent { rank: 512, nope: 32, rope: 64 },
        ),
    },
    NamedShape {
        name: "qwen3-vl-moe-tiny",
        text: Text { head_dim: 64, vocab: 4096, context: 8192, ..text(256, 640, 3, [4, 2], false) },
        family: Family::Qwen3VlMoe(
            Vision { depth: 3, hidden: 128, intermediate: 512, heads: 2, positions: 576, deepstack: &[0, 1, 2] },
            Experts { n: 8, top_k: 2, width: 96 },
        ),
    },
    NamedShape {
        name: "qwen3-30b-a3b",
        text: Text { context: 40_960, theta: 1e6, ..text(2048, 6144, 48, [32, 4], false) },
        family: Family::Qwen3Moe(EXPERTS_30B),
    },
    NamedShape {
        name: "qwen3-0.6b",
        text: Text { context: 40_960, theta: 1e6, ..text(1024, 3072, 28, [16, 8], true) },
        family: Family::Qwen3,
    },
    NamedShape {
        name: "qwen3-8b",
        text: Text { context: 40_960, theta: 1e6, ..text(4096, 12_288, 36, [32, 8], false) },
        family: Family::Qwen3,
    },
    NamedShape {
        name: "llama-3.1-8b",
        text: Text { vocab: 128_256, context: 131_072, theta: 5e5, ..text(4096, 14_336, 32, [32, 8], false) },
        family: Family::Llama,
    },
    NamedShape {
        name: "chameleon-7b",
        text: Text { vocab: 65_536, context: 4096, theta: 1e4, ..text(4096, 11_008, 32, [32, 32], false) },
        family: Family::Chameleon(CHAMELEON_PICTURES),
    },
    NamedShape {
        // A small decoder in front of the published picture tokenizer.
        name: "chameleon-tiny",
        text: Text { head_dim: 64, vocab: 20_480, context: 4096, theta: 1e4, ..text(256, 640, 4, [4, 2], false) },
        family: Family::Chameleon(CHAMELEON_PICTURES),
    },
    NamedShape {
        name: "smollm2-135m",
        text: Text { head_dim: 64, vocab: 49_152, context: 8192, theta: 1e5, ..text(576, 1536, 30, [9, 3], true) },
        family: Family::Llama,
    },
];

/// Every name that [`folder`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|shape| shape.name)
}

/// A folder that loads like a downloaded model of that shape; it is deleted with the value. `None` for an unknown name.
pub fn folder(name: &str) -> Result<Option<TempDir>> {
    if !names().any(|known| known == name) {
        return Ok(None);
    }
    let folder = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir().context("creating a folder for a shape")?;
    write(name, folder.path())?;
    Ok(Some(folder))
}

/// Writes the folder of a shape into `folder`, which exists.
pub fn write(name: &str, folder: &Path) -> Result<()> {
    let shape = SHAPES.iter().find(|shape| shape.name == name);
    let shape = shape.with_context(|| format!("no shape is called `{name}`; there are {}", names().collect::<Vec<_>>().join(", ")))?;
    let mut tokenizer: Value = serde_json::from_slice(&bundled::file("tokenizer.json")?).context("the bundled tokenizer")?;
    let is_chameleon = matches!(shape.family, Family::Chameleon(_));
    if is_chameleon {
        add_special(&mut tokenizer, &CHAMELEON_MARKS)?;
    }
    let ids = fill_vocabulary(&mut tokenizer, shape.text.vocab)?;
    let weights = RandomWeights { seed: 0, tensors: shape.tensors() };
    let files = [
        ("config.json", shape.config(&ids)?),
        ("generation_config.json", json!({"do_sample": false, "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]]})),
        ("tokenizer.json", tokenizer),
        (random::FILE, serde_json::to_value(&weights)?),
        ("preprocessor_config.json", shape.pictures()),
        ("video_preprocessor_config.json", pixels(4096, 25_165_824)),
    ];
    for (name, value) in files {
        std::fs::write(folder.join(name), value.to_string()).with_context(|| format!("writing {name}"))?;
    }
    // A Chameleon has no template of its own.
    let shared: &[&str] = if is_chameleon { &["tokenizer_config.json"] } else { &["tokenizer_config.json", "chat_template.jinja"] };
    for name in shared {
        std::fs::write(folder.join(name), bundled::file(name)?).with_context(|| format!("writing {name}"))?;
    }
    Ok(())
}

/// Marks of Chameleon's vocabulary, besides the bundled tokenizer's.
const CHAMELEON_MARKS: [&str; 5] = ["<s>", "<racm3:break>", "<eoss>", "<image>", "<reserved08706>"];
/// Id of the first code of a picture, above all real words.
const FIRST_CODE: usize = 10_000;

fn add_special(tokenizer: &mut Value, names: &[&str]) -> Result<()> {
    let added = tokenizer["added_tokens"].as_array_mut().context("the tokenizer has no added tokens")?;
    let mut like = added.first().context("the tokenizer has no added tokens")?.clone();
    like["special"] = json!(true);
    for name in names {
        like["content"] = json!(name);
        added.push(like.clone());
    }
    Ok(())
}

/// Gives a byte-level tokenizer as many tokens as the model has rows: made-up ones behind its own, the added ones last.
/// Returns the ids of those.
fn fill_vocabulary(tokenizer: &mut Value, vocab: usize) -> Result<BTreeMap<String, usize>> {
    let added = tokenizer["added_tokens"].as_array_mut().context("the tokenizer has no added tokens")?;
    let first_added = vocab.checked_sub(added.len()).context("the vocabulary is too small")?;
    let mut ids = BTreeMap::new();
    for (i, token) in added.iter_mut().enumerate() {
        token["id"] = json!(first_added + i);
        ids.insert(token["content"].as_str().unwrap_or_default().to_owned(), first_added + i);
    }
    let own = tokenizer["model"]["vocab"].as_object_mut().context("the tokenizer has no vocabulary")?;
    ensure!(own.len() <= first_added, "the vocabulary is too small");
    for id in own.len()..first_added {
        // `Ġ` is a space: each of these is a word.
        own.insert(format!("\u{120}#{id}"), json!(id));
    }
    Ok(ids)
}

fn pixels(min: usize, max: usize) -> Value {
    let [patch, frames, merge] = PATCH;
    let half = [0.5; 3];
    json!({
        "size": {"shortest_edge": min, "longest_edge": max}, "image_mean": half, "image_std": half,
        "patch_size": patch, "temporal_patch_size": frames, "merge_size": merge,
    })
}

impl PictureTokenizer {
    fn add_tensors(&self, all: &mut BTreeMap<String, Vec<usize>>) {
        let mut layer = |name: String, weight: &[usize]| {
            all.insert(format!("model.vqmodel.{name}.bias"), weight[..1].to_vec());
            all.insert(format!("model.vqmodel.{name}.weight"), weight.to_vec());
        };
        let residual = |layer: &mut dyn FnMut(String, &[usize]), name: String, n_in: usize, n_out: usize| {
            layer(format!("{name}.norm1"), &[n_in]);
            layer(format!("{name}.conv1"), &[n_out, n_in, 3, 3]);
            layer(format!("{name}.norm2"), &[n_out]);
            layer(format!("{name}.conv2"), &[n_out, n_out, 3, 3]);
            if n_in != n_out {
                layer(format!("{name}.nin_shortcut"), &[n_out, n_in, 1, 1]);
            }
        };
        let widths: Vec<usize> = self.multipliers.iter().map(|m| m * self.channels).collect();
        let (n_levels, widest) = (widths.len(), widths[widths.len() - 1]);
        for part in ["encoder", "decoder"] {
            for block in ["block_1", "block_2"] {
                residual(&mut layer, format!("{part}.mid.{block}"), widest, widest);
            }
            layer(format!("{part}.mid.attn_1.norm"), &[widest]);
            for name in ["q", "k", "v", "proj_out"] {
                layer(format!("{part}.mid.attn_1.{name}"), &[widest, widest, 1, 1]);
            }
        }
        let mut n = self.channels;
        for (i, &width) in widths.iter().enumerate() {
            for j in 0..self.blocks {
                residual(&mut layer, format!("encoder.down.{i}.block.{j}"), std::mem::replace(&mut n, width), width);
            }
            if i + 1 < n_levels {
                layer(format!("encoder.down.{i}.downsample.conv"), &[width, width, 3, 3]);
            }
        }
        for (i, &width) in widths.iter().enumerate().rev() {
            for j in 0..=self.blocks {
                residual(&mut layer, format!("decoder.up.{i}.block.{j}"), std::mem::replace(&mut n, width), width);
            }
            if i > 0 {
                layer(format!("decoder.up.{i}.upsample.conv"), &[width, width, 3, 3]);
            }
        }
        layer("encoder.conv_in".into(), &[self.channels, 3, 3, 3]);
        layer("encoder.norm_out".into(), &[widest]);
        layer("encoder.conv_out".into(), &[self.latent, widest, 3, 3]);
        layer("decoder.conv_in".into(), &[widest, self.latent, 3, 3]);
        layer("decoder.norm_out".into(), &[n]);
        layer("decoder.conv_out".into(), &[3, n, 3, 3]);
        layer("quant_conv".into(), &[self.latent, self.latent, 1, 1]);
        layer("post_quant_conv".into(), &[self.latent, self.latent, 1, 1]);
        all.insert("model.vqmodel.quantize.embedding.weight".into(), vec![self.codes, self.latent]);
    }
}

fn qwen_experts(e: &Experts) -> Value {
    json!({
        "num_experts": e.n, "num_experts_per_tok": e.top_k, "moe_intermediate_size": e.width, "norm_topk_prob": true,
        "decoder_sparse_step": 1, "mlp_only_layers": [],
    })
}

/// The fields of both.
fn joined(mut a: Value, b: Value) -> Value {
    if let (Value::Object(a), Value::Object(b)) = (&mut a, b) {
        a.extend(b);
    }
    a
}

impl NamedShape {
    fn pictures(&self) -> Value {
        let half = [0.5; 3];
        match self.family {
            Family::KimiVl(..) => json!({
                "in_token_limit": 4096, "pad_input": true, "patch_size": KIMI_PATCH, "image_mean": half, "image_std": half,
            }),
            Family::Chameleon(_) => json!({"rescale_factor": 0.0078, "image_mean": [1.0, 1.0, 1.0], "image_std": [1.0, 1.0, 1.0]}),
            _ => pixels(1 << 16, 1 << 24),
        }
    }

    fn experts(&self) -> Option<&Experts> {
        match &self.family {
            Family::Qwen3Moe(experts) | Family::Qwen3VlMoe(_, experts) | Family::KimiVl(_, experts, _) => Some(experts),
            Family::Llama | Family::Qwen3 | Family::Qwen3Vl(_) | Family::Chameleon(_) => None,
        }
    }

    fn config(&self, ids: &BTreeMap<String, usize>) -> Result<Value> {
        let t = &self.text;
        let id = |token: &str| ids.get(token).with_context(|| format!("the tokenizer has no {token}"));
        let mut text = json!({
            "hidden_size": t.hidden, "intermediate_size": t.intermediate, "num_hidden_layers": t.layers,
            "num_attention_heads": t.heads, "num_key_value_heads": t.kv_heads, "head_dim": t.head_dim, "vocab_size": t.vocab,
            "max_position_embeddings": t.context, "rope_theta": t.theta, "hidden_act": "silu", "attention_bias": false,
            "rms_norm_eps": if matches!(self.family, Family::Llama | Family::KimiVl(..) | Family::Chameleon(_)) { 1e-5 } else { 1e-6 },
            "tie_word_embeddings": t.tied, "dtype": "bfloat16", "eos_token_id": ids.get("<|im_end|>"),
        });
        let architecture = match &self.family {
            Family::Llama => "LlamaForCausalLM",
            Family::Chameleon(vq) => {
                let letter = |digit: u8| char::from(b'A' + digit - b'0');
                let code = |code: usize| format!("IMGIMG{}Z", code.to_string().bytes().map(letter).collect::<String>());
                let mut map: serde_json::Map<String, Value> = (0..vq.codes).map(|i| (code(i), json!(FIRST_CODE + i))).collect();
                for mark in CHAMELEON_MARKS {
                    map.insert(mark.to_owned(), json!(ids.get(mark)));
                }
                text["vocabulary_map"] = Value::Object(map);
                text["vq_config"] = json!({
                    "resolution": vq.resolution, "base_channels": vq.channels, "channel_multiplier": vq.multipliers,
                    "num_res_blocks": vq.blocks, "latent_channels": vq.latent, "embed_dim": vq.latent, "num_embeddings": vq.codes,
                });
                "ChameleonForConditionalGeneration"
            }
            Family::Qwen3 => "Qwen3ForCausalLM",
            Family::Qwen3Moe(experts) => {
                text = joined(text, qwen_experts(experts));
                "Qwen3MoeForCausalLM"
            }
            Family::KimiVl(v, e, l) => {
                let latent = json!({
                    "kv_lora_rank": l.rank, "q_lora_rank": null, "qk_nope_head_dim": l.nope, "qk_rope_head_dim": l.rope,
                    "v_head_dim": l.nope, "n_routed_experts": e.n, "num_experts_per_tok": e.top_k, "moe_intermediate_size": e.width,
                    "n_shared_experts": KIMI_SHARED, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 1, "topk_group": 1,
                    "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true, "routed_scaling_factor": 2.446,
                });
                let side = v.positions.isqrt();
                return Ok(json!({
                    "architectures": ["KimiVLForConditionalGeneration"], "model_type": "kimi_vl", "dtype": "bfloat16",
                    "media_placeholder_token_id": id("<|image_pad|>")?,
                    "text_config": joined(text, latent),
                    "vision_config": {
                        "model_type": "moonvit", "patch_size": KIMI_PATCH, "num_hidden_layers": v.depth, "hidden_size": v.hidden,
                        "num_attention_heads": v.heads, "intermediate_size": v.intermediate, "init_pos_emb_height": side,
                        "init_pos_emb_width": side, "merge_kernel_size": [PATCH[2], PATCH[2]],
                    },
                }));
            }
            Family::Qwen3Vl(v) | Family::Qwen3VlMoe(v, _) => {
                let (architecture, kind) = match self.experts() {
                    None => ("Qwen3VLForConditionalGeneration", "qwen3_vl"),
                    Some(experts) => {
                        text = joined(text, qwen_experts(experts));
                        ("Qwen3VLMoeForConditionalGeneration", "qwen3_vl_moe")
                    }
                };
                // The published 24, 20, 20 of 64 frequencies, and their like for other heads.
                let half = t.head_dim / 2;
                let side = half * 5 / 16;
                text["rope_scaling"] =
                    json!({"mrope_interleaved": true, "mrope_section": [half - 2 * side, side, side], "rope_type": "default"});
                let [patch, frames, merge] = PATCH;
                return Ok(json!({
                    "architectures": [architecture], "model_type": kind, "dtype": "bfloat16",
                    "image_token_id": id("<|image_pad|>")?, "video_token_id": id("<|video_pad|>")?,
                    "vision_start_token_id": id("<|vision_start|>")?, "vision_end_token_id": id("<|vision_end|>")?,
                    "tie_word_embeddings": t.tied,
                    "text_config": text,
                    "vision_config": {
                        "depth": v.depth, "hidden_size": v.hidden, "intermediate_size": v.intermediate, "num_heads": v.heads,
                        "patch_size": patch, "temporal_patch_size": frames, "spatial_merge_size": merge, "in_channels": 3,
                        "num_position_embeddings": v.positions, "deepstack_visual_indexes": v.deepstack,
                        "out_hidden_size": t.hidden, "hidden_act": "gelu_pytorch_tanh",
                    },
                }));
            }
        };
        text["architectures"] = json!([architecture]);
        Ok(text)
    }

    /// Name and shape of every tensor of the checkpoint.
    fn tensors(&self) -> BTreeMap<String, Vec<usize>> {
        let t = &self.text;
        let (prefix, head) = match &self.family {
            Family::Qwen3Vl(_) | Family::Qwen3VlMoe(..) => ("model.language_model", "lm_head"),
            Family::KimiVl(..) => ("language_model.model", "language_model.lm_head"),
            Family::Llama | Family::Qwen3 | Family::Qwen3Moe(_) | Family::Chameleon(_) => ("model", "lm_head"),
        };
        let mut all = BTreeMap::new();
        let mut add = |name: String, shape: &[usize]| all.insert(name, shape.to_vec());
        add(format!("{prefix}.embed_tokens.weight"), &[t.vocab, t.hidden]);
        add(format!("{prefix}.norm.weight"), &[t.hidden]);
        if !t.tied {
            add(format!("{head}.weight"), &[t.vocab, t.hidden]);
        }
        for i in 0..t.layers {
            let mut add = |name: &str, shape: &[usize]| add(format!("{prefix}.layers.{i}.{name}"), shape);
            add("input_layernorm.weight", &[t.hidden]);
            add("post_attention_layernorm.weight", &[t.hidden]);
            for (name, shape) in self.attention() {
                add(&format!("self_attn.{name}.weight"), &shape);
            }
            for (name, shape) in self.mlp(i) {
                add(&format!("mlp.{name}"), &shape);
            }
        }
        match &self.family {
            Family::Qwen3Vl(vision) | Family::Qwen3VlMoe(vision, _) => self.add_qwen_vision(vision, &mut all),
            Family::KimiVl(vision, ..) => self.add_moonvit(vision, &mut all),
            Family::Chameleon(tokenizer) => {
                for i in 0..t.layers {
                    for (name, heads) in [("q_norm", t.heads), ("k_norm", t.kv_heads)] {
                        all.insert(format!("{prefix}.layers.{i}.self_attn.{name}.bias"), vec![heads, t.head_dim]);
                    }
                }
                tokenizer.add_tensors(&mut all);
            }
            Family::Llama | Family::Qwen3 | Family::Qwen3Moe(_) => {}
        }
        all
    }

    fn attention(&self) -> Vec<(&'static str, Vec<usize>)> {
        let t = &self.text;
        if let Family::KimiVl(_, _, l) = &self.family {
            return vec![
                ("q_proj", vec![t.heads * (l.nope + l.rope), t.hidden]),
                ("kv_a_proj_with_mqa", vec![l.rank + l.rope, t.hidden]),
                ("kv_a_layernorm", vec![l.rank]),
                ("kv_b_proj", vec![t.heads * 2 * l.nope, l.rank]),
                ("o_proj", vec![t.hidden, t.heads * l.nope]),
            ];
        }
        let (q, kv) = (t.heads * t.head_dim, t.kv_heads * t.head_dim);
        let mut all = vec![
            ("q_proj", vec![q, t.hidden]),
            ("k_proj", vec![kv, t.hidden]),
            ("v_proj", vec![kv, t.hidden]),
            ("o_proj", vec![t.hidden, q]),
        ];
        match self.family {
            Family::Llama => {}
            Family::Chameleon(_) => all.extend([("q_norm", vec![t.heads, t.head_dim]), ("k_norm", vec![t.kv_heads, t.head_dim])]),
            _ => all.extend([("q_norm", vec![t.head_dim]), ("k_norm", vec![t.head_dim])]),
        }
        all
    }

    fn mlp(&self, layer: usize) -> Vec<(String, Vec<usize>)> {
        let hidden = self.text.hidden;
        let gated = |name: &str, width: usize| {
            [("gate_proj", vec![width, hidden]), ("up_proj", vec![width, hidden]), ("down_proj", vec![hidden, width])]
                .map(|(layer, shape)| (format!("{name}{layer}.weight"), shape))
        };
        let is_kimi = matches!(self.family, Family::KimiVl(..));
        let Some(e) = self.experts().filter(|_| !is_kimi || layer > 0) else { return gated("", self.text.intermediate).into() };
        let mut all = vec![("gate.weight".to_owned(), vec![e.n, hidden])];
        if let Family::Qwen3VlMoe(..) = self.family {
            // All experts in one, inputs before outputs.
            all.push(("experts.gate_up_proj".into(), vec![e.n, hidden, 2 * e.width]));
            all.push(("experts.down_proj".into(), vec![e.n, e.width, hidden]));
        } else {
            all.extend((0..e.n).flat_map(|i| gated(&format!("experts.{i}."), e.width)));
        }
        if is_kimi {
            all.extend(gated("shared_experts.", KIMI_SHARED * e.width));
            all.push(("gate.e_score_correction_bias".into(), vec![e.n]));
        }
        all
    }

    fn add_moonvit(&self, v: &Vision, all: &mut BTreeMap<String, Vec<usize>>) {
        let (side, joined) = (v.positions.isqrt(), v.hidden * PATCH[2] * PATCH[2]);
        all.insert("vision_tower.patch_embed.pos_emb.weight".into(), vec![side, side, v.hidden]);
        let mut layer = |name: String, weight: &[usize]| {
            all.insert(format!("{name}.bias"), weight[..1].to_vec());
            all.insert(format!("{name}.weight"), weight.to_vec());
        };
        layer("vision_tower.patch_embed.proj".into(), &[v.hidden, 3, KIMI_PATCH, KIMI_PATCH]);
        for i in 0..v.depth {
            let mut layer = |name: &str, weight: &[usize]| layer(format!("vision_tower.encoder.blocks.{i}.{name}"), weight);
            layer("norm0", &[v.hidden]);
            layer("norm1", &[v.hidden]);
            layer("wqkv", &[3 * v.hidden, v.hidden]);
            layer("wo", &[v.hidden, v.hidden]);
            layer("mlp.fc0", &[v.intermediate, v.hidden]);
            layer("mlp.fc1", &[v.hidden, v.intermediate]);
        }
        layer("vision_tower.encoder.final_layernorm".into(), &[v.hidden]);
        layer("multi_modal_projector.pre_norm".into(), &[v.hidden]);
        layer("multi_modal_projector.linear_1".into(), &[joined, joined]);
        layer("multi_modal_projector.linear_2".into(), &[self.text.hidden, joined]);
    }

    fn add_qwen_vision(&self, v: &Vision, all: &mut BTreeMap<String, Vec<usize>>) {
        let t = &self.text;
        let [patch, frames, merge] = PATCH;
        let joined = v.hidden * merge * merge;
        all.insert("model.visual.pos_embed.weight".into(), vec![v.positions, v.hidden]);
        // A layer with a bias of as many numbers as the weight has rows.
        let mut layer = |name: String, weight: &[usize]| {
            all.insert(format!("model.visual.{name}.bias"), weight[..1].to_vec());
            all.insert(format!("model.visual.{name}.weight"), weight.to_vec());
        };
        layer("patch_embed.proj".into(), &[v.hidden, 3, frames, patch, patch]);
        for i in 0..v.depth {
            layer(format!("blocks.{i}.norm1"), &[v.hidden]);
            layer(format!("blocks.{i}.norm2"), &[v.hidden]);
            layer(format!("blocks.{i}.attn.qkv"), &[3 * v.hidden, v.hidden]);
            layer(format!("blocks.{i}.attn.proj"), &[v.hidden, v.hidden]);
            layer(format!("blocks.{i}.mlp.linear_fc1"), &[v.intermediate, v.hidden]);
            layer(format!("blocks.{i}.mlp.linear_fc2"), &[v.hidden, v.intermediate]);
        }
        let deepstack = (0..v.deepstack.len()).map(|j| (format!("deepstack_merger_list.{j}"), joined));
        for (merger, norm) in deepstack.chain([("merger".to_owned(), v.hidden)]) {
            layer(format!("{merger}.norm"), &[norm]);
            layer(format!("{merger}.linear_fc1"), &[joined, joined]);
            layer(format!("{merger}.linear_fc2"), &[t.hidden, joined]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::models::{self, Model};
    use crate::engine::ops::Backend;
    use crate::engine::ops::cache::{BLOCK_SIZE, KvCache};
    use crate::engine::plan;

    fn n_parameters(name: &str) -> usize {
        let shape = SHAPES.iter().find(|shape| shape.name == name).unwrap();
        shape.tensors().values().map(|shape| shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn parameters_are_those_of_the_published_models() {
        // Decoder 6.946 B, embedding and head 0.622 B each, tower 0.411 B, four mergers 0.160 B.
        assert_eq!(n_parameters("qwen3-vl-8b") / 1_000_000, 8767);
        assert_eq!(n_parameters("qwen3-vl-2b") / 1_000_000, 2127);
        assert_eq!(n_parameters("qwen3-vl-4b") / 1_000_000, 4437);
        assert_eq!(n_parameters("qwen3-8b") / 1_000_000, 8190);
        assert_eq!(n_parameters("llama-3.1-8b") / 1_000_000, 8030);
        assert_eq!(n_parameters("smollm2-135m") / 1_000_000, 134);
        assert_eq!(n_parameters("qwen3-30b-a3b"), 30_532_122_624);
        // The published 15.96 B of the decoder, tower and projector 0.45 B.
        assert_eq!(n_parameters("kimi-vl-a3b") / 10_000_000, 1640);
        // The decoder with its untied embedding and head is 7.014 B, the picture tokenizer 0.069 B.
        assert_eq!(n_parameters("chameleon-7b") / 1_000_000, 7082);
    }

    #[test]
    fn a_shape_loads_like_a_checkpoint() {
        let folder = folder("qwen3-vl-tiny").unwrap().unwrap();
        let loaded = models::load(folder.path(), &Backend::cpu(1)).unwrap();
        let Model::Causal(model) = &loaded.model else { panic!("not a chat model") };
        assert_eq!(model.info().n_parameters as usize, n_parameters("qwen3-vl-tiny"));
        assert_eq!(loaded.tokenizer.n_tokens(), model.info().vocab_size, "every row of the logits is a token");
        assert!(loaded.chat_template.is_some() && loaded.input.is_some());
        assert_eq!(loaded.generation.eos.len(), 2);
        assert_eq!(loaded.tokenizer.decode(&[4000], false).unwrap(), " #4000");
    }

    #[test]
    fn a_cache_of_latents_takes_what_was_planned() {
        let folder = folder("kimi-vl-tiny").unwrap().unwrap();
        let backend = Backend::cpu(1);
        let loaded = models::load(folder.path(), &backend).unwrap();
        let Model::Causal(model) = &loaded.model else { panic!("not a chat model") };
        assert_eq!(model.info().n_parameters as usize, n_parameters("kimi-vl-tiny"));
        let shape = plan::Shape::read(folder.path()).unwrap();
        let planned = shape.kv_bytes_per_token(4) as usize;
        assert_eq!(planned, 3 * (512 + 64) * 4);
        assert_eq!(model.info().cache_shape().block_bytes(&backend), planned * BLOCK_SIZE);
        let mut cache = KvCache::new(&backend, model.info().cache_shape(), 7).unwrap();
        let layer = cache.layer(2);
        assert_eq!(3 * (layer.k.len() + layer.v.len()) * 4, planned * 7 * BLOCK_SIZE);
    }

    #[test]
    fn unknown_names_are_told_the_known_ones() {
        assert!(folder("gpt-5").unwrap().is_none());
        assert!(write("gpt-5", Path::new("/nowhere")).unwrap_err().to_string().contains("qwen3-vl-2b"));
    }
}
