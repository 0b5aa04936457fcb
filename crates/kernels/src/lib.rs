//! CPU kernels of the engine.
