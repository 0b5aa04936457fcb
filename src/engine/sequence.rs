//! One generation as the scheduler sees it: token ids, what of them is computed, and the blocks that hold it.
//! No tensor, no text, no channel.

use super::blocks::{BlockHash, BlockId};
use super::ops::cache::BLOCK_SIZE;
use super::request::Priority;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceId(pub u64);

impl SequenceId {
    /// Of the sequence's follower `n`. Requests are counted from 0: they never come this far.
    pub fn follower(self, n: usize) -> Self {
        Self(self.0 | (n as u64 + 1) << 60)
    }
}

/// A run of placeholder tokens that stands for consecutive rows of one picture's or clip's features.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualRun {
    /// Which of the request's visual inputs, in order of appearance.
    pub input: usize,
    /// Content hash of that input.
    pub hash: [u8; 32],
    /// First placeholder's index in the prompt.
    pub start: usize,
    pub len: usize,
    /// Feature row of the first placeholder.
    pub feature_start: usize,
    /// What encoding the whole input costs, for the encoder budget.
    pub n_patches: usize,
}

impl VisualRun {
    /// The part of this run inside `from..to`, as (first token, length).
    pub fn within(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let start = self.start.max(from);
        let end = (self.start + self.len).min(to);
        (start < end).then(|| (start, end - start))
    }
}

/// Positions of the prompt on the (t, h, w) axes when they are not simply 0, 1, 2, ….
#[derive(Debug, Clone, PartialEq)]
pub struct Positions {
    /// One entry a prompt token.
    pub prompt: Vec<[u32; 3]>,
    /// Every later token `i` sits at `i + delta` on all axes.
    pub delta: i64,
}

#[derive(Debug)]
pub struct Sequence {
    pub id: SequenceId,
    pub priority: Priority,
    /// Order of arrival; survives preemption.
    pub arrival: u64,
    /// Prompt, then what was sampled.
    pub tokens: Vec<u32>,
    pub n_prompt: usize,
    /// Most tokens `tokens` may grow to.
    pub max_len: usize,
    pub visuals: Vec<VisualRun>,
    pub positions: Option<Positions>,
    /// No row is launched before the token in it is seen, unless it leads others.
    pub waits_for_tokens: bool,
    /// Sequences that draw every token together with this one, from logits of all.
    pub followers: Vec<SequenceId>,
    /// The other end of `followers`.
    pub leader: Option<SequenceId>,
    /// Rows whose K and V are in the cache, of steps that were committed: `tokens[..n_computed]`.
    pub n_computed: usize,
    /// Rows that launched steps have written or will write before any later step reads them.
    pub n_launched: usize,
    /// Tokens behind `tokens` that launched steps draw and the host has not seen.
    pub n_unseen: usize,
    /// Where the cache remembers the token drawn last; held while running.
    pub slot: Option<u32>,
    /// Prompt tokens that were found in the prefix index when the sequence was first admitted.
    pub n_prefix_hit: Option<usize>,
    pub blocks: Vec<BlockId>,
    /// Names of the first full blocks of `tokens`, as far as they were needed.
    hashes: Vec<BlockHash>,
    root: BlockHash,
    /// Blocks whose content was published (or found).
    pub n_published: usize,
}

/// What a new sequence starts from.
#[derive(Debug)]
pub struct NewSequence {
    pub id: SequenceId,
    pub priority: Priority,
    pub prompt: Vec<u32>,
    pub max_new_tokens: usize,
    pub visuals: Vec<VisualRun>,
    pub positions: Option<Positions>,
    pub waits_for_tokens: bool,
    pub cache_salt: u128,
    /// Hash of the adapter that its rows are computed with.
    pub adapter: Option<[u8; 32]>,
}

impl Sequence {
    pub fn new(new: NewSequence, arrival: u64) -> Self {
        let n_prompt = new.prompt.len();
        let mut tokens = new.prompt;
        tokens.reserve(new.max_new_tokens.min(1024));
        Self {
            id: new.id,
            priority: new.priority,
            arrival,
            tokens,
            n_prompt,
            max_len: n_prompt + new.max_new_tokens,
            visuals: new.visuals,
            positions: new.positions,
            waits_for_tokens: new.waits_for_tokens,
            followers: Vec::new(),
            leader: None,
            n_computed: 0,
            n_launched: 0,
            n_unseen: 0,
            slot: None,
            n_prefix_hit: None,
            blocks: Vec::new(),
            hashes: Vec::new(),
            root: BlockHash::root(new.cache_salt, new.adapter.as_ref()),
            n_published: 0,
        }
    }

    /// A sequence with another prompt that follows this one for `n_tokens` tokens.
    pub fn follower(&self, id: SequenceId, prompt: Vec<u32>, n_tokens: usize) -> Self {
        let new = NewSequence {
            id,
            priority: self.priority,
            prompt,
            max_new_tokens: n_tokens,
            visuals: Vec::new(),
            positions: None,
            waits_for_tokens: true,
            cache_salt: 0,
            adapter: None,
        };
        Self { root: self.root, leader: Some(self.id), ..Self::new(new, self.arrival) }
    }

    /// Its last row gives a token only together with those of others.
    pub fn is_grouped(&self) -> bool {
        self.leader.is_some() || !self.followers.is_empty()
    }

    /// Known tokens that it may compute by itself: the last row of a group waits until all are there.
    pub fn n_ready(&self) -> usize {
        self.tokens.len() - usize::from(self.is_grouped())
    }

    /// Tokens, unseen ones among them.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.n_unseen
    }

    /// Only the last token is missing from the cache: one row gives the next token.
    pub fn is_decoding(&self) -> bool {
        self.n_launched + 1 == self.len() && (self.len() > self.n_prompt || self.is_grouped())
    }

    /// Decodes, and another token has room. A group's next rows are known before its tokens are: it lasts as long as its
    /// followers have room.
    pub fn can_decode(&self) -> bool {
        let knows_enough = !self.waits_for_tokens || self.n_unseen == 0 || self.is_grouped();
        self.slot.is_some() && self.is_decoding() && self.len() < self.max_len && knows_enough
    }

    /// Name of full block `index` of `tokens`.
    pub fn block_hash(&mut self, index: usize) -> BlockHash {
        while self.hashes.len() <= index {
            let i = self.hashes.len();
            let parent = i.checked_sub(1).map_or(self.root, |i| self.hashes[i]);
            let (from, to) = (i * BLOCK_SIZE, (i + 1) * BLOCK_SIZE);
            let visuals = self.visuals.iter().filter_map(|run| {
                let (start, len) = run.within(from, to)?;
                Some((&run.hash, [run.feature_start + start - run.start, start - from, len].map(|n| n as u32)))
            });
            let hash = parent.child(&self.tokens[from..to], visuals);
            self.hashes.push(hash);
        }
        self.hashes[index]
    }

    /// (t, h, w) of token `index`.
    pub fn position(&self, index: usize) -> [u32; 3] {
        match &self.positions {
            None => [index as u32; 3],
            Some(positions) => match positions.prompt.get(index) {
                Some(position) => *position,
                None => [(index as i64 + positions.delta) as u32; 3],
            },
        }
    }
}
