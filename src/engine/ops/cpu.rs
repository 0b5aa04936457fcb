//! The values behind tensors on the CPU, and its threads.

use std::cell::Cell;
use std::sync::Arc;

use ashlar_kernels as kernels;
use candle_core::{CpuStorage, InplaceOp1, Layout, Storage};

use super::tensor::Data;
use super::{Result, Tensor, bail};

/// The CPU and the threads that compute.
#[derive(Clone)]
pub struct Cpu {
    pub pool: Arc<kernels::Pool>,
}

impl Cpu {
    /// `n_threads` threads, the caller's among them.
    pub fn new(n_threads: usize) -> Self {
        kernels::memory::keep_freed_memory();
        Self { pool: Arc::new(kernels::Pool::new(n_threads)) }
    }
}

impl Tensor {
    fn on_cpu(&self) -> Result<&candle_core::Tensor> {
        match &self.data {
            Data::Cpu(t) => Ok(t),
            #[cfg(feature = "cuda")]
            Data::Cuda(_) => bail!("expected a tensor on the CPU"),
        }
    }

    /// Calls `f` with the values of a tensor on the CPU, without copying them.
    pub fn with_values<R>(&self, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let (storage, layout) = self.on_cpu()?.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { bail!("expected a tensor on the CPU") };
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("expected a contiguous tensor") };
        Ok(f(&storage.as_slice::<f32>()?[start..end]))
    }

    /// Calls `f` with the values of a tensor on the CPU to change them in place.
    pub(super) fn change_values(&self, f: impl FnOnce(&mut [f32])) -> Result<()> {
        struct Change<F>(Cell<Option<F>>);

        impl<F: FnOnce(&mut [f32])> InplaceOp1 for Change<F> {
            fn name(&self) -> &'static str {
                "change values"
            }

            fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
                let CpuStorage::F32(values) = storage else { candle_core::bail!("expected f32 values") };
                let Some((start, end)) = layout.contiguous_offsets() else { candle_core::bail!("expected a contiguous tensor") };
                if let Some(f) = self.0.take() {
                    f(&mut values[start..end]);
                }
                Ok(())
            }
        }

        Ok(self.on_cpu()?.inplace_op1(&Change(Cell::new(Some(f))))?)
    }
}
