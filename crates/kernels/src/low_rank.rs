//! Low-rank updates of a linear layer's outputs (LoRA), others for each group of rows.

use crate::dense::{M_BLOCK, Matrix};
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

/// `out[at..] = x · Wᵀ`
struct Product<'a> {
    matrix: &'a Matrix,
    x: &'a [f32],
    at: usize,
    first_task: usize,
}

/// Runs the products, one region of work however many there are; `out` is their results, in order.
fn multiply<'a>(pool: &Pool, products: impl Iterator<Item = (&'a Matrix, &'a [f32])>) -> Vec<f32> {
    let (mut list, mut n_values, mut n_tasks) = (Vec::new(), 0, 0);
    for (matrix, x) in products {
        let m = x.len() / matrix.k();
        list.push(Product { matrix, x, at: n_values, first_task: n_tasks });
        n_values += m * matrix.n();
        n_tasks += matrix.n_tasks(m, M_BLOCK);
    }
    let mut out = vec![0.0; n_values];
    let shards = Shards::new(&mut out);
    pool.run(n_tasks, &|task| {
        let product = &list[list.partition_point(|product| product.first_task <= task) - 1];
        // SAFETY: products have places of their own in `out`, tasks of a product write disjoint rectangles of them.
        unsafe {
            let out = shards.as_ptr().add(product.at);
            product.matrix.task(pool.level(), task - product.first_task, M_BLOCK, product.x, None, out);
        }
    });
    out
}

/// Adds to `y` (`[m, n]`) what the groups' updates make of `x` (`[m, k]`). A row's result depends on its own updates alone.
pub fn add(pool: &Pool, groups: &[Group<'_>], x: &[f32], k: usize, y: &mut [f32], n: usize) {
    let updates = || groups.iter().enumerate().flat_map(|(g, group)| group.updates.iter().map(move |update| (g, update)));
    assert!(updates().all(|(_, u)| u.a.k() == k && u.a.n() == u.b.k() && u.column + u.b.n() <= n), "updates of this layer");
    assert!(groups.iter().flat_map(|group| group.rows).all(|row| (*row as usize + 1) * k <= x.len() && (*row as usize + 1) * n <= y.len()));
    let inputs: Vec<Vec<f32>> =
        groups.iter().map(|group| group.rows.iter().flat_map(|row| &x[*row as usize * k..][..k]).copied().collect()).collect();
    let mut shrunk = multiply(pool, updates().map(|(g, update)| (&update.a, inputs[g].as_slice())));
    let mut rest = shrunk.as_mut_slice();
    for (g, update) in updates() {
        let (part, behind) = rest.split_at_mut(groups[g].rows.len() * update.a.n());
        part.iter_mut().for_each(|value| *value *= update.scale);
        rest = behind;
    }
    let mut at = 0;
    let expanded = multiply(
        pool,
        updates().map(|(g, update)| {
            let part = &shrunk[at..][..groups[g].rows.len() * update.a.n()];
            at += part.len();
            (&update.b, part)
        }),
    );
    let mut sums = Vec::new();
    let mut at = 0;
    for (g, update) in updates() {
        let width = update.b.n();
        for row in groups[g].rows {
            sums.push((&expanded[at..at + width], *row as usize * n + update.column));
            at += width;
        }
    }
    let y = Shards::new(y);
    pool.parallel_for(sums.len(), 1, &|start, end| {
        for (from, at) in &sums[start..end] {
            // SAFETY: the rows of groups and the columns of their updates don't overlap.
            let to = unsafe { y.slice(*at, from.len()) };
            to.iter_mut().zip(*from).for_each(|(to, from)| *to += from);
        }
    });
}
