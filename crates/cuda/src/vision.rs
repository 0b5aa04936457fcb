//! What a vision tower needs before its blocks (`kernels/vision.cu`): patches, positions, angles. Addresses are on the
//! device and must be valid for their shapes until the launches have run.

use super::{Device, LaunchConfig, Result, launch};

const THREADS: u32 = 256;

/// Frames of one picture or clip and how they are cut.
#[derive(Debug, Clone, Copy)]
pub struct Patches {
    pub n_frames: usize,
    pub height: usize,
    pub width: usize,
    /// Side of a patch, pixels.
    pub patch: usize,
    /// Frames of a patch; the last frame fills up its group.
    pub temporal: usize,
    /// Side of a block of neighbouring patches that follow each other.
    pub merge: usize,
    /// Grey levels.
    pub mean: [f32; 3],
    /// Grey levels.
    pub std: [f32; 3],
}

impl Patches {
    /// Writes bf16 rows `[patches, 3, temporal, patch, patch]` of `(value − mean) / std` from `rgb`, bytes
    /// `[n_frames, height, width, 3]`.
    ///
    /// # Safety
    /// See the module.
    pub unsafe fn launch(&self, device: &Device, out: u64, rgb: u64) -> Result<()> {
        let groups = self.n_frames.div_ceil(self.temporal);
        let at_once = if self.patch.is_multiple_of(8) { 8 } else { 1 };
        let blocks = (groups * self.height * self.width).div_ceil(at_once * THREADS as usize);
        if blocks == 0 {
            return Ok(());
        }
        let ([mean_r, mean_g, mean_b], [std_r, std_g, std_b]) = (self.mean, self.std);
        // SAFETY: the kernel's parameters; addresses are the caller's.
        unsafe {
            launch!(
                device,
                "patches",
                LaunchConfig::row(blocks, THREADS),
                out,
                rgb,
                self.n_frames as i32,
                self.height as i32,
                self.width as i32,
                self.patch as i32,
                self.temporal as i32,
                self.merge as i32,
                mean_r,
                mean_g,
                mean_b,
                std_r,
                std_g,
                std_b,
            )
        }
    }
}

/// How a table of positions is stretched over a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Corners on corners.
    Bilinear,
    /// Centres on centres, a = −0.75, edges repeated.
    Bicubic,
}

/// A square table of positions, f32 `[side², width]`.
#[derive(Debug, Clone, Copy)]
pub struct Positions {
    pub table: u64,
    pub side: usize,
    pub width: usize,
    pub interpolation: Interpolation,
}

impl Positions {
    /// Adds to each of `rows` rows of `x` the table at the row's place, i32 `(row, column, rows, columns)` in `places`.
    ///
    /// # Safety
    /// See the module.
    pub unsafe fn add(&self, device: &Device, x: u64, places: u64, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let config = LaunchConfig::row(rows, 32 * self.width.div_ceil(8 * 32).clamp(1, 32) as u32);
        let kernel = match self.interpolation {
            Interpolation::Bilinear => "add_positions_bilinear",
            Interpolation::Bicubic => "add_positions_bicubic",
        };
        // SAFETY: the kernels' parameters; addresses are the caller's.
        unsafe { launch!(device, kernel, config, x, self.table, places, self.width as i32, self.side as i32) }
    }
}

/// (cos, sin) f32 pairs `[rows, 2 · quarter]`: of the place's row for the first `quarter` pairs, of its column for the rest,
/// times `inverse` (f32 `[quarter]`).
///
/// # Safety
/// See the module.
pub unsafe fn vision_angles(device: &Device, out: u64, places: u64, inverse: u64, rows: usize, quarter: usize) -> Result<()> {
    let n = rows * 2 * quarter;
    if n == 0 {
        return Ok(());
    }
    let config = LaunchConfig::row(n.div_ceil(THREADS as usize), THREADS);
    // SAFETY: as above.
    unsafe { launch!(device, "vision_angles", config, out, places, inverse, rows as i32, quarter as i32) }
}
