//! What training a model takes, by the rules of mixed precision with AdamW and ZeRO.

use super::shape::Shape;

/// Bytes of the training state on one GPU, AdamW in mixed precision: bf16 weights (2) and gradients (2), f32 master
/// weights, first and second moments (4 + 4 + 4): 16 bytes a parameter before activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingState {
    pub weights: u64,
    pub gradients: u64,
    pub optimizer: u64,
}

impl TrainingState {
    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.optimizer
    }
}

/// ZeRO stage 0 shares nothing, 1 the optimizer states, 2 also the gradients, 3 also the weights.
pub fn training_state(n_parameters: u64, zero_stage: u8, n_gpus: u64) -> TrainingState {
    let share = |bytes: u64, from_stage: u8| if zero_stage >= from_stage { bytes.div_ceil(n_gpus.max(1)) } else { bytes };
    TrainingState { weights: share(2 * n_parameters, 3), gradients: share(2 * n_parameters, 2), optimizer: share(12 * n_parameters, 1) }
}

/// Activations kept for the backward pass, bf16, without tensor parallelism: `s·b·h·34` bytes a layer with a fused attention
/// kernel (which keeps no score matrix), or the `2·s·b·h` of each layer's input plus one layer recomputed with full
/// checkpointing (Korthikanti et al., 2022).
pub fn training_activations(shape: &Shape, batch: u64, sequence: u64, checkpointing: bool) -> u64 {
    let tokens = batch * sequence;
    let layer = 34 * tokens * shape.hidden_size;
    let logits = tokens * shape.vocab_size * 4;
    logits + if checkpointing { shape.n_layers * 2 * tokens * shape.hidden_size + layer } else { shape.n_layers * layer }
}

#[cfg(test)]
mod tests {
    use super::super::shape::tests::qwen3_vl_8b;
    use super::*;

    #[test]
    fn training_7b_with_adamw_takes_112_gb_before_activations() {
        let state = training_state(7_000_000_000, 0, 1);
        assert_eq!(state, TrainingState { weights: 14_000_000_000, gradients: 14_000_000_000, optimizer: 84_000_000_000 });
        assert_eq!(state.total(), 112_000_000_000);
    }

    #[test]
    fn zero_stages_share_optimizer_then_gradients_then_weights() {
        let totals = [0, 1, 2, 3].map(|stage| training_state(7_000_000_000, stage, 8).total());
        // 112, 28 + 84/8, 14 + (14 + 84)/8, 112/8
        assert_eq!(totals, [112_000_000_000, 38_500_000_000, 26_250_000_000, 14_000_000_000]);
    }

    #[test]
    fn checkpointing_keeps_far_less() {
        let shape = qwen3_vl_8b();
        let (all, checkpointed) = (training_activations(&shape, 1, 4096, false), training_activations(&shape, 1, 4096, true));
        let logits = 4096 * 151_936 * 4;
        assert_eq!(all - logits, 36 * 34 * 4096 * 4096);
        assert_eq!(checkpointed - logits, (36 * 2 + 34) * 4096 * 4096);
    }
}
