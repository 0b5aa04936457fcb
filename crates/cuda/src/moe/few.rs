//! A whole layer of experts for few tokens (`kernels/moe_few.cu`), in two launches that read each matrix in use about once.

use super::{Experts, MAX_CHOSEN, MAX_EXPERTS, Pairs, Routing, Scores, no_kernel};
use crate::{Device, LaunchConfig, Norm, Result, arguments, launch};

/// The expert that every token goes through, with weight one.
#[derive(Debug, Clone, Copy)]
pub struct Shared {
    /// A multiple of 8.
    pub inner: usize,
    /// bf16 `[2 · inner, width]`, the gates before the ups.
    pub gate_up: u64,
    /// bf16 `[width, inner]`.
    pub down: u64,
}

/// `x += Σ weight · down(silu(gate(n)) · up(n)) + shared(n)`, `n` being the norm of `x`. A token's result has the same bits
/// whatever the other tokens are.
#[derive(Debug, Clone, Copy)]
pub struct FewTokens {
    /// Up to [`FewTokens::MAX_ROWS`].
    pub rows: usize,
    /// Values of a token, a multiple of 16.
    pub width: usize,
    /// Values between an expert's two matrices, a multiple of 8.
    pub inner: usize,
    pub n_experts: usize,
    pub n_chosen: usize,
    pub norm: Norm,
    /// bf16 `[n_parts · n_experts, width]`, see [`super::split_gate`].
    pub gate: u64,
    /// Its logits are in the scratch.
    pub routing: Routing,
    /// bf16 `[n_experts, 2 · inner, width]`, the gates of an expert before its ups.
    pub gate_up: u64,
    /// bf16 `[n_experts, width, inner]`.
    pub down: u64,
    pub shared: Option<Shared>,
    /// bf16 `[rows, width]`.
    pub x: u64,
    /// [`FewTokens::scratch_len`] bytes.
    pub scratch: u64,
}

/// What the kernels know as `Routing`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RoutingArgument {
    logits: u64,
    bias: u64,
    n_experts: i32,
    n_parts: i32,
    n_chosen: i32,
    n_groups: i32,
    n_kept_groups: i32,
    sigmoid: i32,
    renormalize: i32,
    factor: f32,
}

/// The kernels' numbers: see `kernels/moe_few.cu`.
const DOWN_THREADS: u32 = 256;
const UP_WARPS: usize = 8;
/// Blocks that choose experts together; only Hopper has clusters.
const CLUSTER: usize = 8;
const CHUNK: usize = 256;
const DOWN_WARPS: usize = 8;
const DOWN_PIECE: usize = 768;
const DOWN_COLUMNS: usize = 16;
const STAGE_ROWS: usize = 4;
const MAX_STAGES: usize = 32;
/// Bytes on their way to a multiprocessor that keep memory busy: of more, those that are needed first would come as late as the last.
const DOWN_AHEAD: usize = 147_456;
/// At least, for one to come while another is used.
const MIN_STAGES: usize = 2;
/// Stages of a warp of the first product, at most, and the bytes of one.
const MAX_UP_STAGES: usize = 3;
const UP_STAGE: usize = 4096;
/// Of a piece of a row: its description, and its products.
const PIECE_BYTES: usize = 96;
/// Shared memory of fixed size.
const UP_FIXED: usize = 6144;
const DOWN_FIXED: usize = 2048;
const ALIGNMENT: usize = 256;
const BF16: usize = 2;
const F32: usize = 4;
const CHOICE: usize = 8;

impl FewTokens {
    pub const MAX_ROWS: usize = 8;

    fn shared_inner(&self) -> usize {
        self.shared.map_or(0, |shared| shared.inner)
    }

    /// Values between the matrices of all experts of a token.
    fn activations(&self) -> usize {
        self.n_chosen * self.inner + self.shared_inner()
    }

    fn n_logits(&self) -> usize {
        self.routing.n_parts * self.n_experts
    }

    /// Of the first product: stages of a warp, and bytes of shared memory. A little more than half of it: of two blocks on one
    /// multiprocessor both would be late, but it shares one with a block of the product before it.
    fn up_stages(&self, device: &Device) -> Option<(usize, usize)> {
        let fixed = self.rows * (self.width.next_multiple_of(CHUNK) * BF16 + (self.n_experts.next_multiple_of(16) + self.n_logits()) * F32);
        let half = device.max_shared() / 2;
        let stages = (half.saturating_sub(UP_FIXED + fixed) / (UP_WARPS * UP_STAGE)).clamp(1, MAX_UP_STAGES);
        let shared = fixed + stages * UP_WARPS * UP_STAGE;
        (UP_FIXED + shared <= device.max_shared()).then_some((stages, shared.max(half)))
    }

    /// Of `down`: stages of a warp, bytes of shared memory.
    fn stages(&self, device: &Device) -> Option<(usize, usize)> {
        let piece = (self.inner / 8).div_ceil(self.inner.div_ceil(DOWN_PIECE)) * 8;
        let n_pieces = self.rows * (self.shared_inner().div_ceil(piece) + self.n_chosen * self.inner.div_ceil(piece));
        let (fixed, stage) = (n_pieces * PIECE_BYTES, STAGE_ROWS * piece * BF16);
        let of_warps = DOWN_WARPS * stage;
        let room = device.max_shared().checked_sub(DOWN_FIXED + fixed)? / of_warps;
        let stages = room.min((DOWN_AHEAD / of_warps).max(MIN_STAGES)).min(MAX_STAGES);
        (stages > 0).then_some((stages, stages * of_warps + fixed))
    }

    /// Whether there are kernels for this shape.
    pub fn is_possible(&self, device: &Device) -> bool {
        let pairs = Pairs { rows: self.rows, n_experts: self.n_experts, n_chosen: self.n_chosen, ids: 0, weights: 0 };
        (1..=Self::MAX_ROWS).contains(&self.rows)
            && Experts::is_possible(self.width, self.inner)
            && self.shared_inner().is_multiple_of(8)
            && self.n_experts <= MAX_EXPERTS
            && self.n_chosen <= MAX_CHOSEN
            && self.routing.is_possible(&pairs)
            && self.up_stages(device).is_some()
            && self.stages(device).is_some()
    }

    /// Where activations are in the scratch, behind the choices, and its length.
    fn layout(&self) -> [usize; 2] {
        let activations = (self.rows * self.n_chosen * CHOICE).next_multiple_of(ALIGNMENT);
        [activations, activations + self.rows * self.activations() * F32]
    }

    /// Bytes of scratch.
    pub fn scratch_len(&self) -> usize {
        self.layout()[1]
    }

    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until the kernels have run.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let (Some((up_stages, up_shared)), Some((stages, down_shared)), true) =
            (self.up_stages(device), self.stages(device), self.is_possible(device))
        else {
            return Err(no_kernel("multiplying few tokens by experts", self));
        };
        let (choices, activations) = (self.scratch, self.scratch + self.layout()[0] as u64);
        let (sigmoid, bias) = match self.routing.scores {
            Scores::Softmax => (0, 0),
            Scores::Sigmoid { bias } => (1, bias),
        };
        let routing = RoutingArgument {
            logits: 0,
            bias,
            n_experts: self.n_experts as i32,
            n_parts: self.routing.n_parts as i32,
            n_chosen: self.n_chosen as i32,
            n_groups: self.routing.n_groups as i32,
            n_kept_groups: self.routing.n_kept_groups as i32,
            sigmoid,
            renormalize: i32::from(self.routing.renormalize),
            factor: self.routing.scale,
        };
        let (shared_gate_up, shared_down) = self.shared.map_or((0, 0), |shared| (shared.gate_up, shared.down));
        let [rows, width, inner, shared_inner] = [self.rows, self.width, self.inner, self.shared_inner()].map(|n| n as i32);
        let n_blocks = device.n_processors();
        let row = |blocks: usize, threads: u32, shared: usize| LaunchConfig { shared: shared as u32, ..LaunchConfig::row(blocks, threads) };
        let cluster = if device.is_hopper() { CLUSTER } else { 1 };
        let up = |clusters: usize| row(clusters.max(1) * cluster, 32 * UP_WARPS as u32, up_shared);
        // Multiprocessors are grouped, and not every group has whole clusters of them.
        let n_clusters = match cluster {
            1 => n_blocks,
            _ => device.clusters_at_once("moe_few_swiglu", (cluster as u32, 1, 1), up(n_blocks / cluster))?,
        };
        let up = up(n_clusters.min(n_blocks / cluster));
        let down = row(n_blocks.min(self.width / DOWN_COLUMNS), DOWN_THREADS, down_shared);
        // SAFETY: the kernels' parameters in a row, with nothing between them; addresses are the caller's.
        unsafe {
            device.launch_clusters(
                "moe_few_swiglu",
                (cluster as u32, 1, 1),
                up,
                &mut arguments!(
                    activations,
                    choices,
                    self.x,
                    self.norm.weight,
                    self.gate,
                    self.gate_up,
                    shared_gate_up,
                    routing,
                    rows,
                    width,
                    inner,
                    shared_inner,
                    self.norm.eps,
                    up_stages as i32,
                ),
            )?;
            launch!(
                device,
                "moe_few_down",
                down,
                self.x,
                activations,
                choices,
                self.down,
                shared_down,
                rows,
                self.n_chosen as i32,
                width,
                inner,
                shared_inner,
                stages as i32,
            )
        }
    }
}
