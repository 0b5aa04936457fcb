//! Low-rank updates of a linear layer's outputs (LoRA), others for each group of rows.

use crate::dense::Matrix;
use crate::pool::{Pool, Shards};

/// `y += scale · (x · Aᵀ) · Bᵀ` in the columns from `column` on. `a` is `[rank, k]`, `b` `[n, rank]`.
pub struct LowRank {
    pub a: Matrix,
    pub b: Matrix,
    pub scale: f32,
    pub column: usize,
}

/// Rows that get the same updates.
pub struct Group<'a> {
    /// Their numbers; no row is in two groups.
    pub rows: &'a [u32],
    /// Of columns that don't overlap.
    pub updates: &'a [LowRank],
}

/// Rows that a task takes at most: their inputs stay in the cache while they are multiplied.
const MAX_ROWS: usize = 32;
/// Tasks that a thread should find, so that all end together.
const TASKS_A_THREAD: usize = 4;

/// An update of neighbours in a group.
struct Task<'a> {
    update: &'a LowRank,
    rows: &'a [u32],
}

/// Adds to `y` (`[m, n]`) what the groups' updates make of `x` (`[m, k]`). A row's result depends on its own updates alone.
///
/// Both products of an update are small, so a thread makes both: what it costs to share out work would be most of it otherwise.
pub fn add(pool: &Pool, groups: &[Group<'_>], x: &[f32], k: usize, y: &mut [f32], n: usize) {
    let n_pairs: usize = groups.iter().map(|group| group.rows.len() * group.updates.len()).sum();
    let rows_a_task = n_pairs.div_ceil(TASKS_A_THREAD * pool.n_threads()).clamp(1, MAX_ROWS);
    let mut tasks = Vec::new();
    for group in groups {
        assert!(group.rows.iter().all(|row| (*row as usize + 1) * k <= x.len() && (*row as usize + 1) * n <= y.len()));
        for update in group.updates {
            assert!(update.a.k() == k && update.a.n() == update.b.k() && update.column + update.b.n() <= n, "an update of this layer");
            tasks.extend(group.rows.chunks(rows_a_task).map(|rows| Task { update, rows }));
        }
    }
    let y = Shards::new(y);
    pool.run(tasks.len(), &|task| {
        let Task { update, rows } = &tasks[task];
        let input: Vec<f32> = rows.iter().flat_map(|row| &x[*row as usize * k..][..k]).copied().collect();
        let mut shrunk = update.a.multiply(pool.level(), &input);
        shrunk.iter_mut().for_each(|value| *value *= update.scale);
        let expanded = update.b.multiply(pool.level(), &shrunk);
        for (row, sums) in rows.iter().zip(expanded.chunks_exact(update.b.n())) {
            // SAFETY: no row is in two groups, and a group's updates have columns of their own.
            let to = unsafe { y.slice(*row as usize * n + update.column, sums.len()) };
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
        }
    });
}
