use ashlar_kernels::experts::{Choice, Experts, Routing, Scoring};
use ashlar_kernels::quant::Format;
use ashlar_kernels::{Linear, Pool};
use half::bf16;

use crate::formats::random_weights;
use crate::{Random, assert_close, bits, pools};

const HIDDEN: usize = 96;
const WIDTH: usize = 64;
const N: usize = 7;

fn matrices(random: &mut Random, format: Format, n: usize, k: usize) -> Vec<Linear> {
    let bytes = |random: &mut Random| -> Vec<u8> {
        let weights = random.normals(n * k).into_iter().map(|w| w * 0.1);
        match format {
            Format::F32 => weights.flat_map(f32::to_le_bytes).collect(),
            Format::Bf16 => weights.flat_map(|w| bf16::from_f32(w).to_le_bytes()).collect(),
            _ => random_weights(random, format, n, k),
        }
    };
    (0..N).map(|_| Linear::from_gguf(format, &bytes(random), n, k).unwrap()).collect()
}

fn softmax(top_k: usize) -> Routing {
    Routing { n_experts: N, top_k, scoring: Scoring::Softmax, normalize: true, scale: 1.0 }
}

/// `W · x` in `f64`.
fn product(matrix: &Linear, x: &[f64]) -> Vec<f64> {
    let mut row = vec![0.0; matrix.k()];
    let mut out = Vec::new();
    for i in 0..matrix.n() {
        matrix.read_row(i, &mut row);
        out.push(row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum());
    }
    out
}

#[test]
fn rows_get_the_weighted_sum_of_their_experts_whatever_stands_beside_them() {
    let mut random = Random::new(31);
    for (format, tolerance) in [(Format::F32, 1e-5), (Format::Bf16, 1e-5), (Format::Q8_0, 0.03)] {
        let (gate_up, down) = (matrices(&mut random, format, 2 * WIDTH, HIDDEN), matrices(&mut random, format, HIDDEN, WIDTH));
        let experts = Experts::new(gate_up.clone(), down.clone());
        // More rows than run together.
        let n_rows = 1100;
        let (x, before) = (random.normals(n_rows * HIDDEN), random.normals(n_rows * HIDDEN));
        let logits = random.normals(n_rows * N);
        let mut first = None;
        for pool in &pools() {
            let choice = softmax(3).choose(pool, &mut logits.clone());
            let mut out = before.clone();
            experts.add(pool, &x, &choice, &mut out);
            let first_out = first.get_or_insert_with(|| out.clone());
            assert_eq!(bits(&out), bits(first_out), "{:?}", pool.level());
            for row in [0, 5, 1023, 1024, 1099] {
                let part = row * HIDDEN..(row + 1) * HIDDEN;
                let alone = Choice { experts: choice.experts[3 * row..][..3].to_vec(), weights: choice.weights[3 * row..][..3].to_vec() };
                let mut out = before[part.clone()].to_vec();
                experts.add(pool, &x[part.clone()], &alone, &mut out);
                assert_eq!(bits(&out), bits(&first_out[part.clone()]), "row {row} alone");

                let x: Vec<f64> = x[part.clone()].iter().map(|x| f64::from(*x)).collect();
                let mut want: Vec<f64> = before[part.clone()].iter().map(|x| f64::from(*x)).collect();
                for (expert, weight) in alone.experts.iter().zip(&alone.weights) {
                    let both = product(&gate_up[*expert as usize], &x);
                    let (gate, up) = both.split_at(WIDTH);
                    let hidden: Vec<f64> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
                    let y = product(&down[*expert as usize], &hidden);
                    want.iter_mut().zip(y).for_each(|(want, y)| *want += f64::from(*weight) * y);
                }
                let size = want.iter().fold(1.0f64, |a, b| a.max(b.abs()));
                assert_close(&out, &want, tolerance * size);
            }
        }
    }
}

#[test]
fn softmax_chooses_the_likeliest_and_the_lowest_of_equals() {
    let pool = Pool::new(1);
    let mut logits = [1.0, 3.0, 3.0, 0.0, -2.0, 2.0, 1.0];
    let Choice { experts, weights } = softmax(3).choose(&pool, &mut logits);
    assert_eq!(experts, [1, 2, 5]);
    let sum = 2.0 * 3f64.exp() + 2f64.exp();
    assert_close(&weights, &[3f64.exp() / sum, 3f64.exp() / sum, 2f64.exp() / sum], 1e-6);

    let raw = Routing { normalize: false, ..softmax(1) };
    let Choice { weights, .. } = raw.choose(&pool, &mut [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_close(&weights, &[1f64.exp() / (6.0 + 1f64.exp())], 1e-6);
}

#[test]
fn a_bias_chooses_but_does_not_weigh_and_groups_come_first() {
    let pool = Pool::new(1);
    let bias = vec![0.0, 0.0, 0.0, 0.5, 0.0, 0.0];
    let scoring = |n_groups, top_groups| Scoring::Sigmoid { bias: bias.clone(), n_groups, top_groups };
    let routing = Routing { n_experts: 6, top_k: 2, scoring: scoring(1, 1), normalize: true, scale: 2.5 };
    let logits = [2.0, -3.0, 0.5, 0.0, 1.0, 0.9];
    let s = |x: f64| 1.0 / (1.0 + (-x).exp());
    let Choice { experts, weights } = routing.choose(&pool, &mut logits.clone());
    assert_eq!(experts, [3, 0]);
    let sum = s(0.0) + s(2.0);
    assert_close(&weights, &[2.5 * s(0.0) / sum, 2.5 * s(2.0) / sum], 1e-6);

    // Three groups of two: the sums are 0.93, 1.62 and 1.44; the best expert of all is in none of those kept.
    let groups = Routing { scoring: scoring(3, 2), ..routing };
    assert_eq!(groups.choose(&pool, &mut logits.clone()).experts, [3, 4]);
}
