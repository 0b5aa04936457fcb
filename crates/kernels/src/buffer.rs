//! Byte buffers that start on a cache line.

/// Zeroed memory, 64-byte aligned, seen as a slice of some plain number type.
#[derive(Clone, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Types for which any bytes are a value and that a cache line holds a whole number of.
///
/// # Safety
/// No padding, no invalid bit patterns, alignment of at most 64.
pub(crate) unsafe trait Plain: Copy {}
// SAFETY: plain numbers.
unsafe impl Plain for u8 {}
unsafe impl Plain for i8 {}
unsafe impl Plain for u16 {}
unsafe impl Plain for i32 {}
unsafe impl Plain for f32 {}

impl Buffer {
    /// `len` zero bytes.
    pub(crate) fn zeroed(len: usize) -> Buffer {
        Buffer { lines: vec![Line([0; 64]); len.div_ceil(64)], len }
    }

    /// Makes it `len` bytes long; what it holds afterwards is unspecified.
    pub(crate) fn resize(&mut self, len: usize) {
        if len > self.lines.len() * 64 {
            self.lines.resize(len.div_ceil(64), Line([0; 64]));
        }
        self.len = len;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_slice<T: Plain>(&self) -> &[T] {
        // SAFETY: aligned, initialised, long enough, and any bytes are a T.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len / size_of::<T>()) }
    }

    pub(crate) fn as_mut_slice<T: Plain>(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len / size_of::<T>()) }
    }
}
