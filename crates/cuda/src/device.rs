//! A GPU with its one stream: kernels are launched and memory is copied in the order of the calls.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{CString, c_int, c_void};
use std::fmt;
use std::sync::Arc;

use cudarc::cublaslt::sys as blas;
use cudarc::driver::{result, sys};

use super::matmul::Handle;
use super::{Error, Result, driver};

struct Fatbin {
    hopper_only: bool,
    image: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/fatbins.rs"));

/// Blocks of a grid, or threads of a block.
pub type Dim = (u32, u32, u32);

/// Shape of a launch.
#[derive(Debug, Clone, Copy)]
pub struct LaunchConfig {
    pub grid: Dim,
    pub block: Dim,
    /// Bytes of dynamic shared memory.
    pub shared: u32,
}

impl LaunchConfig {
    /// A row of `blocks` blocks of `threads` threads.
    pub fn row(blocks: usize, threads: u32) -> Self {
        Self { grid: (blocks as u32, 1, 1), block: (threads, 1, 1), shared: 0 }
    }
}

/// A GPU, one stream on it, its kernels. Cheap to clone; clones share the stream.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    index: c_int,
    device: sys::CUdevice,
    context: sys::CUcontext,
    stream: sys::CUstream,
    functions: HashMap<String, sys::CUfunction>,
    modules: Vec<sys::CUmodule>,
    capability: (i32, i32),
    n_processors: usize,
    max_shared: usize,
    name: String,
    blas: Handle,
}

// SAFETY: driver handles may be used from any thread whose current context is theirs; `bind` sees to that.
unsafe impl Send for Inner {}
// SAFETY: as above; the driver's calls are thread-safe.
unsafe impl Sync for Inner {}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({}, {})", self.0.index, self.0.name)
    }
}

thread_local! {
    /// The context current on this thread, as far as this crate set it.
    static CURRENT: Cell<sys::CUcontext> = const { Cell::new(std::ptr::null_mut()) };
}

impl Device {
    /// How many GPUs the driver sees.
    pub fn count() -> Result<usize> {
        // SAFETY: only looks for the library.
        if !unsafe { sys::is_culib_present() } {
            return Err(Error::NoDriver);
        }
        result::init().map_err(|_| Error::NoDevice)?;
        Ok(result::device::get_count().map_err(|_| Error::NoDevice)?.max(0) as usize)
    }

    /// Opens GPU `index` with a stream of its own and loads the kernels.
    pub fn open(index: usize) -> Result<Self> {
        let count = Self::count()?;
        if count == 0 {
            return Err(Error::NoDevice);
        }
        if index >= count {
            return Err(Error::NoSuchDevice { index, count });
        }
        // SAFETY: only looks for the library.
        if !unsafe { blas::is_culib_present() } {
            return Err(Error::NoBlas);
        }
        let device = result::device::get(index as c_int).map_err(driver("opening the GPU"))?;
        let attribute = |attribute| {
            // SAFETY: `device` is valid.
            unsafe { result::device::get_attribute(device, attribute) }.map_err(driver("asking the GPU what it is"))
        };
        use sys::CUdevice_attribute as A;
        let capability =
            (attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?, attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?);
        if capability.0 < 8 {
            return Err(Error::TooOld { major: capability.0, minor: capability.1 });
        }
        let n_processors = attribute(A::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as usize;
        let max_shared = attribute(A::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        let name = result::device::get_name(device).map_err(driver("asking the GPU for its name"))?;
        // SAFETY: `device` is valid; released when the last clone goes.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(driver("opening the GPU's context"))?;
        bind(context)?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking).map_err(driver("making a stream"))?;
        let (modules, functions) = load_kernels(capability, max_shared)?;
        let blas = Handle::new()?;
        Ok(Self(Arc::new(Inner {
            index: index as c_int,
            device,
            context,
            stream,
            functions,
            modules,
            capability,
            n_processors,
            max_shared: max_shared.max(0) as usize,
            name,
            blas,
        })))
    }

    /// Makes the device's context current on this thread.
    pub(crate) fn bind(&self) -> Result<()> {
        bind(self.0.context)
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Compute capability, such as (9, 0).
    pub fn capability(&self) -> (i32, i32) {
        self.0.capability
    }

    /// Has the instructions of `_sm90` kernels: Hopper, and only Hopper.
    pub fn is_hopper(&self) -> bool {
        self.0.capability == (9, 0)
    }

    /// Streaming multiprocessors.
    pub fn n_processors(&self) -> usize {
        self.0.n_processors
    }

    /// Bytes of shared memory that one block can have.
    pub fn max_shared(&self) -> usize {
        self.0.max_shared
    }

    /// Free and total bytes of the whole GPU.
    pub fn free_memory(&self) -> Result<(usize, usize)> {
        self.bind()?;
        result::mem_get_info().map_err(driver("asking for free memory"))
    }

    pub(crate) fn stream(&self) -> sys::CUstream {
        self.0.stream
    }

    pub(crate) fn blas(&self) -> &Handle {
        &self.0.blas
    }

    /// Launches a kernel by name. On Hopper and later it may be scheduled while the kernel before it drains: kernels wait
    /// (`griddepcontrol.wait`) before they touch what earlier ones wrote.
    ///
    /// # Safety
    /// `arguments` point to values of exactly the kernel's parameter types, in order, and the addresses among them are
    /// valid for what the kernel does until it has run.
    pub unsafe fn launch(&self, kernel: &str, config: LaunchConfig, arguments: &mut [*mut c_void]) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.launch_clusters(kernel, (1, 1, 1), config, arguments) }
    }

    /// As [`launch`](Self::launch), in clusters of so many neighbouring blocks, of which the grid has whole ones. More than one
    /// block is Hopper's.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn launch_clusters(&self, kernel: &str, cluster: Dim, config: LaunchConfig, arguments: &mut [*mut c_void]) -> Result<()> {
        self.bind()?;
        let function = self.function(kernel)?;
        let mut attributes = self.attributes(cluster);
        let config = self.driver_config(config, &mut attributes);
        // SAFETY: the function belongs to the current context; the caller answers for the arguments.
        unsafe { sys::cuLaunchKernelEx(&raw const config, function, arguments.as_mut_ptr(), std::ptr::null_mut()) }
            .result()
            .map_err(|error| Error::Driver { what: "launching a kernel", cause: format!("{kernel}: {error}") })
    }

    /// Clusters of so many blocks that run at once.
    pub fn clusters_at_once(&self, kernel: &str, cluster: Dim, config: LaunchConfig) -> Result<usize> {
        self.bind()?;
        let function = self.function(kernel)?;
        let mut attributes = self.attributes(cluster);
        let config = self.driver_config(config, &mut attributes);
        let mut n = 0;
        // SAFETY: the function belongs to the current context.
        unsafe { sys::cuOccupancyMaxActiveClusters(&raw mut n, function, &raw const config) }
            .result()
            .map_err(driver("asking how many clusters run at once"))?;
        Ok(n.max(0) as usize)
    }

    fn function(&self, kernel: &str) -> Result<sys::CUfunction> {
        let none = || Error::Driver { what: "launching a kernel", cause: format!("there is no kernel `{kernel}` for this GPU") };
        self.0.functions.get(kernel).copied().ok_or_else(none)
    }

    /// That let a kernel be scheduled early, and put its blocks into clusters.
    fn attributes(&self, cluster: Dim) -> Vec<sys::CUlaunchAttribute> {
        let attribute = |id, value| sys::CUlaunchAttribute { id, pad: [0; 4], value };
        use sys::CUlaunchAttributeID as Id;
        let mut attributes = Vec::new();
        if self.0.capability.0 >= 9 {
            attributes.push(attribute(
                Id::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
                sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
            ));
        }
        if cluster != (1, 1, 1) {
            let dim = sys::CUlaunchAttributeValue_union__bindgen_ty_1 { x: cluster.0, y: cluster.1, z: cluster.2 };
            attributes.push(attribute(Id::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, sys::CUlaunchAttributeValue { clusterDim: dim }));
        }
        attributes
    }

    fn driver_config(&self, config: LaunchConfig, attributes: &mut [sys::CUlaunchAttribute]) -> sys::CUlaunchConfig {
        sys::CUlaunchConfig {
            gridDimX: config.grid.0,
            gridDimY: config.grid.1,
            gridDimZ: config.grid.2,
            blockDimX: config.block.0,
            blockDimY: config.block.1,
            blockDimZ: config.block.2,
            sharedMemBytes: config.shared,
            hStream: self.0.stream,
            attrs: attributes.as_mut_ptr(),
            numAttrs: attributes.len() as u32,
        }
    }

    /// Copies host bytes to device memory at `to`, in stream order. Unless the bytes are pinned, the call returns after
    /// they were read.
    pub fn upload(&self, to: u64, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: pageable sources are staged before the call returns; for pinned ones the owner keeps them unchanged.
        unsafe { result::memcpy_htod_async(to, bytes, self.0.stream) }.map_err(driver("copying to the GPU"))
    }

    /// Copies device memory to host bytes and waits for it.
    pub fn download(&self, bytes: &mut [u8], from: u64) -> Result<()> {
        self.start_download(bytes, from)?;
        self.synchronize()
    }

    /// Copies device memory to (pinned) host bytes, in stream order; they are there when a later event was reached.
    pub fn start_download(&self, bytes: &mut [u8], from: u64) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: `from` holds as many bytes (the caller's layout).
        unsafe { result::memcpy_dtoh_async(bytes, from, self.0.stream) }.map_err(driver("copying from the GPU"))
    }

    /// Copies `len` bytes inside device memory.
    pub fn copy(&self, to: u64, from: u64, len: usize) -> Result<()> {
        self.bind()?;
        // SAFETY: both ranges are the caller's.
        unsafe { result::memcpy_dtod_async(to, from, len, self.0.stream) }.map_err(driver("copying on the GPU"))
    }

    /// Sets `len` bytes.
    pub fn fill(&self, to: u64, byte: u8, len: usize) -> Result<()> {
        self.bind()?;
        // SAFETY: the range is the caller's.
        unsafe { result::memset_d8_async(to, byte, len, self.0.stream) }.map_err(driver("filling GPU memory"))
    }

    /// Waits for everything launched so far.
    pub fn synchronize(&self) -> Result<()> {
        self.bind()?;
        // SAFETY: the stream is valid.
        unsafe { result::stream::synchronize(self.0.stream) }.map_err(driver("waiting for the GPU"))
    }

    /// A mark behind everything launched so far.
    pub fn record(&self) -> Result<Event> {
        self.bind()?;
        let event = result::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT).map_err(driver("making an event"))?;
        let event = Event { event, device: self.clone() };
        // SAFETY: event and stream are valid.
        unsafe { result::event::record(event.event, self.0.stream) }.map_err(driver("recording an event"))?;
        Ok(event)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if bind(self.context).is_err() {
            return;
        }
        // SAFETY: everything that used them holds a clone of the device and is gone; each is released once.
        unsafe {
            let _ = result::stream::synchronize(self.stream);
            self.blas.destroy();
            for module in &self.modules {
                let _ = result::module::unload(*module);
            }
            let _ = result::stream::destroy(self.stream);
            CURRENT.set(std::ptr::null_mut());
            let _ = result::primary_ctx::release(self.device);
        }
    }
}

fn bind(context: sys::CUcontext) -> Result<()> {
    if CURRENT.get() == context {
        return Ok(());
    }
    // SAFETY: the context is retained.
    unsafe { result::ctx::set_current(context) }.map_err(driver("making the GPU's context current"))?;
    CURRENT.set(context);
    Ok(())
}

type Kernels = (Vec<sys::CUmodule>, HashMap<String, sys::CUfunction>);

fn load_kernels(capability: (i32, i32), max_shared: i32) -> Result<Kernels> {
    let mut modules = Vec::new();
    let mut functions = HashMap::new();
    for fatbin in FATBINS.iter().filter(|fatbin| !fatbin.hopper_only || capability == (9, 0)) {
        // SAFETY: the image is a fatbin that nvcc wrote.
        let module = unsafe { result::module::load_data(fatbin.image.as_ptr().cast()) }.map_err(driver("loading kernels"))?;
        modules.push(module);
        let mut count = 0;
        // SAFETY: `module` is valid.
        unsafe { sys::cuModuleGetFunctionCount(&raw mut count, module) }.result().map_err(driver("listing kernels"))?;
        let mut handles = vec![std::ptr::null_mut(); count as usize];
        // SAFETY: there is room for `count` handles.
        unsafe { sys::cuModuleEnumerateFunctions(handles.as_mut_ptr(), count, module) }.result().map_err(driver("listing kernels"))?;
        for function in handles {
            let mut name = std::ptr::null();
            // SAFETY: `function` is valid; the name lives as long as its module.
            let name: CString = unsafe {
                sys::cuFuncGetName(&raw mut name, function).result().map_err(driver("naming a kernel"))?;
                std::ffi::CStr::from_ptr(name).to_owned()
            };
            allow_shared_memory(function, max_shared)?;
            if capability.0 >= 9 {
                allow_large_clusters(function)?;
            }
            functions.insert(name.to_string_lossy().into_owned(), function);
        }
    }
    Ok((modules, functions))
}

/// More than eight blocks a cluster are an opt-in.
fn allow_large_clusters(function: sys::CUfunction) -> Result<()> {
    use sys::CUfunction_attribute as A;
    // SAFETY: `function` is valid.
    unsafe { result::function::set_function_attribute(function, A::CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1) }
        .map_err(driver("allowing a kernel large clusters"))
}

/// More than 48 KB of dynamic shared memory is an opt-in. All kernels split a multiprocessor's memory into cache and shared
/// memory in the same way: blocks of two kernels with different splits can't be there at once.
fn allow_shared_memory(function: sys::CUfunction, max_shared: i32) -> Result<()> {
    use sys::CUfunction_attribute as A;
    const ALL_SHARED: i32 = 100;
    let failed = "giving a kernel shared memory";
    // SAFETY: `function` is valid.
    unsafe {
        let fixed = result::function::get_function_attribute(function, A::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES).map_err(driver(failed))?;
        result::function::set_function_attribute(function, A::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, max_shared - fixed)
            .map_err(driver(failed))?;
        result::function::set_function_attribute(function, A::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, ALL_SHARED)
            .map_err(driver(failed))
    }
}

/// A mark in the stream, see [`Device::record`].
#[derive(Debug)]
pub struct Event {
    event: sys::CUevent,
    device: Device,
}

// SAFETY: as `Inner`.
unsafe impl Send for Event {}
// SAFETY: as `Inner`.
unsafe impl Sync for Event {}

impl Event {
    /// Everything before the mark has run.
    pub fn is_reached(&self) -> bool {
        // SAFETY: the event is valid.
        self.device.bind().is_ok() && unsafe { result::event::query(self.event) }.is_ok()
    }

    /// Waits until everything before the mark has run; what failed there fails here.
    pub fn wait(&self) -> Result<()> {
        self.device.bind()?;
        // SAFETY: the event is valid.
        unsafe { result::event::synchronize(self.event) }.map_err(driver("waiting for the GPU"))
    }

    /// Seconds from `self` to `later`, both reached.
    pub fn seconds_to(&self, later: &Self) -> Result<f64> {
        later.wait()?;
        // SAFETY: both events are valid and recorded.
        let ms = unsafe { result::event::elapsed(self.event, later.event) }.map_err(driver("timing the GPU"))?;
        Ok(f64::from(ms) / 1e3)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: destroyed once.
            let _ = unsafe { result::event::destroy(self.event) };
        }
    }
}

/// Launches a kernel: `launch!(device, "name", config, a, b, c)` with plain values (`u64` addresses, `i32`, `f32`, …) of
/// exactly the kernel's parameter types.
///
/// Expands to a call of the unsafe [`Device::launch`], whose conditions are the caller's.
#[macro_export]
macro_rules! launch {
    ($device:expr, $kernel:expr, $config:expr $(, $argument:expr)* $(,)?) => {
        $device.launch($kernel, $config, &mut $crate::arguments!($($argument),*))
    };
}

/// The addresses of a kernel's arguments, which live as long as the statement.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => {
        [$((&raw mut *(&mut { $argument })).cast::<std::ffi::c_void>()),*]
    };
}
