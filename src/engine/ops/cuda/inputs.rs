//! A step's integers: packed into one piece of pinned memory and sent in one copy, to addresses that depend on the step's
//! [`Shape`] alone, so that recorded graphs find them again.

use ashlar_cuda::lora;
use ashlar_cuda::rows::Span;
use ashlar_cuda::{Buffer, DecodeAttention, Device, Pinned, attention};

use super::super::StepLimits;
use super::super::attention::Heads;
use super::super::cache::BLOCK_SIZE;
use super::super::{Result, bail};
use super::{DType, latent};
use crate::engine::batch::Batch;

/// Steps on their way, and one to fill.
const N_STAGES: usize = 3;
/// Decoding steps up to this many rows have a graph of their own; larger ones share one between eight.
const EXACT_ROWS: usize = 8;
/// Fewest blocks of a table: 512 tokens.
const MIN_TABLE_WIDTH: usize = 16;
/// Runs of visual rows in a step, times what each adds behind text layers.
const MAX_SPANS: usize = 8192;
const N_SECTIONS: usize = 12;
/// The smallest heads that the rotary kernel takes.
const MIN_HEAD_DIM: usize = 16;

/// What decides where a step's integers lie and how its kernels are launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows, those that fill up a graph's number among them.
    pub rows: usize,
    pub n_sequences: usize,
    /// Sequences of one row that come first: their row is their number.
    pub n_decode: usize,
    /// Blocks in each row of the block tables.
    pub table_width: usize,
    pub n_logits: usize,
    pub n_tiles: usize,
    /// Where keys of prompts begin and end, in all groups.
    pub n_key_ends: usize,
    pub n_spans: usize,
    /// Sets of spans: embeddings, then each DeepStack layer.
    pub n_levels: usize,
    /// Of rows with adapters; 0: the step has none.
    pub n_adapter_tiles: usize,
    /// Length of the list of those rows.
    pub n_adapter_rows: usize,
    /// No part of these adapters has a larger rank.
    pub adapter_rank: usize,
}

impl Shape {
    /// Nothing but rows that decode.
    pub fn is_decode(&self) -> bool {
        self.rows > 0 && self.n_decode == self.rows
    }

    /// Every row's logits are wanted, in order.
    pub fn selects_all(&self) -> bool {
        self.n_logits == self.rows
    }

    fn of(batch: &Batch, tile_rows: usize, n_decode: usize, n_key_ends: usize) -> Result<Self> {
        let n_sequences = batch.context_lens.len();
        let longest = batch.context_lens.iter().map(|len| (*len as usize).div_ceil(BLOCK_SIZE)).max().unwrap_or(0);
        let mut adapter_rank = 0;
        for group in &batch.adapters {
            adapter_rank = adapter_rank.max(group.on_gpu()?.max_rank());
        }
        let shape = Self {
            rows: batch.ids.len(),
            n_sequences,
            n_decode,
            table_width: longest.next_power_of_two().max(MIN_TABLE_WIDTH),
            n_logits: batch.logit_rows.len(),
            n_tiles: batch.cu_seqlens.windows(2).skip(n_decode).map(|rows| ((rows[1] - rows[0]) as usize).div_ceil(tile_rows)).sum(),
            n_key_ends,
            n_spans: batch.visual.len(),
            n_levels: batch.visual.iter().map(|span| 1 + span.features.deepstack.len()).max().unwrap_or(0),
            n_adapter_tiles: batch.adapters.iter().map(|group| group.rows.len().div_ceil(lora::TILE_ROWS)).sum(),
            n_adapter_rows: batch.adapters.iter().map(|group| group.rows.len()).sum(),
            adapter_rank,
        };
        if shape.is_decode() && shape.selects_all() && shape.n_spans == 0 {
            let n = if shape.rows <= EXACT_ROWS { shape.rows } else { shape.rows.next_multiple_of(8) };
            let has_adapters = shape.n_adapter_tiles > 0;
            // Few shapes, so that few graphs are recorded.
            return Ok(Self {
                rows: n,
                n_sequences: n,
                n_decode: n,
                n_logits: n,
                n_adapter_tiles: if has_adapters { shape.n_adapter_tiles.next_power_of_two() } else { 0 },
                n_adapter_rows: if has_adapters { n } else { 0 },
                adapter_rank: if has_adapters { adapter_rank.next_power_of_two() } else { 0 },
                ..shape
            });
        }
        Ok(shape)
    }

    /// Offsets of the sections, in the order of [`Section`], and the end. Each is aligned to 16 bytes.
    fn layout(&self) -> [usize; N_SECTIONS + 1] {
        let lens = [
            4 * self.rows,
            12 * self.rows,
            4 * self.rows,
            4 * (self.n_sequences + 1),
            4 * self.n_sequences,
            4 * self.n_sequences * self.table_width,
            4 * self.n_logits,
            8 * self.n_tiles,
            4 * self.n_key_ends,
            size_of::<Span>() * self.n_spans * self.n_levels,
            size_of::<lora::Tile>() * self.n_adapter_tiles,
            4 * self.n_adapter_rows,
        ];
        let mut offsets = [0; N_SECTIONS + 1];
        for (i, len) in lens.into_iter().enumerate() {
            offsets[i + 1] = (offsets[i] + len).next_multiple_of(16);
        }
        offsets
    }
}

#[derive(Clone, Copy)]
enum Section {
    Ids,
    Positions,
    Slots,
    CuSeqlens,
    ContextLens,
    BlockTables,
    LogitRows,
    Tiles,
    KeyEnds,
    Spans,
    AdapterTiles,
    AdapterRows,
}

/// Neighbouring prompts whose keys are in memory at once, where keys are made of latents.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Number of the first sequence.
    pub first: usize,
    pub n_sequences: usize,
    pub first_tile: usize,
    pub n_tiles: usize,
    /// Of all its sequences.
    pub n_keys: usize,
    /// Where it is among the ends of keys.
    first_end: usize,
}

/// Groups of up to `max_keys` keys, or of one sequence, from sequence `n_decode` on.
fn groups(batch: &Batch, n_decode: usize, tile_rows: usize, max_keys: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (sequence, rows) in batch.cu_seqlens.windows(2).enumerate().skip(n_decode) {
        let n_tiles = ((rows[1] - rows[0]) as usize).div_ceil(tile_rows);
        let n_keys = batch.context_lens[sequence] as usize;
        match groups.last_mut() {
            Some(group) if group.n_keys + n_keys <= max_keys => {
                group.n_sequences += 1;
                group.n_tiles += n_tiles;
                group.n_keys += n_keys;
            }
            last => {
                let (first_tile, first_end) =
                    last.map_or((0, 0), |group| (group.first_tile + group.n_tiles, group.first_end + group.n_sequences + 1));
                groups.push(Group { first: sequence, n_sequences: 1, first_tile, n_tiles, n_keys, first_end });
            }
        }
    }
    groups
}

/// Where a step's integers are.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub shape: Shape,
    base: u64,
    offsets: [usize; N_SECTIONS + 1],
    /// Longest span of visual rows.
    longest_span: usize,
    /// Of the prompts, where keys are made of latents.
    pub groups: Vec<Group>,
}

impl Inputs {
    /// `[n_sequences + 1]` i32 of a group: where the keys of its sequences begin and end among the group's.
    pub fn group_keys(&self, group: &Group) -> u64 {
        self.at(Section::KeyEnds) + (group.first_end * size_of::<i32>()) as u64
    }

    fn at(&self, section: Section) -> u64 {
        self.base + self.offsets[section as usize] as u64
    }

    /// `[rows]` i32: a token, or `-(slot + 1)`.
    pub fn ids(&self) -> u64 {
        self.at(Section::Ids)
    }

    /// `[3, rows]` i32.
    pub fn positions(&self) -> u64 {
        self.at(Section::Positions)
    }

    /// `[rows]` i32, negative for rows that fill up.
    pub fn slots(&self) -> u64 {
        self.at(Section::Slots)
    }

    /// `[n_sequences + 1]` i32.
    pub fn cu_seqlens(&self) -> u64 {
        self.at(Section::CuSeqlens)
    }

    /// `[n_sequences]` i32, 0 for rows that fill up.
    pub fn context_lens(&self) -> u64 {
        self.at(Section::ContextLens)
    }

    /// `[n_sequences, table_width]` i32.
    pub fn block_tables(&self) -> u64 {
        self.at(Section::BlockTables)
    }

    /// `[n_logits]` i32.
    pub fn logit_rows(&self) -> u64 {
        self.at(Section::LogitRows)
    }

    /// `[n_tiles, 2]` i32: (sequence, tile).
    pub fn tiles(&self) -> u64 {
        self.at(Section::Tiles)
    }

    /// [`lora::Tile`] `[n_adapter_tiles]`.
    pub fn adapter_tiles(&self) -> u64 {
        self.at(Section::AdapterTiles)
    }

    /// `[n_adapter_rows]` i32.
    pub fn adapter_rows(&self) -> u64 {
        self.at(Section::AdapterRows)
    }

    /// Spans of one level: address, number, length of the longest.
    pub fn spans(&self, level: usize) -> Option<(u64, usize, usize)> {
        let n = self.shape.n_spans;
        let at = self.at(Section::Spans) + (level * n * size_of::<Span>()) as u64;
        (n > 0 && level < self.shape.n_levels).then_some((at, n, self.longest_span))
    }
}

/// Pinned memory to fill, by turns, and the one place on the GPU where it goes.
pub struct Stages {
    pinned: Vec<Pinned>,
    next: usize,
    device: Buffer,
    tile_rows: usize,
    has_decode_kernel: bool,
    /// Keys made of latents that there is room for.
    max_keys: Option<usize>,
}

impl Stages {
    pub fn new(device: &Device, limits: &StepLimits) -> Result<Self> {
        // A graph may have up to seven rows more than its step.
        let (rows, sequences) = (limits.max_rows + 8, limits.max_sequences + 8);
        let table_width = limits.max_blocks.next_power_of_two().max(MIN_TABLE_WIDTH);
        let spans = MAX_SPANS * size_of::<Span>();
        // Each row may have an adapter of its own; tiles of a graph are a power of two.
        let adapters = (4 + 2 * size_of::<lora::Tile>()) * rows;
        let n_bytes = 28 * rows + adapters + (24 + 4 * table_width) * sequences + spans + 512;
        let pinned = (0..N_STAGES).map(|_| Pinned::new(device, n_bytes)).collect::<Result<_, _>>()?;
        let Heads { n_heads, n_kv_heads, head_dim } = limits.heads;
        if let Some(latent) = &limits.latent {
            latent::check(latent)?;
        } else if head_dim < MIN_HEAD_DIM || !head_dim.is_multiple_of(8) {
            bail!(
                "there are no GPU kernels for heads of {head_dim} values: multiples of 8 from {MIN_HEAD_DIM} on; run it with `--device cpu`"
            );
        }
        Ok(Self {
            pinned,
            next: 0,
            device: Buffer::new(device, n_bytes)?,
            tile_rows: match &limits.latent {
                Some(latent) => attention::tile_rows(device, latent.query_dim(), latent.value_dim)?,
                None => attention::tile_rows(device, head_dim, head_dim)?,
            },
            has_decode_kernel: limits.latent.is_some() || DecodeAttention::is_possible(n_heads, n_kv_heads, head_dim),
            max_keys: limits.latent.map(|_| limits.max_blocks * BLOCK_SIZE),
        })
    }

    pub fn send(&mut self, device: &Device, batch: &Batch) -> Result<Inputs> {
        let n_single = batch.cu_seqlens.windows(2).take_while(|rows| rows[1] - rows[0] == 1).count();
        let n_decode = if self.has_decode_kernel { n_single } else { 0 };
        let groups = self.max_keys.map_or_else(Vec::new, |max_keys| groups(batch, n_decode, self.tile_rows, max_keys));
        let n_key_ends = groups.iter().map(|group| group.n_sequences + 1).sum();
        let shape = Shape::of(batch, self.tile_rows, n_decode, n_key_ends)?;
        let offsets = shape.layout();
        let n_bytes = offsets[N_SECTIONS];
        if n_bytes > self.device.len() {
            bail!("a step of {} rows with {} runs of visual rows is larger than was reserved", shape.rows, shape.n_spans);
        }
        let stage = &mut self.pinned[self.next];
        self.next = (self.next + 1) % N_STAGES;
        let bytes = &mut stage.bytes_mut()[..n_bytes];
        fill(bytes, &offsets, &shape, batch, &groups, self.tile_rows)?;
        device.upload(self.device.ptr(), bytes)?;
        let longest_span = batch.visual.iter().map(|span| span.len).max().unwrap_or(0);
        Ok(Inputs { shape, base: self.device.ptr(), offsets, longest_span, groups })
    }
}

fn fill(
    bytes: &mut [u8],
    offsets: &[usize; N_SECTIONS + 1],
    shape: &Shape,
    batch: &Batch,
    groups: &[Group],
    tile_rows: usize,
) -> Result<()> {
    let mut write = |section: Section, values: &mut dyn Iterator<Item = u32>| {
        let (from, to) = (offsets[section as usize], offsets[section as usize + 1]);
        for (place, value) in bytes[from..to].chunks_exact_mut(4).zip(values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    };
    // Rows that fill up a graph: token 0 at position 0, written nowhere, of a sequence without keys.
    let n_fill = shape.rows - batch.ids.len();
    let fill_up = |with: u32| std::iter::repeat_n(with, n_fill);
    write(Section::Ids, &mut batch.ids.iter().map(|id| *id as u32).chain(fill_up(0)));
    let axis = |axis: usize| batch.positions.iter().map(move |position| position[axis]).chain(fill_up(0));
    write(Section::Positions, &mut axis(0).chain(axis(1)).chain(axis(2)));
    write(Section::Slots, &mut batch.slot_mapping.iter().copied().chain(fill_up(u32::MAX)));
    write(Section::CuSeqlens, &mut batch.cu_seqlens.iter().copied().chain(fill_up(batch.ids.len() as u32)));
    write(Section::ContextLens, &mut batch.context_lens.iter().copied().chain(fill_up(0)));
    let width = shape.table_width;
    let tables = batch.block_tables.iter().take(batch.context_lens.len());
    write(
        Section::BlockTables,
        &mut tables
            .flat_map(|table| table.iter().copied().chain(std::iter::repeat(0)).take(width))
            .chain(fill_up(0).flat_map(|_| std::iter::repeat_n(0, width))),
    );
    write(Section::LogitRows, &mut batch.logit_rows.iter().copied().chain(fill_up(0)));
    // Of sequences from `first` on, the longest first.
    let tiles = |first: usize, n: usize| {
        let lengths = batch.cu_seqlens.windows(2).zip(&batch.context_lens).skip(first).take(n);
        let lengths = lengths.map(|(rows, context)| ((rows[1] - rows[0]) as usize, *context as usize));
        let tiles = attention::tiles(lengths, tile_rows, true);
        tiles.into_iter().flat_map(move |[sequence, tile]| [sequence as u32 + first as u32, tile as u32])
    };
    if groups.is_empty() {
        write(Section::Tiles, &mut tiles(shape.n_decode, batch.context_lens.len()));
    } else {
        write(Section::Tiles, &mut groups.iter().flat_map(|group| tiles(group.first, group.n_sequences)));
    }
    let ends = |group: &Group| {
        let lengths = batch.context_lens[group.first..][..group.n_sequences].iter();
        std::iter::once(0).chain(lengths.scan(0, |end, len| {
            *end += len;
            Some(*end)
        }))
    };
    write(Section::KeyEnds, &mut groups.iter().flat_map(ends));
    let (mut tiles, mut first) = (Vec::new(), 0);
    for group in &batch.adapters {
        let layers = group.on_gpu()?.layers();
        for rows in group.rows.chunks(lora::TILE_ROWS) {
            tiles.extend(lora::tile(layers, first, rows.len()));
            first += rows.len();
        }
    }
    // Tiles that fill up a graph have no rows.
    write(Section::AdapterTiles, &mut tiles.into_iter().chain(std::iter::repeat(0)));
    write(Section::AdapterRows, &mut batch.adapters.iter().flat_map(|group| group.rows.iter().copied()).chain(std::iter::repeat(0)));
    let mut spans = Vec::with_capacity(4 * shape.n_spans * shape.n_levels);
    for level in 0..shape.n_levels {
        for span in &batch.visual {
            let features = match level {
                0 => Some(&span.features.embeddings),
                level => span.features.deepstack.get(level - 1),
            };
            let (source, len) = match features {
                Some(features) => (features.bf16()? + (span.feature_start * features.width * DType::Bf16.size()) as u64, span.len as u32),
                None => (0, 0),
            };
            // As `Span` lies in memory.
            spans.extend([source as u32, (source >> 32) as u32, span.row_start as u32, len]);
        }
    }
    write(Section::Spans, &mut spans.into_iter());
    Ok(())
}
