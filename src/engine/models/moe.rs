//! What checkpoints say about their mixtures of experts, and loading them: Qwen's routing by a softmax, DeepSeek's by
//! sigmoids with a correction bias.

use crate::engine::{
    ops::moe::{Moe, Routing, Scoring, SharedExpert},
    weights::{Fields, LoadError, Scope},
};

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub n_experts: usize,
    /// Experts of a token.
    pub top_k: usize,
    /// Of one expert's MLP.
    pub intermediate_size: usize,
    /// Of the MLP that every token goes through besides.
    pub shared_intermediate_size: Option<usize>,
    /// Sigmoids with a bias, in groups; `None`: a softmax.
    pub groups: Option<Groups>,
    pub normalize: bool,
    pub scale: f64,
    /// Of each layer: it has experts.
    pub layers: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    pub n: usize,
    /// Groups that a token's experts are chosen from.
    pub top: usize,
}

impl Config {
    /// Qwen3's fields. A layer has experts if it is not listed as dense and falls on the step.
    pub fn read_qwen(fields: &Fields<'_>, n_layers: usize) -> Result<Self, LoadError> {
        let dense = if fields.value("mlp_only_layers").is_array() { fields.sizes("mlp_only_layers")? } else { Vec::new() };
        let step = fields.optional_size("decoder_sparse_step")?.unwrap_or(1);
        let config = Self {
            // Newer files have the second name.
            n_experts: fields.size(if fields.value("num_local_experts").is_null() { "num_experts" } else { "num_local_experts" })?,
            top_k: fields.size("num_experts_per_tok")?,
            intermediate_size: fields.size("moe_intermediate_size")?,
            shared_intermediate_size: None,
            groups: None,
            normalize: fields.flag("norm_topk_prob", false)?,
            scale: 1.0,
            layers: (0..n_layers).map(|i| !dense.contains(&i) && (i + 1) % step == 0).collect(),
        };
        config.checked(fields)
    }

    /// DeepSeek-V3's fields. The first layers are dense.
    pub fn read_deepseek(fields: &Fields<'_>, n_layers: usize, architecture: &str) -> Result<Self, LoadError> {
        for (name, known) in [("scoring_func", "sigmoid"), ("topk_method", "noaux_tc")] {
            if let Some(other) = fields.text(name).filter(|method| *method != known) {
                return Err(LoadError::unsupported(architecture, format!("its experts are chosen by `{other}`, not `{known}`")));
            }
        }
        let intermediate_size = fields.size("moe_intermediate_size")?;
        let n_dense = fields.value("first_k_dense_replace").as_u64().unwrap_or(0) as usize;
        let step = fields.optional_size("moe_layer_freq")?.unwrap_or(1);
        let groups = Groups { n: fields.optional_size("n_group")?.unwrap_or(1), top: fields.optional_size("topk_group")?.unwrap_or(1) };
        let n_shared = fields.value("n_shared_experts").as_u64().filter(|n| (1..=1024).contains(n));
        let config = Self {
            n_experts: fields.size("n_routed_experts")?,
            top_k: fields.size("num_experts_per_tok")?,
            intermediate_size,
            shared_intermediate_size: n_shared.map(|n| n as usize * intermediate_size),
            groups: Some(groups),
            normalize: fields.flag("norm_topk_prob", true)?,
            scale: fields.optional_number("routed_scaling_factor")?.unwrap_or(1.0),
            layers: (0..n_layers).map(|i| i >= n_dense && i % step == 0).collect(),
        };
        if !config.n_experts.is_multiple_of(groups.n) || config.n_experts < 2 * groups.n || groups.top > groups.n {
            return Err(fields.error("n_group", format!("{} experts can't be chosen from {groups:?}", config.n_experts)));
        }
        config.checked(fields)
    }

    fn checked(self, fields: &Fields<'_>) -> Result<Self, LoadError> {
        let choosable = self.groups.map_or(self.n_experts, |groups| self.n_experts / groups.n * groups.top);
        if self.top_k > choosable {
            return Err(fields.error("num_experts_per_tok", format!("{} can't be chosen from {choosable}", self.top_k)));
        }
        Ok(self)
    }
}

/// The experts of a layer; `scope` is its `mlp`.
pub fn load(config: &Config, hidden_size: usize, scope: &Scope<'_>) -> Result<Moe, LoadError> {
    let n_experts = config.n_experts;
    let scoring = match config.groups {
        None => Scoring::Softmax,
        Some(Groups { n, top }) => {
            let bias = scope.values("gate.e_score_correction_bias", &[n_experts])?;
            Scoring::Sigmoid { bias, n_groups: n, top_groups: top }
        }
    };
    let shared = match config.shared_intermediate_size {
        None => None,
        Some(width) => {
            let scope = scope.pp("shared_experts");
            Some(SharedExpert {
                gate_up: scope.adapted(&[("gate_proj", width), ("up_proj", width)], hidden_size, false)?,
                down: scope.adapted(&[("down_proj", hidden_size)], width, false)?,
            })
        }
    };
    let routing = Routing { n_experts, top_k: config.top_k, scoring, normalize: config.normalize, scale: config.scale as f32 };
    let gate = scope.stored("gate.weight", n_experts, hidden_size)?;
    let experts = scope.pp("experts").experts(n_experts, hidden_size, config.intermediate_size)?;
    Ok(Moe::new(scope.backend(), routing, &gate, hidden_size, experts, shared)?)
}
