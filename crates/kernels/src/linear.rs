use std::cell::{OnceCell, RefCell};

use half::{bf16, f16};

use crate::Pool;
use crate::dense::{self, Matrix};
use crate::pool::Shards;
use crate::quant::{Format, QMatrix, QRows};

/// Why weights could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A row of `k` numbers is not a whole number of blocks.
    RowLength { format: Format, k: usize },
    /// `[n, k]` numbers take another number of bytes.
    Size { format: Format, n: usize, k: usize, expected: usize, got: usize },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::RowLength { format, k } => {
                write!(f, "rows of {k} numbers can't be stored as {format:?}, whose blocks have {}", format.block_len())
            }
            Error::Size { format, n, k, expected, got } => {
                write!(f, "[{n}, {k}] as {format:?} takes {expected} bytes, got {got}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// The weights `[n, k]` of a linear layer, however they are stored.
#[derive(Clone)]
pub enum Linear {
    Dense(Matrix),
    Quantized(QMatrix),
}

impl Linear {
    /// Weights from the bytes of a GGUF tensor: `[n, k]` row-major numbers in `format`.
    pub fn from_gguf(format: Format, bytes: &[u8], n: usize, k: usize) -> Result<Linear, Error> {
        if k == 0 || !k.is_multiple_of(format.block_len()) {
            return Err(Error::RowLength { format, k });
        }
        let expected = n.saturating_mul(format.n_bytes(k));
        if bytes.len() != expected {
            return Err(Error::Size { format, n, k, expected, got: bytes.len() });
        }
        let halves = || bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        Ok(match format {
            Format::F32 => {
                let weights = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect::<Vec<_>>();
                Linear::Dense(Matrix::from_f32(&weights, n, k))
            }
            Format::F16 => {
                let weights = halves().map(f16::from_bits).collect::<Vec<_>>();
                Linear::Dense(Matrix::from_f16(&weights, n, k))
            }
            Format::Bf16 => {
                let weights = halves().map(bf16::from_bits).collect::<Vec<_>>();
                Linear::Dense(Matrix::from_bf16(&weights, n, k))
            }
            _ => Linear::Quantized(QMatrix::from_gguf(format, bytes, n, k).ok_or(Error::RowLength { format, k })?),
        })
    }

    /// Outputs of the layer.
    pub fn n(&self) -> usize {
        match self {
            Linear::Dense(matrix) => matrix.n(),
            Linear::Quantized(matrix) => matrix.n(),
        }
    }

    /// Inputs of the layer.
    pub fn k(&self) -> usize {
        match self {
            Linear::Dense(matrix) => matrix.k(),
            Linear::Quantized(matrix) => matrix.k(),
        }
    }

    /// Memory that the weights take.
    pub fn n_bytes(&self) -> usize {
        match self {
            Linear::Dense(matrix) => matrix.n_bytes(),
            Linear::Quantized(matrix) => matrix.n_bytes(),
        }
    }

    /// Row `row` of the weights as `k` numbers (an embedding).
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        match self {
            Linear::Dense(matrix) => matrix.read_row(row, out),
            Linear::Quantized(matrix) => matrix.read_row(row, out),
        }
    }

    /// `out = x · Wᵀ + bias`: `bias` is `[n]`, `out` `[m, n]`.
    pub fn matmul(&self, pool: &Pool, x: &Input, bias: Option<&[f32]>, out: &mut [f32]) {
        assert_eq!(x.k, self.k());
        match self {
            Linear::Dense(matrix) => matrix.matmul(pool, x.rows, bias, out),
            Linear::Quantized(matrix) => matrix.matmul(pool, x.quantized(pool), bias, out),
        }
    }
}

/// Rows of input that one task of [`grouped`] takes at most.
const GROUP_ROWS: usize = dense::M_BLOCK;

/// Products of many layers of one shape, each with rows of its own: `out[t] = W_g · x[t]` for rows `starts[g]..starts[g + 1]`
/// of `x` (`[m, k]`) and layer `g`; `out` is `[m, n]`. One region of work however many layers have rows.
pub fn grouped(pool: &Pool, layers: &[Linear], starts: &[usize], x: &[f32], out: &mut [f32]) {
    let Some(first) = layers.first() else { return };
    let (n, k) = (first.n(), first.k());
    assert!(layers.iter().all(|layer| layer.n() == n && layer.k() == k), "layers of one shape");
    assert!(starts.len() == layers.len() + 1 && starts.is_sorted());
    assert!(starts[0] == 0 && x.len() == starts[layers.len()] * k && out.len() == starts[layers.len()] * n);

    struct Group<'a> {
        layer: &'a Linear,
        rows: &'a [f32],
        quantized: QRows,
        first_row: usize,
        first_task: usize,
    }
    let mut n_tasks = 0;
    let mut groups = Vec::new();
    for (layer, rows) in layers.iter().zip(starts.windows(2)) {
        let m = rows[1] - rows[0];
        if m > 0 {
            let (first_row, first_task) = (rows[0], n_tasks);
            groups.push(Group { layer, rows: &x[rows[0] * k..rows[1] * k], quantized: QRows::default(), first_row, first_task });
            n_tasks += match layer {
                Linear::Dense(matrix) => matrix.n_tasks(m, GROUP_ROWS),
                Linear::Quantized(matrix) => matrix.n_tasks(m, GROUP_ROWS),
            };
        }
    }
    if groups.iter().any(|group| matches!(group.layer, Linear::Quantized(_))) {
        let n_groups = groups.len();
        let groups = Shards::new(&mut groups);
        pool.run(n_groups, &|i| {
            // SAFETY: one task for each group.
            let Group { layer, rows, quantized, .. } = unsafe { &mut groups.slice(i, 1)[0] };
            if matches!(layer, Linear::Quantized(_)) {
                quantized.quantize(pool, rows, k);
            }
        });
    }
    let out = Shards::new(out);
    pool.run(n_tasks, &|task| {
        let group = &groups[groups.partition_point(|group| group.first_task <= task) - 1];
        let task = task - group.first_task;
        // SAFETY: groups have rows of their own in `out`, tasks of a group write disjoint rectangles of them.
        unsafe {
            let out = out.as_ptr().add(group.first_row * n);
            match group.layer {
                Linear::Dense(matrix) => matrix.task(pool.level(), task, GROUP_ROWS, group.rows, None, out),
                Linear::Quantized(matrix) => matrix.task(pool.level(), task, GROUP_ROWS, &group.quantized, None, out),
            }
        }
    });
}

/// Rows `[m, k]` that several layers multiply; quantised at most once, when the first of them asks for it.
pub struct Input<'a> {
    rows: &'a [f32],
    k: usize,
    quantized: OnceCell<QRows>,
}

thread_local! {
    /// Memory of dropped inputs.
    static SPARE: RefCell<Vec<QRows>> = const { RefCell::new(Vec::new()) };
}

impl<'a> Input<'a> {
    /// `rows` is `[m, k]`.
    pub fn new(rows: &'a [f32], k: usize) -> Input<'a> {
        assert!(k > 0 && rows.len().is_multiple_of(k), "rows are whole");
        Input { rows, k, quantized: OnceCell::new() }
    }

    /// Number of rows.
    pub fn m(&self) -> usize {
        self.rows.len() / self.k
    }

    /// The rows as signed bytes.
    pub fn quantized(&self, pool: &Pool) -> &QRows {
        self.quantized.get_or_init(|| {
            let mut rows = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
            rows.quantize(pool, self.rows, self.k);
            rows
        })
    }
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if let Some(rows) = self.quantized.take() {
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < 4 {
                    spare.push(rows);
                }
            });
        }
    }
}
