//! A packed step on its way to the device.

use super::{Backend, Place, Result};
use crate::engine::batch::Batch;

/// A batch whose integers are where its operations need them.
pub struct Step<'a> {
    pub batch: &'a Batch,
    #[cfg(feature = "cuda")]
    pub(super) device: Option<super::cuda::Inputs>,
}

impl Backend {
    /// Sends a batch's integers to the device, in one copy.
    pub fn begin_step<'a>(&self, batch: &'a Batch) -> Result<Step<'a>> {
        match &self.0 {
            Place::Cpu(_) => Ok(Step {
                batch,
                #[cfg(feature = "cuda")]
                device: None,
            }),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Ok(Step { batch, device: Some(cuda.send(batch)?) }),
        }
    }
}
