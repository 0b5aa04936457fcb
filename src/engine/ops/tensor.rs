//! What operations take and give: packed rows on the device that computed them.

use candle_core::Device;

use super::{Result, bail};

/// Contiguous rows `[rows, width]`: f32 on the CPU; on a GPU bf16, logits f32. Clones share the memory.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub(super) data: Data,
    pub(super) rows: usize,
    pub(super) width: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    Cpu(candle_core::Tensor),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::Memory),
}

impl Tensor {
    /// Values `[rows, width]` on the CPU.
    pub fn from_vec(values: Vec<f32>, rows: usize, width: usize) -> Result<Self> {
        Ok(Self { data: Data::Cpu(candle_core::Tensor::from_vec(values, (rows, width), &Device::Cpu)?), rows, width })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Memory it takes.
    pub fn n_bytes(&self) -> usize {
        match &self.data {
            Data::Cpu(t) => t.elem_count() * size_of::<f32>(),
            #[cfg(feature = "cuda")]
            Data::Cuda(memory) => self.rows * self.width * memory.dtype.size(),
        }
    }

    /// The same values as rows of another width.
    pub fn reshape(&self, width: usize) -> Result<Self> {
        let n = self.rows * self.width;
        if width == 0 || !n.is_multiple_of(width) {
            bail!("[{}, {}] can't be seen as rows of {width}", self.rows, self.width);
        }
        let data = match &self.data {
            Data::Cpu(t) => Data::Cpu(t.reshape((n / width, width))?),
            #[cfg(feature = "cuda")]
            Data::Cuda(memory) => Data::Cuda(memory.clone()),
        };
        Ok(Self { data, rows: n / width, width })
    }

    /// All values row by row, copied from the device if it is another one.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        match &self.data {
            Data::Cpu(_) => self.with_values(<[f32]>::to_vec),
            #[cfg(feature = "cuda")]
            Data::Cuda(memory) => memory.to_vec(self.rows * self.width),
        }
    }

    /// As [`to_vec`](Self::to_vec), a vector for each row.
    pub fn to_rows(&self) -> Result<Vec<Vec<f32>>> {
        Ok(self.to_vec()?.chunks(self.width.max(1)).map(<[f32]>::to_vec).collect())
    }
}
