//! Sequences with followers: other prompts whose logits decide, together with its own, which token all of them get. They read
//! their prompts up to the last row by themselves and take that and every later row in one step, or none of them does; they are
//! preempted together too, and newer sequences make room for those that are missing. Followers read an unseen token from their
//! leader's slot.

use super::{BLOCK_SIZE, Scheduler, Sequence, SequenceId, Step};

impl Scheduler {
    /// Gives a sequence followers with these prompts, for its next `n_tokens` tokens. They take the sequence's place in the
    /// order. It must [wait for its tokens](Sequence::waits_for_tokens), and the pool must hold all of them at once.
    pub fn lead(&mut self, id: SequenceId, prompts: Vec<Vec<u32>>, n_tokens: usize) {
        let Some(leader) = self.sequences.get_mut(&id) else { return };
        debug_assert!(leader.waits_for_tokens && leader.n_unseen == 0 && leader.followers.is_empty());
        let followers: Vec<Sequence> = prompts.into_iter().enumerate().map(|(n, p)| leader.follower(id.follower(n), p, n_tokens)).collect();
        leader.followers = followers.iter().map(|follower| follower.id).collect();
        for follower in followers {
            let id = follower.id;
            self.sequences.insert(id, follower);
            self.queue(id);
        }
    }

    /// Ends what [`lead`](Self::lead) began.
    pub fn dismiss(&mut self, id: SequenceId) {
        let followers = self.sequences.get_mut(&id).map(|leader| std::mem::take(&mut leader.followers));
        for follower in followers.into_iter().flatten() {
            self.remove(follower);
        }
    }

    /// Whom a sequence follows, or itself.
    pub fn leader(&self, id: SequenceId) -> SequenceId {
        self.sequences.get(&id).and_then(|sequence| sequence.leader).unwrap_or(id)
    }

    /// A sequence and its followers.
    pub(super) fn group(&self, leader: SequenceId) -> impl Iterator<Item = SequenceId> {
        let followers = self.sequences.get(&leader).map_or(&[][..], |sequence| &sequence.followers);
        std::iter::once(leader).chain(followers.iter().copied())
    }

    /// Waiting sequences of groups that hold blocks already.
    pub(super) fn missing(&self) -> Vec<SequenceId> {
        let is_missed =
            |id: &SequenceId| self.sequences[id].is_grouped() && self.group(self.leader(*id)).any(|member| self.running.contains(&member));
        self.waiting.iter().flatten().copied().filter(is_missed).collect()
    }

    /// While one of a group waits the others compute nothing, though they hold blocks: whoever came later gives way.
    pub(super) fn make_room_for_followers(&mut self, step: &mut Step) {
        let key = |sequence: &Sequence| (sequence.priority, sequence.arrival);
        let missing = self.missing();
        for group in missing.chunk_by(|a, b| self.leader(*a) == self.leader(*b)).map(<[_]>::to_vec).collect::<Vec<_>>() {
            let own = key(&self.sequences[&group[0]]);
            let n_blocks: usize = group.iter().map(|id| self.sequences[id].tokens.len().div_ceil(BLOCK_SIZE)).sum();
            let has_room = |scheduler: &Self| {
                n_blocks + scheduler.watermark() <= scheduler.pool.n_available()
                    && scheduler.running.len() + group.len() <= scheduler.limits.max_running
            };
            while !has_room(self) {
                match self.running.last().copied() {
                    Some(victim) if key(&self.sequences[&victim]) > own => self.preempt(victim, step),
                    _ => break,
                }
            }
        }
    }
}

/// The longest sequence of which two, and one of `n_tokens`, fit a pool together: one with its followers.
pub fn group_context_size(n_blocks: usize, n_tokens: usize) -> usize {
    (n_blocks - n_blocks / 100).saturating_sub(n_tokens.div_ceil(BLOCK_SIZE)) / 2 * BLOCK_SIZE
}
