//! A step's integers: packed into one piece of pinned memory and sent in one copy, to addresses that depend on the step's
//! [`Shape`] alone, so that recorded graphs find them again.

use ashlar_cuda::rows::Span;
use ashlar_cuda::{Buffer, Device, Pinned, attention};

use super::super::cache::BLOCK_SIZE;
use super::super::{Result, bail};
use crate::engine::batch::Batch;

/// Steps on their way, and one to fill.
const N_STAGES: usize = 3;
/// Decoding steps up to this many rows have a graph of their own; larger ones share one between eight.
const EXACT_ROWS: usize = 8;
/// Fewest blocks of a table: 512 tokens.
const MIN_TABLE_WIDTH: usize = 16;

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
        self.n_decode == self.rows
    }

    /// Every row's logits are wanted, in order.
    pub fn selects_all(&self) -> bool {
        self.n_logits == self.rows
    }

    fn of(batch: &Batch) -> Self {
        let n_sequences = batch.context_lens.len();
        let n_decode = batch.cu_seqlens.windows(2).take_while(|rows| rows[1] - rows[0] == 1).count();
        let longest = batch.context_lens.iter().map(|len| (*len as usize).div_ceil(BLOCK_SIZE)).max().unwrap_or(0);
        let mut shape = Self {
            rows: batch.ids.len(),
            n_sequences,
            n_decode,
            table_width: longest.next_power_of_two().max(MIN_TABLE_WIDTH),
            n_logits: batch.logit_rows.len(),
            n_tiles: tiles(&batch.cu_seqlens, n_decode).count(),
            n_spans: batch.visual.len(),
            n_levels: batch.visual.iter().map(|span| 1 + span.features.deepstack.len()).max().unwrap_or(0),
        };
        if shape.is_decode() && shape.selects_all() && shape.n_spans == 0 {
            let n = if shape.rows <= EXACT_ROWS { shape.rows } else { shape.rows.next_multiple_of(8) };
            shape = Self { rows: n, n_sequences: n, n_decode: n, n_logits: n, ..shape };
        }
        shape
    }

    /// Offsets of the sections, in the order of [`Section`], and the end. Each is aligned to 16 bytes.
    fn layout(&self) -> [usize; 10] {
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
        let mut offsets = [0; 10];
        for (i, len) in lens.into_iter().enumerate() {
            offsets[i + 1] = (offsets[i] + len).next_multiple_of(16);
        }
        offsets
    }
}

/// (sequence, tile within its rows) of every tile of sequences from number `first` on.
fn tiles(cu_seqlens: &[u32], first: usize) -> impl Iterator<Item = (u32, u32)> {
    cu_seqlens.windows(2).enumerate().skip(first).flat_map(|(sequence, rows)| {
        let n = (rows[1] - rows[0]).div_ceil(attention::TILE_ROWS as u32);
        (0..n).map(move |tile| (sequence as u32, tile))
    })
}

/// Tiles of whole sequences, those with most keys first.
pub fn tile_list(cu_seqlens: &[u32]) -> Vec<u32> {
    let mut list: Vec<_> = tiles(cu_seqlens, 0).collect();
    list.sort_by_key(|(sequence, _)| std::cmp::Reverse(cu_seqlens[*sequence as usize + 1] - cu_seqlens[*sequence as usize]));
    list.into_iter().flat_map(|(sequence, tile)| [sequence, tile]).collect()
}

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
    offsets: [usize; 10],
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
}

impl Stages {
    pub fn new(device: &Device, n_bytes: usize) -> Result<Self> {
        let pinned = (0..N_STAGES).map(|_| Pinned::new(device, n_bytes)).collect::<Result<_, _>>()?;
        Ok(Self { pinned, next: 0, device: Buffer::new(device, n_bytes)? })
    }

    pub fn send(&mut self, device: &Device, batch: &Batch) -> Result<Inputs> {
        let shape = Shape::of(batch);
        let offsets = shape.layout();
        let n_bytes = offsets[9];
        if n_bytes > self.device.len() {
            // A larger step than any before: graphs that know the old place are for smaller ones and would read there.
            bail!("a step of {} rows and {} blocks in its longest table is larger than was reserved", shape.rows, shape.table_width);
        }
        let stage = &mut self.pinned[self.next];
        self.next = (self.next + 1) % N_STAGES;
        let bytes = &mut stage.bytes_mut()[..n_bytes];
        fill(bytes, &offsets, &shape, batch)?;
        device.upload(self.device.ptr(), bytes)?;
        let longest_span = batch.visual.iter().map(|span| span.len).max().unwrap_or(0);
        Ok(Inputs { shape, base: self.device.ptr(), offsets, longest_span })
    }
}

/// Bytes that a step of this many rows, sequences and blocks may take.
pub fn stage_bytes(rows: usize, n_sequences: usize, table_width: usize) -> usize {
    const MAX_SPANS: usize = 4096;
    let spans = MAX_SPANS * size_of::<Span>();
    24 * (rows + 8) + 12 * (n_sequences + 8) + 4 * (n_sequences + 8) * table_width.next_power_of_two() + 8 * (rows + 8) + spans + 256
}

fn fill(bytes: &mut [u8], offsets: &[usize; 10], shape: &Shape, batch: &Batch) -> Result<()> {
    let mut write = |section: Section, values: &mut dyn Iterator<Item = u32>| {
        let (from, to) = (offsets[section as usize], offsets[section as usize + 1]);
        for (place, value) in bytes[from..to].chunks_exact_mut(4).zip(values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    };
    let n_fill = shape.rows - batch.ids.len();
    let filled = |values: &[u32], with: u32| values.iter().copied().chain(std::iter::repeat_n(with, n_fill)).collect::<Vec<_>>();
    write(Section::Ids, &mut batch.ids.iter().map(|id| *id as u32).chain(std::iter::repeat_n(0, n_fill)));
    write(
        Section::Positions,
        &mut (0..3).flat_map(|axis| batch.positions.iter().map(move |position| position[axis]).chain(std::iter::repeat_n(0, n_fill))),
    );
    write(Section::Slots, &mut filled(&batch.slot_mapping, u32::MAX).into_iter());
    write(Section::CuSeqlens, &mut filled(&batch.cu_seqlens, batch.ids.len() as u32).into_iter());
    write(Section::ContextLens, &mut filled(&batch.context_lens, 0).into_iter());
    write(
        Section::BlockTables,
        &mut batch
            .block_tables
            .iter()
            .take(batch.context_lens.len())
            .flat_map(|table| table.iter().copied().chain(std::iter::repeat(0)).take(shape.table_width)),
    );
    write(Section::LogitRows, &mut filled(&batch.logit_rows, 0).into_iter());
    let mut list: Vec<_> = tiles(&batch.cu_seqlens, shape.n_decode).collect();
    // Those with most keys first, so that none of them is the last to start.
    list.sort_by_key(|(sequence, tile)| {
        let s = *sequence as usize;
        let before = batch.context_lens[s] - (batch.cu_seqlens[s + 1] - batch.cu_seqlens[s]);
        std::cmp::Reverse(before + (tile + 1) * attention::TILE_ROWS as u32)
    });
    write(Section::Tiles, &mut list.into_iter().flat_map(|(sequence, tile)| [sequence, tile]));
    let mut spans = Vec::with_capacity(shape.n_spans * shape.n_levels);
    for level in 0..shape.n_levels {
        for span in &batch.visual {
            let features = match level {
                0 => Some(&span.features.embeddings),
                level => span.features.deepstack.get(level - 1),
            };
            spans.push(match features {
                Some(features) => Span {
                    source: features.bf16()? + (span.feature_start * features.width * 2) as u64,
                    row: span.row_start as i32,
                    len: span.len as i32,
                },
                None => Span { source: 0, row: 0, len: 0 },
            });
        }
    }
    let words = spans.iter().flat_map(|span| [span.source as u32, (span.source >> 32) as u32, span.row as u32, span.len as u32]);
    write(Section::Spans, &mut words.into_iter());
    Ok(())
}
