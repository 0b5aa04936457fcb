//! The tensor operations that models are written in; the only place that knows which device runs them.

pub mod cache;
