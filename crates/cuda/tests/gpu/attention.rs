//! Attention against the CPU's: ragged lengths, grouped heads, cached prefixes in shuffled blocks, what lies around the
//! rows full of NaN.

use ashlar_cuda::attention::{Attention, BLOCK_ROWS, Keys, Rows, tile_rows, tiles};
use ashlar_cuda::{Buffer, Device};
use ashlar_kernels::Pool;
use ashlar_kernels::attention::{PagedKv, Sequence, View, paged, varlen};
use ashlar_kernels::rows::Heads;
use half::bf16;

use super::{Random, bytes_of, device, download, to_bf16, upload};

const N_HEADS: usize = 4;
const N_KV_HEADS: usize = 2;
const LENGTHS: [usize; 9] = [1, 31, 32, 33, 127, 128, 129, 64, 300];
const HEAD_DIMS: [usize; 9] = [16, 32, 48, 64, 72, 80, 96, 112, 128];
/// What outputs hold before.
const UNTOUCHED: f32 = 777.0;

fn offsets(lengths: &[usize]) -> Vec<i32> {
    let mut end = 0;
    std::iter::once(0)
        .chain(lengths.iter().map(|len| {
            end += len;
            end as i32
        }))
        .collect()
}

fn upload_tiles(device: &Device, lengths: impl IntoIterator<Item = (usize, usize)>, dims: (usize, usize), causal: bool) -> (Buffer, usize) {
    let tiles = tiles(lengths, tile_rows(device, dims.0, dims.1).expect("these head sizes have a kernel"), causal);
    (upload(device, &tiles), tiles.len())
}

fn run(device: &Device, attention: Attention, rows: usize) -> Vec<bf16> {
    let out: Buffer = upload(device, &vec![bf16::from_f32(UNTOUCHED); rows * N_HEADS * attention.value_dim]);
    let attention = Attention { out: out.ptr(), ..attention };
    // SAFETY: all buffers live until the download, which waits.
    unsafe { attention.launch(device) }.expect("the kernel starts");
    download(device, &out)
}

/// Weights are rounded to bf16 before they meet the values.
#[track_caller]
fn assert_close(what: &str, got: &[bf16], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let (mut error, mut size) = (0.0f64, 0.0f64);
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let difference = (got.to_f32() - want).abs();
        assert!(difference <= 0.02, "{what}: {got} at {i}, {want} expected");
        error += f64::from(difference).powi(2);
        size += f64::from(*want).powi(2);
    }
    assert!(error.sqrt() <= 6e-3 * size.sqrt(), "{what}: off by {:.1e} of the whole", (error / size).sqrt());
}

#[test]
fn contiguous_equals_the_cpu() {
    let Some(device) = device() else { return };
    let pool = Pool::new(2);
    let cu_seqlens = offsets(&LENGTHS);
    let rows = LENGTHS.iter().sum::<usize>();
    let cu = upload(device, &cu_seqlens);
    for d in HEAD_DIMS {
        for causal in [false, true] {
            let mut random = Random(7 + d as u32);
            let stride = (N_HEADS + 2 * N_KV_HEADS) * d;
            let qkv = random.values(rows * stride, 2.0);
            let (k_at, v_at) = (N_HEADS * d, (N_HEADS + N_KV_HEADS) * d);
            let heads = |heads| Heads { rows, stride, heads, dim: d };
            let scale = 1.5 / (d as f32).sqrt();
            let mut want = vec![0.0; rows * N_HEADS * d];
            varlen(
                &pool,
                View::new(&qkv, heads(N_HEADS)),
                View::new(&qkv[k_at..], heads(N_KV_HEADS)),
                View::new(&qkv[v_at..], heads(N_KV_HEADS)),
                &cu_seqlens.iter().map(|&x| x as u32).collect::<Vec<_>>(),
                causal,
                scale,
                &mut want,
            );
            let on_device = upload(device, &to_bf16(&qkv));
            let part = |at: usize| Rows { ptr: on_device.ptr() + 2 * at as u64, stride, len: rows };
            let (tiles, n_tiles) = upload_tiles(device, LENGTHS.map(|len| (len, len)), (d, d), causal);
            let attention = Attention {
                out: 0,
                q: part(0),
                k: part(k_at),
                v: part(v_at),
                n_heads: N_HEADS,
                n_kv_heads: N_KV_HEADS,
                head_dim: d,
                value_dim: d,
                cu_seqlens: cu.ptr(),
                keys: Keys::Contiguous { cu_seqlens: cu.ptr() },
                tiles: tiles.ptr(),
                n_tiles,
                causal,
                scale,
            };
            assert_close(&format!("d {d}, causal {causal}"), &run(device, attention, rows), &want);
        }
    }
}

#[test]
fn paged_equals_the_cpu() {
    let Some(device) = device() else { return };
    let pool = Pool::new(2);
    // Some sequences have more in the cache than their query rows.
    let contexts: Vec<usize> = LENGTHS.iter().enumerate().map(|(i, len)| len + i % 3 * 95).collect();
    let rows = LENGTHS.iter().sum::<usize>();
    let max_blocks = contexts.iter().max().map_or(0, |len| len.div_ceil(BLOCK_ROWS)) + 1;
    let n_blocks = contexts.iter().map(|len| len.div_ceil(BLOCK_ROWS)).sum::<usize>() + 3;
    let mut random = Random(11);
    let mut blocks: Vec<u32> = (0..n_blocks as u32).collect();
    for i in (1..n_blocks).rev() {
        blocks.swap(i, random.below(i + 1));
    }
    let mut block_tables = vec![0i32; LENGTHS.len() * max_blocks];
    let mut taken = Vec::new();
    for (s, len) in contexts.iter().enumerate() {
        let table: Vec<u32> = blocks.split_off(blocks.len() - len.div_ceil(BLOCK_ROWS));
        for (i, block) in table.iter().enumerate() {
            block_tables[s * max_blocks + i] = *block as i32;
        }
        taken.push(table);
    }
    let cu = upload(device, &offsets(&LENGTHS));
    let context_lens = upload(device, &contexts.iter().map(|&len| len as i32).collect::<Vec<_>>());
    let tables = upload(device, &block_tables);
    for d in HEAD_DIMS {
        let stride = (N_HEADS + 2 * N_KV_HEADS) * d;
        let q = random.values(rows * stride, 2.0);
        let width = N_KV_HEADS * d;
        let mut caches = [vec![f32::NAN; n_blocks * BLOCK_ROWS * width], vec![f32::NAN; n_blocks * BLOCK_ROWS * width]];
        for (table, len) in taken.iter().zip(&contexts) {
            for token in 0..*len {
                let at = (table[token / BLOCK_ROWS] as usize * BLOCK_ROWS + token % BLOCK_ROWS) * width;
                for cache in &mut caches {
                    cache[at..at + width].copy_from_slice(&random.values(width, 2.0));
                }
            }
        }
        let scale = 1.5 / (d as f32).sqrt();
        let mut start = 0;
        let sequences: Vec<Sequence> = LENGTHS
            .iter()
            .zip(&contexts)
            .zip(&taken)
            .map(|((len, context), table)| {
                start += len;
                Sequence { rows: start - len..start, context_len: *context, block_table: table }
            })
            .collect();
        let mut want = vec![0.0; rows * N_HEADS * d];
        let zeroed = caches.each_ref().map(|cache| cache.iter().map(|x| if x.is_nan() { 0.0 } else { *x }).collect::<Vec<_>>());
        let cache = PagedKv { keys: &zeroed[0], values: &zeroed[1], block_size: BLOCK_ROWS, heads: N_KV_HEADS, dim: d };
        paged(&pool, View::new(&q, Heads { rows, stride, heads: N_HEADS, dim: d }), &cache, &sequences, scale, &mut want);

        let on_device = upload(device, &to_bf16(&q));
        let caches = caches.map(|cache| upload(device, &to_bf16(&cache)));
        let cached = |cache: &Buffer| Rows { ptr: cache.ptr(), stride: width, len: n_blocks * BLOCK_ROWS };
        let (tiles, n_tiles) = upload_tiles(device, LENGTHS.into_iter().zip(contexts.iter().copied()), (d, d), true);
        let attention = Attention {
            out: 0,
            q: Rows { ptr: on_device.ptr(), stride, len: rows },
            k: cached(&caches[0]),
            v: cached(&caches[1]),
            n_heads: N_HEADS,
            n_kv_heads: N_KV_HEADS,
            head_dim: d,
            value_dim: d,
            cu_seqlens: cu.ptr(),
            keys: Keys::Paged { block_tables: tables.ptr(), max_blocks, context_lens: context_lens.ptr() },
            tiles: tiles.ptr(),
            n_tiles,
            causal: true,
            scale,
        };
        assert_close(&format!("d {d}"), &run(device, attention, rows), &want);
    }
}

/// The CPU has keys and values of one size only: of wider keys the columns beyond are zero in the queries.
#[test]
fn keys_wider_than_values_equal_the_cpu() {
    let Some(device) = device() else { return };
    let (d, dv) = (192, 128);
    let pool = Pool::new(2);
    let cu_seqlens = offsets(&LENGTHS);
    let rows = LENGTHS.iter().sum::<usize>();
    let mut random = Random(13);
    let q = random.values(rows * N_HEADS * d, 2.0);
    let k = random.values(rows * N_HEADS * d, 2.0);
    let v = random.values(rows * N_HEADS * dv, 2.0);
    let mut wide_v = vec![0.0; rows * N_HEADS * d];
    for (wide, narrow) in wide_v.chunks_exact_mut(d).zip(v.chunks_exact(dv)) {
        wide[..dv].copy_from_slice(narrow);
    }
    let scale = 1.5 / (d as f32).sqrt();
    let heads = Heads::packed(rows, N_HEADS, d);
    let mut wide = vec![0.0; rows * N_HEADS * d];
    let cu_host: Vec<u32> = cu_seqlens.iter().map(|&x| x as u32).collect();
    varlen(&pool, View::new(&q, heads), View::new(&k, heads), View::new(&wide_v, heads), &cu_host, true, scale, &mut wide);
    let want: Vec<f32> = wide.chunks_exact(d).flat_map(|head| head[..dv].to_vec()).collect();

    let cu = upload(device, &cu_seqlens);
    let buffers = [&q, &k, &v].map(|x| upload(device, &to_bf16(x)));
    let part = |i: usize, dim: usize| Rows { ptr: buffers[i].ptr(), stride: N_HEADS * dim, len: rows };
    let (tiles, n_tiles) = upload_tiles(device, LENGTHS.map(|len| (len, len)), (d, dv), true);
    let attention = Attention {
        out: 0,
        q: part(0, d),
        k: part(1, d),
        v: part(2, dv),
        n_heads: N_HEADS,
        n_kv_heads: N_HEADS,
        head_dim: d,
        value_dim: dv,
        cu_seqlens: cu.ptr(),
        keys: Keys::Contiguous { cu_seqlens: cu.ptr() },
        tiles: tiles.ptr(),
        n_tiles,
        causal: true,
        scale,
    };
    assert_close("192/128", &run(device, attention, rows), &want);
}

/// A sequence gives the same bits alone and between sequences of NaN.
#[test]
fn sequences_do_not_see_each_other() {
    let Some(device) = device() else { return };
    for d in [64, 72, 128] {
        let stride = 3 * N_HEADS * d;
        let mut random = Random(17);
        let own = to_bf16(&random.values(200 * stride, 2.0));
        let mut among = vec![bf16::NAN; 300 * stride];
        among[50 * stride..250 * stride].copy_from_slice(&own);
        let attend = |rows: &[bf16], lengths: &[usize]| {
            let len = rows.len() / stride;
            let on_device = upload(device, rows);
            let cu = upload(device, &offsets(lengths));
            let part = |at: usize| Rows { ptr: on_device.ptr() + 2 * (at * N_HEADS * d) as u64, stride, len };
            let (tiles, n_tiles) = upload_tiles(device, lengths.iter().map(|&len| (len, len)), (d, d), false);
            let attention = Attention {
                out: 0,
                q: part(0),
                k: part(1),
                v: part(2),
                n_heads: N_HEADS,
                n_kv_heads: N_HEADS,
                head_dim: d,
                value_dim: d,
                cu_seqlens: cu.ptr(),
                keys: Keys::Contiguous { cu_seqlens: cu.ptr() },
                tiles: tiles.ptr(),
                n_tiles,
                causal: false,
                scale: 0.1,
            };
            run(device, attention, len)
        };
        let alone = attend(&own, &[200]);
        let packed = attend(&among, &[50, 200, 50]);
        let width = N_HEADS * d;
        assert!(alone.iter().all(|x| x.is_finite()), "d {d}");
        assert_eq!(bytes_of(&alone), bytes_of(&packed[50 * width..250 * width]), "d {d}");
    }
}
