use ashlar_kernels::Pool;
use ashlar_kernels::attention::{PagedKv, Sequence, View, paged, varlen};
use ashlar_kernels::rows::Heads;

use crate::{Random, assert_close, bits, pools};

/// Attention of `q` rows `[n, d]` to keys and values `[len, d]`, the first `seen(i)` for row `i`, in `f64`.
fn reference(q: &[f32], keys: &[&[f32]], values: &[&[f32]], seen: impl Fn(usize) -> usize, d: usize, scale: f32) -> Vec<f64> {
    let mut out = Vec::new();
    for (i, q) in q.chunks_exact(d).enumerate() {
        let n = seen(i);
        let scores = keys[..n]
            .iter()
            .map(|k| {
                let dot = q.iter().zip(*k).map(|(&q, &k)| f64::from(q) * f64::from(k));
                dot.sum::<f64>() * f64::from(scale)
            })
            .collect::<Vec<_>>();
        let max = scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let weights = scores.iter().map(|s| (s - max).exp()).collect::<Vec<_>>();
        let sum = weights.iter().sum::<f64>();
        for j in 0..d {
            let x = weights.iter().zip(values).map(|(w, v)| w * f64::from(v[j])).sum::<f64>();
            out.push(x / sum);
        }
    }
    out
}

#[test]
fn segments_attend_to_themselves() {
    let mut random = Random::new(10);
    for (heads, kv_heads, d) in [(12, 12, 32), (4, 4, 72), (9, 3, 64), (2, 1, 128), (1, 1, 4)] {
        let cu_seqlens = [0u32, 1, 40, 40, 105, 400];
        let total = 400;
        // A fused row: queries, keys, values.
        let stride = (heads + 2 * kv_heads) * d;
        let qkv = random.normals(total * stride);
        let view = |at: usize, heads: usize| View::new(&qkv[at * d..], Heads { rows: total, stride, heads, dim: d });
        for causal in [false, true] {
            let scale = (d as f32).powf(-0.5);
            let mut first = None;
            for pool in &pools() {
                let mut out = vec![f32::NAN; total * heads * d];
                varlen(pool, view(0, heads), view(heads, kv_heads), view(heads + kv_heads, kv_heads), &cu_seqlens, causal, scale, &mut out);
                let first_out = first.get_or_insert_with(|| out.clone());
                assert_eq!(bits(&out), bits(first_out), "{:?}", pool.level());
            }
            let out = first.unwrap();
            for w in cu_seqlens.windows(2) {
                let rows = w[0] as usize..w[1] as usize;
                for h in 0..heads {
                    let head = |t: usize, h: usize| &qkv[t * stride + h * d..][..d];
                    let kv = h / (heads / kv_heads);
                    let q = rows.clone().flat_map(|t| head(t, h).to_vec()).collect::<Vec<_>>();
                    let keys = rows.clone().map(|t| head(t, heads + kv)).collect::<Vec<_>>();
                    let values = rows.clone().map(|t| head(t, heads + kv_heads + kv)).collect::<Vec<_>>();
                    let seen = |i: usize| if causal { i + 1 } else { keys.len() };
                    let want = reference(&q, &keys, &values, seen, d, scale);
                    let got = rows.clone().flat_map(|t| out[(t * heads + h) * d..][..d].to_vec()).collect::<Vec<_>>();
                    assert_close(&got, &want, 1e-5);
                }
            }
        }
    }
}

/// A cache of several sequences whose blocks lie anywhere.
struct Cache {
    keys: Vec<f32>,
    values: Vec<f32>,
    tables: Vec<Vec<u32>>,
    block_size: usize,
    heads: usize,
    dim: usize,
}

impl Cache {
    fn random(random: &mut Random, lens: &[usize], block_size: usize, heads: usize, dim: usize) -> Cache {
        let wanted = lens.iter().map(|len| len.div_ceil(block_size)).sum::<usize>();
        let mut blocks = (0..wanted as u32 + 3).collect::<Vec<_>>();
        for i in (1..blocks.len()).rev() {
            blocks.swap(i, random.below(i + 1));
        }
        let size = blocks.len() * block_size * heads * dim;
        let mut blocks = blocks.into_iter();
        let tables = lens.iter().map(|len| blocks.by_ref().take(len.div_ceil(block_size)).collect()).collect();
        Cache { keys: random.normals(size), values: random.normals(size), tables, block_size, heads, dim }
    }

    fn view(&self) -> PagedKv<'_> {
        PagedKv { keys: &self.keys, values: &self.values, block_size: self.block_size, heads: self.heads, dim: self.dim }
    }

    fn rows<'a>(&'a self, of: &'a [f32], sequence: usize, head: usize, len: usize) -> Vec<&'a [f32]> {
        (0..len)
            .map(|j| {
                let block = self.tables[sequence][j / self.block_size] as usize;
                let row = block * self.block_size + j % self.block_size;
                &of[(row * self.heads + head) * self.dim..][..self.dim]
            })
            .collect()
    }
}

/// Causal attention of the last `n` tokens of each sequence, in one call.
fn run(pool: &Pool, cache: &Cache, q: &[f32], heads: usize, parts: &[(usize, usize, usize)]) -> Vec<f32> {
    let row = heads * cache.dim;
    let total = q.len() / row;
    let mut at = 0;
    let sequences = parts
        .iter()
        .map(|&(sequence, n, context_len)| {
            at += n;
            Sequence { rows: at - n..at, context_len, block_table: &cache.tables[sequence] }
        })
        .collect::<Vec<_>>();
    let mut out = vec![f32::NAN; q.len()];
    let queries = View::new(q, Heads::packed(total, heads, cache.dim));
    paged(pool, queries, &cache.view(), &sequences, 0.125, &mut out);
    out
}

#[test]
fn paged_attention_is_right() {
    let mut random = Random::new(11);
    for (heads, kv_heads, dim, block_size) in [(9, 3, 64, 16), (4, 4, 32, 64), (8, 2, 128, 32), (3, 1, 72, 7)] {
        let lens = [1, 70, 600, 256];
        let cache = Cache::random(&mut random, &lens, block_size, kv_heads, dim);
        // A decode row, a chunk, a decode row with a long context, a whole prompt.
        let parts = [(0, 1, 1), (1, 30, 70), (2, 1, 600), (3, 256, 256)];
        let total = parts.iter().map(|p| p.1).sum::<usize>();
        let q = random.normals(total * heads * dim);
        let mut first = None;
        for pool in &pools() {
            let out = run(pool, &cache, &q, heads, &parts);
            let first_out = first.get_or_insert_with(|| out.clone());
            assert_eq!(bits(&out), bits(first_out), "{:?}", pool.level());
        }
        let out = first.unwrap();
        let mut at = 0;
        for (sequence, n, len) in parts {
            for h in 0..heads {
                let kv = h / (heads / kv_heads);
                let take = |x: &[f32]| (at..at + n).flat_map(|t| x[(t * heads + h) * dim..][..dim].to_vec()).collect::<Vec<_>>();
                let want = reference(
                    &take(&q),
                    &cache.rows(&cache.keys, sequence, kv, len),
                    &cache.rows(&cache.values, sequence, kv, len),
                    |i| len - n + i + 1,
                    dim,
                    0.125,
                );
                assert_close(&take(&out), &want, 1e-5);
            }
            at += n;
        }
    }
}

#[test]
fn chunked_is_whole_and_alone_is_batched() {
    let mut random = Random::new(12);
    let (heads, kv_heads, dim) = (9, 3, 64);
    let row = heads * dim;
    let lens = [700, 90];
    let cache = Cache::random(&mut random, &lens, 16, kv_heads, dim);
    let q = random.normals((lens[0] + lens[1]) * row);
    for pool in &pools() {
        let whole = run(pool, &cache, &q, heads, &[(0, lens[0], lens[0]), (1, lens[1], lens[1])]);
        let (a, b) = q.split_at(lens[0] * row);
        let alone = run(pool, &cache, b, heads, &[(1, lens[1], lens[1])]);
        assert_eq!(bits(&alone), bits(&whole[lens[0] * row..]));
        let mut start = 0;
        for n in [1, 63, 64, 65, 200, 1, 1, 305] {
            let chunk = &a[start * row..][..n * row];
            let out = run(pool, &cache, chunk, heads, &[(0, n, start + n)]);
            assert_eq!(bits(&out), bits(&whole[start * row..][..n * row]), "{n} rows from {start}");
            start += n;
        }
        assert_eq!(start, lens[0]);
        // One by one, several sequences at a time.
        for t in [0, 1, 64, 89] {
            let mut rows = a[t * row..][..row].to_vec();
            rows.extend(&b[t * row..][..row]);
            let out = run(pool, &cache, &rows, heads, &[(0, 1, t + 1), (1, 1, t + 1)]);
            assert_eq!(bits(&out[..row]), bits(&whole[t * row..][..row]));
            assert_eq!(bits(&out[row..]), bits(&whole[(lens[0] + t) * row..][..row]));
        }
    }
}
