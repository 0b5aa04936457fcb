//! Matrix products of few rows, with what stands before and after them in a decode step.

use super::{Device, Error, LaunchConfig, Result, launch};

/// RMSNorm of the rows of x before the product.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    /// bf16 `[n_in]`.
    pub weight: u64,
    pub eps: f32,
}

/// What becomes of `x · Wᵀ + bias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// `y` is it, bf16 `[rows, n_out]`.
    Store,
    /// `y` is it, f32 `[rows, n_out]`.
    Logits,
    /// Added to `y`, bf16 `[rows, n_out]`.
    Add,
    /// The first half of its columns are gates, the second ups: `y` is `silu(gate) · up`, bf16 `[rows, n_out / 2]`.
    SwiGlu,
}

/// A product of up to [`Skinny::MAX_ROWS`] rows that runs as fast as `W` can be read. A row's result has the same bits
/// whatever the other rows are and however many.
///
/// `x` bf16 `[rows, n_in]` and `weight` `[n_out, n_in]` are row-major device addresses. Launched in a row with other kernels
/// of this crate, its weights are on their way before the kernel in front of it has ended.
#[derive(Debug, Clone, Copy)]
pub struct Skinny {
    pub rows: usize,
    pub n_out: usize,
    pub n_in: usize,
    pub x: u64,
    /// bf16, or e4m3 where there are `scales`.
    pub weight: u64,
    /// f32 `[n_out]`, one for each row of FP8 weights; 0 = bf16 weights.
    pub scales: u64,
    /// bf16 `[n_out]`, 0 = none.
    pub bias: u64,
    pub norm: Option<Norm>,
    pub y: u64,
    pub epilogue: Epilogue,
}

/// The kernel's numbers: see `kernels/skinny.cu`.
const THREADS: u32 = 288;
const TILE_ROWS: usize = 16;
const PIECE_BYTES: usize = 1024;
const STAGE_WEIGHTS: usize = TILE_ROWS * (PIECE_BYTES + 64);
const BARRIERS: usize = 16;
/// Fewer pieces in flight than this don't keep the memory busy.
const MIN_STAGES: usize = 3;
/// As many rows of x, of as many values, come sooner all at once than piece by piece with each tile of W.
const MAX_RESIDENT_ROWS: usize = 2;
const MAX_RESIDENT_VALUES: usize = 4096;
/// Rows up to which a product leaves room beside it, see [`Skinny::layout`].
const MAX_SHARING_ROWS: usize = 2;
/// Stages of weights that small blocks ask for before x is there.
const EARLY_STAGES: usize = 2;
/// Shared memory that the device keeps of each block.
const RESERVED_SHARED: usize = 1024;

impl Skinny {
    pub const MAX_ROWS: usize = 16;

    fn weight_bytes(&self) -> usize {
        if self.scales == 0 { 2 } else { 1 }
    }

    /// Bytes added to the rows of x in shared memory, so that neighbours lie in different banks.
    fn padding(&self) -> usize {
        if self.scales == 0 { 64 } else { 16 }
    }

    fn piece(&self) -> usize {
        PIECE_BYTES / self.weight_bytes()
    }

    /// Bytes of shared memory besides the stages, and of one stage, with all of x in shared memory or a piece of it a stage.
    fn shared(&self, resident: bool) -> (usize, usize) {
        let sums = 8192 * self.rows.div_ceil(8);
        if resident {
            (sums + self.rows * (self.n_in.div_ceil(64) * 128 + self.padding()), STAGE_WEIGHTS + BARRIERS)
        } else {
            (sums, STAGE_WEIGHTS + self.rows * (self.piece() * 2 + self.padding()) + BARRIERS)
        }
    }

    fn n_tiles(&self) -> usize {
        self.n_out.div_ceil(TILE_ROWS)
    }

    fn is_resident(&self, device: &Device) -> bool {
        let is_short = self.rows <= MAX_RESIDENT_ROWS && self.n_in <= MAX_RESIDENT_VALUES;
        self.norm.is_some() || is_short && self.n_tiles() > device.n_processors()
    }

    /// Blocks on a multiprocessor, the stages of each, and how many of them are asked for before x is there.
    ///
    /// As many stages as there is room for in one block: with room for two, the early blocks of the next product would crowd
    /// onto the multiprocessors that are free first. But attention follows what is only stored, and with few rows it takes
    /// longer to start than to read its keys: there, small blocks make way for it one by one, three of them if two have not
    /// room for all tiles at once, and as x comes from memory behind everything that was asked for before it, they ask for
    /// little. And what is added follows attention: where half the room holds most of a block's weights, they come while
    /// attention's blocks have the other half.
    fn layout(&self, device: &Device) -> Option<(usize, usize, usize)> {
        let (fixed, stage) = self.shared(self.is_resident(device));
        let stages = |blocks: usize| {
            let shared = (device.max_shared() - (blocks - 1) * RESERVED_SHARED) / blocks;
            Some(shared.checked_sub(fixed)? / stage).filter(|stages| *stages >= MIN_STAGES)
        };
        let shares = self.rows <= MAX_SHARING_ROWS;
        let (n_tiles, n_processors) = (self.n_tiles(), device.n_processors());
        let (half, third) = (stages(2).filter(|_| shares), stages(3).filter(|_| shares && n_tiles > 2 * n_processors));
        let n_pieces = self.n_in.div_ceil(self.piece());
        match (self.epilogue, half, third) {
            (Epilogue::Store, _, Some(third)) => Some((3, third, EARLY_STAGES)),
            (Epilogue::Store, Some(half), _) => Some((2, half, EARLY_STAGES)),
            (Epilogue::Add, Some(half), _) if n_tiles <= n_processors && n_pieces <= 2 * half => Some((1, half, half)),
            _ => stages(1).map(|stages| (1, stages, stages)),
        }
    }

    /// Whether there is a kernel for this shape: few rows, an inner size of whole vectors, and room for normalised rows.
    pub fn is_possible(&self, device: &Device) -> bool {
        (1..=Self::MAX_ROWS).contains(&self.rows)
            && self.n_in.is_multiple_of(16 / self.weight_bytes())
            && self.n_out.is_multiple_of(if self.epilogue == Epilogue::SwiGlu { 16 } else { 8 })
            && self.layout(device).is_some()
    }

    /// Launches the product.
    ///
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until the product has run.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let Some((blocks_at_once, most_stages, early)) = self.layout(device).filter(|_| self.is_possible(device)) else {
            return Err(Error::Driver { what: "multiplying few rows", cause: format!("there is no kernel for {self:?}") });
        };
        let n_tiles = self.n_tiles();
        let n_blocks = (device.n_processors() * blocks_at_once).min(n_tiles);
        let n_pieces = n_tiles.div_ceil(n_blocks) * self.n_in.div_ceil(self.piece());
        let resident = self.is_resident(device);
        let stages = most_stages.min(n_pieces);
        let (fixed, stage) = self.shared(resident);
        let kernel = format!(
            "skinny_{}_{}_{}_{}",
            if self.scales == 0 { "bf16" } else { "fp8" },
            if resident { "resident" } else { "streamed" },
            match self.epilogue {
                Epilogue::Store => "store",
                Epilogue::Logits => "logits",
                Epilogue::Add => "add",
                Epilogue::SwiGlu => "swiglu",
            },
            self.rows.next_multiple_of(8),
        );
        let norm = self.norm.unwrap_or(Norm { weight: 0, eps: 0.0 });
        let config = LaunchConfig { grid: (n_blocks as u32, 1, 1), block: (THREADS, 1, 1), shared: (fixed + stages * stage) as u32 };
        // SAFETY: the arguments have the kernel's types; the caller answers for the addresses.
        unsafe {
            launch!(
                device,
                &kernel,
                config,
                self.y,
                self.x,
                self.weight,
                self.scales,
                self.bias,
                norm.weight,
                self.rows as i32,
                self.n_out as i32,
                self.n_in as i32,
                norm.eps,
                stages as i32,
                early as i32,
            )
        }
    }
}
