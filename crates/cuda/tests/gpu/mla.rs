//! Latent attention against plain loops: shuffled blocks, what lies around a sequence's rows full of NaN.

use ashlar_cuda::mla::{Fresh, Gather, Heads, LATENT, LatentDecode, MAX_FEW_ROWS, ROPE, ROW, Turned, Values};
use ashlar_cuda::{Buffer, Device, HeadMatmul, HeadRows};
use half::bf16;

use super::{Random, assert_close, bytes_of, device, download, to_bf16, upload};

const BLOCK: usize = 32;
const EPS: f32 = 1e-6;
/// A padded row; edges of steps, blocks, tiles and groups; leaves of one tile and of many.
const LENGTHS: [usize; 17] = [1, 0, 15, 16, 17, 32, 33, 64, 65, 127, 128, 129, 700, 1024, 1300, 2100, 4200];

fn filled(device: &Device, len: usize) -> Buffer {
    upload(device, &vec![0xffu8; len])
}

/// A cache of NaN with rows of numbers for sequences of these lengths, and their block tables.
struct Cache {
    values: Vec<f32>,
    tables: Vec<Vec<usize>>,
    max_blocks: usize,
}

impl Cache {
    fn new(random: &mut Random, lengths: &[usize]) -> Self {
        let n_blocks = lengths.iter().map(|len| len.div_ceil(BLOCK)).sum::<usize>() + 2;
        let mut blocks: Vec<usize> = (0..n_blocks).collect();
        for i in (1..n_blocks).rev() {
            blocks.swap(i, random.below(i + 1));
        }
        let tables: Vec<Vec<usize>> = lengths.iter().map(|len| blocks.split_off(blocks.len() - len.div_ceil(BLOCK))).collect();
        let mut cache = Self {
            values: vec![f32::NAN; n_blocks * BLOCK * ROW],
            tables,
            max_blocks: lengths.iter().map(|len| len.div_ceil(BLOCK)).max().unwrap_or(0) + 1,
        };
        for (sequence, len) in lengths.iter().enumerate() {
            for token in 0..*len {
                let at = cache.slot(sequence, token) * ROW;
                cache.values[at..at + ROW].copy_from_slice(&random.values(ROW, 1.0));
            }
        }
        cache
    }

    fn slot(&self, sequence: usize, token: usize) -> usize {
        self.tables[sequence][token / BLOCK] * BLOCK + token % BLOCK
    }

    fn row(&self, sequence: usize, token: usize) -> &[f32] {
        &self.values[self.slot(sequence, token) * ROW..][..ROW]
    }

    fn tables_on(&self, device: &Device) -> Buffer {
        let flat: Vec<i32> =
            self.tables.iter().flat_map(|table| (0..self.max_blocks).map(|i| table.get(i).map_or(i32::MAX, |b| *b as i32))).collect();
        upload(device, &flat)
    }
}

fn attend(query: &[f32], rows: &[&[f32]], scale: f32) -> Vec<f32> {
    let scores: Vec<f32> = rows.iter().map(|row| query.iter().zip(*row).map(|(q, k)| q * k).sum::<f32>() * scale).collect();
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = scores.iter().map(|score| (score - top).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let mut out = vec![0.0; LATENT];
    for (weight, row) in weights.iter().zip(rows) {
        out.iter_mut().zip(*row).for_each(|(out, v)| *out += weight / sum * v);
    }
    out
}

#[test]
fn one_row_attends_to_the_latents() {
    let Some(device) = device() else { return };
    let mut random = Random(21);
    let scale = 1.5 / (ROW as f32).sqrt();
    for (n_heads, lengths) in [(16, &LENGTHS[..]), (3, &LENGTHS[..14]), (40, &LENGTHS[7..14])] {
        let rows = lengths.len();
        let cache = Cache::new(&mut random, lengths);
        let queries = random.values(rows * n_heads * ROW, 1.0);
        let (cache_gpu, queries_gpu, tables) =
            (upload(device, &to_bf16(&cache.values)), upload(device, &to_bf16(&queries)), cache.tables_on(device));
        let lens = upload(device, &lengths.iter().map(|len| *len as i32).collect::<Vec<_>>());
        let partials = filled(device, LatentDecode::partials_len(rows, n_heads));
        let decode = |first: usize, rows: usize, out: u64| LatentDecode {
            rows,
            n_heads,
            out,
            queries: queries_gpu.ptr() + (first * n_heads * ROW * 2) as u64,
            cache: cache_gpu.ptr(),
            block_tables: tables.ptr() + (first * cache.max_blocks * 4) as u64,
            max_blocks: cache.max_blocks,
            context_lens: lens.ptr() + (first * 4) as u64,
            partials: partials.ptr(),
            scale,
        };
        let run = |first: usize, rows: usize| {
            let out = filled(device, rows * n_heads * LATENT * 2);
            // SAFETY: the buffers have the shapes.
            unsafe { decode(first, rows, out.ptr()).launch(device) }.expect("the kernels start");
            download::<bf16>(device, &out)
        };
        let dim = 40;
        let weight = random.values(n_heads * dim * LATENT, 0.1);
        let weight_gpu = upload(device, &to_bf16(&weight));
        let values_of = |first: usize, rows: usize| {
            let out = filled(device, rows * n_heads * dim * 2);
            let values = Values { weight: weight_gpu.ptr(), dim, out: out.ptr() };
            // SAFETY: as above.
            unsafe { decode(first, rows, 0).launch_values(device, &values) }.expect("the kernels start");
            download::<bf16>(device, &out)
        };
        let got = run(0, rows);
        for (row, len) in lengths.iter().enumerate().filter(|(_, len)| **len > 0) {
            let cached: Vec<&[f32]> = (0..*len).map(|token| cache.row(row, token)).collect();
            let of_row = &got[row * n_heads * LATENT..][..n_heads * LATENT];
            for (head, got) in of_row.chunks(LATENT).enumerate() {
                let want = attend(&queries[(row * n_heads + head) * ROW..][..ROW], &cached, scale);
                let size = want.iter().map(|x| x.abs()).sum::<f32>() / LATENT as f32;
                for (got, want) in got.iter().zip(&want) {
                    // The weights of the values are rounded to bf16.
                    let error = (got.to_f32() - want).abs();
                    assert!(error <= 0.015 * (want.abs() + size), "head {head} of {n_heads}, {len} tokens: {got}, {want} expected");
                }
            }
            let same = run(row, 1).iter().zip(of_row).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{n_heads} heads: a row of {len} tokens alone has other bits");

            let alone = values_of(row, 1);
            let mut want = vec![0.0; n_heads * dim];
            for (i, want) in want.iter_mut().enumerate() {
                let latent = &of_row[i / dim * LATENT..][..LATENT];
                *want = weight[i * LATENT..][..LATENT].iter().zip(latent).map(|(w, x)| w * x.to_f32()).sum();
            }
            assert_close(&format!("values of {len} tokens"), &alone, &want);
            let first = row.min(rows - MAX_FEW_ROWS.min(rows));
            let together = values_of(first, MAX_FEW_ROWS.min(rows));
            let same = together[(row - first) * n_heads * dim..].iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{n_heads} heads: values of {len} tokens alone have other bits");
        }
    }
}

fn turn(head: &mut [f32], angles: &[f32]) {
    for i in 0..ROPE / 2 {
        let (a, b, cos, sin) = (head[i], head[i + ROPE / 2], angles[2 * i], angles[2 * i + 1]);
        (head[i], head[i + ROPE / 2]) = (a * cos - b * sin, b * cos + a * sin);
    }
}

#[test]
fn new_rows_are_stored_and_queries_turned() {
    let Some(device) = device() else { return };
    let mut random = Random(22);
    let (rows, n_slots) = (37, 64);
    for (n_heads, nope) in [(16, 128), (1, 8), (128, 24)] {
        let what = format!("{n_heads} heads");
        let dim = nope + ROPE;
        let latents = random.values(rows * ROW, 2.0);
        let queries = random.values(rows * n_heads * dim, 2.0);
        let norm = random.values(LATENT, 1.0);
        let angles: Vec<f32> = (0..rows * ROPE / 2)
            .flat_map(|_| <[f32; 2]>::from((random.unit() * 3.0).sin_cos()).into_iter().rev().collect::<Vec<_>>())
            .collect();
        // Some rows are not stored.
        let slots: Vec<i32> = (0..rows).map(|row| if row % 7 == 3 { -1 } else { ((row * 5) % n_slots) as i32 }).collect();

        let mut want_cache = vec![777.0; n_slots * ROW];
        let mut want_turned = queries.clone();
        for row in 0..rows {
            let angles = &angles[row * ROPE..][..ROPE];
            let mut latent = latents[row * ROW..][..ROW].to_vec();
            let squares: f32 = latent[..LATENT].iter().map(|x| x * x).sum();
            let scale = 1.0 / (squares / LATENT as f32 + EPS).sqrt();
            latent[..LATENT].iter_mut().zip(&norm).for_each(|(x, w)| *x *= scale * w);
            turn(&mut latent[LATENT..], angles);
            if slots[row] >= 0 {
                want_cache[slots[row] as usize * ROW..][..ROW].copy_from_slice(&latent);
            }
            want_turned[row * n_heads * dim..][..n_heads * dim].chunks_mut(dim).for_each(|head| turn(&mut head[nope..], angles));
        }

        let [latents_gpu, queries_gpu, norm_gpu] = [&latents, &queries, &norm].map(|v| upload(device, &to_bf16(v)));
        let (angles_gpu, slots_gpu) = (upload(device, &angles), upload(device, &slots));
        let cache = upload(device, &vec![bf16::from_f32(777.0); n_slots * ROW]);
        let apart = upload(device, &vec![bf16::from_f32(0.0); rows * n_heads * ROW]);
        let fresh = |rows_from: usize| Fresh {
            heads: Heads { n: n_heads, nope },
            latents: latents_gpu.ptr() + (rows_from * ROW * 2) as u64,
            latents_stride: ROW,
            queries: queries_gpu.ptr() + (rows_from * n_heads * dim * 2) as u64,
            queries_stride: n_heads * dim,
            norm: norm_gpu.ptr(),
            eps: EPS,
            angles: angles_gpu.ptr() + (rows_from * ROPE * 4) as u64,
            slots: slots_gpu.ptr() + (rows_from * 4) as u64,
            cache: cache.ptr(),
        };
        let store = |ptr: u64, row_stride: usize, head_stride: usize| {
            // SAFETY: the buffers have the shapes.
            unsafe { fresh(0).store(device, rows, Turned { ptr, row_stride, head_stride }) }.expect("the kernel starts");
        };
        store(apart.ptr() + 2 * LATENT as u64, n_heads * ROW, ROW);
        assert_close(&format!("{what}: cache"), &download(device, &cache), &want_cache);
        let want_apart: Vec<f32> = want_turned.chunks(dim).flat_map(|head| [&vec![0.0; LATENT], &head[nope..]].concat()).collect();
        assert_close(&format!("{what}: turned apart"), &download(device, &apart), &want_apart);

        // The same of a few rows at a time, whose queries are absorbed.
        let weight = random.values(n_heads * LATENT * nope, 0.2);
        let weight_gpu = upload(device, &to_bf16(&weight));
        device.upload(cache.ptr(), bytes_of(&vec![bf16::from_f32(777.0); n_slots * ROW])).expect("an upload");
        let absorbed = filled(device, rows * n_heads * ROW * 2);
        for first in (0..rows).step_by(MAX_FEW_ROWS) {
            let n = MAX_FEW_ROWS.min(rows - first);
            let to = absorbed.ptr() + (first * n_heads * ROW * 2) as u64;
            // SAFETY: as above.
            unsafe { fresh(first).absorb(device, n, weight_gpu.ptr(), to) }.expect("the kernel starts");
        }
        assert_close(&format!("{what}: cache by few rows"), &download(device, &cache), &want_cache);
        let want_absorbed: Vec<f32> = want_turned
            .chunks(dim)
            .enumerate()
            .flat_map(|(i, head)| {
                let of_head = weight[i % n_heads * LATENT * nope..][..LATENT * nope].chunks(nope);
                let products: Vec<f32> = of_head.map(|w| w.iter().zip(head).map(|(w, x)| w * x).sum()).collect();
                [&products, &head[nope..]].concat()
            })
            .collect();
        assert_close(&format!("{what}: absorbed"), &download(device, &absorbed), &want_absorbed);

        store(queries_gpu.ptr() + 2 * nope as u64, n_heads * dim, dim);
        assert_close(&format!("{what}: turned in place"), &download(device, &queries_gpu), &want_turned);
    }
}

#[test]
fn cached_rows_are_gathered() {
    let Some(device) = device() else { return };
    let mut random = Random(23);
    let lengths = [5, 0, 64, 33, 1, 200];
    let (rows, n_heads, nope) = (lengths.iter().sum::<usize>(), 3, 40);
    let cache = Cache::new(&mut random, &lengths);
    let mut cu_seqlens = vec![0i32];
    lengths.iter().for_each(|len| cu_seqlens.push(cu_seqlens[cu_seqlens.len() - 1] + *len as i32));
    let (cache_gpu, tables, cu) = (upload(device, &to_bf16(&cache.values)), cache.tables_on(device), upload(device, &cu_seqlens));
    let (latents, keys) = (filled(device, rows * LATENT * 2), upload(device, &vec![bf16::ONE; rows * n_heads * (nope + ROPE)]));
    let gather = Gather {
        heads: Heads { n: n_heads, nope },
        cache: cache_gpu.ptr(),
        block_tables: tables.ptr(),
        max_blocks: cache.max_blocks,
        n_sequences: lengths.len(),
        cu_seqlens: cu.ptr(),
        latents: latents.ptr(),
        keys: keys.ptr(),
    };
    // SAFETY: the buffers have the shapes.
    unsafe { gather.launch(device, rows) }.expect("the kernel starts");
    let all: Vec<&[f32]> =
        lengths.iter().enumerate().flat_map(|(s, len)| (0..*len).map(move |token| (s, token))).map(|(s, t)| cache.row(s, t)).collect();
    let want_latents: Vec<f32> = all.iter().flat_map(|row| row[..LATENT].to_vec()).collect();
    let want_keys: Vec<f32> = all.iter().flat_map(|row| [&vec![1.0; nope], &row[LATENT..]].concat().repeat(n_heads)).collect();
    assert_eq!(download::<bf16>(device, &latents), to_bf16(&want_latents));
    assert_eq!(download::<bf16>(device, &keys), to_bf16(&want_keys));
}

/// Into a part of wider rows, from rows of heads and from rows that all heads share.
#[test]
fn products_by_heads() {
    let Some(device) = device() else { return };
    let mut random = Random(24);
    let (n_heads, n_in, n_out, wide) = (4, 128, 64, 72);
    let weight = random.values(n_heads * n_out * n_in, 0.2);
    let weight_gpu = upload(device, &to_bf16(&weight));
    for rows in [1, 5, 130] {
        for head_stride in [n_in, 0] {
            let row_stride = if head_stride == 0 { n_in } else { n_heads * n_in };
            let x = random.values(rows * row_stride, 2.0);
            let x_gpu = upload(device, &to_bf16(&x));
            let y = upload(device, &vec![bf16::ONE; rows * n_heads * wide]);
            let product = HeadMatmul {
                rows,
                n_heads,
                n_out,
                n_in,
                x: HeadRows { ptr: x_gpu.ptr(), row_stride, head_stride },
                weight: weight_gpu.ptr(),
                y: HeadRows { ptr: y.ptr(), row_stride: n_heads * wide, head_stride: wide },
            };
            // SAFETY: the buffers have the shapes.
            unsafe { product.launch(device) }.expect("the product starts");
            let mut want = vec![1.0; rows * n_heads * wide];
            for row in 0..rows {
                for head in 0..n_heads {
                    let x = &x[row * row_stride + head * head_stride..][..n_in];
                    for out in 0..n_out {
                        let weight = &weight[(head * n_out + out) * n_in..][..n_in];
                        want[(row * n_heads + head) * wide + out] = x.iter().zip(weight).map(|(a, b)| a * b).sum();
                    }
                }
            }
            assert_close(&format!("{rows} rows, heads {head_stride} apart"), &download(device, &y), &want);
        }
    }
}
