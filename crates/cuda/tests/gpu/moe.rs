//! Mixtures of experts against plain loops.

use std::cmp::Ordering;

use ashlar_cuda::moe::{Experts, FewTokens, Form, List, Pairs, Routing, Scores, Shared, split_gate};
use ashlar_cuda::{Buffer, Device, Matmul, Norm};
use ashlar_kernels::{Pool, dense, rows as cpu};
use half::bf16;

use super::{Random, device, download, to_bf16, upload};

fn zeros(device: &Device, len: usize) -> Buffer {
    Buffer::zeros(device, len).expect("the GPU has room for a test")
}

#[derive(Debug, Clone, Copy)]
struct Choice {
    n_experts: usize,
    n_chosen: usize,
    groups: (usize, usize),
    sigmoid: bool,
    renormalize: bool,
    scale: f32,
}

impl Choice {
    /// Ids, best first, and weights of one token.
    fn choose(&self, logits: &[f32], bias: &[f32]) -> (Vec<u32>, Vec<f32>) {
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|x| (x - top).exp()).sum();
        let scores: Vec<f32> = logits.iter().map(|x| if self.sigmoid { 1.0 / (1.0 + (-x).exp()) } else { (x - top).exp() / sum }).collect();
        let picks: Vec<f32> = if self.sigmoid { scores.iter().zip(bias).map(|(s, b)| s + b).collect() } else { logits.to_vec() };
        let by_value = |values: &[f32], a: usize, b: usize| values[b].partial_cmp(&values[a]).unwrap_or(Ordering::Equal);
        let size = self.n_experts / self.groups.0;
        let of_groups: Vec<f32> = picks
            .chunks(size)
            .map(|group| {
                let mut sorted = group.to_vec();
                sorted.sort_by(|a, b| b.total_cmp(a));
                sorted.iter().take(2).sum()
            })
            .collect();
        let mut groups: Vec<usize> = (0..self.groups.0).collect();
        groups.sort_by(|a, b| by_value(&of_groups, *a, *b));
        groups.truncate(self.groups.1);
        let mut ids: Vec<usize> = (0..self.n_experts).filter(|id| groups.contains(&(id / size))).collect();
        ids.sort_by(|a, b| by_value(&picks, *a, *b));
        ids.truncate(self.n_chosen);
        let chosen: f32 = ids.iter().map(|id| scores[*id]).sum();
        let scale = if self.renormalize { self.scale / (chosen + 1e-20) } else { self.scale };
        (ids.iter().map(|id| *id as u32).collect(), ids.iter().map(|id| scores[*id] * scale).collect())
    }
}

#[test]
fn the_best_experts_are_chosen() {
    let Some(device) = device() else { return };
    let mut random = Random(3);
    let softmax = Choice { n_experts: 128, n_chosen: 8, groups: (1, 1), sigmoid: false, renormalize: true, scale: 1.0 };
    let sigmoid = Choice { n_experts: 64, n_chosen: 6, groups: (1, 1), sigmoid: true, renormalize: true, scale: 2.446 };
    for choice in [
        softmax,
        sigmoid,
        Choice { renormalize: false, ..softmax },
        Choice { n_experts: 7, n_chosen: 3, ..softmax },
        Choice { n_experts: 256, n_chosen: 16, ..softmax },
        Choice { groups: (8, 3), ..sigmoid },
        Choice { n_experts: 16, n_chosen: 4, groups: (4, 2), ..sigmoid },
        Choice { n_experts: 24, n_chosen: 2, groups: (24, 3), renormalize: false, ..sigmoid },
    ] {
        for (rows, n_parts, lists) in [(1, 1, false), (37, 1, false), (9, 3, true), (1, 1, true), (7, 1, true), (37, 1, true)] {
            let (n, k) = (choice.n_experts, choice.n_chosen);
            let mut bias: Vec<f32> = (0..n).map(|_| 0.3 * random.unit()).collect();
            // Some experts are as good as the one before.
            (0..n).filter(|id| id % 5 == 1).for_each(|id| bias[id] = bias[id - 1]);
            let parts: Vec<f32> = (0..rows * n_parts * n).map(|_| 3.0 * random.unit()).collect();
            let mut parts = parts;
            for row in parts.chunks_mut(n) {
                (0..n).filter(|id| id % 5 == 1).for_each(|id| row[id] = row[id - 1]);
            }
            let logits: Vec<f32> = parts
                .chunks(n_parts * n)
                .flat_map(|row| (0..n).map(|id| row.iter().skip(id).step_by(n).copied().reduce(|a, b| a + b).unwrap_or(0.0)))
                .collect();
            let [parts_gpu, bias_gpu] = [&parts, &bias].map(|v| upload(device, v));
            let (ids, weights) = (zeros(device, rows * k * 4), zeros(device, rows * k * 4));
            let pairs = Pairs { rows, n_experts: n, n_chosen: k, ids: ids.ptr(), weights: weights.ptr() };
            let routing = Routing {
                logits: parts_gpu.ptr(),
                n_parts,
                scores: if choice.sigmoid { Scores::Sigmoid { bias: bias_gpu.ptr() } } else { Scores::Softmax },
                n_groups: choice.groups.0,
                n_kept_groups: choice.groups.1,
                renormalize: choice.renormalize,
                scale: choice.scale,
            };
            let listed = Listed::new(device, &pairs, 16);
            // SAFETY: the buffers have the shapes.
            unsafe { if lists { routing.launch_listed(device, &pairs, &listed.list) } else { routing.launch(device, &pairs) } }
                .expect("the kernels start");
            if lists {
                listed.check(device, &pairs, &download::<u32>(device, &ids));
            }
            let (ids, weights) = (download::<u32>(device, &ids), download::<f32>(device, &weights));
            for (row, logits) in logits.chunks(n).enumerate() {
                let (want_ids, want_weights) = choice.choose(logits, &bias);
                assert_eq!(ids[row * k..][..k], want_ids, "{choice:?}, row {row} of {rows}");
                for (got, want) in weights[row * k..].iter().zip(&want_weights) {
                    assert!((got - want).abs() <= 1e-5 * want, "{choice:?}, row {row}: {got}, {want} expected");
                }
            }
        }
    }
}

/// A gate that bf16 doesn't have, as the sum of matrices that it has, gives the logits of f32.
#[test]
fn a_split_gate_is_as_good_as_f32() {
    let Some(device) = device() else { return };
    let mut random = Random(4);
    let (rows, n_experts, n_in) = (21, 64, 512);
    let x = random.values(rows * n_in, 2.0);
    let gate: Vec<f32> = (0..n_experts * n_in).map(|_| random.unit() / 16.0).collect();
    let (matrices, n_parts) = split_gate(&gate);
    assert_eq!(n_parts, 3);
    let (x_gpu, weight, y) = (upload(device, &to_bf16(&x)), upload(device, &matrices), zeros(device, rows * n_parts * n_experts * 4));
    let product = Matmul {
        rows,
        n_out: n_parts * n_experts,
        n_in,
        x: x_gpu.ptr(),
        weight: weight.ptr(),
        y: y.ptr(),
        scales: None,
        bias: 0,
        accumulate: false,
        f32_output: true,
        gelu: false,
    };
    // SAFETY: the buffers have the shapes.
    unsafe { product.launch(device) }.expect("the product starts");
    let parts = download::<f32>(device, &y);
    for row in 0..rows {
        for expert in 0..n_experts {
            let pairs = x[row * n_in..][..n_in].iter().zip(&gate[expert * n_in..][..n_in]);
            let want: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let got: f64 = (0..n_parts).map(|part| f64::from(parts[(row * n_parts + part) * n_experts + expert])).sum();
            assert!((got - want).abs() < 1e-4, "{got} for expert {expert}, {want} expected");
        }
    }
}

/// `n_chosen` different experts for each row; the first ones are the most popular.
fn choices(random: &mut Random, rows: usize, n_experts: usize, n_chosen: usize) -> Vec<u32> {
    (0..rows)
        .flat_map(|_| {
            let mut ids: Vec<u32> = (0..n_experts as u32).collect();
            for i in 0..n_chosen {
                let reach = if random.below(3) == 0 { n_experts - i } else { (n_experts - i).min(n_chosen) };
                ids.swap(i, i + random.below(reach));
            }
            ids.truncate(n_chosen);
            ids
        })
        .collect()
}

/// A list and the memory it is in.
struct Listed {
    list: List,
    buffers: [Buffer; 4],
}

impl Listed {
    fn new(device: &Device, pairs: &Pairs, tile_rows: usize) -> Self {
        let n = pairs.rows * pairs.n_chosen;
        let list = List { tile_rows, pairs: 0, sources: 0, tiles: 0, n_tiles: 0 };
        let buffers = [n * 4, n * 4, list.max_tiles(pairs) * 16, 4].map(|len| zeros(device, len));
        let [pairs, sources, tiles, n_tiles] = buffers.each_ref().map(Buffer::ptr);
        Self { list: List { pairs, sources, tiles, n_tiles, ..list }, buffers }
    }

    fn check(&self, device: &Device, pairs: &Pairs, ids: &[u32]) {
        let tile_rows = self.list.tile_rows;
        let what = format!("{} rows, {} of {} experts", pairs.rows, pairs.n_chosen, pairs.n_experts);
        let mut want: Vec<i32> = (0..ids.len() as i32).collect();
        want.sort_by_key(|pair| ids[*pair as usize]);
        let mut tiles = Vec::new();
        let mut first = 0;
        for expert in 0..pairs.n_experts as u32 {
            let count = ids.iter().filter(|id| **id == expert).count();
            for start in (0..count).step_by(tile_rows) {
                tiles.push([expert as i32, (first + start) as i32, tile_rows.min(count - start) as i32, 0]);
            }
            first += count;
        }
        let [list, sources, tiles_gpu, n_tiles] = &self.buffers;
        assert_eq!(download::<i32>(device, list), want, "{what}");
        let want_sources: Vec<i32> = want.iter().map(|pair| pair / pairs.n_chosen as i32).collect();
        assert_eq!(download::<i32>(device, sources), want_sources, "{what}");
        assert_eq!(download::<i32>(device, n_tiles), [tiles.len() as i32], "{what}");
        assert_eq!(download::<[i32; 4]>(device, tiles_gpu)[..tiles.len()], tiles, "{what}");
    }
}

#[test]
fn pairs_are_listed_by_expert() {
    let Some(device) = device() else { return };
    let mut random = Random(5);
    for (rows, n_experts, n_chosen, tile_rows) in
        [(1, 128, 8, 16), (33, 128, 8, 16), (5, 3, 2, 16), (300, 64, 6, 128), (700, 64, 6, 16), (5000, 256, 8, 128)]
    {
        let ids = choices(&mut random, rows, n_experts, n_chosen);
        let ids_gpu = upload(device, &ids);
        let pairs = Pairs { rows, n_experts, n_chosen, ids: ids_gpu.ptr(), weights: 0 };
        let listed = Listed::new(device, &pairs, tile_rows);
        // SAFETY: the buffers have the shapes.
        unsafe { listed.list.launch(device, &pairs) }.expect("the kernel starts");
        listed.check(device, &pairs, &ids);
    }
}

/// Some size: width, inner, experts, and those of a token.
type Shape = (usize, usize, usize, usize);

struct Weights {
    gate_up: Vec<f32>,
    down: Vec<f32>,
}

/// What the experts make of rows of `x`, rounded where the kernels round.
fn reference(pool: &Pool, shape: Shape, weights: &Weights, x: &[f32], ids: &[u32], of_pairs: &[f32], base: &[f32]) -> Vec<f32> {
    let (width, inner, n_experts, n_chosen) = shape;
    let round = |values: &mut Vec<f32>| values.iter_mut().for_each(|x| *x = bf16::from_f32(*x).to_f32());
    let mut of_pair = vec![0.0; ids.len() * width];
    for expert in 0..n_experts {
        let pairs: Vec<usize> = (0..ids.len()).filter(|pair| ids[*pair] as usize == expert).collect();
        let input: Vec<f32> = pairs.iter().flat_map(|pair| x[pair / n_chosen * width..][..width].to_vec()).collect();
        let mut gate_up = vec![0.0; pairs.len() * 2 * inner];
        let matrix = &weights.gate_up[expert * 2 * inner * width..][..2 * inner * width];
        dense::Matrix::from_f32(matrix, 2 * inner, width).matmul(pool, &input, None, &mut gate_up);
        let mut activations = vec![0.0; pairs.len() * inner];
        cpu::silu_mul(pool, &gate_up, inner, &mut activations);
        round(&mut activations);
        let mut y = vec![0.0; pairs.len() * width];
        let matrix = &weights.down[expert * width * inner..][..width * inner];
        dense::Matrix::from_f32(matrix, width, inner).matmul(pool, &activations, None, &mut y);
        round(&mut y);
        for (pair, y) in pairs.iter().zip(y.chunks(width)) {
            of_pair[pair * width..][..width].copy_from_slice(y);
        }
    }
    let mut out = base.to_vec();
    for (pair, y) in of_pair.chunks(width).enumerate() {
        let row = &mut out[pair / n_chosen * width..][..width];
        row.iter_mut().zip(y).for_each(|(out, y)| *out += of_pairs[pair] * y);
    }
    out
}

fn check_experts(random: &mut Random, shape: Shape, rows: usize, form: Form) {
    let Some(device) = device() else { return };
    if form == Form::ManyRows && !device.is_hopper() {
        return;
    }
    let (width, inner, n_experts, n_chosen) = shape;
    let what = format!("{form:?}, {shape:?}, {rows} rows");
    let weights = Weights {
        gate_up: random.values(n_experts * 2 * inner * width, 2.0 / (width as f32).sqrt()),
        down: random.values(n_experts * width * inner, 2.0 / (inner as f32).sqrt()),
    };
    let x = random.values(rows * width, 2.0);
    let base = random.values(rows * width, 1.0);
    let ids = choices(random, rows, n_experts, n_chosen);
    let of_pairs: Vec<f32> = (0..ids.len()).map(|_| 0.5 + 0.4 * random.unit()).collect();
    let want = reference(&Pool::new(2), shape, &weights, &x, &ids, &of_pairs, &base);

    let [x_gpu, gate_up, down] = [&x, &weights.gate_up, &weights.down].map(|v| upload(device, &to_bf16(v)));
    let (ids_gpu, weights_gpu) = (upload(device, &ids), upload(device, &of_pairs));
    let run = |first: usize, rows: usize| {
        let out = upload(device, &to_bf16(&base[first * width..][..rows * width]));
        let mut experts = Experts {
            pairs: Pairs {
                rows,
                n_experts,
                n_chosen,
                ids: ids_gpu.ptr() + (first * n_chosen * 4) as u64,
                weights: weights_gpu.ptr() + (first * n_chosen * 4) as u64,
            },
            routing: None,
            width,
            inner,
            x: x_gpu.ptr() + (first * width * 2) as u64,
            gate_up: gate_up.ptr(),
            down: down.ptr(),
            base: out.ptr(),
            out: out.ptr(),
            scratch: 0,
        };
        // Everything there is NaN until it is written.
        let scratch = upload(device, &vec![0xffu8; experts.scratch_len()]);
        experts.scratch = scratch.ptr();
        // SAFETY: the buffers have the shapes.
        unsafe { experts.launch_as(device, form) }.expect("the kernels start");
        download::<bf16>(device, &out)
    };
    let got = run(0, rows);
    let size = want.iter().map(|x| x.abs()).sum::<f32>() / want.len() as f32;
    let (mut errors, mut squares) = (0.0f64, 0.0f64);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        let error = (got.to_f32() - want).abs();
        // An expert's result may be rounded the other way, and be larger than the sum.
        assert!(error <= 0.02 * want.abs() + 0.05 * size, "{what}: {got} at {i}, {want} expected");
        errors += f64::from(error).powi(2);
        squares += f64::from(*want).powi(2);
    }
    assert!(errors.sqrt() <= 4e-3 * squares.sqrt(), "{what}: off by {:.1e} of the whole", (errors / squares).sqrt());
    for row in [0, rows / 2, rows - 1] {
        let alone = run(row, 1);
        let same = alone.iter().zip(&got[row * width..]).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{what}: row {row} alone has other bits");
    }
}

#[test]
fn experts_of_few_and_many_rows() {
    let mut random = Random(6);
    // The smallest; tails of pieces, boxes and tiles; the widths of Qwen3-30B-A3B; more experts than are chosen from.
    for shape in [(16, 16, 4, 2), (1040, 536, 8, 3), (2048, 768, 4, 2), (192, 152, 64, 6), (64, 1408, 5, 1)] {
        for rows in [1, 7, 40, 300] {
            check_experts(&mut random, shape, rows, Form::FewRows);
            check_experts(&mut random, shape, rows, Form::ManyRows);
        }
    }
}

/// A whole layer: norm, choice, experts, the shared one, the sum.
#[test]
fn few_tokens_go_through_a_layer() {
    let Some(device) = device() else { return };
    let (mut random, pool) = (Random(7), Pool::new(2));
    // The smallest; rows of more than one piece; tails; the widths of Kimi-VL-A3B and Qwen3-30B-A3B with fewer experts.
    for (shape, shared, sigmoid) in [
        ((16, 8, 4, 2), 0, false),
        ((4112, 24, 5, 3), 16, true),
        ((1040, 1544, 6, 2), 3088, true),
        ((2048, 1408, 8, 6), 2816, true),
        ((2048, 768, 16, 8), 0, false),
    ] {
        let (width, inner, n_experts, n_chosen) = shape;
        let choice = Choice { n_experts, n_chosen, groups: (1, 1), sigmoid, renormalize: true, scale: 1.5 };
        let weights = Weights {
            gate_up: random.values(n_experts * 2 * inner * width, 2.0 / (width as f32).sqrt()),
            down: random.values(n_experts * width * inner, 2.0 / (inner as f32).sqrt()),
        };
        let of_all = Weights {
            gate_up: random.values(2 * shared * width, 2.0 / (width as f32).sqrt()),
            down: random.values(width * shared, 2.0 / (shared.max(1) as f32).sqrt()),
        };
        let gate = random.values(n_experts * width, 4.0 / (width as f32).sqrt());
        let bias: Vec<f32> = (0..n_experts).map(|_| 0.2 * random.unit()).collect();
        let rows = FewTokens::MAX_ROWS;
        let x = random.values(rows * width, 2.0);
        let norm = random.values(width, 1.0);

        let mut normed = vec![0.0; rows * width];
        cpu::rms_norm(&pool, &x, &norm, 1e-5, &mut normed);
        normed.iter_mut().for_each(|x| *x = bf16::from_f32(*x).to_f32());
        let (mut ids, mut of_pairs) = (Vec::new(), Vec::new());
        for row in normed.chunks(width) {
            let logits: Vec<f32> = gate.chunks(width).map(|gate| gate.iter().zip(row).map(|(w, x)| w * x).sum()).collect();
            let (chosen, weights) = choice.choose(&logits, &bias);
            ids.extend(chosen);
            of_pairs.extend(weights);
        }
        let mut want = reference(&pool, shape, &weights, &normed, &ids, &of_pairs, &x);
        if shared > 0 {
            let of_all_shape = (width, shared, 1, 1);
            want = reference(&pool, of_all_shape, &of_all, &normed, &vec![0; rows], &vec![1.0; rows], &want);
        }

        let [x_gpu, norm_gpu, gate_gpu] = [&x, &norm, &gate].map(|v| upload(device, &to_bf16(v)));
        let [gate_up, down] = [&weights.gate_up, &weights.down].map(|v| upload(device, &to_bf16(v)));
        let [shared_gate_up, shared_down] =
            [&of_all.gate_up, &of_all.down].map(|v| upload(device, &to_bf16(&[&v[..], &[0.0; 8]].concat())));
        let bias_gpu = upload(device, &bias);
        let run = |first: usize, rows: usize| {
            let x = upload(device, &download::<bf16>(device, &x_gpu)[first * width..][..rows * width]);
            let mut few = FewTokens {
                rows,
                width,
                inner,
                n_experts,
                n_chosen,
                norm: Norm { weight: norm_gpu.ptr(), eps: 1e-5 },
                gate: gate_gpu.ptr(),
                routing: Routing {
                    logits: 0,
                    n_parts: 1,
                    scores: if sigmoid { Scores::Sigmoid { bias: bias_gpu.ptr() } } else { Scores::Softmax },
                    n_groups: 1,
                    n_kept_groups: 1,
                    renormalize: true,
                    scale: choice.scale,
                },
                gate_up: gate_up.ptr(),
                down: down.ptr(),
                shared: (shared > 0).then_some(Shared { inner: shared, gate_up: shared_gate_up.ptr(), down: shared_down.ptr() }),
                x: x.ptr(),
                scratch: 0,
            };
            // Everything there is NaN until it is written.
            let scratch = upload(device, &vec![0xffu8; few.scratch_len()]);
            few.scratch = scratch.ptr();
            // SAFETY: the buffers have the shapes.
            unsafe { few.launch(device) }.expect("the kernels start");
            download::<bf16>(device, &x)
        };
        let got = run(0, rows);
        let what = format!("{shape:?} beside {shared}, {rows} rows");
        let size = want.iter().map(|x| x.abs()).sum::<f32>() / want.len() as f32;
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            let error = (got.to_f32() - want).abs();
            assert!(error <= 0.02 * want.abs() + 0.02 * size, "{what}: {got} at {i}, {want} expected");
        }
        for row in 0..rows {
            let same = run(row, 1).iter().zip(&got[row * width..]).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{what}: row {row} alone has other bits");
        }
    }
}
