//! Softmax attention over packed sequences, with keys and values side by side or in a paged cache.
//!
//! Online softmax over tiles of [`KEY_TILE`] keys, and over spans of [`KEY_SPAN`] keys whose partial results are merged in
//! order. Both are cut at absolute key positions and every row keeps its own maximum and sum, so neither the chunk a row
//! comes in, nor its neighbours, nor the number of threads change a bit of its result.

use std::cell::RefCell;
use std::ops::Range;

use crate::buffer::Buffer;
use crate::cpu::{Kernel, dispatch};
use crate::math;
use crate::pool::{Pool, Shards};
use crate::rows::Heads;
use crate::simd::{LANES, Simd};

/// Keys that are scored at a time.
const KEY_TILE: usize = 64;
/// Keys whose partial result one task computes; a multiple of `KEY_TILE`.
const KEY_SPAN: usize = 256;
/// Rows (tokens times query heads of one key head) that share a pass over the keys.
const ROW_TILE: usize = 96;

/// A read-only view of the heads of packed rows.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// From the first head of the first row on.
    pub data: &'a [f32],
    pub layout: Heads,
}

impl<'a> View<'a> {
    /// `data` is laid out as `layout` says.
    pub fn new(data: &'a [f32], layout: Heads) -> View<'a> {
        assert!(data.len() >= layout.min_len());
        View { data, layout }
    }
}

/// Keys and values of many sequences in blocks: `[blocks, block_size, heads, dim]` and `[blocks, block_size, heads,
/// value_dim]`, most often the same.
#[derive(Clone, Copy)]
pub struct PagedKv<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
    /// Tokens of a block.
    pub block_size: usize,
    /// Key-value heads.
    pub heads: usize,
    pub dim: usize,
}

impl PagedKv<'_> {
    fn value_dim(&self) -> usize {
        self.values.len() * self.dim / self.keys.len().max(1)
    }
}

/// Latents of many sequences in blocks, `[blocks, block_size, dim]`: one head of keys whose first `value_dim` elements are
/// the values too.
#[derive(Clone, Copy)]
pub struct PagedLatents<'a> {
    pub latents: &'a [f32],
    /// Tokens of a block.
    pub block_size: usize,
    pub dim: usize,
    pub value_dim: usize,
}

/// One sequence of a packed batch that attends to a paged cache.
#[derive(Clone, Debug)]
pub struct Sequence<'a> {
    /// Its rows in the batch: the last tokens of its context.
    pub rows: Range<usize>,
    /// Tokens in the cache, those of `rows` included.
    pub context_len: usize,
    /// The cache block of each `block_size` tokens.
    pub block_table: &'a [u32],
}

/// Causal attention of `queries` (`[T, Hq, d]`) to a paged cache that already holds the keys and values of the queries'
/// own tokens: row `i` of a sequence sees the keys up to its own position. Query head `h` uses key-value head
/// `h / (Hq / Hkv)`. `out` is `[T, Hq, value_dim]`; rows of no sequence keep what they hold.
pub fn paged(pool: &Pool, queries: View, cache: &PagedKv, sequences: &[Sequence], scale: f32, out: &mut [f32]) {
    let value_dim = cache.value_dim();
    let (key_stride, value_stride) = (cache.heads * cache.dim, cache.heads * value_dim);
    assert_eq!(cache.keys.len() * value_dim, cache.values.len() * cache.dim);
    let source = Source {
        keys: cache.keys.as_ptr(),
        values: cache.values.as_ptr(),
        key_stride,
        value_stride,
        heads: cache.heads,
        dim: cache.dim,
        value_dim,
    };
    attend_paged(pool, queries, &source, cache.keys.len(), cache.block_size, sequences, scale, out);
}

/// As [`paged`], to latents: all query heads share them.
pub fn latent(pool: &Pool, queries: View, cache: &PagedLatents, sequences: &[Sequence], scale: f32, out: &mut [f32]) {
    assert!(cache.value_dim <= cache.dim);
    let source = Source {
        keys: cache.latents.as_ptr(),
        values: cache.latents.as_ptr(),
        key_stride: cache.dim,
        value_stride: cache.dim,
        heads: 1,
        dim: cache.dim,
        value_dim: cache.value_dim,
    };
    attend_paged(pool, queries, &source, cache.latents.len(), cache.block_size, sequences, scale, out);
}

#[expect(clippy::too_many_arguments, reason = "the operation's usual arguments")]
fn attend_paged(
    pool: &Pool,
    queries: View,
    source: &Source,
    n_keys: usize,
    block_size: usize,
    sequences: &[Sequence],
    scale: f32,
    out: &mut [f32],
) {
    let n_blocks = n_keys / (block_size * source.key_stride).max(1);
    let segments = sequences
        .iter()
        .map(|s| {
            assert!(s.rows.len() <= s.context_len);
            let table = &s.block_table[..s.context_len.div_ceil(block_size)];
            assert!(table.iter().all(|&block| (block as usize) < n_blocks));
            Segment { rows: s.rows.clone(), n_keys: s.context_len, keys: KeyRows::Paged { table, block_size } }
        })
        .collect::<Vec<_>>();
    attend(pool, queries, source, &segments, true, scale, out);
}

/// Causal attention of the last tokens of one sequence to all its keys, the queries' own among them: `queries` is `[T, Hq,
/// d]`, `keys` `[N, Hkv, d]`, `values` `[N, Hkv, dv]`, `out` `[T, Hq, dv]`.
pub fn extend(pool: &Pool, queries: View, keys: View, values: View, scale: f32, out: &mut [f32]) {
    let (q, k) = (queries.layout, keys.layout);
    assert!(k.rows == values.layout.rows && q.rows <= k.rows);
    let segment = Segment { rows: 0..q.rows, n_keys: k.rows, keys: KeyRows::From(0) };
    attend(pool, queries, &Source::side_by_side(keys, values), &[segment], true, scale, out);
}

/// Attention of packed segments to themselves: rows `cu_seqlens[i]..cu_seqlens[i+1]` are segment `i`. `queries` is
/// `[T, Hq, d]`, `keys` `[T, Hkv, d]`, `values` `[T, Hkv, dv]`, `out` `[T, Hq, dv]`.
#[expect(clippy::too_many_arguments, reason = "the operation's usual arguments")]
pub fn varlen(pool: &Pool, queries: View, keys: View, values: View, cu_seqlens: &[u32], causal: bool, scale: f32, out: &mut [f32]) {
    let (k, v) = (keys.layout, values.layout);
    let segments = cu_seqlens
        .windows(2)
        .map(|w| {
            let rows = w[0] as usize..w[1] as usize;
            assert!(rows.start <= rows.end && rows.end <= k.rows.min(v.rows));
            Segment { n_keys: rows.len(), keys: KeyRows::From(rows.start), rows }
        })
        .collect::<Vec<_>>();
    attend(pool, queries, &Source::side_by_side(keys, values), &segments, causal, scale, out);
}

/// Rows of queries and the keys they may see.
struct Segment<'a> {
    rows: Range<usize>,
    n_keys: usize,
    keys: KeyRows<'a>,
}

/// Where key `j` of a segment is stored, as a row of [`Source`].
#[derive(Clone, Copy)]
enum KeyRows<'a> {
    /// Row `start + j`.
    From(usize),
    Paged {
        table: &'a [u32],
        block_size: usize,
    },
}

impl KeyRows<'_> {
    #[inline(always)]
    fn at(self, j: usize) -> usize {
        match self {
            KeyRows::From(start) => start + j,
            KeyRows::Paged { table, block_size } => table[j / block_size] as usize * block_size + j % block_size,
        }
    }
}

struct Source {
    keys: *const f32,
    values: *const f32,
    key_stride: usize,
    value_stride: usize,
    heads: usize,
    dim: usize,
    value_dim: usize,
}

// SAFETY: read only.
unsafe impl Sync for Source {}

impl Source {
    fn side_by_side(keys: View, values: View) -> Source {
        let (k, v) = (keys.layout, values.layout);
        assert_eq!(k.heads, v.heads);
        Source {
            keys: keys.data.as_ptr(),
            values: values.data.as_ptr(),
            key_stride: k.stride,
            value_stride: v.stride,
            heads: k.heads,
            dim: k.dim,
            value_dim: v.dim,
        }
    }
}

/// The tokens `rows` of a segment and all query heads of key head `head`, over `spans` of its keys.
struct Task<'a> {
    segment: &'a Segment<'a>,
    head: usize,
    rows: Range<usize>,
    spans: Range<usize>,
    /// Where the partial results go when `spans` are not all: an index into floats.
    partial: Option<usize>,
}

fn attend(pool: &Pool, queries: View, source: &Source, segments: &[Segment], causal: bool, scale: f32, out: &mut [f32]) {
    let layout = queries.layout;
    assert!(layout.dim == source.dim && layout.dim > 0 && layout.dim.is_multiple_of(4), "head sizes are multiples of four");
    assert!(source.value_dim > 0 && source.value_dim.is_multiple_of(4), "head sizes are multiples of four");
    assert!(source.heads > 0 && layout.heads.is_multiple_of(source.heads));
    assert_eq!(out.len(), layout.rows * layout.heads * source.value_dim);
    assert!(segments.iter().all(|s| s.rows.end <= layout.rows));
    let per_head = layout.heads / source.heads;
    let tokens = (ROW_TILE / per_head).max(1);

    // 1. A task for each tile of rows; 2. if those are too few for the threads, one for each span of keys.
    let mut tasks = Vec::new();
    for segment in segments {
        for head in 0..source.heads {
            for start in segment.rows.clone().step_by(tokens) {
                let rows = start..(start + tokens).min(segment.rows.end);
                let n_keys = visible(segment, rows.end - 1, causal);
                let spans = 0..n_keys.div_ceil(KEY_SPAN);
                tasks.push(Task { segment, head, rows, spans, partial: None });
            }
        }
    }
    let mut partials = Vec::new();
    if pool.n_threads() > 1 && tasks.len() < 4 * pool.n_threads() {
        let mut n_floats = 0;
        tasks = tasks
            .into_iter()
            .flat_map(|task| {
                let count = task.spans.len();
                let size = task.rows.len() * per_head * (source.value_dim + 2);
                let at = n_floats;
                if count > 1 {
                    n_floats += count * size;
                }
                task.spans.clone().map(move |span| Task {
                    rows: task.rows.clone(),
                    spans: span..span + 1,
                    partial: (count > 1).then_some(at + span * size),
                    ..task
                })
            })
            .collect();
        partials.resize(n_floats, 0.0f32);
    }

    let context = Context { queries, source, causal, scale, per_head };
    let out = Shards::new(out);
    {
        let partials = Shards::new(&mut partials);
        pool.run(tasks.len(), &|i| {
            // SAFETY: tasks write disjoint rows and heads of `out` or disjoint partial results.
            unsafe {
                let tile = AttendTile { context: &context, task: &tasks[i], out: out.as_ptr(), partials: partials.as_ptr() };
                dispatch(pool.level(), tile);
            }
        });
    }
    if partials.is_empty() {
        return;
    }
    // Tasks of one tile follow each other, spans in order.
    let tiles = tasks
        .chunk_by(|a, b| b.spans.start == a.spans.end && b.partial.is_some())
        .filter(|spans| spans[0].partial.is_some())
        .collect::<Vec<_>>();
    pool.run(tiles.len(), &|i| {
        let (first, n_spans) = (&tiles[i][0], tiles[i].len());
        // SAFETY: as above; all partial results of a tile lie one after the other from the first on.
        unsafe {
            let merge = MergeSpans {
                context: &context,
                task: first,
                partials: partials.as_ptr().add(first.partial.unwrap_or_default()),
                n_spans,
                out: out.as_ptr(),
            };
            dispatch(pool.level(), merge);
        }
    });
}

/// Keys that the token in row `row` sees.
#[inline(always)]
fn visible(segment: &Segment, row: usize, causal: bool) -> usize {
    if causal { segment.n_keys - (segment.rows.end - 1 - row) } else { segment.n_keys }
}

struct Context<'a> {
    queries: View<'a>,
    source: &'a Source,
    causal: bool,
    scale: f32,
    /// Query heads of a key head.
    per_head: usize,
}

impl Context<'_> {
    /// Offset in `out` of row `r` of a task: its tokens in order, for each the query heads.
    #[inline(always)]
    fn out_at(&self, task: &Task, r: usize) -> usize {
        let layout = self.queries.layout;
        let token = task.rows.start + r / self.per_head;
        let head = task.head * self.per_head + r % self.per_head;
        (token * layout.heads + head) * self.source.value_dim
    }
}

/// Buffers of one task. `n` is its number of rows.
#[derive(Default)]
struct Scratch {
    /// `[n, d]`, scaled.
    queries: Buffer,
    /// `[d, KEY_TILE]`, `[n, KEY_TILE]`
    keys: Buffer,
    scores: Buffer,
    /// `[n, value_dim + 2]`: a span's sum of weighted values, its maximum and its sum of weights; the merged ones before it.
    span: Buffer,
    merged: Buffer,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

struct AttendTile<'a> {
    context: &'a Context<'a>,
    task: &'a Task<'a>,
    out: *mut f32,
    partials: *mut f32,
}

impl Kernel for AttendTile<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut scratch = SCRATCH.take();
        unsafe { self.attend::<S>(&mut scratch) };
        SCRATCH.set(scratch);
    }
}

impl AttendTile<'_> {
    #[inline(always)]
    unsafe fn attend<S: Simd>(&self, scratch: &mut Scratch) {
        let AttendTile { context, task, out, partials } = *self;
        let (dim, value_dim) = (context.source.dim, context.source.value_dim);
        let n = task.rows.len() * context.per_head;
        let width = value_dim + 2;
        for (buffer, len) in [
            (&mut scratch.queries, n * dim),
            (&mut scratch.keys, dim * KEY_TILE),
            (&mut scratch.scores, n * KEY_TILE),
            (&mut scratch.span, n * width),
            (&mut scratch.merged, n * width),
        ] {
            buffer.resize(len * size_of::<f32>());
        }
        let queries = scratch.queries.as_mut_slice::<f32>().as_mut_ptr();
        let keys = scratch.keys.as_mut_slice::<f32>().as_mut_ptr();
        let scores = scratch.scores.as_mut_slice::<f32>().as_mut_ptr();
        let span_state = scratch.span.as_mut_slice::<f32>().as_mut_ptr();
        let merged = scratch.merged.as_mut_slice::<f32>().as_mut_ptr();
        unsafe {
            let layout = context.queries.layout;
            for r in 0..n {
                let token = task.rows.start + r / context.per_head;
                let head = task.head * context.per_head + r % context.per_head;
                let from = context.queries.data.as_ptr().add(token * layout.stride + head * dim);
                scale_row::<S>(from, context.scale, queries.add(r * dim), dim);
            }
            let n_keys = visible(task.segment, task.rows.end - 1, context.causal);
            for span in task.spans.clone() {
                let to = match task.partial {
                    Some(at) => partials.add(at),
                    None => span_state,
                };
                for r in 0..n {
                    let row = to.add(r * width);
                    std::ptr::write_bytes(row, 0, width);
                    *row.add(value_dim) = f32::NEG_INFINITY;
                }
                let end = ((span + 1) * KEY_SPAN).min(n_keys);
                for start in (span * KEY_SPAN..end).step_by(KEY_TILE) {
                    let tile = start..(start + KEY_TILE).min(end);
                    self.key_tile::<S>(n, tile, queries, keys, scores, to);
                }
                if task.partial.is_none() && task.spans.len() > 1 {
                    for r in 0..n {
                        let row = span_state.add(r * width);
                        merge::<S>(merged.add(r * width), row, value_dim, span == 0);
                    }
                }
            }
            if task.partial.is_none() {
                let state = if task.spans.len() > 1 { merged } else { span_state };
                for r in 0..n {
                    finish::<S>(state.add(r * width), value_dim, out.add(context.out_at(task, r)));
                }
            }
        }
    }

    /// Adds the keys `tile` (at most `KEY_TILE`) to the state of the `n` rows.
    #[inline(always)]
    unsafe fn key_tile<S: Simd>(
        &self,
        n: usize,
        tile: Range<usize>,
        queries: *const f32,
        keys: *mut f32,
        scores: *mut f32,
        state: *mut f32,
    ) {
        let AttendTile { context, task, .. } = *self;
        let source = context.source;
        let (dim, value_dim) = (source.dim, source.value_dim);
        let width = value_dim + 2;
        let len = tile.len();
        let mut key_rows = [source.keys; KEY_TILE];
        let mut value_rows = [source.values; KEY_TILE];
        unsafe {
            for (i, j) in tile.clone().enumerate() {
                let row = task.segment.keys.at(j);
                key_rows[i] = source.keys.add(row * source.key_stride + task.head * dim);
                value_rows[i] = source.values.add(row * source.value_stride + task.head * value_dim);
            }
            transpose_keys::<S>(&key_rows, len, dim, keys);
            let groups = len.div_ceil(LANES);

            // Scores: rows × keys.
            let mut r = 0;
            if S::REGISTERS >= 32 {
                while r + 6 <= n {
                    if groups > 2 {
                        score::<S, 6, 4>(queries.add(r * dim), keys, dim, 0, scores.add(r * KEY_TILE));
                    } else {
                        score::<S, 6, 2>(queries.add(r * dim), keys, dim, 0, scores.add(r * KEY_TILE));
                    }
                    r += 6;
                }
            }
            while r + 3 <= n {
                for g in 0..groups {
                    score::<S, 3, 1>(queries.add(r * dim), keys, dim, g, scores.add(r * KEY_TILE));
                }
                r += 3;
            }
            while r < n {
                for g in 0..groups {
                    score::<S, 1, 1>(queries.add(r * dim), keys, dim, g, scores.add(r * KEY_TILE));
                }
                r += 1;
            }

            // Weights; the state so far is scaled to the new maximum.
            for r in 0..n {
                let token = task.rows.start + r / context.per_head;
                let seen = visible(task.segment, token, context.causal);
                let seen = seen.saturating_sub(tile.start).min(len);
                weigh::<S>(scores.add(r * KEY_TILE), seen, groups, state.add(r * width), value_dim);
            }

            // Values: rows × dim.
            let mut r = 0;
            if S::REGISTERS >= 32 {
                while r + 6 <= n {
                    values_of::<S, 6, 4>(scores.add(r * KEY_TILE), &value_rows, len, state.add(r * width), value_dim);
                    r += 6;
                }
            }
            while r + 3 <= n {
                values_of::<S, 3, 2>(scores.add(r * KEY_TILE), &value_rows, len, state.add(r * width), value_dim);
                r += 3;
            }
            while r < n {
                values_of::<S, 1, 4>(scores.add(r * KEY_TILE), &value_rows, len, state.add(r * width), value_dim);
                r += 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn load<S: Simd>(p: *const f32, n: usize) -> S::V {
    unsafe { if n >= LANES { S::load(p) } else { S::load_first(p, n) } }
}

#[inline(always)]
unsafe fn store<S: Simd>(p: *mut f32, n: usize, v: S::V) {
    unsafe { if n >= LANES { S::store(p, v) } else { S::store_first(p, n, v) } }
}

#[inline(always)]
unsafe fn scale_row<S: Simd>(from: *const f32, scale: f32, to: *mut f32, dim: usize) {
    let mut i = 0;
    while i < dim {
        unsafe {
            let scaled = S::mul(load::<S>(from.add(i), dim - i), S::splat(scale));
            store::<S>(to.add(i), dim - i, scaled);
        }
        i += LANES;
    }
}

/// `to` is `[dim, KEY_TILE]`; keys from `len` on up to the next sixteen become zero.
#[inline(always)]
unsafe fn transpose_keys<S: Simd>(rows: &[*const f32; KEY_TILE], len: usize, dim: usize, to: *mut f32) {
    let mut first = 0;
    while first < len {
        let mut i = 0;
        while i < dim {
            unsafe {
                let mut block = [S::zero(); LANES];
                for (j, row) in block.iter_mut().enumerate() {
                    if first + j < len {
                        *row = load::<S>(rows[first + j].add(i), dim - i);
                    }
                }
                let block = S::transpose(block);
                for (j, column) in block.into_iter().enumerate() {
                    if i + j < dim {
                        S::store(to.add((i + j) * KEY_TILE + first), column);
                    }
                }
            }
            i += LANES;
        }
        first += LANES;
    }
}

/// `scores[r][key] = Σ_i queries[r][i] · keys[i][key]` for `MR` rows and `NV` groups of sixteen keys from group `g` on.
#[inline(always)]
unsafe fn score<S: Simd, const MR: usize, const NV: usize>(queries: *const f32, keys: *const f32, dim: usize, g: usize, scores: *mut f32) {
    unsafe {
        let mut sums = [[S::zero(); NV]; MR];
        for i in 0..dim {
            let mut k = [S::zero(); NV];
            for v in 0..NV {
                k[v] = S::load(keys.add(i * KEY_TILE + (g + v) * LANES));
            }
            for r in 0..MR {
                let q = S::splat(*queries.add(r * dim + i));
                for v in 0..NV {
                    sums[r][v] = S::fma(q, k[v], sums[r][v]);
                }
            }
        }
        for r in 0..MR {
            for v in 0..NV {
                S::store(scores.add(r * KEY_TILE + (g + v) * LANES), sums[r][v]);
            }
        }
    }
}

/// Turns a row's scores of the first `seen` keys into weights, those of the others into zero, and brings its state
/// (`dim` weighted values, maximum, sum) to the new maximum.
#[inline(always)]
unsafe fn weigh<S: Simd>(scores: *mut f32, seen: usize, groups: usize, state: *mut f32, dim: usize) {
    unsafe {
        if seen == 0 {
            for g in 0..groups {
                S::store(scores.add(g * LANES), S::zero());
            }
            return;
        }
        for i in seen..groups * LANES {
            *scores.add(i) = f32::NEG_INFINITY;
        }
        let mut largest = S::load(scores);
        for g in 1..groups {
            largest = S::max(largest, S::load(scores.add(g * LANES)));
        }
        let old = *state.add(dim);
        let tile_max = S::reduce_max(largest);
        let max = if tile_max > old { tile_max } else { old };
        let mut sum = S::zero();
        for g in 0..groups {
            let e = math::exp::<S>(S::sub(S::load(scores.add(g * LANES)), S::splat(max)));
            S::store(scores.add(g * LANES), e);
            sum = S::add(sum, e);
        }
        let sum = S::reduce_add(sum);
        if max > old {
            // Zero for the first tile, whose old maximum is -∞.
            let factor = exp_one::<S>(old - max);
            scale_row::<S>(state, factor, state, dim);
            *state.add(dim) = max;
            *state.add(dim + 1) = *state.add(dim + 1) * factor + sum;
        } else {
            *state.add(dim + 1) += sum;
        }
    }
}

#[inline(always)]
unsafe fn exp_one<S: Simd>(x: f32) -> f32 {
    unsafe {
        let mut lanes = [0.0; LANES];
        S::store(lanes.as_mut_ptr(), math::exp::<S>(S::splat(x)));
        lanes[0]
    }
}

/// `state[r][..dim] += Σ_key weights[r][key] · values[key]` for `MR` rows, `NV` vectors of `dim` at a time.
#[inline(always)]
unsafe fn values_of<S: Simd, const MR: usize, const NV: usize>(
    weights: *const f32,
    values: &[*const f32; KEY_TILE],
    len: usize,
    state: *mut f32,
    dim: usize,
) {
    let mut i = 0;
    while i + NV * LANES <= dim {
        unsafe { values_block::<S, MR, NV>(weights, values, len, state, dim, i, LANES) };
        i += NV * LANES;
    }
    while i < dim {
        unsafe {
            values_block::<S, MR, 1>(weights, values, len, state, dim, i, (dim - i).min(LANES));
        }
        i += LANES;
    }
}

/// Columns `i..` of [`values_of`]; `lanes` of the last vector exist.
#[inline(always)]
unsafe fn values_block<S: Simd, const MR: usize, const NV: usize>(
    weights: *const f32,
    values: &[*const f32; KEY_TILE],
    len: usize,
    state: *mut f32,
    dim: usize,
    i: usize,
    lanes: usize,
) {
    let width = dim + 2;
    unsafe {
        let mut sums = [[S::zero(); NV]; MR];
        for r in 0..MR {
            for v in 0..NV {
                sums[r][v] = load::<S>(state.add(r * width + i + v * LANES), lanes);
            }
        }
        for (key, value) in values.iter().enumerate().take(len) {
            let mut x = [S::zero(); NV];
            for v in 0..NV {
                x[v] = load::<S>(value.add(i + v * LANES), lanes);
            }
            for r in 0..MR {
                let weight = S::splat(*weights.add(r * KEY_TILE + key));
                for v in 0..NV {
                    sums[r][v] = S::fma(weight, x[v], sums[r][v]);
                }
            }
        }
        for r in 0..MR {
            for v in 0..NV {
                store::<S>(state.add(r * width + i + v * LANES), lanes, sums[r][v]);
            }
        }
    }
}

/// Merges the state of a span into that of the spans before it.
#[inline(always)]
unsafe fn merge<S: Simd>(merged: *mut f32, span: *const f32, dim: usize, is_first: bool) {
    unsafe {
        if is_first {
            std::ptr::copy_nonoverlapping(span, merged, dim + 2);
            return;
        }
        let (old, new) = (*merged.add(dim), *span.add(dim));
        if new == f32::NEG_INFINITY {
            return;
        }
        let max = if new > old { new } else { old };
        let (old_factor, new_factor) = (exp_one::<S>(old - max), exp_one::<S>(new - max));
        let mut i = 0;
        while i < dim {
            let a = S::mul(load::<S>(merged.add(i), dim - i), S::splat(old_factor));
            let b = load::<S>(span.add(i), dim - i);
            store::<S>(merged.add(i), dim - i, S::fma(b, S::splat(new_factor), a));
            i += LANES;
        }
        *merged.add(dim) = max;
        *merged.add(dim + 1) = *merged.add(dim + 1) * old_factor + *span.add(dim + 1) * new_factor;
    }
}

/// Divides by the sum of weights.
#[inline(always)]
unsafe fn finish<S: Simd>(state: *const f32, dim: usize, out: *mut f32) {
    unsafe { scale_row::<S>(state, 1.0 / *state.add(dim + 1), out, dim) };
}

/// Merges the partial results of a tile's spans.
struct MergeSpans<'a> {
    context: &'a Context<'a>,
    /// The first of the tile.
    task: &'a Task<'a>,
    partials: *const f32,
    n_spans: usize,
    out: *mut f32,
}

impl Kernel for MergeSpans<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let MergeSpans { context, task, partials, n_spans, out } = self;
        let dim = context.source.value_dim;
        let width = dim + 2;
        let n = task.rows.len() * context.per_head;
        let mut scratch = SCRATCH.take();
        scratch.merged.resize(width * size_of::<f32>());
        let merged = scratch.merged.as_mut_slice::<f32>().as_mut_ptr();
        for r in 0..n {
            unsafe {
                for span in 0..n_spans {
                    merge::<S>(merged, partials.add((span * n + r) * width), dim, span == 0);
                }
                finish::<S>(merged, dim, out.add(context.out_at(task, r)));
            }
        }
        SCRATCH.set(scratch);
    }
}
