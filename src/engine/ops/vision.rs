//! What vision towers need besides: patches from grey levels, positions from the patches' places in their grids.

use ashlar_kernels::vision::{Patches, Rgb, append_patches, interpolate_positions, interpolate_positions_bicubic};

use super::rope::Angles;
use super::{Backend, Place, Result, Tensor, bail};
use crate::engine::batch::Pixels;

/// How grey levels become the numbers a tower reads: `(value / 255 − mean) / std` of each of three channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

/// Many pictures end to end: where each patch lies.
pub struct Grid {
    /// (frames, rows, columns) of each picture.
    grids: Vec<[usize; 3]>,
    merge: usize,
    /// (row, column, rows, columns) of each patch in its frame.
    pub(super) places: Vec<[u32; 4]>,
    /// Where each frame starts, `[frames + 1]`.
    pub cu_seqlens: Vec<u32>,
    #[cfg(feature = "cuda")]
    pub(super) device: Option<Tensor>,
}

impl Grid {
    /// Frames of all pictures in order, patches in blocks of `merge`×`merge`, row by row.
    pub fn new(backend: &Backend, pixels: &[Pixels], merge: usize) -> Result<Self> {
        let mut places = Vec::new();
        let mut cu_seqlens = vec![0u32];
        for image in pixels {
            let [t, h, w] = image.grid;
            if t * h * w == 0 || h % merge != 0 || w % merge != 0 {
                bail!("{:?} is no grid of whole {merge}×{merge} blocks", image.grid);
            }
            for _ in 0..t {
                places.extend(merge_block_order(h, w, merge).map(|(row, column)| [row, column, h, w].map(|n| n as u32)));
                // Each frame is a segment of its own.
                cu_seqlens.push(places.len() as u32);
            }
        }
        #[cfg(feature = "cuda")]
        let device = match &backend.0 {
            Place::Cpu(_) => None,
            Place::Cuda(cuda) => Some(cuda.places(&places)?),
        };
        #[cfg(not(feature = "cuda"))]
        let Place::Cpu(_) = backend.0;
        Ok(Self {
            grids: pixels.iter().map(|image| image.grid).collect(),
            merge,
            places,
            cu_seqlens,
            #[cfg(feature = "cuda")]
            device,
        })
    }

    /// Angles that turn the first half of each head's pairs by the patch's row and the second half by its column.
    pub fn angles(&self, backend: &Backend, theta: f32, head_dim: usize) -> Result<Angles> {
        let quarter = head_dim / 4;
        let inverse: Vec<f32> = (0..quarter).map(|j| 1.0 / theta.powf((2 * j) as f32 / (head_dim / 2) as f32)).collect();
        match &backend.0 {
            Place::Cpu(_) => Ok(Angles::of(self.places.len(), head_dim / 2, |patch, i| {
                let [row, column, ..] = self.places[patch];
                (if i < quarter { row } else { column }) as f32 * inverse[i % quarter]
            })),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Ok(Angles::Cuda(cuda.vision_angles(self, &inverse)?)),
        }
    }
}

/// (row, column) of each patch of a frame: blocks of `merge`×`merge`, row by row.
fn merge_block_order(h: usize, w: usize, merge: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..h / merge).flat_map(move |block_row| {
        (0..w / merge).flat_map(move |block_col| {
            (0..merge).flat_map(move |r| (0..merge).map(move |c| (block_row * merge + r, block_col * merge + c)))
        })
    })
}

/// How frames are cut into rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatchLayout {
    /// Side of a patch in pixels.
    pub size: usize,
    /// Frames of a patch. The last frame of a clip fills up its group, so a still picture is repeated.
    pub temporal: usize,
    /// Side of a block of neighbouring patches that follow each other.
    pub merge: usize,
    pub normalization: Normalization,
}

impl PatchLayout {
    /// Numbers of a patch.
    pub fn width(&self) -> usize {
        3 * self.temporal * self.size * self.size
    }

    /// Bytes of one frame of these pixels.
    fn frame_bytes(&self, pixels: &Pixels) -> usize {
        3 * pixels.grid[1] * pixels.grid[2] * self.size * self.size
    }
}

/// The patches of many pictures as rows `[n_patches, width]`.
pub fn patches(backend: &Backend, pixels: &[Pixels], layout: &PatchLayout) -> Result<Tensor> {
    for image in pixels {
        let (n_bytes, frame) = (image.rgb.len(), layout.frame_bytes(image));
        if !n_bytes.is_multiple_of(frame) || (n_bytes / frame).div_ceil(layout.temporal) != image.grid[0] {
            bail!("{n_bytes} bytes of pixels are not a grid of {:?} patches", image.grid);
        }
    }
    match &backend.0 {
        Place::Cpu(_) => {
            let rows: usize = pixels.iter().map(|image| image.grid.iter().product::<usize>()).sum();
            let Normalization { mean, std } = layout.normalization;
            let cut = Patches { size: layout.size, merge: layout.merge, mean, std };
            let mut out = Vec::with_capacity(rows * layout.width());
            for image in pixels {
                let (height, width) = (image.grid[1] * layout.size, image.grid[2] * layout.size);
                let frames: Vec<Rgb> =
                    image.rgb.chunks_exact(layout.frame_bytes(image)).map(|data| Rgb { width, height, data: data.to_vec() }).collect();
                for group in frames.chunks(layout.temporal) {
                    let last = &group[group.len() - 1];
                    let filled: Vec<&Rgb> = group.iter().chain(std::iter::repeat(last)).take(layout.temporal).collect();
                    append_patches(&filled, cut, &mut out);
                }
            }
            Tensor::from_vec(out, rows, layout.width())
        }
        #[cfg(feature = "cuda")]
        Place::Cuda(cuda) => cuda.patches(pixels, layout),
    }
}

/// How a table of positions is stretched over a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Corners on corners.
    Bilinear,
    /// Centres on centres, a = −0.75, no antialiasing.
    Bicubic,
}

/// A square table of position embeddings that is interpolated to each picture's grid.
pub struct PositionTable {
    /// `[side², width]`, f32.
    pub(super) table: Tensor,
    pub(super) side: usize,
    pub(super) interpolation: Interpolation,
}

impl PositionTable {
    pub fn new(backend: &Backend, values: Vec<f32>, side: usize, width: usize, interpolation: Interpolation) -> Result<Self> {
        let table = match &backend.0 {
            Place::Cpu(_) => Tensor::from_vec(values, side * side, width)?,
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.f32_constant(&values, side * side, width)?,
        };
        Ok(Self { table, side, interpolation })
    }

    /// Adds each patch's position to its row of `x`.
    pub fn add_to(&self, backend: &Backend, x: &Tensor, grid: &Grid) -> Result<()> {
        match &backend.0 {
            Place::Cpu(cpu) => {
                let positions = self.interpolate(grid)?;
                x.change_values(|x| ashlar_kernels::rows::add(&cpu.pool, x, &positions))
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.add_positions(x, self, grid),
        }
    }

    /// The positions of all patches of a grid, on the CPU.
    fn interpolate(&self, grid: &Grid) -> Result<Vec<f32>> {
        let mut positions = Vec::with_capacity(grid.places.len() * self.table.width);
        self.table.with_values(|table| {
            for [t, h, w] in &grid.grids {
                let of_frame = match self.interpolation {
                    Interpolation::Bilinear => interpolate_positions(table, self.side, self.table.width, *h, *w, grid.merge),
                    Interpolation::Bicubic => interpolate_positions_bicubic(table, self.side, self.table.width, *h, *w, grid.merge),
                };
                (0..*t).for_each(|_| positions.extend_from_slice(&of_frame));
            }
        })?;
        Ok(positions)
    }
}
