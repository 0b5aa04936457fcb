//! Operations on packed rows (`kernels/rows.cu`): norms, gates, quantisation, gathers, rotary embeddings. Rows are bf16,
//! `[rows, width]`, addresses on the device.
//!
//! Every function launches one kernel whose addresses must be valid for their shapes until it has run, which is what makes
//! them unsafe.

use super::{Device, HeadNorms, LaunchConfig, Result, launch};

/// Values of a vector access.
const VECTOR: usize = 8;
/// Values that a block of an element-wise kernel takes.
const CHUNK: usize = 4096;
const CHUNK_THREADS: u32 = 256;

/// Threads of a block that takes a row in vectors, two for each; `max` at most.
fn row_threads(width: usize, max: u32) -> u32 {
    (32 * width.div_ceil(2 * 32 * VECTOR).max(1) as u32).min(max)
}

/// A block for each row.
fn by_row(rows: usize, width: usize) -> LaunchConfig {
    LaunchConfig::row(rows, row_threads(width, 512))
}

fn by_chunk(rows: usize, width: usize) -> LaunchConfig {
    LaunchConfig::row(rows * width.div_ceil(CHUNK), CHUNK_THREADS)
}

/// Activation functions; the two GELUs are not interchangeable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Activation {
    Silu = 0,
    GeluTanh = 1,
    GeluErf = 2,
    Tanh = 3,
    Relu = 4,
}

/// `out = x · rsqrt(mean(x²) + eps) · weight` of every row.
///
/// # Safety
/// See the module.
pub unsafe fn rms_norm(device: &Device, out: u64, x: u64, weight: u64, rows: usize, width: usize, eps: f32) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    // SAFETY: the kernel's parameters; addresses are the caller's.
    unsafe { launch!(device, "rms_norm", by_row(rows, width), out, x, weight, rows as i32, width as i32, eps) }
}

/// `x += y · rsqrt(mean(y²) + eps) · weight` of every row.
///
/// # Safety
/// See the module.
pub unsafe fn rms_norm_onto(device: &Device, x: u64, y: u64, weight: u64, rows: usize, width: usize, eps: f32) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { launch!(device, "rms_norm_onto", by_row(rows, width), x, y, weight, rows as i32, width as i32, eps) }
}

/// As [`rms_norm`], to FP8 (e4m3) with an f32 scale for each row.
///
/// # Safety
/// See the module.
#[expect(clippy::too_many_arguments, reason = "one for each parameter of the kernel")]
pub unsafe fn rms_norm_fp8(device: &Device, out: u64, scales: u64, x: u64, weight: u64, rows: usize, width: usize, eps: f32) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { launch!(device, "rms_norm_fp8", by_row(rows, width), out, scales, x, weight, rows as i32, width as i32, eps) }
}

/// Weights of a layer norm and what is normalised: `x`, or `x + y`.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    pub x: u64,
    pub y: Option<u64>,
    pub weight: u64,
    pub bias: u64,
    pub eps: f32,
}

impl LayerNorm {
    /// # Safety
    /// See the module.
    pub unsafe fn launch(&self, device: &Device, out: u64, rows: usize, width: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let (config, n, w) = (by_row(rows, width), rows as i32, width as i32);
        // SAFETY: as above.
        unsafe {
            match self.y {
                None => launch!(device, "layer_norm", config, out, self.x, self.weight, self.bias, n, w, self.eps),
                Some(y) => launch!(device, "add_layer_norm", config, out, self.x, y, self.weight, self.bias, n, w, self.eps),
            }
        }
    }
}

/// Every row as e4m3 with an f32 scale of its own.
///
/// # Safety
/// See the module.
pub unsafe fn quantize_fp8(device: &Device, out: u64, scales: u64, x: u64, rows: usize, width: usize) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { launch!(device, "quantize_fp8", by_row(rows, width), out, scales, x, rows as i32, width as i32) }
}

/// `out [rows, width] = silu(gate) · up` of rows `gate[width], up[width]`.
///
/// # Safety
/// See the module.
pub unsafe fn silu_mul(device: &Device, out: u64, gate_up: u64, rows: usize, width: usize) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { launch!(device, "silu_mul", by_chunk(rows, width), out, gate_up, rows as i32, width as i32) }
}

/// As [`silu_mul`], to FP8 with an f32 scale for each row.
///
/// # Safety
/// See the module.
pub unsafe fn silu_mul_fp8(device: &Device, out: u64, scales: u64, gate_up: u64, rows: usize, width: usize) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let config = LaunchConfig::row(rows, row_threads(width, 768));
    // SAFETY: as above.
    unsafe { launch!(device, "silu_mul_fp8", config, out, scales, gate_up, rows as i32, width as i32) }
}

/// The function of `n` values, in place.
///
/// # Safety
/// See the module.
pub unsafe fn activate(device: &Device, x: u64, activation: Activation, n: usize) -> Result<()> {
    if n == 0 {
        return Ok(());
    }
    let config = LaunchConfig::row(n.div_ceil(CHUNK), CHUNK_THREADS);
    // SAFETY: as above.
    unsafe { launch!(device, "activate", config, x, activation as i32, n as i64) }
}

/// `x += y`, `n` values.
///
/// # Safety
/// See the module.
pub unsafe fn add(device: &Device, x: u64, y: u64, n: usize) -> Result<()> {
    if n == 0 {
        return Ok(());
    }
    let config = LaunchConfig::row(n.div_ceil(CHUNK), CHUNK_THREADS);
    // SAFETY: as above.
    unsafe { launch!(device, "add", config, x, y, n as i64) }
}

/// Tokens and the table they are looked up in.
#[derive(Debug, Clone, Copy)]
pub struct Embed {
    pub table: u64,
    pub n_vocab: usize,
    /// i32 `[rows]`: a token, or `-(slot + 1)` for the one that slot remembers.
    pub ids: u64,
    /// i32 of each slot.
    pub last_tokens: u64,
}

impl Embed {
    /// # Safety
    /// See the module.
    pub unsafe fn launch(&self, device: &Device, out: u64, rows: usize, width: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let config = LaunchConfig::row(rows, row_threads(width, 512));
        let (n, w, vocab) = (rows as i32, width as i32, self.n_vocab as i32);
        // SAFETY: as above.
        unsafe { launch!(device, "embed", config, out, self.table, self.ids, self.last_tokens, n, w, vocab) }
    }
}

/// `out[i] = x[numbers[i]]`; `numbers` is i32 `[rows]`.
///
/// # Safety
/// See the module; every number is a row of `x`.
pub unsafe fn gather_rows(device: &Device, out: u64, x: u64, numbers: u64, rows: usize, width: usize) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let config = LaunchConfig::row(rows, row_threads(width, 512));
    // SAFETY: as above.
    unsafe { launch!(device, "gather_rows", config, out, x, numbers, rows as i32, width as i32) }
}

/// `len` rows at `source` that belong at `row`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Span {
    pub source: u64,
    pub row: i32,
    pub len: i32,
}

/// Puts the rows of each span (an array on the device) over rows of `x`, or adds them. `longest` is the longest span's
/// length.
///
/// # Safety
/// See the module.
pub unsafe fn visual_rows(device: &Device, x: u64, spans: u64, n_spans: usize, longest: usize, width: usize, add: bool) -> Result<()> {
    if n_spans == 0 || longest == 0 {
        return Ok(());
    }
    let config = LaunchConfig { grid: (longest as u32, n_spans as u32, 1), block: (row_threads(width, 512), 1, 1), shared: 0 };
    // SAFETY: as above.
    unsafe { launch!(device, "visual_rows", config, x, spans, n_spans as i32, width as i32, i32::from(add)) }
}

/// (cos, sin) f32 pairs `[rows, half]` of `positions[axes[i]][row] · inverse_frequencies[i]`: i32 `[3, rows]`, u8 `[half]`,
/// f32 `[half]`.
///
/// # Safety
/// See the module.
pub unsafe fn text_angles(
    device: &Device,
    out: u64,
    positions: u64,
    inverse_frequencies: u64,
    axes: u64,
    rows: usize,
    half: usize,
) -> Result<()> {
    if rows * half == 0 {
        return Ok(());
    }
    let config = LaunchConfig::row((rows * half).div_ceil(256), 256);
    // SAFETY: as above.
    unsafe { launch!(device, "text_angles", config, out, positions, inverse_frequencies, axes, rows as i32, half as i32) }
}

/// A block for each row with `n_heads` heads of `d` values: few rows want a thread for just two heads of a lane, many rows
/// want small blocks.
fn by_head(rows: usize, n_heads: usize, d: usize) -> LaunchConfig {
    let lanes = d.div_ceil(VECTOR).next_power_of_two();
    let max = if rows > 512 { 128 } else { 576 };
    LaunchConfig::row(rows, (lanes * n_heads.div_ceil(2)).next_multiple_of(32).min(max) as u32)
}

/// What attention needs of fused rows of queries, keys and values before it starts: norms, rotation, the cache.
#[derive(Debug, Clone, Copy)]
pub struct RopeStore {
    pub qkv: u64,
    pub norms: HeadNorms,
    /// (cos, sin) f32 pairs `[rows, d / 2]`.
    pub angles: u64,
    /// i32 `[rows]`; negative: not written.
    pub slots: u64,
    pub k_cache: u64,
    pub v_cache: u64,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub dim: usize,
}

impl RopeStore {
    /// # Safety
    /// See the module.
    pub unsafe fn launch(&self, device: &Device, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let config = by_head(rows, self.n_heads + 2 * self.n_kv_heads, self.dim);
        // SAFETY: as above.
        unsafe {
            launch!(
                device,
                "rope_store",
                config,
                self.qkv,
                self.norms.q_weight,
                self.norms.q_bias,
                self.norms.k_weight,
                self.norms.k_bias,
                self.angles,
                self.slots,
                self.k_cache,
                self.v_cache,
                rows as i32,
                self.n_heads as i32,
                self.n_kv_heads as i32,
                self.dim as i32,
                self.norms.eps,
            )
        }
    }
}

/// Turns the first `n_heads` heads of `dim` values of rows `stride` values apart, in place.
///
/// # Safety
/// See the module.
pub unsafe fn rope(device: &Device, x: u64, angles: u64, rows: usize, stride: usize, n_heads: usize, dim: usize) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let config = by_head(rows, n_heads, dim);
    // SAFETY: as above.
    unsafe { launch!(device, "rope", config, x, angles, rows as i32, stride as i32, n_heads as i32, dim as i32) }
}
