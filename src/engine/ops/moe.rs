//! The mixture of experts of a layer: routing, the chosen experts' gated MLPs, the shared expert. No expert has a capacity,
//! and a row's result depends on that row alone.

use ashlar_kernels as kernels;
pub use kernels::experts::{Routing, Scoring};
use rayon::prelude::*;

#[cfg(feature = "cuda")]
use super::cuda::{Layer, Shared};
use super::linear::on_cpu;
use super::lora::Adapted;
use super::{Backend, Place, Result, RmsNorm, Step, Stored, Tensor, bail};

/// An expert's matrices as a checkpoint stores them: `gate` and `up` `[width, hidden]`, `down` `[hidden, width]`.
#[derive(Clone)]
pub struct StoredExpert<'a> {
    pub gate: Stored<'a>,
    pub up: Stored<'a>,
    pub down: Stored<'a>,
}

/// The experts of a layer: `gate_up` `[n, 2·width, hidden]`, gate first, and `down` `[n, hidden, width]`.
pub struct Experts(Held);

enum Held {
    Cpu(kernels::experts::Experts),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::Experts),
}

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
                Ok(Self(Held::Cpu(kernels::experts::Experts::new(gate_up, down))))
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Ok(Self(Held::Cuda(cuda.experts(n, hidden, width, stored)?))),
        }
    }
}

/// Shared by all rows, with weight one.
pub struct SharedExpert {
    pub gate_up: Adapted,
    pub down: Adapted,
}

#[cfg(feature = "cuda")]
impl SharedExpert {
    fn on_cuda(&self) -> Result<Shared<'_>> {
        let (gate_up, down) = (self.gate_up.linear(), self.down.linear());
        Ok(Shared { gate_up: gate_up.cuda_weight()?, down: down.cuda_weight()?, inner: gate_up.n_out() / 2 })
    }

    fn is_changed(&self, step: &Step<'_>) -> bool {
        self.gate_up.is_changed(step) || self.down.is_changed(step)
    }
}

/// What stands in the place of a layer's MLP.
pub struct Moe {
    routing: Routing,
    gate: Gate,
    experts: Experts,
    shared: Option<SharedExpert>,
}

/// What makes the router's logits, always as exactly as the checkpoint has it.
enum Gate {
    Cpu(kernels::Linear),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::Router),
}

impl Moe {
    /// `gate` is `[n_experts, hidden]`.
    pub fn new(
        backend: &Backend,
        routing: Routing,
        gate: &Stored<'_>,
        hidden: usize,
        experts: Experts,
        shared: Option<SharedExpert>,
    ) -> Result<Self> {
        let gate = match &backend.0 {
            Place::Cpu(_) => Gate::Cpu(on_cpu(gate, hidden)?),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Gate::Cuda(cuda.router(&routing, gate, hidden)?),
        };
        Ok(Self { routing, gate, experts, shared })
    }

    /// `x += ` the weighted sum of each row's experts and the shared expert, over the norm of `x`.
    pub fn add(&self, backend: &Backend, x: &Tensor, norm: &RmsNorm, step: &Step<'_>) -> Result<()> {
        match (&backend.0, &self.gate, &self.experts.0) {
            (Place::Cpu(cpu), Gate::Cpu(gate), Held::Cpu(experts)) => {
                let normed = norm.forward(backend, x)?;
                let mut logits = vec![0.0; x.rows * self.routing.n_experts];
                normed.with_values(|normed| gate.matmul(&cpu.pool, &kernels::Input::new(normed, x.width), None, &mut logits))?;
                let choice = self.routing.choose(&cpu.pool, &mut logits);
                normed.with_values(|normed| x.change_values(|x| experts.add(&cpu.pool, normed, &choice, x)))??;
                match &self.shared {
                    Some(shared) => shared.gate_up.add_gated_of(backend, &normed, x, &shared.down, step),
                    None => Ok(()),
                }
            }
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Gate::Cuda(router), Held::Cuda(experts)) => {
                let layer = |shared| Layer { routing: &self.routing, router, experts, shared };
                match &self.shared {
                    // What adapters add to the shared expert belongs between its matrices.
                    Some(shared) if shared.is_changed(step) => {
                        let normed = norm.forward(backend, x)?;
                        cuda.add_experts(&layer(None), norm, x)?;
                        shared.gate_up.add_gated_of(backend, &normed, x, &shared.down, step)
                    }
                    shared => cuda.add_experts(&layer(shared.as_ref().map(SharedExpert::on_cuda).transpose()?), norm, x),
                }
            }
            #[cfg(feature = "cuda")]
            _ => bail!("the experts are on another device"),
        }
    }
}
