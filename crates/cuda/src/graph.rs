//! Recorded launches that are replayed with one call.

use cudarc::driver::{result, sys};

use super::{Device, Result, driver};

/// Everything launched during a capture, with the same addresses and arguments each time.
#[derive(Debug)]
pub struct Graph {
    graph: sys::CUgraph,
    executable: sys::CUgraphExec,
    device: Device,
}

// SAFETY: handles of the driver; used in the context that `bind` makes current.
unsafe impl Send for Graph {}
// SAFETY: as above.
unsafe impl Sync for Graph {}

impl Graph {
    /// Records what `work` launches, without running it. When `work` fails the stream is left usable and nothing is kept.
    pub fn capture<T, E: From<super::Error>>(device: &Device, work: impl FnOnce() -> Result<T, E>) -> Result<(Self, T), E> {
        device.bind()?;
        // SAFETY: the stream is valid; the capture ends below whatever `work` returns.
        unsafe { result::stream::begin_capture(device.stream(), sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) }
            .map_err(driver("recording a graph"))?;
        let outcome = work();
        // SAFETY: the stream is being captured.
        let graph = unsafe { result::stream::end_capture(device.stream()) }.map_err(driver("recording a graph"));
        let value = outcome?;
        let graph = graph?;
        // SAFETY: `graph` is valid.
        let executable = unsafe { result::graph::instantiate(graph, sys::CUgraphInstantiate_flags(0)) };
        let executable = match executable {
            Ok(executable) => executable,
            Err(error) => {
                // SAFETY: destroyed once, never launched.
                let _ = unsafe { result::graph::destroy(graph) };
                return Err(driver("making a graph")(error).into());
            }
        };
        Ok((Self { graph, executable, device: device.clone() }, value))
    }

    /// Runs it, in stream order.
    pub fn launch(&self) -> Result<()> {
        self.device.bind()?;
        // SAFETY: both handles are valid.
        unsafe { result::graph::launch(self.executable, self.device.stream()) }.map_err(driver("launching a graph"))
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: each is destroyed once.
            unsafe {
                let _ = result::graph::exec_destroy(self.executable);
                let _ = result::graph::destroy(self.graph);
            }
        }
    }
}
