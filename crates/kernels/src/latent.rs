//! Multi-head latent attention: keys and values of all heads are up-projections of one narrow row a token, and only that
//! row is cached. It has two forms that give the same numbers but for rounding:
//!
//! - *absorbed*: queries go down to the latents' width and all heads attend to the latents themselves. No work for the
//!   tokens behind; for decoding and short extensions.
//! - *expanded*: keys and values of the whole context are computed once and attended to at their own, smaller width. For
//!   long chunks of prompts.

use std::ops::Range;

use half::{bf16, f16};

use crate::attention::{self, PagedLatents, Sequence, View};
use crate::dense::Matrix;
use crate::linear::{Error, Input, Linear, grouped};
use crate::memory::for_overwrite;
use crate::pool::{Pool, Shards};
use crate::quant::Format;
use crate::rows::Heads;

/// Rows that are absorbed together, so that what lies between the products stays small.
const CHUNK_ROWS: usize = 512;

/// Sizes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatentHeads {
    pub n_heads: usize,
    /// Of a query or key: the part without position, then the rotated one, whose key all heads share.
    pub nope_dim: usize,
    pub rope_dim: usize,
    pub value_dim: usize,
    /// Of the row that keys without position and values are made of.
    pub latent_dim: usize,
}

impl LatentHeads {
    /// Width of a head's query or key.
    pub fn query_dim(&self) -> usize {
        self.nope_dim + self.rope_dim
    }

    /// Width of a cached row: latent, then the rotated key.
    pub fn cached_dim(&self) -> usize {
        self.latent_dim + self.rope_dim
    }

    pub fn scale(&self) -> f32 {
        (self.query_dim() as f32).powf(-0.5)
    }
}

/// The up-projections of a layer.
pub struct LatentAttention {
    heads: LatentHeads,
    /// Of each head, `[nope_dim, latent_dim]`; the same the other way round; `[value_dim, latent_dim]`.
    keys: Vec<Linear>,
    queries: Vec<Linear>,
    values: Vec<Linear>,
}

impl LatentAttention {
    /// `bytes` are `[n_heads, nope_dim + value_dim, latent_dim]` numbers in `format`: each head's keys, then its values.
    pub fn from_gguf(heads: LatentHeads, format: Format, bytes: &[u8]) -> Result<LatentAttention, Error> {
        let LatentHeads { n_heads, nope_dim, value_dim, latent_dim, .. } = heads;
        let (n, k) = (n_heads * (nope_dim + value_dim), latent_dim);
        let row = format.n_bytes(k);
        if bytes.len() != n * row || !k.is_multiple_of(format.block_len()) {
            return Err(Error::Size { format, n, k, expected: n * row, got: bytes.len() });
        }
        let mut up = LatentAttention { heads, keys: Vec::new(), queries: Vec::new(), values: Vec::new() };
        for head in bytes.chunks_exact((nope_dim + value_dim) * row) {
            let (keys, values) = head.split_at(nope_dim * row);
            let keys = Linear::from_gguf(format, keys, nope_dim, latent_dim)?;
            up.queries.push(transposed(&keys, format));
            up.keys.push(keys);
            up.values.push(Linear::from_gguf(format, values, value_dim, latent_dim)?);
        }
        Ok(up)
    }

    pub fn heads(&self) -> LatentHeads {
        self.heads
    }

    /// New rows of a sequence from which on computing its keys and values costs less than attending to latents, whose rows
    /// are wider: `context · latent · (nope + value)` against `new · context · (2·latent + rope − nope − rope − value)`.
    pub fn expand_from(&self) -> usize {
        let LatentHeads { nope_dim, value_dim, latent_dim, .. } = self.heads;
        match (2 * latent_dim).saturating_sub(nope_dim + value_dim) {
            0 => usize::MAX,
            wider => latent_dim * (nope_dim + value_dim) / wider,
        }
    }

    /// Causal attention of rows `[T, n_heads, query_dim]` to cached latents, their own among them. `out` is `[T, n_heads,
    /// value_dim]`. A sequence's form depends on its own rows alone.
    pub fn attend(&self, pool: &Pool, queries: &[f32], cache: &PagedLatents, sequences: &[Sequence], out: &mut [f32]) {
        let mut together = Vec::new();
        let mut n_rows = 0;
        for sequence in sequences {
            if sequence.rows.len() >= self.expand_from() {
                self.expanded(pool, queries, cache, sequence, out);
                continue;
            }
            if n_rows + sequence.rows.len() > CHUNK_ROWS && n_rows > 0 {
                self.absorbed(pool, queries, cache, &std::mem::take(&mut together), out);
                n_rows = 0;
            }
            n_rows += sequence.rows.len();
            together.push(sequence.clone());
        }
        self.absorbed(pool, queries, cache, &together, out);
    }

    /// As [`attend`](Self::attend), in the absorbed form.
    pub fn absorbed(&self, pool: &Pool, queries: &[f32], cache: &PagedLatents, sequences: &[Sequence], out: &mut [f32]) {
        let LatentHeads { n_heads, nope_dim, value_dim, latent_dim, .. } = self.heads;
        let (query_dim, cached_dim) = (self.heads.query_dim(), self.heads.cached_dim());
        let rows: Vec<usize> = sequences.iter().flat_map(|s| s.rows.clone()).collect();
        let n = rows.len();
        if n == 0 {
            return;
        }
        let starts: Vec<usize> = (0..=n_heads).map(|head| head * n).collect();
        let query = |row: usize, head: usize| &queries[(rows[row] * n_heads + head) * query_dim..][..query_dim];

        let mut by_head = for_overwrite(n_heads * n * nope_dim);
        each(pool, &mut by_head, nope_dim, &|i, to| to.copy_from_slice(&query(i % n, i / n)[..nope_dim]));
        let mut lowered = for_overwrite(n_heads * n * latent_dim);
        grouped(pool, &self.queries, &starts, &by_head, &mut lowered);
        let mut wide = for_overwrite(n * n_heads * cached_dim);
        each(pool, &mut wide, cached_dim, &|i, to| {
            let (row, head) = (i / n_heads, i % n_heads);
            to[..latent_dim].copy_from_slice(&lowered[(head * n + row) * latent_dim..][..latent_dim]);
            to[latent_dim..].copy_from_slice(&query(row, head)[nope_dim..]);
        });

        let mut first = 0;
        let packed: Vec<Sequence> = sequences
            .iter()
            .map(|s| {
                let rows = first..first + s.rows.len();
                first = rows.end;
                Sequence { rows, ..s.clone() }
            })
            .collect();
        let mut seen = for_overwrite(n * n_heads * latent_dim);
        let view = View::new(&wide, Heads::packed(n, n_heads, cached_dim));
        attention::latent(pool, view, cache, &packed, self.heads.scale(), &mut seen);

        // As wide as the lowered queries, which are read.
        let mut by_head = lowered;
        each(pool, &mut by_head, latent_dim, &|i, to| to.copy_from_slice(&seen[(i % n * n_heads + i / n) * latent_dim..][..latent_dim]));
        let mut raised = for_overwrite(n_heads * n * value_dim);
        grouped(pool, &self.values, &starts, &by_head, &mut raised);
        for (row, to) in rows.iter().enumerate() {
            for head in 0..n_heads {
                let from = &raised[(head * n + row) * value_dim..][..value_dim];
                out[(to * n_heads + head) * value_dim..][..value_dim].copy_from_slice(from);
            }
        }
    }

    /// As [`attend`](Self::attend), in the expanded form, for one sequence.
    pub fn expanded(&self, pool: &Pool, queries: &[f32], cache: &PagedLatents, sequence: &Sequence, out: &mut [f32]) {
        let LatentHeads { n_heads, nope_dim, rope_dim, value_dim, latent_dim } = self.heads;
        let (query_dim, n_keys) = (self.heads.query_dim(), sequence.context_len);
        let Range { start, end } = sequence.rows;
        let row = |j: usize| {
            let block = sequence.block_table[j / cache.block_size] as usize;
            &cache.latents[(block * cache.block_size + j % cache.block_size) * cache.dim..][..cache.dim]
        };
        let mut latents = for_overwrite(n_keys * latent_dim);
        each(pool, &mut latents, latent_dim, &|j, to| to.copy_from_slice(&row(j)[..latent_dim]));
        let input = Input::new(&latents, latent_dim);

        // A head at a time: the keys and values of all would be as large as a cache without latents.
        let mut nope = for_overwrite(n_keys * nope_dim);
        let mut keys = for_overwrite(n_keys * query_dim);
        let mut values = for_overwrite(n_keys * value_dim);
        let mut seen = for_overwrite((end - start) * value_dim);
        for head in 0..n_heads {
            self.keys[head].matmul(pool, &input, None, &mut nope);
            self.values[head].matmul(pool, &input, None, &mut values);
            each(pool, &mut keys, query_dim, &|j, to| {
                to[..nope_dim].copy_from_slice(&nope[j * nope_dim..][..nope_dim]);
                to[nope_dim..].copy_from_slice(&row(j)[latent_dim..latent_dim + rope_dim]);
            });
            let stride = n_heads * query_dim;
            let queries = &queries[start * stride + head * query_dim..];
            let queries = View::new(queries, Heads { rows: end - start, stride, heads: 1, dim: query_dim });
            let keys = View::new(&keys, Heads::packed(n_keys, 1, query_dim));
            let values = View::new(&values, Heads::packed(n_keys, 1, value_dim));
            attention::extend(pool, queries, keys, values, self.heads.scale(), &mut seen);
            for (row, from) in seen.chunks_exact(value_dim).enumerate() {
                out[((start + row) * n_heads + head) * value_dim..][..value_dim].copy_from_slice(from);
            }
        }
    }
}

/// Calls `f(i, row)` for every row of `width` numbers.
fn each(pool: &Pool, out: &mut [f32], width: usize, f: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    let n_rows = out.len() / width;
    let out = Shards::new(out);
    pool.parallel_for(n_rows, (1 << 14) / width + 1, &|start, end| {
        for i in start..end {
            // SAFETY: rows do not overlap.
            f(i, unsafe { out.slice(i * width, width) });
        }
    });
}

/// The matrix the other way round, in numbers as wide as the format's; of block formats in 16 bits.
fn transposed(matrix: &Linear, format: Format) -> Linear {
    let (n, k) = (matrix.n(), matrix.k());
    let mut row = vec![0.0; k];
    let mut weights = vec![0.0; n * k];
    for i in 0..n {
        matrix.read_row(i, &mut row);
        row.iter().enumerate().for_each(|(j, value)| weights[j * n + i] = *value);
    }
    Linear::Dense(match format {
        Format::F32 => Matrix::from_f32(&weights, k, n),
        Format::Bf16 => Matrix::from_bf16(&weights.iter().map(|w| bf16::from_f32(*w)).collect::<Vec<_>>(), k, n),
        _ => Matrix::from_f16(&weights.iter().map(|w| f16::from_f32(*w)).collect::<Vec<_>>(), k, n),
    })
}
