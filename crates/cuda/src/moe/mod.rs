//! Mixtures of experts (`kernels/moe.cu`, `experts.cu`, `experts_sm90.cu`): which experts a token goes to, and what they
//! make of it. Addresses are on the device. Everything can be recorded: nothing is asked of the host between the kernels.

mod few;

use std::ffi::c_void;

use super::attention::{MAIN_COLUMNS, Rows, tensor_map};
use super::{Device, Error, LaunchConfig, Result, bf16, launch, rows};

pub use few::{FewTokens, Shared};

/// Experts at most, and of them those of one token.
pub const MAX_EXPERTS: usize = 256;
pub const MAX_CHOSEN: usize = 16;
const MAX_GROUPS: usize = 32;

/// Tokens of a block of `moe_route`.
const ROUTE_ROWS: usize = 8;
const ROUTE_THREADS: u32 = 256;

fn no_kernel(what: &'static str, shape: &impl std::fmt::Debug) -> Error {
    Error::Driver { what, cause: format!("there is no kernel for {shape:?}") }
}

/// The router's matrix `[n_experts, n_in]` as bf16 matrices that add up to it, one below the other, and their number: with f32
/// sums, the sum of the products has the accuracy of f32. Weights that bf16 has exactly, as those of a bf16 checkpoint, give
/// one matrix, others two or three.
pub fn split_gate(weight: &[f32]) -> (Vec<bf16>, usize) {
    let mut rest = weight.to_vec();
    let mut matrices = Vec::new();
    let mut n = 0;
    while n == 0 || n < 3 && rest.iter().any(|x| *x != 0.0) {
        matrices.extend(rest.iter_mut().map(|x| {
            let rounded = bf16::from_f32(*x);
            *x -= rounded.to_f32();
            rounded
        }));
        n += 1;
    }
    (matrices, n)
}

/// How experts are scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scores {
    /// The softmax of the logits over all experts.
    Softmax,
    /// Sigmoids of the logits; `bias`, f32 `[n_experts]` or 0, is added when experts are chosen, not to their weights.
    Sigmoid { bias: u64 },
}

/// Tokens, and the experts each is given to: so many pairs.
#[derive(Debug, Clone, Copy)]
pub struct Pairs {
    pub rows: usize,
    /// Up to [`MAX_EXPERTS`].
    pub n_experts: usize,
    /// Experts of a token, up to [`MAX_CHOSEN`].
    pub n_chosen: usize,
    /// u32 `[rows, n_chosen]`, no expert of a token twice.
    pub ids: u64,
    /// f32 `[rows, n_chosen]`.
    pub weights: u64,
}

impl Pairs {
    fn len(&self) -> usize {
        self.rows * self.n_chosen
    }

    fn is_possible(&self) -> bool {
        (1..=MAX_EXPERTS).contains(&self.n_experts)
            && (1..=self.n_experts.min(MAX_CHOSEN)).contains(&self.n_chosen)
            && i32::try_from(self.len()).is_ok()
    }
}

/// Chooses the best experts of each token, best first, the lower number among equals.
#[derive(Debug, Clone, Copy)]
pub struct Routing {
    /// f32 `[rows, n_parts, n_experts]`; a logit is the sum of its parts, see [`split_gate`]. [`FewTokens`] makes its own and needs no address.
    pub logits: u64,
    pub n_parts: usize,
    pub scores: Scores,
    /// Neighbouring experts are in one of so many groups, and experts are chosen from the `n_kept_groups` whose two best add up
    /// to the most. 1 and 1 for none.
    pub n_groups: usize,
    pub n_kept_groups: usize,
    /// Weights are divided by their sum.
    pub renormalize: bool,
    /// Then they are multiplied with this.
    pub scale: f32,
}

/// Pairs up to which one block both chooses and sorts.
const FEW_PAIRS: usize = 128;
/// Pairs from which on the blocks that sort are as large as can be.
const MANY_PAIRS: usize = 4096;

impl Routing {
    fn is_possible(&self, pairs: &Pairs) -> bool {
        pairs.is_possible()
            && (1..=MAX_GROUPS).contains(&self.n_groups)
            && (1..=self.n_groups).contains(&self.n_kept_groups)
            && pairs.n_experts.is_multiple_of(self.n_groups)
            && pairs.n_chosen <= pairs.n_experts / self.n_groups * self.n_kept_groups
            && self.n_parts > 0
    }

    /// Writes ids and weights of `pairs`.
    ///
    /// # Safety
    /// All addresses are valid for their shapes until the kernel has run.
    pub unsafe fn launch(&self, device: &Device, pairs: &Pairs) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.launch_as(device, pairs, None) }
    }

    /// Writes ids and weights of `pairs`, and lists them.
    ///
    /// # Safety
    /// All addresses are valid for their shapes until the kernels have run.
    pub unsafe fn launch_listed(&self, device: &Device, pairs: &Pairs, list: &List) -> Result<()> {
        // SAFETY: the caller's.
        unsafe {
            if pairs.len() <= FEW_PAIRS {
                return self.launch_as(device, pairs, Some(list));
            }
            self.launch_as(device, pairs, None)?;
            list.launch(device, pairs)
        }
    }

    unsafe fn launch_as(&self, device: &Device, pairs: &Pairs, list: Option<&List>) -> Result<()> {
        let rows = pairs.rows;
        if rows == 0 {
            return Ok(());
        }
        if !self.is_possible(pairs) {
            return Err(no_kernel("choosing experts", &(self, pairs)));
        }
        let (sigmoid, bias) = match self.scores {
            Scores::Softmax => (0i32, 0),
            Scores::Sigmoid { bias } => (1, bias),
        };
        let [rows_i32, n_experts, n_parts, n_chosen] = [rows, pairs.n_experts, self.n_parts, pairs.n_chosen].map(|n| n as i32);
        let (n_groups, n_kept_groups, renormalize) = (self.n_groups as i32, self.n_kept_groups as i32, i32::from(self.renormalize));
        // SAFETY: the kernels' parameters; addresses are the caller's.
        unsafe {
            match list {
                None => launch!(
                    device,
                    "moe_route",
                    LaunchConfig::row(rows.div_ceil(ROUTE_ROWS), ROUTE_THREADS),
                    pairs.ids,
                    pairs.weights,
                    self.logits,
                    bias,
                    rows_i32,
                    n_experts,
                    n_parts,
                    n_chosen,
                    n_groups,
                    n_kept_groups,
                    sigmoid,
                    renormalize,
                    self.scale,
                ),
                Some(list) => launch!(
                    device,
                    "moe_route_sort",
                    LaunchConfig::row(1, (32 * rows).clamp(FEW_PAIRS, 1024) as u32),
                    pairs.ids,
                    pairs.weights,
                    list.pairs,
                    list.sources,
                    list.tiles,
                    list.n_tiles,
                    self.logits,
                    bias,
                    rows_i32,
                    n_experts,
                    n_parts,
                    n_chosen,
                    n_groups,
                    n_kept_groups,
                    sigmoid,
                    renormalize,
                    self.scale,
                    list.tile_rows as i32,
                ),
            }
        }
    }
}

/// Where pairs are listed expert by expert, within one in their order.
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// Pairs of one expert that stand in one tile, at most.
    pub tile_rows: usize,
    /// i32, one for each pair: the pairs' numbers.
    pub pairs: u64,
    /// i32, one for each pair: their tokens.
    pub sources: u64,
    /// i32 `[max_tiles, 4]`, aligned to 16 bytes: expert, first place in the list, number of places, 0.
    pub tiles: u64,
    /// One i32.
    pub n_tiles: u64,
}

impl List {
    /// Tiles that there can be.
    pub fn max_tiles(&self, pairs: &Pairs) -> usize {
        pairs.len().min(pairs.n_experts + pairs.len() / self.tile_rows)
    }

    /// Lists the pairs.
    ///
    /// # Safety
    /// All addresses are valid for their shapes until the kernel has run.
    pub unsafe fn launch(&self, device: &Device, pairs: &Pairs) -> Result<()> {
        if pairs.len() == 0 {
            return Ok(());
        }
        if !pairs.is_possible() || self.tile_rows == 0 {
            return Err(no_kernel("sorting by expert", &(self, pairs)));
        }
        let threads = if pairs.len() < MANY_PAIRS { 256 } else { 1024 };
        let config = LaunchConfig::row(pairs.n_experts, threads);
        // SAFETY: the kernel's parameters; addresses are the caller's.
        unsafe {
            launch!(
                device,
                "moe_sort",
                config,
                self.pairs,
                self.sources,
                self.tiles,
                self.n_tiles,
                pairs.ids,
                pairs.len() as i32,
                pairs.n_experts as i32,
                pairs.n_chosen as i32,
                self.tile_rows as i32,
            )
        }
    }
}

/// How the experts' products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As fast as weights can be read, each read once for every sixteen rows of an expert.
    FewRows,
    /// Tiles of 128 rows, and faster for few too; needs Hopper.
    ManyRows,
}

impl Form {
    const fn tile_rows(self) -> usize {
        match self {
            Self::FewRows => 16,
            Self::ManyRows => 128,
        }
    }
}

/// What chosen experts make of tokens: `out = base + Σ weight · down(silu(gate(x)) · up(x))`.
///
/// A token's result depends on that token only, apart from the [`Form`], which all tokens of a launch decide.
#[derive(Debug, Clone, Copy)]
pub struct Experts {
    pub pairs: Pairs,
    /// Chooses experts first; `None`: ids and weights of `pairs` are there.
    pub routing: Option<Routing>,
    /// Values of a token, a multiple of 16.
    pub width: usize,
    /// Values between an expert's two matrices, a multiple of 8.
    pub inner: usize,
    /// bf16 `[rows, width]`.
    pub x: u64,
    /// bf16 `[n_experts, 2 · inner, width]`, the gates of an expert before its ups.
    pub gate_up: u64,
    /// bf16 `[n_experts, width, inner]`.
    pub down: u64,
    /// bf16 `[rows, width]`: what the experts' results are added to; 0 = nothing. May be `out`.
    pub base: u64,
    /// bf16 `[rows, width]`.
    pub out: u64,
    /// [`Experts::scratch_len`] bytes.
    pub scratch: u64,
}

/// The kernels' numbers: see `kernels/experts.cu` and `kernels/experts_sm90.cu`.
const FEW_THREADS: u32 = 288;
const FEW_STAGE: usize = 17_424;
const FEW_ROW: usize = 1088;
const FEW_FIXED: usize = 16_384;
const FEW_PIECE: usize = 512;
const MANY_THREADS: u32 = 384;
const MANY_SHARED: u32 = 197_696;
/// Rows of x and of weights that are copied at a time.
const MANY_X_BOX: usize = 64;
const MANY_WEIGHT_BOX: usize = 128;
const ALIGNMENT: usize = 256;

/// Where things are in the scratch.
struct Scratch {
    list: List,
    /// Results of pairs, and before that the rows of pairs in their list's order.
    y: u64,
    /// Between the matrices.
    activations: u64,
    end: u64,
}

impl Experts {
    /// Whether there are kernels for experts of this size.
    pub fn is_possible(width: usize, inner: usize) -> bool {
        width > 0 && inner > 0 && width.is_multiple_of(16) && inner.is_multiple_of(8)
    }

    /// On Hopper tiles of many rows are faster from the first row on.
    fn form(device: &Device) -> Form {
        if device.is_hopper() { Form::ManyRows } else { Form::FewRows }
    }

    fn layout(&self, form: Form) -> Scratch {
        let mut end = self.scratch;
        let mut take = |len: usize| {
            let at = end;
            end += len.next_multiple_of(ALIGNMENT) as u64;
            at
        };
        let n_pairs = self.pairs.len();
        let [pairs, sources, n_tiles] = [4 * n_pairs, 4 * n_pairs, 4].map(&mut take);
        let mut list = List { tile_rows: form.tile_rows(), pairs, sources, tiles: 0, n_tiles };
        list.tiles = take(16 * list.max_tiles(&self.pairs));
        let [y, activations] = [2 * n_pairs * self.width, 2 * n_pairs * self.inner].map(&mut take);
        Scratch { list, y, activations, end }
    }

    /// Bytes of scratch, whichever form is taken.
    pub fn scratch_len(&self) -> usize {
        (self.layout(Form::FewRows).end - self.scratch) as usize
    }

    /// Chooses experts, multiplies, and adds up.
    ///
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until the kernels have run; ids are below `n_experts`.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.launch_as(device, Self::form(device)) }
    }

    /// As [`Self::launch`], in this form.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn launch_as(&self, device: &Device, form: Form) -> Result<()> {
        if self.pairs.rows == 0 {
            return Ok(());
        }
        let is_possible = Self::is_possible(self.width, self.inner) && self.pairs.is_possible();
        if !is_possible || form == Form::ManyRows && !device.is_hopper() {
            return Err(no_kernel("multiplying by experts", self));
        }
        let scratch = self.layout(form);
        // SAFETY: the caller's addresses, the scratch as it was laid out.
        unsafe {
            match &self.routing {
                Some(routing) => routing.launch_listed(device, &self.pairs, &scratch.list)?,
                None => scratch.list.launch(device, &self.pairs)?,
            }
            match form {
                Form::FewRows => self.few_rows(device, &scratch)?,
                Form::ManyRows => self.many_rows(device, &scratch)?,
            }
            self.combine(device, &scratch)
        }
    }

    unsafe fn few_rows(&self, device: &Device, scratch: &Scratch) -> Result<()> {
        // A token chooses an expert once.
        let most_rows = Form::FewRows.tile_rows().min(self.pairs.rows);
        let stage = FEW_STAGE + most_rows * FEW_ROW;
        let most_stages = device.max_shared().saturating_sub(FEW_FIXED) / stage;
        if most_stages == 0 {
            return Err(no_kernel("multiplying by experts", self));
        }
        let config = |n_columns: usize, k: usize| {
            let n_items = scratch.list.max_tiles(&self.pairs) * n_columns;
            let blocks = device.n_processors().min(n_items);
            let stages = most_stages.min(n_items.div_ceil(blocks) * k.div_ceil(FEW_PIECE));
            (LaunchConfig { shared: (FEW_FIXED + stages * stage) as u32, ..LaunchConfig::row(blocks, FEW_THREADS) }, stages as i32)
        };
        let List { pairs, sources, tiles, n_tiles, .. } = scratch.list;
        let (width, inner, most_rows) = (self.width as i32, self.inner as i32, most_rows as i32);
        let (up, up_stages) = config(self.inner / 8, self.width);
        let (down, down_stages) = config(self.width / 16, self.inner);
        // SAFETY: the kernels' parameters; nothing is launched between the two, as the second demands.
        unsafe {
            launch!(
                device,
                "experts_swiglu",
                up,
                scratch.activations,
                self.x,
                self.gate_up,
                tiles,
                n_tiles,
                sources,
                2 * inner,
                width,
                most_rows,
                up_stages,
            )?;
            launch!(
                device,
                "experts_down",
                down,
                scratch.y,
                scratch.activations,
                self.down,
                tiles,
                n_tiles,
                pairs,
                width,
                inner,
                most_rows,
                down_stages,
            )
        }
    }

    unsafe fn many_rows(&self, device: &Device, scratch: &Scratch) -> Result<()> {
        let List { pairs, sources, .. } = scratch.list;
        let (n_pairs, width, inner) = (self.pairs.len(), self.width, self.inner);
        // SAFETY: the caller's addresses, the scratch as it was laid out.
        unsafe {
            rows::gather_rows(device, scratch.y, self.x, sources, n_pairs, width)?;
            let up = Product { x: scratch.y, weight: self.gate_up, out: scratch.activations, places: pairs, n: 2 * inner, k: width };
            self.many_rows_product(device, "experts_sm90_swiglu", &up, inner.div_ceil(128), scratch)?;
            let down = Product { x: scratch.activations, weight: self.down, out: scratch.y, places: pairs, n: width, k: inner };
            self.many_rows_product(device, "experts_sm90_down", &down, width.div_ceil(256), scratch)
        }
    }

    unsafe fn many_rows_product(
        &self,
        device: &Device,
        kernel: &str,
        product: &Product,
        n_columns: usize,
        scratch: &Scratch,
    ) -> Result<()> {
        let map = |ptr, len, box_rows| tensor_map(Rows { ptr, stride: product.k, len }, 1, product.k, MAIN_COLUMNS, box_rows);
        let weights = self.pairs.n_experts * product.n;
        let mut maps = [map(product.x, self.pairs.len(), MANY_X_BOX)?, map(product.weight, weights, MANY_WEIGHT_BOX)?];
        let [x, weight] = &mut maps;
        let List { mut tiles, mut n_tiles, .. } = scratch.list;
        let (mut out, mut places) = (product.out, product.places);
        let (mut n, mut k) = (product.n as i32, product.k as i32);
        let mut arguments: [*mut c_void; 8] = [
            (&raw mut *x).cast(),
            (&raw mut *weight).cast(),
            (&raw mut out).cast(),
            (&raw mut tiles).cast(),
            (&raw mut n_tiles).cast(),
            (&raw mut places).cast(),
            (&raw mut n).cast(),
            (&raw mut k).cast(),
        ];
        let blocks = device.n_processors().min(scratch.list.max_tiles(&self.pairs) * n_columns);
        let config = LaunchConfig { shared: MANY_SHARED, ..LaunchConfig::row(blocks, MANY_THREADS) };
        // SAFETY: the kernel's parameters in order; their addresses are the caller's.
        unsafe { device.launch(kernel, config, &mut arguments) }
    }

    unsafe fn combine(&self, device: &Device, scratch: &Scratch) -> Result<()> {
        let threads = (32 * self.width.div_ceil(256)).min(512) as u32;
        let config = LaunchConfig::row(self.pairs.rows, threads);
        let (rows, width, n_chosen) = (self.pairs.rows as i32, self.width as i32, self.pairs.n_chosen as i32);
        // SAFETY: the kernel's parameters.
        unsafe { launch!(device, "moe_combine", config, self.out, self.base, scratch.y, self.pairs.weights, rows, width, n_chosen) }
    }
}

/// `out = x · Wᵀ` of each expert, for tiles of many rows.
struct Product {
    x: u64,
    weight: u64,
    out: u64,
    /// The row of each place in the list, for results that don't stay in the list's order.
    places: u64,
    /// Rows of an expert's matrix, and their values.
    n: usize,
    k: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_add_up_to_the_gate() {
        let exact = [0.5, -3.0, 0.0, 1.25];
        assert_eq!(split_gate(&exact), (exact.map(bf16::from_f32).to_vec(), 1));
        let weight: Vec<f32> = (1..50).map(|i| 1.0 / i as f32 - 0.3).collect();
        let (matrices, n) = split_gate(&weight);
        assert_eq!((n, matrices.len()), (3, 3 * weight.len()));
        for (i, want) in weight.iter().enumerate() {
            let got: f32 = (0..n).rev().map(|part| matrices[part * weight.len() + i].to_f32()).sum();
            assert_eq!(got, *want);
        }
    }
}
