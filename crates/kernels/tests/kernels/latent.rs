use ashlar_kernels::Pool;
use ashlar_kernels::attention::{PagedLatents, Sequence};
use ashlar_kernels::latent::{LatentAttention, LatentHeads};
use ashlar_kernels::quant::Format;

use crate::{Random, assert_close, bits, pools};

const HEADS: LatentHeads = LatentHeads { n_heads: 3, nope_dim: 24, rope_dim: 8, value_dim: 20, latent_dim: 64 };
const BLOCK: usize = 16;

struct Case {
    up: Vec<f32>,
    attention: LatentAttention,
    latents: Vec<f32>,
    tables: Vec<Vec<u32>>,
}

impl Case {
    /// Two sequences of up to 160 and 320 tokens whose blocks are interleaved.
    fn new(random: &mut Random) -> Case {
        let up: Vec<f32> = random.normals(HEADS.n_heads * (HEADS.nope_dim + HEADS.value_dim) * HEADS.latent_dim);
        let bytes: Vec<u8> = up.iter().flat_map(|v| v.to_le_bytes()).collect();
        let latents = random.normals(40 * BLOCK * HEADS.cached_dim());
        let tables = vec![(0..10).map(|i| 3 * i + 1).collect(), (0..20).map(|i| 39 - 2 * i + (i % 2)).collect()];
        Case { attention: LatentAttention::from_gguf(HEADS, Format::F32, &bytes).unwrap(), up, latents, tables }
    }

    fn cache(&self) -> PagedLatents<'_> {
        PagedLatents { latents: &self.latents, block_size: BLOCK, dim: HEADS.cached_dim(), value_dim: HEADS.latent_dim }
    }

    fn sequence(&self, index: usize, first_row: usize, n: usize, context_len: usize) -> Sequence<'_> {
        Sequence { rows: first_row..first_row + n, context_len, block_table: &self.tables[index] }
    }

    /// One row by the definition: keys and values computed, in `f64`.
    fn reference(&self, query: &[f32], sequence: &Sequence, context: usize) -> Vec<f64> {
        let LatentHeads { n_heads, nope_dim, value_dim, latent_dim, .. } = HEADS;
        let latent = |j: usize| {
            let row = sequence.block_table[j / BLOCK] as usize * BLOCK + j % BLOCK;
            &self.latents[row * HEADS.cached_dim()..][..HEADS.cached_dim()]
        };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let mut out = Vec::new();
        for head in 0..n_heads {
            let query = &query[head * HEADS.query_dim()..][..HEADS.query_dim()];
            let row = |i: usize| &self.up[(head * (nope_dim + value_dim) + i) * latent_dim..][..latent_dim];
            let scores: Vec<f64> = (0..context)
                .map(|j| {
                    let (c, k) = latent(j).split_at(latent_dim);
                    let nope: f64 = (0..nope_dim).map(|i| f64::from(query[i]) * dot(row(i), c)).sum();
                    (nope + dot(&query[nope_dim..], k)) * f64::from(HEADS.scale())
                })
                .collect();
            let max = scores.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
            let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
            for i in nope_dim..nope_dim + value_dim {
                let value: f64 = scores.iter().enumerate().map(|(j, s)| (s - max).exp() * dot(row(i), &latent(j)[..latent_dim])).sum();
                out.push(value / sum);
            }
        }
        out
    }
}

fn out(n_rows: usize) -> Vec<f32> {
    vec![f32::NAN; n_rows * HEADS.n_heads * HEADS.value_dim]
}

#[test]
fn both_forms_are_right() {
    let mut random = Random::new(41);
    let case = Case::new(&mut random);
    let queries: Vec<f32> = random.normals(100 * HEADS.n_heads * HEADS.query_dim());
    // A decoding row and a chunk behind a cached beginning.
    let sequences = [case.sequence(0, 0, 1, 130), case.sequence(1, 1, 99, 301)];
    let mut first = None;
    for pool in &pools() {
        let (mut absorbed, mut expanded) = (out(100), out(100));
        case.attention.absorbed(pool, &queries, &case.cache(), &sequences, &mut absorbed);
        sequences.iter().for_each(|s| case.attention.expanded(pool, &queries, &case.cache(), s, &mut expanded));
        let (a, b) = first.get_or_insert_with(|| (absorbed.clone(), expanded.clone()));
        assert_eq!((bits(a), bits(b)), (bits(&absorbed), bits(&expanded)), "{:?}", pool.level());
    }
    let (absorbed, expanded) = first.unwrap();
    let (query, width) = (HEADS.n_heads * HEADS.query_dim(), HEADS.n_heads * HEADS.value_dim);
    for sequence in &sequences {
        for row in sequence.rows.clone() {
            let context = sequence.context_len - (sequence.rows.end - 1 - row);
            let want = case.reference(&queries[row * query..][..query], sequence, context);
            assert_close(&absorbed[row * width..][..width], &want, 1e-4);
            assert_close(&expanded[row * width..][..width], &want, 1e-4);
        }
    }
}

#[test]
fn rows_depend_on_their_own_sequence_alone() {
    let mut random = Random::new(42);
    let case = Case::new(&mut random);
    let query = HEADS.n_heads * HEADS.query_dim();
    let width = HEADS.n_heads * HEADS.value_dim;
    let pool = Pool::new(2);
    assert_eq!(case.attention.expand_from(), 64 * 44 / 84);
    let queries: Vec<f32> = random.normals(240 * query);
    let run = |sequences: &[Sequence], queries: &[f32]| {
        let mut out = out(queries.len() / query);
        case.attention.attend(&pool, queries, &case.cache(), sequences, &mut out);
        out
    };
    // One of each form, together and alone.
    let together = run(&[case.sequence(0, 0, 20, 150), case.sequence(1, 20, 220, 300)], &queries);
    let short = run(&[case.sequence(0, 0, 20, 150)], &queries[..20 * query]);
    let long = run(&[case.sequence(1, 0, 220, 300)], &queries[20 * query..]);
    assert_eq!(bits(&together), bits(&[short, long].concat()));
    // In chunks, but for rounding.
    let parts = [(0, 100), (100, 119), (119, 219), (219, 220)].map(|(from, to)| {
        let queries = &queries[(20 + from) * query..(20 + to) * query];
        run(&[case.sequence(1, 0, to - from, 80 + to)], queries)
    });
    let whole: Vec<f64> = together[20 * width..].iter().map(|v| f64::from(*v)).collect();
    assert_close(&parts.concat(), &whole, 1e-4);
}
