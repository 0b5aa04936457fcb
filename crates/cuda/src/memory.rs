//! Device memory: buffers of the driver, a pool that hands out parts of one, pinned host memory.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::{result, sys};

use super::{Device, Error, Result, driver};

/// Addresses are multiples of this, so that every vector load and TMA box is aligned.
const ALIGNMENT: usize = 1024;

/// Memory from the driver; given back when dropped.
#[derive(Debug)]
pub struct Buffer {
    pub(crate) ptr: sys::CUdeviceptr,
    len: usize,
    /// Keeps the context alive.
    device: Device,
}

impl Buffer {
    /// `len` bytes, not initialised.
    pub fn new(device: &Device, len: usize) -> Result<Self> {
        device.bind()?;
        let out_of_memory = |_| Error::OutOfMemory { wanted: len, available: device.free_memory().map_or(0, |(free, _)| free) };
        // SAFETY: the context is current; a length of 0 is refused by the driver, so it is never asked for.
        let ptr = unsafe { result::malloc_sync(len.max(1)) }.map_err(out_of_memory)?;
        Ok(Self { ptr, len, device: device.clone() })
    }

    /// A copy of these bytes; returns when they are there.
    pub fn from_bytes(device: &Device, bytes: &[u8]) -> Result<Self> {
        let buffer = Self::new(device, bytes.len())?;
        device.upload(buffer.ptr(), bytes)?;
        device.synchronize()?;
        Ok(buffer)
    }

    pub fn zeros(device: &Device, len: usize) -> Result<Self> {
        let buffer = Self::new(device, len)?;
        device.fill(buffer.ptr(), 0, len)?;
        Ok(buffer)
    }

    pub fn ptr(&self) -> u64 {
        self.ptr
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // Freeing waits for what still uses it.
        if self.device.bind().is_ok() {
            // SAFETY: `ptr` came from `malloc_sync` and is freed once.
            let _ = unsafe { result::free_sync(self.ptr) };
        }
    }
}

/// Hands out parts of one buffer. Parts that are dropped can be handed out again at once (the stream is in order).
#[derive(Debug, Clone)]
pub struct Pool(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    buffer: Option<Buffer>,
    capacity: usize,
    /// Free ranges by offset, never adjacent to each other.
    free: BTreeMap<usize, usize>,
    used: usize,
    peak: usize,
}

impl Pool {
    /// A pool over `capacity` bytes of new device memory.
    pub fn new(device: &Device, capacity: usize) -> Result<Self> {
        let capacity = capacity / ALIGNMENT * ALIGNMENT;
        let buffer = Some(Buffer::new(device, capacity)?);
        Ok(Self(Arc::new(Mutex::new(Inner { buffer, capacity, free: BTreeMap::from([(0, capacity)]), used: 0, peak: 0 }))))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `len` bytes, not initialised, at the lowest address that has room: the same calls give the same addresses.
    pub fn take(&self, len: usize) -> Result<Slice> {
        let mut inner = self.lock();
        let rounded = len.max(1).next_multiple_of(ALIGNMENT);
        let Some((&offset, &size)) = inner.free.iter().find(|(_, size)| **size >= rounded) else {
            return Err(Error::OutOfMemory { wanted: rounded, available: inner.capacity - inner.used });
        };
        inner.free.remove(&offset);
        if size > rounded {
            inner.free.insert(offset + rounded, size - rounded);
        }
        inner.used += rounded;
        inner.peak = inner.peak.max(offset + rounded);
        let base = inner.buffer.as_ref().map_or(0, Buffer::ptr);
        Ok(Slice { ptr: base + offset as u64, len, offset, rounded, pool: self.clone() })
    }

    /// Gives the pool another size. Everything must have been given back.
    pub fn resize(&self, device: &Device, capacity: usize) -> Result<()> {
        let mut inner = self.lock();
        if inner.used > 0 {
            return Err(Error::Driver { what: "resizing a memory pool", cause: "a part of it is in use".to_owned() });
        }
        let capacity = capacity / ALIGNMENT * ALIGNMENT;
        inner.buffer = None;
        inner.capacity = 0;
        inner.free.clear();
        inner.buffer = Some(Buffer::new(device, capacity)?);
        inner.capacity = capacity;
        inner.free.insert(0, capacity);
        inner.peak = 0;
        Ok(())
    }

    /// Bytes from the start that were ever in use.
    pub fn peak(&self) -> usize {
        self.lock().peak
    }

    fn give_back(&self, offset: usize, size: usize) {
        let mut inner = self.lock();
        inner.used -= size;
        let (mut offset, mut size) = (offset, size);
        if let Some((&before, &before_size)) = inner.free.range(..offset).next_back()
            && before + before_size == offset
        {
            inner.free.remove(&before);
            (offset, size) = (before, before_size + size);
        }
        if let Some(after_size) = inner.free.remove(&(offset + size)) {
            size += after_size;
        }
        inner.free.insert(offset, size);
    }
}

/// A part of a [`Pool`]; goes back to it when dropped.
#[derive(Debug)]
pub struct Slice {
    ptr: u64,
    len: usize,
    offset: usize,
    rounded: usize,
    pool: Pool,
}

impl Slice {
    pub fn ptr(&self) -> u64 {
        self.ptr
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        self.pool.give_back(self.offset, self.rounded);
    }
}

/// Host memory that the device copies from and to without a detour.
#[derive(Debug)]
pub struct Pinned {
    ptr: *mut c_void,
    len: usize,
    device: Device,
}

// SAFETY: plain memory that nothing else refers to.
unsafe impl Send for Pinned {}
// SAFETY: shared access only reads.
unsafe impl Sync for Pinned {}

impl Pinned {
    /// `len` bytes of zeros.
    pub fn new(device: &Device, len: usize) -> Result<Self> {
        device.bind()?;
        // SAFETY: the context is current.
        let ptr = unsafe { result::malloc_host(len.max(1), 0) }.map_err(driver("allocating pinned memory"))?;
        // SAFETY: just allocated with this length.
        unsafe { std::ptr::write_bytes(ptr.cast::<u8>(), 0, len) };
        Ok(Self { ptr, len, device: device.clone() })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.ptr.cast(), self.len) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.cast(), self.len) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: `ptr` came from `malloc_host` and is freed once.
            let _ = unsafe { result::free_host(self.ptr) };
        }
    }
}
