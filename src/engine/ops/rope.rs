//! Rotary position embeddings: frequencies of a checkpoint, angles of a batch.

use ashlar_kernels as kernels;

#[cfg(feature = "cuda")]
use super::bail;
use super::{Backend, Place, Result, Step, Tensor};

/// How a decoder turns its heads: a frequency for each pair, and which position axis turns it.
pub struct Frequencies {
    inverse: Vec<f32>,
    axes: Vec<usize>,
    #[cfg(feature = "cuda")]
    device: Option<super::cuda::Frequencies>,
}

impl Frequencies {
    /// `axes[i]` is the axis (t, h, w) whose position times `inverse[i]` turns pair `i`.
    pub fn new(backend: &Backend, inverse: Vec<f32>, axes: Vec<usize>) -> Result<Self> {
        #[cfg(feature = "cuda")]
        let device = match &backend.0 {
            Place::Cpu(_) => None,
            Place::Cuda(cuda) => Some(cuda.frequencies(&inverse, &axes)?),
        };
        #[cfg(not(feature = "cuda"))]
        let Place::Cpu(_) = backend.0;
        Ok(Self {
            inverse,
            axes,
            #[cfg(feature = "cuda")]
            device,
        })
    }

    /// The angles of the step's rows.
    pub fn angles(&self, backend: &Backend, step: &Step<'_>) -> Result<Angles> {
        match &backend.0 {
            Place::Cpu(_) => {
                let positions = &step.batch.positions;
                Ok(Angles::of(positions.len(), self.inverse.len(), |row, i| positions[row][self.axes[i]] as f32 * self.inverse[i]))
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Ok(Angles::Cuda(cuda.text_angles(self.device.as_ref(), step, self.inverse.len())?)),
        }
    }
}

/// Cosines and sines of rows, `[rows, head_dim / 2]`, computed once a step and used by every layer.
pub enum Angles {
    Cpu {
        cos: Vec<f32>,
        sin: Vec<f32>,
    },
    #[cfg(feature = "cuda")]
    Cuda(Tensor),
}

impl Angles {
    /// On the CPU: `angle(row, i)` turns the pair `(i, i + d/2)` of each head of that row.
    pub(super) fn of(n_rows: usize, n_pairs: usize, angle: impl Fn(usize, usize) -> f32) -> Self {
        let n = n_rows * n_pairs;
        let (mut cos, mut sin) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for row in 0..n_rows {
            for i in 0..n_pairs {
                let (s, c) = angle(row, i).sin_cos();
                cos.push(c);
                sin.push(s);
            }
        }
        Self::Cpu { cos, sin }
    }

    /// Turns the first `n_heads` heads of each row of `x`, in place.
    pub fn rotate(&self, backend: &Backend, x: &Tensor, n_heads: usize, head_dim: usize) -> Result<()> {
        match (&backend.0, self) {
            (Place::Cpu(cpu), Self::Cpu { cos, sin }) => {
                debug_assert_eq!(cos.len(), x.rows * head_dim / 2);
                let heads = kernels::rows::Heads { rows: x.rows, stride: x.width, heads: n_heads, dim: head_dim };
                x.change_values(|x| kernels::rows::rope(&cpu.pool, x, heads, cos, sin, kernels::rows::Pairing::Halves))
            }
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Self::Cuda(angles)) => cuda.rope(x, angles, n_heads, head_dim),
            #[cfg(feature = "cuda")]
            _ => bail!("the angles are on another device"),
        }
    }
}

/// `theta^(-2i/d)` for `i < d/2`, in f32.
pub fn inverse_frequencies(theta: f64, head_dim: usize) -> Vec<f32> {
    (0..head_dim / 2).map(|i| 1.0 / (theta as f32).powf((2 * i) as f32 / head_dim as f32)).collect()
}

/// `llama3` scaling for contexts longer than `original` positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Llama3Scaling {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_max_position_embeddings: f64,
}

impl Llama3Scaling {
    pub fn apply(&self, inverse_frequencies: &mut [f32]) {
        let (lo, hi, n) = (self.low_freq_factor, self.high_freq_factor, self.original_max_position_embeddings);
        for f in inverse_frequencies {
            let wavelength = 2.0 * std::f64::consts::PI / f64::from(*f);
            let scaled = f64::from(*f) / self.factor;
            *f = if wavelength > n / lo {
                scaled as f32
            } else if wavelength < n / hi {
                *f
            } else {
                let s = (n / wavelength - lo) / (hi - lo);
                ((1.0 - s) * scaled + s * f64::from(*f)) as f32
            };
        }
    }
}

/// Which position axis (t, h, w) turns each frequency: all t for text, interleaved for Qwen3-VL's M-RoPE, where with
/// sections `[a, b, c]` frequency `i` belongs to h if `i % 3 == 1` and `i < 3b`, to w if `i % 3 == 2` and `i < 3c`.
pub fn interleaved_axes(n_pairs: usize, section: &[usize]) -> Vec<usize> {
    (0..n_pairs)
        .map(|i| match i % 3 {
            1 if section.get(1).is_some_and(|b| i < 3 * b) => 1,
            2 if section.get(2).is_some_and(|c| i < 3 * c) => 2,
            _ => 0,
        })
        .collect()
}
