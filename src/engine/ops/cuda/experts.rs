//! Mixtures of experts on the GPU: weights of all experts of a layer behind each other, and the step through them.

use ashlar_cuda::Buffer;
use ashlar_cuda::moe::{self, FewTokens, Pairs, Scores};
use rayon::prelude::*;

use super::super::linear::Format;
use super::super::moe::{Routing, Scoring, StoredExpert};
use super::super::{Result, RmsNorm, Stored, Tensor, bail, to_f32};
use super::weight::prologue;
use super::{Cuda, DType, Weight, bf16_bytes};

/// Rows up to which experts that read their matrices for each row by itself are faster than sorted ones.
const MAX_FEW_ROWS: usize = 4;

/// Experts that are made ready to be sent at a time.
const AT_ONCE: usize = 16;

/// A router's matrix and the bias of its choice.
pub struct Router {
    weight: Weight,
    /// Matrices that add up to the router's, see [`moe::split_gate`].
    n_parts: usize,
    /// f32 `[n_experts]`
    bias: Option<Tensor>,
}

/// `gate_up` `[n, 2 · width, hidden]` and `down` `[n, hidden, width]`, bf16.
pub struct Experts {
    gate_up: Buffer,
    down: Buffer,
    hidden: usize,
    width: usize,
}

/// What a token goes through besides its experts; gates before ups.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pub gate_up: &'a Weight,
    pub down: &'a Weight,
    pub inner: usize,
}

impl Shared<'_> {
    /// As the few-token kernels know it, if its weights are bf16.
    fn bf16(&self) -> Result<Option<moe::Shared>> {
        if self.gate_up.is_fp8() || self.down.is_fp8() {
            return Ok(None);
        }
        Ok(Some(moe::Shared { inner: self.inner, gate_up: self.gate_up.bf16()?, down: self.down.bf16()? }))
    }
}

/// The experts of a layer and how they are chosen.
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    pub routing: &'a Routing,
    pub router: &'a Router,
    pub experts: &'a Experts,
    pub shared: Option<Shared<'a>>,
}

impl Cuda {
    pub fn router(&self, routing: &Routing, gate: &Stored<'_>, hidden: usize) -> Result<Router> {
        let (matrices, n_parts) = moe::split_gate(&to_f32(gate, hidden)?);
        let values = Buffer::from_bytes(self.device(), &matrices.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
        let bias = match &routing.scoring {
            Scoring::Softmax => None,
            Scoring::Sigmoid { bias, .. } => Some(self.f32_constant(bias, 1, bias.len())?),
        };
        Ok(Router { weight: Weight::of_bf16(values, hidden), n_parts, bias })
    }

    /// `stored` gives expert `0..n`, from many threads.
    pub fn experts<'a>(
        &self,
        n: usize,
        hidden: usize,
        width: usize,
        stored: impl Fn(usize) -> Result<StoredExpert<'a>> + Sync,
    ) -> Result<Experts> {
        if !moe::Experts::is_possible(hidden, width) {
            bail!(
                "there are no GPU kernels for experts of {width} values for tokens of {hidden}: multiples of 8 and 16; run it with `--device cpu`"
            );
        }
        let matrix = hidden * width * DType::Bf16.size();
        let (gate_up, down) = (Buffer::new(self.device(), 2 * n * matrix)?, Buffer::new(self.device(), n * matrix)?);
        let bytes = |stored: Stored<'_>, cols: usize| match stored.format {
            Format::Bf16 => Ok(stored.bytes.into_owned()),
            _ => to_f32(&stored, cols).map(|values| bf16_bytes(&values)),
        };
        for first in (0..n).step_by(AT_ONCE) {
            let ready: Vec<_> = (first..n.min(first + AT_ONCE))
                .into_par_iter()
                .map(|i| {
                    let StoredExpert { gate, up, down } = stored(i)?;
                    Ok([bytes(gate, hidden)?, bytes(up, hidden)?, bytes(down, width)?])
                })
                .collect::<Result<_>>()?;
            for (i, parts) in (first..).zip(&ready) {
                let of_expert = gate_up.ptr() + (2 * i * matrix) as u64;
                let places = [of_expert, of_expert + matrix as u64, down.ptr() + (i * matrix) as u64];
                for (to, part) in places.into_iter().zip(parts) {
                    if part.len() != matrix {
                        bail!("expert {i} has a matrix of {} bytes, not of {matrix}", part.len());
                    }
                    self.device().upload(to, part)?;
                }
            }
            self.device().synchronize()?;
        }
        Ok(Experts { gate_up, down, hidden, width })
    }

    /// `x += ` the weighted sum of what each row's experts make of the norm of `x`, and what the shared expert does.
    pub fn add_experts(&self, layer: &Layer<'_>, norm: &RmsNorm, x: &Tensor) -> Result<()> {
        let Layer { routing, router, experts, shared } = *layer;
        if x.width != experts.hidden {
            bail!("experts for tokens of {} got rows of {}", experts.hidden, x.width);
        }
        let (rows, n_experts, n_chosen) = (x.rows, routing.n_experts, routing.top_k);
        let (scores, n_groups, n_kept_groups) = match &routing.scoring {
            Scoring::Softmax => (Scores::Softmax, 1, 1),
            Scoring::Sigmoid { n_groups, top_groups, .. } => {
                let bias = router.bias.as_ref().map_or(Ok(0), |bias| bias.ptr(DType::F32))?;
                (Scores::Sigmoid { bias }, *n_groups, *top_groups)
            }
        };
        let choosing = moe::Routing {
            logits: 0,
            n_parts: router.n_parts,
            scores,
            n_groups,
            n_kept_groups,
            renormalize: routing.normalize,
            scale: routing.scale,
        };
        // The few-token kernels read bf16 only.
        let of_all = shared.map(|shared| shared.bf16()).transpose()?;
        if rows <= MAX_FEW_ROWS && of_all.is_none_or(|of_all| of_all.is_some()) {
            let mut few = FewTokens {
                rows,
                width: experts.hidden,
                inner: experts.width,
                n_experts,
                n_chosen,
                norm: prologue(norm)?,
                gate: router.weight.bf16()?,
                routing: choosing,
                gate_up: experts.gate_up.ptr(),
                down: experts.down.ptr(),
                shared: of_all.flatten(),
                x: x.bf16()?,
                scratch: 0,
            };
            if few.is_possible(self.device()) {
                let scratch = self.0.scratch.take(few.scratch_len())?;
                few.scratch = scratch.ptr();
                // SAFETY: addresses and shapes are the tensors' and the experts', which live until later launches at least.
                return Ok(unsafe { few.launch(self.device()) }?);
            }
        }
        let normed = self.rms_norm(x, &norm.weight, norm.eps)?;
        if let Some(shared) = shared {
            self.add_gated((shared.gate_up, None), (shared.down, None), x, norm, shared.inner)?;
        }
        let logits = self.f32_linear(&router.weight, &normed, router.n_parts * n_experts)?;
        let words = |width: usize| Tensor::in_pool(self.device(), &self.0.scratch, rows, width, DType::F32);
        let (ids, weights) = (words(n_chosen)?, words(n_chosen)?);
        let mut layer = moe::Experts {
            pairs: Pairs { rows, n_experts, n_chosen, ids: ids.ptr(DType::F32)?, weights: weights.ptr(DType::F32)? },
            routing: Some(moe::Routing { logits: logits.ptr(DType::F32)?, ..choosing }),
            width: experts.hidden,
            inner: experts.width,
            x: normed.bf16()?,
            gate_up: experts.gate_up.ptr(),
            down: experts.down.ptr(),
            base: x.bf16()?,
            out: x.bf16()?,
            scratch: 0,
        };
        let scratch = self.0.scratch.take(layer.scratch_len())?;
        layer.scratch = scratch.ptr();
        // SAFETY: as above.
        Ok(unsafe { layer.launch(self.device()) }?)
    }
}
