use super::super::matrix::TILE;
use super::super::rows::{BLOCK, GROUP};
use super::{Expanded, Task};

/// All rows of `task`, without vector instructions.
///
/// # Safety
/// As [`run`](super::run); `tile` holds the task's tile.
pub(super) unsafe fn rows(task: &Task, tile: &Expanded) {
    let shape = task.shape;
    let blocks = task.x.k() / BLOCK;
    let (offsets, totals) = task.x.sums(shape.groups);
    for row in task.row..task.row + task.m {
        let mut sums = [0.0f32; TILE];
        let mut scales = tile.scales;
        for b in 0..blocks {
            let block = task.x.at(row, b);
            let scale = task.x.scales()[block];
            for group in 0..shape.groups {
                let at = shape.groups * (block - row % GROUP) + group * GROUP + row % GROUP;
                let mut dots = [if shape.has_minimum { 0 } else { offsets[at] }; TILE];
                let per_group = BLOCK / shape.groups;
                for quad in group * per_group / 4..(group + 1) * per_group / 4 {
                    let x = &task.x.codes()[block * BLOCK + quad * 4..][..4];
                    // SAFETY: the tile has eight vectors of 64 bytes for each block.
                    let w = unsafe { &*tile.codes.add(b * BLOCK * TILE + quad * 64).cast::<[[u8; 4]; TILE]>() };
                    for (dot, w) in dots.iter_mut().zip(w) {
                        for (w, x) in w.iter().zip(x) {
                            *dot += i32::from(*w) * i32::from(*x);
                        }
                    }
                }
                // SAFETY: sixteen scales, and minima, for each group.
                unsafe {
                    for (lane, (sum, dot)) in sums.iter_mut().zip(dots).enumerate() {
                        *sum = (dot as f32).mul_add(*scales.add(lane) * scale, *sum);
                    }
                    scales = scales.add(TILE);
                    if shape.has_minimum {
                        for (lane, sum) in sums.iter_mut().enumerate() {
                            *sum = (*scales.add(lane)).mul_add(totals[at], *sum);
                        }
                        scales = scales.add(TILE);
                    }
                }
            }
        }
        for (lane, sum) in sums.into_iter().enumerate().take(task.columns) {
            let sum = task.bias.map_or(sum, |bias| sum + bias[lane]);
            // SAFETY: the caller's promise about `out`.
            unsafe { *task.out.add((row - task.row) * task.out_stride + lane) = sum };
        }
    }
}
