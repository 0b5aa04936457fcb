//! GPU kernels of the engine and what they need to run. Knows no model.
#![cfg(feature = "device")]
