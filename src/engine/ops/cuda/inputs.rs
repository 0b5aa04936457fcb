//! A step's integers: packed into one piece of pinned memory and sent in one copy, to addresses that depend on the step's
//! [`Shape`] alone, so that recorded graphs find them again.

use ashlar_cuda::rows::Span;
use ashlar_cuda::{Buffer, DecodeAttention, Device, Pinned, attention};

use super::super::StepLimits;
use super::super::attention::Heads;
use super::super::cache::BLOCK_SIZE;
use super::super::{Result, bail};
use super::DType;
use crate::engine::batch::Batch;

/// Steps on their way, and one to fill.
const N_STAGES: usize = 3;
/// Decoding steps up to this many rows have a graph of their own; larger ones share one between eight.
const EXACT_ROWS: usize = 8;
/// Fewest blocks of a table: 512 tokens.
const MIN_TABLE_WIDTH: usize = 16;
/// Runs of visual rows in a step, times what each adds behind text layers.
const MAX_SPANS: usize = 8192;
const N_SECTIONS: usize = 9;
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
    pub n_spans: usize,
    /// Sets of spans: embeddings, then each DeepStack layer.
    pub n_levels: usize,
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

    fn of(batch: &Batch, tile_rows: usize, has_decode_kernel: bool) -> Self {
        let n_sequences = batch.context_lens.len();
        let n_single = batch.cu_seqlens.windows(2).take_while(|rows| rows[1] - rows[0] == 1).count();
        let n_decode = if has_decode_kernel { n_single } else { 0 };
        let longest = batch.context_lens.iter().map(|len| (*len as usize).div_ceil(BLOCK_SIZE)).max().unwrap_or(0);
        let shape = Self {
            rows: batch.ids.len(),
            n_sequences,
            n_decode,
            table_width: longest.next_power_of_two().max(MIN_TABLE_WIDTH),
            n_logits: batch.logit_rows.len(),
            n_tiles: batch.cu_seqlens.windows(2).skip(n_decode).map(|rows| ((rows[1] - rows[0]) as usize).div_ceil(tile_rows)).sum(),
            n_spans: batch.visual.len(),
            n_levels: batch.visual.iter().map(|span| 1 + span.features.deepstack.len()).max().unwrap_or(0),
        };
        if shape.is_decode() && shape.selects_all() && shape.n_spans == 0 {
            let n = if shape.rows <= EXACT_ROWS { shape.rows } else { shape.rows.next_multiple_of(8) };
            return Self { rows: n, n_sequences: n, n_decode: n, n_logits: n, ..shape };
        }
        shape
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
            size_of::<Span>() * self.n_spans * self.n_levels,
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
    Spans,
}

/// Where a step's integers are.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub shape: Shape,
    base: u64,
    offsets: [usize; N_SECTIONS + 1],
    /// Longest span of visual rows.
    longest_span: usize,
}

impl Inputs {
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
}

impl Stages {
    pub fn new(device: &Device, limits: &StepLimits) -> Result<Self> {
        // A graph may have up to seven rows more than its step.
        let (rows, sequences) = (limits.max_rows + 8, limits.max_sequences + 8);
        let table_width = limits.max_blocks.next_power_of_two().max(MIN_TABLE_WIDTH);
        let spans = MAX_SPANS * size_of::<Span>();
        let n_bytes = 28 * rows + (16 + 4 * table_width) * sequences + spans + 256;
        let pinned = (0..N_STAGES).map(|_| Pinned::new(device, n_bytes)).collect::<Result<_, _>>()?;
        let Heads { n_heads, n_kv_heads, head_dim } = limits.heads;
        if head_dim < MIN_HEAD_DIM || !head_dim.is_multiple_of(8) {
            bail!(
                "there are no GPU kernels for heads of {head_dim} values: multiples of 8 from {MIN_HEAD_DIM} on; run it with `--device cpu`"
            );
        }
        Ok(Self {
            pinned,
            next: 0,
            device: Buffer::new(device, n_bytes)?,
            tile_rows: attention::tile_rows(device, head_dim, head_dim)?,
            has_decode_kernel: DecodeAttention::is_possible(n_heads, n_kv_heads, head_dim),
        })
    }

    pub fn send(&mut self, device: &Device, batch: &Batch) -> Result<Inputs> {
        let shape = Shape::of(batch, self.tile_rows, self.has_decode_kernel);
        let offsets = shape.layout();
        let n_bytes = offsets[N_SECTIONS];
        if n_bytes > self.device.len() {
            bail!("a step of {} rows with {} runs of visual rows is larger than was reserved", shape.rows, shape.n_spans);
        }
        let stage = &mut self.pinned[self.next];
        self.next = (self.next + 1) % N_STAGES;
        let bytes = &mut stage.bytes_mut()[..n_bytes];
        fill(bytes, &offsets, &shape, batch, self.tile_rows)?;
        device.upload(self.device.ptr(), bytes)?;
        let longest_span = batch.visual.iter().map(|span| span.len).max().unwrap_or(0);
        Ok(Inputs { shape, base: self.device.ptr(), offsets, longest_span })
    }
}

fn fill(bytes: &mut [u8], offsets: &[usize; N_SECTIONS + 1], shape: &Shape, batch: &Batch, tile_rows: usize) -> Result<()> {
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
    let lengths = batch.cu_seqlens.windows(2).zip(&batch.context_lens).skip(shape.n_decode);
    let lengths = lengths.map(|(rows, context)| ((rows[1] - rows[0]) as usize, *context as usize));
    let tiles = attention::tiles(lengths, tile_rows, true);
    write(Section::Tiles, &mut tiles.iter().flat_map(|[sequence, tile]| [*sequence as u32 + shape.n_decode as u32, *tile as u32]));
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
