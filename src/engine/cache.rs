//! Encoded pictures by content: one asked about twice, or by three workflow nodes, goes through the vision tower once.

use std::sync::Arc;

use lru::LruCache;

use super::batch::VisualFeatures;

/// Least recently used by bytes. Whoever still has to read an entry holds it by its `Arc`; forgetting it here does not
/// take it away.
pub struct EncoderCache {
    entries: LruCache<[u8; 32], Arc<VisualFeatures>>,
    n_bytes: usize,
    max_bytes: usize,
}

impl EncoderCache {
    pub fn new(max_bytes: usize) -> Self {
        Self { entries: LruCache::unbounded(), n_bytes: 0, max_bytes }
    }

    pub fn contains(&self, hash: &[u8; 32]) -> bool {
        self.entries.contains(hash)
    }

    pub fn get(&mut self, hash: &[u8; 32]) -> Option<Arc<VisualFeatures>> {
        self.entries.get(hash).map(Arc::clone)
    }

    /// Keeps what fits; something larger than the whole cache is not kept.
    pub fn insert(&mut self, hash: [u8; 32], features: Arc<VisualFeatures>) {
        self.n_bytes += features.n_bytes();
        if let Some(old) = self.entries.put(hash, features) {
            self.n_bytes -= old.n_bytes();
        }
        while self.n_bytes > self.max_bytes
            && let Some((_, old)) = self.entries.pop_lru()
        {
            self.n_bytes -= old.n_bytes();
        }
    }

    /// Forgets everything; memory that a sequence still reads stays until it is done.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.n_bytes = 0;
    }

    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::Tensor;
    use super::*;

    fn features(rows: usize) -> Arc<VisualFeatures> {
        let embeddings = Tensor::from_vec(vec![0.0; rows * 4], rows, 4).unwrap();
        Arc::new(VisualFeatures { deepstack: vec![embeddings.clone()], embeddings })
    }

    #[test]
    fn the_oldest_goes_when_bytes_run_out() {
        // One row is 2 · 4 · 4 = 32 bytes.
        let mut cache = EncoderCache::new(32 * 10);
        cache.insert([1; 32], features(4));
        cache.insert([2; 32], features(4));
        assert!(cache.get(&[1; 32]).is_some());
        cache.insert([3; 32], features(4));
        assert!(cache.contains(&[1; 32]) && !cache.contains(&[2; 32]) && cache.contains(&[3; 32]));
        assert_eq!(cache.n_bytes(), 32 * 8);
        cache.insert([4; 32], features(11));
        assert_eq!(cache.n_bytes(), 0);
        cache.insert([5; 32], features(1));
        cache.insert([5; 32], features(2));
        assert_eq!(cache.n_bytes(), 64);
        cache.clear();
        assert!(cache.n_bytes() == 0 && !cache.contains(&[5; 32]));
    }
}
