use ashlar_kernels::dense::Matrix;
use ashlar_kernels::low_rank::{Group, LowRank, add};
use half::bf16;

use crate::{Random, assert_close, bits, pools};

const K: usize = 72;
const N: usize = 100;

/// Of columns `column..column + n`, with the numbers that it holds.
fn update(random: &mut Random, rank: usize, column: usize, n: usize) -> (LowRank, [Vec<f64>; 2]) {
    let mut numbers = |n: usize| random.normals(n).into_iter().map(|w| bf16::from_f32(w * 0.2)).collect::<Vec<_>>();
    let (a, b) = (numbers(rank * K), numbers(n * rank));
    let wide = |numbers: &[bf16]| numbers.iter().map(|w| f64::from(w.to_f32())).collect::<Vec<_>>();
    let held = [wide(&a), wide(&b)];
    (LowRank { a: Matrix::from_bf16(&a, rank, K), b: Matrix::from_bf16(&b, n, rank), scale: 0.75, column }, held)
}

#[test]
fn each_row_gets_its_own_update_whatever_stands_beside_it() {
    let mut random = Random::new(41);
    // A whole layer, two of its three parts, and nothing.
    let adapters: Vec<Vec<_>> =
        vec![vec![update(&mut random, 5, 0, N)], vec![update(&mut random, 16, 0, 40), update(&mut random, 3, 64, 36)], Vec::new()];
    let (updates, held): (Vec<Vec<_>>, Vec<Vec<_>>) = adapters.into_iter().map(|parts| parts.into_iter().unzip()).unzip();
    let n_rows = 600;
    let (x, before) = (random.normals(n_rows * K), random.normals(n_rows * N));
    // Three in four have an adapter.
    let of_row: Vec<usize> = (0..n_rows).map(|_| random.below(4)).collect();
    let rows: Vec<Vec<u32>> = (0..3).map(|g| (0..n_rows as u32).filter(|row| of_row[*row as usize] == g).collect()).collect();
    let groups: Vec<_> = rows.iter().zip(&updates).map(|(rows, updates)| Group { rows, updates }).collect();
    let mut first = None;
    for pool in &pools() {
        let mut y = before.clone();
        add(pool, &groups, &x, K, &mut y, N);
        assert_eq!(bits(&y), bits(first.get_or_insert_with(|| y.clone())), "{:?}", pool.level());
        for row in 0..n_rows {
            let (x, before, y) = (&x[row * K..][..K], &before[row * N..][..N], &y[row * N..][..N]);
            let mut alone = before.to_vec();
            if let Some(updates) = updates.get(of_row[row]) {
                add(pool, &[Group { rows: &[0], updates }], x, K, &mut alone, N);
            }
            assert_eq!(bits(&alone), bits(y), "row {row} alone");
            let mut want: Vec<f64> = before.iter().map(|y| f64::from(*y)).collect();
            for (update, [a, b]) in updates.get(of_row[row]).into_iter().flatten().zip(held.get(of_row[row]).into_iter().flatten()) {
                let shrunk: Vec<f64> = a.chunks(K).map(|a| a.iter().zip(x).map(|(a, x)| a * f64::from(*x)).sum()).collect();
                for (i, b) in b.chunks(shrunk.len()).enumerate() {
                    want[update.column + i] += 0.75 * b.iter().zip(&shrunk).map(|(b, s)| b * s).sum::<f64>();
                }
            }
            assert_close(y, &want, 1e-5);
        }
    }
}
