//! Architectures: pure functions of weights, a packed [`Batch`] and the KV cache. No sequence, no scheduler in here.
