use ashlar_cuda::{Buffer, DecodeAttention, FreshTokens, HeadNorms};
use ashlar_kernels::attention::{self, PagedKv, Sequence, View};
use ashlar_kernels::{Pool, rows as cpu};
use half::bf16;

use super::{Random, assert_close, device, download, to_bf16, upload};

const BLOCK: usize = 32;
const EPS: f32 = 1e-6;
/// A padded row, edges of blocks, tiles and splits, more splits than a cluster has blocks.
const LENGTHS: [usize; 13] = [1, 0, 32, 33, 127, 128, 129, 257, 700, 1023, 1300, 2100, 8500];
/// Lengths that are cut otherwise where pairs of row and key-value head are few.
const OTHERWISE: std::ops::Range<usize> = 1024..2048;

fn round(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = bf16::from_f32(*x).to_f32());
}

/// What the kernel does to new tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fresh {
    Ready,
    Turned,
    RmsNormed,
    LayerNormed,
}

fn check(random: &mut Random, n_heads: usize, n_kv_heads: usize, dim: usize, form: Fresh) {
    let Some(device) = device() else { return };
    let pool = Pool::new(2);
    let what = format!("{n_heads} heads on {n_kv_heads} of {dim}, {form:?}");
    let fused = form != Fresh::Ready;
    let (rows, width) = (LENGTHS.len(), (n_heads + 2 * n_kv_heads) * dim);
    let max_blocks = LENGTHS.iter().map(|len| len.div_ceil(BLOCK)).max().unwrap_or(1);
    let n_blocks = LENGTHS.iter().map(|len| len.div_ceil(BLOCK)).sum::<usize>() + 1;
    let row_len = n_kv_heads * dim;
    let [mut keys, mut values] = [(); 2].map(|()| random.values(n_blocks * BLOCK * row_len, 1.0));
    // Sequences take their blocks from the back, so that neighbours are not neighbours.
    let mut next_block = n_blocks;
    let tables: Vec<Vec<u32>> = LENGTHS
        .iter()
        .map(|len| {
            next_block -= len.div_ceil(BLOCK);
            (next_block..next_block + len.div_ceil(BLOCK)).rev().map(|block| block as u32).collect()
        })
        .collect();
    let slots: Vec<i32> = LENGTHS
        .iter()
        .zip(&tables)
        .map(|(len, table)| table.last().map_or(-1, |block| (*block as usize * BLOCK + (len - 1) % BLOCK) as i32))
        .collect();
    let qkv = random.values(rows * width, 2.0);
    let [q_weight, q_bias, k_weight, k_bias] = [n_heads, n_heads, n_kv_heads, n_kv_heads].map(|heads| random.values(heads * dim, 1.0));
    let (cos, sin): (Vec<f32>, Vec<f32>) = (0..rows * dim / 2).map(|_| (random.unit() * 3.0).sin_cos()).map(|(s, c)| (c, s)).unzip();
    let angles: Vec<f32> = cos.iter().zip(&sin).flat_map(|(c, s)| [*c, *s]).collect();

    // The cache as the kernel finds it: the fused form must not read what the new slot holds.
    let stale = |cache: &[f32]| {
        let mut cache = to_bf16(cache);
        for slot in slots.iter().filter(|slot| fused && **slot >= 0) {
            cache[*slot as usize * row_len..][..row_len].fill(bf16::NAN);
        }
        upload(device, &cache)
    };
    let (k_gpu, v_gpu) = (stale(&keys), stale(&values));

    let heads = |first: usize, count: usize| -> Vec<f32> {
        qkv.chunks_exact(width).flat_map(|row| row[first * dim..(first + count) * dim].to_vec()).collect()
    };
    let mut queries = heads(0, n_heads);
    if fused {
        let (mut fresh_keys, fresh_values) = (heads(n_heads, n_kv_heads), heads(n_heads + n_kv_heads, n_kv_heads));
        for (x, count, weight, bias) in [(&mut queries, n_heads, &q_weight, &q_bias), (&mut fresh_keys, n_kv_heads, &k_weight, &k_bias)] {
            let layout = cpu::Heads::packed(rows, count, dim);
            match form {
                Fresh::RmsNormed => cpu::rms_norm_heads(&pool, x, layout, &weight[..dim], EPS),
                Fresh::LayerNormed => cpu::layer_norm_heads(&pool, x, layout, weight, bias, EPS),
                Fresh::Ready | Fresh::Turned => {}
            }
            cpu::rope(&pool, x, layout, &cos, &sin, cpu::Pairing::Halves);
            round(x);
        }
        for (row, slot) in slots.iter().enumerate().filter(|(_, slot)| **slot >= 0) {
            let at = *slot as usize * row_len;
            keys[at..at + row_len].copy_from_slice(&fresh_keys[row * row_len..][..row_len]);
            values[at..at + row_len].copy_from_slice(&fresh_values[row * row_len..][..row_len]);
        }
    }
    let scale = (dim as f32).sqrt().recip();
    let mut want = vec![0.0; rows * n_heads * dim];
    let sequences: Vec<Sequence> = (0..rows)
        .filter(|row| LENGTHS[*row] > 0)
        .map(|row| Sequence { rows: row..row + 1, context_len: LENGTHS[row], block_table: &tables[row] })
        .collect();
    let cache = PagedKv { keys: &keys, values: &values, block_size: BLOCK, heads: n_kv_heads, dim };
    attention::paged(&pool, View::new(&queries, cpu::Heads::packed(rows, n_heads, dim)), &cache, &sequences, scale, &mut want);

    let flat_tables: Vec<i32> =
        tables.iter().flat_map(|table| (0..max_blocks).map(|i| table.get(i).map_or(i32::MAX, |block| *block as i32))).collect();
    let lengths: Vec<i32> = LENGTHS.iter().map(|len| *len as i32).collect();
    let qkv_gpu = upload(device, &to_bf16(&qkv));
    let weights = [&q_weight, &k_weight, &q_bias, &k_bias].map(|v| upload(device, &to_bf16(v)));
    let [q_weight, k_weight, q_bias, k_bias] = weights.each_ref().map(Buffer::ptr);
    let norms = match form {
        Fresh::Ready | Fresh::Turned => HeadNorms::default(),
        Fresh::RmsNormed => HeadNorms { q_weight, k_weight, eps: EPS, ..HeadNorms::default() },
        Fresh::LayerNormed => HeadNorms { q_weight, q_bias, k_weight, k_bias, eps: EPS },
    };
    let angles_gpu = upload(device, &angles);
    let [tables_gpu, lengths_gpu, slots_gpu] = [&flat_tables, &lengths, &slots].map(|v| upload(device, v));
    let zeros = |len| Buffer::zeros(device, len).expect("the GPU has room for a test");
    let (partials, tickets) = (zeros(DecodeAttention::partials_len(rows, n_heads, dim)), zeros(rows * n_kv_heads * 4));
    let run = |first_row: usize, rows: usize| {
        let out = zeros(rows * n_heads * dim * 2);
        let attention = DecodeAttention {
            rows,
            n_heads,
            n_kv_heads,
            dim,
            out: out.ptr(),
            qkv: qkv_gpu.ptr() + (first_row * width * 2) as u64,
            fresh: fused.then(|| FreshTokens {
                norms,
                angles: angles_gpu.ptr() + (first_row * dim * 4) as u64,
                slots: slots_gpu.ptr() + (first_row * 4) as u64,
            }),
            k_cache: k_gpu.ptr(),
            v_cache: v_gpu.ptr(),
            block_tables: tables_gpu.ptr() + (first_row * max_blocks * 4) as u64,
            max_blocks,
            context_lens: lengths_gpu.ptr() + (first_row * 4) as u64,
            partials: partials.ptr(),
            tickets: tickets.ptr(),
            scale,
        };
        // SAFETY: the buffers have the shapes.
        unsafe { attention.launch(device) }.expect("the kernel starts");
        download::<bf16>(device, &out)
    };
    let got = run(0, rows);
    let live = |row: usize| row * n_heads * dim..(row + 1) * n_heads * dim;
    for row in 0..rows {
        let size = want[live(row)].iter().map(|x| x.abs()).sum::<f32>() / (n_heads * dim) as f32;
        let is_close = |got: &[bf16], how: &str| {
            for (got, want) in got.iter().zip(&want[live(row)]) {
                // The weights of the values are rounded to bf16.
                let error = (got.to_f32() - want).abs();
                assert!(error <= 0.01 * (want.abs() + size), "{what}, row {row} of {} tokens {how}: {got}, {want} expected", LENGTHS[row]);
            }
        };
        let is_same = |a: &[bf16], b: &[bf16], how: &str| {
            assert!(
                a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()),
                "{what}: row {row} of {} tokens {how} has other bits",
                LENGTHS[row]
            );
        };
        let alone = run(row, 1);
        is_close(&got[live(row)], "among others");
        is_close(&alone, "alone");
        if !OTHERWISE.contains(&LENGTHS[row]) {
            is_same(&alone, &got[live(row)], "alone");
        }
        if row > 0 && 2 * n_kv_heads <= DecodeAttention::MAX_LONE_PAIRS {
            is_same(&run(row - 1, 2)[n_heads * dim..], &alone, "with another");
        }
    }
    assert_close(&format!("{what}: keys"), &download(device, &k_gpu), &keys);
    assert_eq!(download::<bf16>(device, &v_gpu), to_bf16(&values), "{what}: values");
    assert!(download::<i32>(device, &tickets).iter().all(|ticket| *ticket == 0), "{what}: tickets are left");
}

#[test]
fn one_token_a_sequence() {
    let mut random = Random(12);
    for (n_heads, n_kv_heads, dim) in [(4, 2, 128), (2, 2, 64), (8, 1, 128), (12, 1, 64), (4, 1, 32), (2, 1, 80), (3, 1, 96), (16, 8, 64)] {
        for form in [Fresh::LayerNormed, Fresh::RmsNormed, Fresh::Turned, Fresh::Ready] {
            check(&mut random, n_heads, n_kv_heads, dim, form);
        }
    }
}
