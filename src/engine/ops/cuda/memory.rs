//! Tensors in GPU memory.

use std::fmt::Debug;
use std::sync::Arc;

use ashlar_cuda::{Buffer, Device, Pool, bf16};

use super::super::tensor::Data;
use super::super::{Result, Tensor, bail};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    Bf16,
    F32,
}

impl DType {
    pub const fn size(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Where a tensor lies, and what keeps that memory from being handed out again.
#[derive(Debug, Clone)]
pub struct Memory {
    pub ptr: u64,
    pub dtype: DType,
    device: Device,
    /// A part of a pool until the last clone goes, or a buffer that lives as long as the model.
    _owner: Arc<dyn Debug + Send + Sync>,
}

impl Memory {
    /// Reads `n` numbers, waiting for what computes them.
    pub fn to_vec(&self, n: usize) -> Result<Vec<f32>> {
        let mut bytes = vec![0; n * self.dtype.size()];
        self.device.download(&mut bytes, self.ptr)?;
        Ok(match self.dtype {
            DType::Bf16 => bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            DType::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        })
    }
}

impl Tensor {
    /// Rows in a part of a pool, not initialised.
    pub(super) fn in_pool(device: &Device, pool: &Pool, rows: usize, width: usize, dtype: DType) -> Result<Self> {
        let slice = pool.take(rows * width * dtype.size())?;
        let ptr = slice.ptr();
        let memory = Memory { ptr, dtype, device: device.clone(), _owner: Arc::new(slice) };
        Ok(Self { data: Data::Cuda(memory), rows, width })
    }

    /// Rows at the start of a buffer.
    pub(super) fn in_buffer(device: &Device, buffer: Arc<Buffer>, rows: usize, width: usize, dtype: DType) -> Self {
        debug_assert!(rows * width * dtype.size() <= buffer.len());
        let memory = Memory { ptr: buffer.ptr(), dtype, device: device.clone(), _owner: buffer };
        Self { data: Data::Cuda(memory), rows, width }
    }

    /// The address, for kernels that read or write numbers of this type.
    pub(super) fn ptr(&self, dtype: DType) -> Result<u64> {
        match &self.data {
            Data::Cuda(memory) if memory.dtype == dtype => Ok(memory.ptr),
            Data::Cuda(memory) => bail!("expected {dtype:?} values, not {:?}", memory.dtype),
            Data::Cpu(_) => bail!("expected a tensor on the GPU"),
        }
    }

    pub(super) fn bf16(&self) -> Result<u64> {
        self.ptr(DType::Bf16)
    }
}

/// Numbers as the GPU has them.
pub fn bf16_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect()
}

pub fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
