//! The mixture of experts of a layer: routing, the chosen experts' gated MLPs, the shared expert. No expert has a capacity,
//! and a row's result depends on that row alone.

use ashlar_kernels as kernels;
pub use kernels::experts::{Routing, Scoring};
use rayon::prelude::*;

use super::linear::on_cpu;
use super::{Backend, Linear, Place, Result, RmsNorm, Stored, Tensor, bail};

/// An expert's matrices as a checkpoint stores them: `gate` and `up` `[width, hidden]`, `down` `[hidden, width]`.
#[derive(Clone)]
pub struct StoredExpert<'a> {
    pub gate: Stored<'a>,
    pub up: Stored<'a>,
    pub down: Stored<'a>,
}

/// The experts of a layer: `gate_up` `[n, 2·width, hidden]`, gate first, and `down` `[n, hidden, width]`.
pub struct Experts(kernels::experts::Experts);

impl Experts {
    /// `stored` gives expert `0..n`, from many threads.
    pub fn new<'a>(
        backend: &Backend,
        n: usize,
        hidden: usize,
        width: usize,
        stored: impl Fn(usize) -> Result<StoredExpert<'a>> + Sync,
    ) -> Result<Self> {
        match &backend.0 {
            Place::Cpu(_) => {
                let experts: Vec<_> = (0..n)
                    .into_par_iter()
                    .map(|i| {
                        let StoredExpert { mut gate, up, down } = stored(i)?;
                        if gate.format != up.format {
                            bail!("the gates of its experts are stored as {:?}, what they gate as {:?}", gate.format, up.format);
                        }
                        gate.rows += up.rows;
                        gate.bytes.to_mut().extend_from_slice(&up.bytes);
                        Ok((on_cpu(&gate, hidden)?, on_cpu(&down, width)?))
                    })
                    .collect::<Result<_>>()?;
                let (gate_up, down) = experts.into_iter().unzip();
                Ok(Self(kernels::experts::Experts::new(gate_up, down)))
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(_) => bail!("mixtures of experts are not on the GPU yet: run it with `--device cpu`"),
        }
    }
}

/// Shared by all rows, with weight one.
pub struct SharedExpert {
    pub gate_up: Linear,
    pub down: Linear,
}

/// What stands in the place of a layer's MLP.
pub struct Moe {
    pub routing: Routing,
    /// `[n_experts, hidden]`
    pub gate: Linear,
    pub experts: Experts,
    pub shared: Option<SharedExpert>,
}

impl Moe {
    /// `x += ` the weighted sum of each row's experts and the shared expert, over the norm of `x`.
    pub fn add(&self, backend: &Backend, x: &Tensor, norm: &RmsNorm) -> Result<()> {
        match &backend.0 {
            Place::Cpu(cpu) => {
                let normed = norm.forward(backend, x)?;
                let mut logits = self.gate.forward(backend, &normed)?.to_vec()?;
                let choice = self.routing.choose(&cpu.pool, &mut logits);
                normed.with_values(|normed| x.change_values(|x| self.experts.0.add(&cpu.pool, normed, &choice, x)))??;
                match &self.shared {
                    Some(shared) => shared.gate_up.add_gated_of(backend, cpu, &normed, x, &shared.down),
                    None => Ok(()),
                }
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(_) => bail!("mixtures of experts are not on the GPU yet"),
        }
    }
}
