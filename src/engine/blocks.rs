//! The pool of KV blocks: reference counts, the prefix index and the LRU of blocks that nobody uses but that may be
//! wanted again. Integers only; what a block stores is not known here.
//!
//! A block is in exactly one of three places: *used* (count > 0), *cached* (count 0, in the index, in the LRU list) or
//! *free* (count 0, content forgotten).

use std::collections::HashMap;

pub type BlockId = u32;

const NONE: u32 = u32::MAX;

/// Identity of a full block's content: everything before it, its tokens and what else decides its rows. The hash is
/// cryptographic, so that no prompt can be made to collide with another caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockHash(u128);

impl BlockHash {
    /// The root of a chain; prompts under different salts share nothing, nor do those that are read with different adapters.
    pub fn root(salt: u128, adapter: Option<&[u8; 32]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"ashlar prefix").update(&salt.to_le_bytes()).update(adapter.map_or(&[], |hash| hash));
        Self(digest(&hasher))
    }

    /// The block after `self` with these tokens. `visuals` are the pictures that overlap it: content hash, first feature
    /// row inside the block, where in the block it goes, how many rows.
    pub fn child<'a>(self, tokens: &[u32], visuals: impl Iterator<Item = (&'a [u8; 32], [u32; 3])>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        for token in tokens {
            hasher.update(&token.to_le_bytes());
        }
        for (hash, rows) in visuals {
            hasher.update(hash);
            for number in rows {
                hasher.update(&number.to_le_bytes());
            }
        }
        Self(digest(&hasher))
    }
}

fn digest(hasher: &blake3::Hasher) -> u128 {
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

#[derive(Debug, Clone)]
struct Block {
    users: u32,
    hash: Option<BlockHash>,
    /// Neighbours in the LRU list (older, newer); only while cached.
    older: u32,
    newer: u32,
}

#[derive(Debug)]
pub struct BlockPool {
    blocks: Vec<Block>,
    free: Vec<BlockId>,
    index: HashMap<BlockHash, BlockId>,
    oldest: u32,
    newest: u32,
    n_cached: usize,
}

impl BlockPool {
    pub fn new(n_blocks: usize) -> Self {
        let block = Block { users: 0, hash: None, older: NONE, newer: NONE };
        Self {
            blocks: vec![block; n_blocks],
            free: (0..n_blocks as u32).rev().collect(),
            index: HashMap::new(),
            oldest: NONE,
            newest: NONE,
            n_cached: 0,
        }
    }

    pub fn n_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks that could be handed out now.
    pub fn n_available(&self) -> usize {
        self.free.len() + self.n_cached
    }

    pub fn n_used(&self) -> usize {
        self.blocks.len() - self.n_available()
    }

    /// Blocks whose content can be found by hash, used or not.
    pub fn n_indexed(&self) -> usize {
        self.index.len()
    }

    /// A block with one user and no content; the least recently used cached one when none is free.
    pub fn allocate(&mut self) -> Option<BlockId> {
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.oldest != NONE => {
                let id = self.oldest;
                self.unlink(id);
                if let Some(hash) = self.blocks[id as usize].hash.take() {
                    self.index.remove(&hash);
                }
                id
            }
            None => return None,
        };
        self.blocks[id as usize].users = 1;
        Some(id)
    }

    /// The block that holds this content, without taking it.
    pub fn find(&self, hash: BlockHash) -> Option<BlockId> {
        self.index.get(&hash).copied()
    }

    /// Whether taking this block would shrink [`Self::n_available`].
    pub fn is_unused(&self, id: BlockId) -> bool {
        self.blocks[id as usize].users == 0
    }

    /// One more user of a block that is used or cached.
    pub fn retain(&mut self, id: BlockId) {
        if self.blocks[id as usize].users == 0 {
            self.unlink(id);
        }
        self.blocks[id as usize].users += 1;
    }

    /// One user less. The last one leaves the block cached if its content has a name, free otherwise.
    pub fn release(&mut self, id: BlockId) {
        let block = &mut self.blocks[id as usize];
        debug_assert!(block.users > 0, "block {id} released by nobody");
        block.users -= 1;
        if block.users > 0 {
            return;
        }
        if block.hash.is_some() {
            self.link_newest(id);
        } else {
            self.free.push(id);
        }
    }

    /// Names the content of a full, used block so that others can find it. A second block with the same content stays
    /// nameless and is freed when its user goes.
    pub fn publish(&mut self, id: BlockId, hash: BlockHash) {
        if let std::collections::hash_map::Entry::Vacant(entry) = self.index.entry(hash) {
            entry.insert(id);
            self.blocks[id as usize].hash = Some(hash);
        }
    }

    /// Forgets every content; used blocks stay with their users.
    #[cfg(test)]
    pub fn clear_index(&mut self) {
        while self.oldest != NONE {
            let id = self.oldest;
            self.unlink(id);
            self.free.push(id);
        }
        for block in &mut self.blocks {
            block.hash = None;
        }
        self.index.clear();
    }

    fn unlink(&mut self, id: BlockId) {
        let Block { older, newer, .. } = self.blocks[id as usize];
        match older {
            NONE => self.oldest = newer,
            _ => self.blocks[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            _ => self.blocks[newer as usize].older = older,
        }
        let block = &mut self.blocks[id as usize];
        (block.older, block.newer) = (NONE, NONE);
        self.n_cached -= 1;
    }

    fn link_newest(&mut self, id: BlockId) {
        let newest = self.newest;
        let block = &mut self.blocks[id as usize];
        (block.older, block.newer) = (newest, NONE);
        match newest {
            NONE => self.oldest = id,
            _ => self.blocks[newest as usize].newer = id,
        }
        self.newest = id;
        self.n_cached += 1;
    }

    /// Checks that every block is in exactly one place and has exactly the users in `tables`. For tests.
    pub fn check_integrity<'a>(&self, tables: impl Iterator<Item = &'a [BlockId]>) -> Result<(), String> {
        let mut users = vec![0u32; self.blocks.len()];
        for table in tables {
            for &id in table {
                users[id as usize] += 1;
            }
        }
        let mut place = vec![""; self.blocks.len()];
        for &id in &self.free {
            if !place[id as usize].is_empty() || self.blocks[id as usize].hash.is_some() {
                return Err(format!("block {id} is free twice or free with a name"));
            }
            place[id as usize] = "free";
        }
        let (mut id, mut older, mut n) = (self.oldest, NONE, 0);
        while id != NONE {
            let block = &self.blocks[id as usize];
            if !place[id as usize].is_empty() || block.older != older || block.hash.is_none() {
                return Err(format!("block {id} is {} and in the LRU list", place[id as usize]));
            }
            place[id as usize] = "cached";
            (older, id, n) = (id, block.newer, n + 1);
        }
        if n != self.n_cached || older != self.newest {
            return Err(format!("the LRU list holds {n} blocks, {} counted", self.n_cached));
        }
        for (id, block) in self.blocks.iter().enumerate() {
            if block.users != users[id] {
                return Err(format!("block {id} counts {} users, {} tables hold it", block.users, users[id]));
            }
            if (block.users > 0) != place[id].is_empty() {
                return Err(format!("block {id} has {} users and is {:?}", block.users, place[id]));
            }
            if let Some(hash) = block.hash
                && self.index.get(&hash) != Some(&(id as u32))
            {
                return Err(format!("block {id} has a name the index does not know"));
            }
        }
        let named = self.blocks.iter().filter(|block| block.hash.is_some()).count();
        if named != self.index.len() {
            return Err(format!("{named} blocks have names, the index has {}", self.index.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u32) -> BlockHash {
        BlockHash::root(0, None).child(&[n], std::iter::empty())
    }

    #[test]
    fn the_least_recently_used_content_goes_first() {
        let mut pool = BlockPool::new(3);
        let ids: Vec<_> = (0..3).map(|_| pool.allocate().unwrap()).collect();
        assert_eq!(pool.allocate(), None);
        for (i, &id) in ids.iter().enumerate() {
            pool.publish(id, name(i as u32));
        }
        for i in [1, 0, 2] {
            pool.release(ids[i]);
        }
        assert_eq!(pool.n_available(), 3);
        pool.retain(pool.find(name(1)).unwrap());
        assert_eq!(pool.allocate(), Some(ids[0]), "0 is now the oldest unused one");
        assert_eq!(pool.find(name(0)), None);
        assert_eq!(pool.find(name(2)), Some(ids[2]));
        pool.check_integrity([[ids[1], ids[0]].as_slice()].into_iter()).unwrap();
    }

    #[test]
    fn equal_content_is_kept_once() {
        let mut pool = BlockPool::new(2);
        let (a, b) = (pool.allocate().unwrap(), pool.allocate().unwrap());
        pool.publish(a, name(7));
        pool.publish(b, name(7));
        pool.release(b);
        pool.release(a);
        assert_eq!((pool.find(name(7)), pool.n_indexed(), pool.n_available()), (Some(a), 1, 2));
        pool.clear_index();
        assert_eq!((pool.find(name(7)), pool.n_available()), (None, 2));
        pool.check_integrity(std::iter::empty()).unwrap();
    }

    #[test]
    fn a_name_depends_on_all_that_decides_the_content() {
        let picture = [1u8; 32];
        let base = BlockHash::root(1, None).child(&[1, 2], std::iter::once((&picture, [0, 0, 2])));
        assert_eq!(base, BlockHash::root(1, None).child(&[1, 2], std::iter::once((&picture, [0, 0, 2]))));
        for other in [
            BlockHash::root(2, None).child(&[1, 2], std::iter::once((&picture, [0, 0, 2]))),
            BlockHash::root(1, None).child(&[1, 3], std::iter::once((&picture, [0, 0, 2]))),
            BlockHash::root(1, None).child(&[1, 2], std::iter::once((&[2u8; 32], [0, 0, 2]))),
            BlockHash::root(1, None).child(&[1, 2], std::iter::once((&picture, [32, 0, 2]))),
            BlockHash::root(1, None).child(&[1, 2], std::iter::once((&picture, [0, 1, 1]))),
            BlockHash::root(1, None).child(&[1, 2], std::iter::empty()),
            base.child(&[1, 2], std::iter::once((&picture, [0, 0, 2]))),
            BlockHash::root(1, Some(&[3; 32])).child(&[1, 2], std::iter::once((&picture, [0, 0, 2]))),
        ] {
            assert_ne!(base, other);
        }
    }
}
