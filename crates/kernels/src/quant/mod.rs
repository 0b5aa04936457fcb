//! Matrix products with quantised weights: GGUF's block formats, multiplied as 8-bit integers.
//!
//! Weights stay about as small as in the file. A weight is `d · u` plus a constant of its group of 16 or 32, with an
//! unsigned code `u`: the formats that are symmetric in the file (`d · q`) store `u = q + z`, the others bring a minimum.
//! Activations are quantised once per call, 32 at a time, to signed bytes with an `f32` scale ([`QRows`]): an error of at
//! most 1/254 of the largest of the 32. Integer dot products of a group are exact; the groups of a row are summed in `f32`
//! in order. So the result's bits depend on neither the batch nor the machine.

mod format;
mod kernels;
mod matrix;
mod rows;

pub use format::Format;
pub use matrix::QMatrix;
pub use rows::QRows;

/// Whether the tile unit can be used.
#[cfg(target_arch = "x86_64")]
pub(crate) fn amx_is_available() -> bool {
    kernels::amx::is_available()
}
