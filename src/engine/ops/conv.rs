//! Feature maps, and what convolutional towers do with them: convolutions, group norms, attention between all places.
//!
//! In f32 and on the CPU whatever runs the decoder: a picture's codes decide which tokens a model reads, and a
//! GPU's rounding would change them.

use candle_core::{D, Device, Tensor};
use rayon::prelude::*;

use super::{Result, bail};

/// One picture's values `[channels, height, width]`.
#[derive(Clone)]
pub struct FeatureMap(Tensor);

impl FeatureMap {
    pub fn new(values: Vec<f32>, channels: usize, height: usize, width: usize) -> Result<Self> {
        Ok(Self(Tensor::from_vec(values, (1, channels, height, width), &Device::Cpu)?))
    }

    /// Channels, height, width.
    pub fn shape(&self) -> Result<(usize, usize, usize)> {
        let (_, channels, height, width) = self.0.dims4()?;
        Ok((channels, height, width))
    }

    /// Values channel by channel.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        Ok(self.0.flatten_all()?.to_vec1()?)
    }

    pub fn add(&self, other: &Self) -> Result<Self> {
        Ok(Self((&self.0 + &other.0)?))
    }

    /// Every place twice in both directions.
    pub fn upsampled(&self) -> Result<Self> {
        let (_, height, width) = self.shape()?;
        Ok(Self(self.0.upsample_nearest2d(2 * height, 2 * width)?))
    }

    /// One head of attention from every place to all: `softmax(q·k / √channels) · v`.
    pub fn attend(q: &Self, k: &Self, v: &Self) -> Result<Self> {
        let (channels, height, width) = q.shape()?;
        let flat = |map: &Self| map.0.reshape((channels, height * width));
        let scores = flat(q)?.t()?.matmul(&flat(k)?)?.affine((channels as f64).powf(-0.5), 0.0)?;
        let weights = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?;
        Ok(Self(flat(v)?.matmul(&weights.t()?)?.reshape((1, channels, height, width))?))
    }
}

/// Places that one matrix product of a convolution takes: its columns stay in a core's cache or near it.
const TILE_PLACES: usize = 4096;

/// A convolution with a square kernel. Stride 1 keeps the size; stride 2 halves it, padded on the right and below only.
pub struct Conv2d {
    /// `[n_out, n_in · kernel²]`
    weight: Tensor,
    bias: Vec<f32>,
    kernel: usize,
    stride: usize,
}

impl Conv2d {
    /// `weight` is `[n_out, n_in, kernel, kernel]`.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, n_out: usize, n_in: usize, kernel: usize, stride: usize) -> Result<Self> {
        Ok(Self { weight: Tensor::from_vec(weight, (n_out, n_in * kernel * kernel), &Device::Cpu)?, bias, kernel, stride })
    }

    /// A matrix product for each band of rows, over columns that hold what the kernel sees of every place: whole lines are
    /// copied, where candle's own convolution gathers number by number.
    pub fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let (n_in, height, width) = x.shape()?;
        let (out_height, out_width) = (height / self.stride, width / self.stride);
        let (n_out, n_seen) = self.weight.dims2()?;
        let values = x.to_vec()?;
        let mut out = vec![0.0; n_out * out_height * out_width];
        let band = (TILE_PLACES / out_width.max(1)).max(1);
        for top in (0..out_height).step_by(band) {
            let n_places = band.min(out_height - top) * out_width;
            let mut columns = vec![0.0; n_seen * n_places];
            columns.par_chunks_mut(n_places).enumerate().for_each(|(i, column)| {
                let (channel, offset) = (i / (self.kernel * self.kernel), i % (self.kernel * self.kernel));
                let plane = &values[channel * height * width..][..height * width];
                self.gather(plane, (height, width), (offset / self.kernel, offset % self.kernel), top, (column, out_width));
            });
            let columns = Tensor::from_vec(columns, (n_seen, n_places), &Device::Cpu)?;
            let product: Vec<f32> = self.weight.matmul(&columns)?.flatten_all()?.to_vec1()?;
            for ((row, plane), bias) in product.chunks_exact(n_places).zip(out.chunks_exact_mut(out_height * out_width)).zip(&self.bias) {
                let to = &mut plane[top * out_width..][..n_places];
                to.iter_mut().zip(row).for_each(|(to, value)| *to = value + bias);
            }
        }
        debug_assert_eq!(n_seen, n_in * self.kernel * self.kernel);
        FeatureMap::new(out, n_out, out_height, out_width)
    }

    /// What the kernel's number `(dy, dx)` sees of a plane from the places of rows from `top` on; zeros outside.
    fn gather(
        &self,
        plane: &[f32],
        (height, width): (usize, usize),
        (dy, dx): (usize, usize),
        top: usize,
        (out, out_width): (&mut [f32], usize),
    ) {
        let pad = if self.stride == 1 { self.kernel / 2 } else { 0 };
        for (i, row) in out.chunks_exact_mut(out_width).enumerate() {
            let Some(y) = ((top + i) * self.stride + dy).checked_sub(pad).filter(|y| *y < height) else { continue };
            let line = &plane[y * width..][..width];
            if self.stride == 1 {
                let (from, to) = (dx.saturating_sub(pad), pad.saturating_sub(dx));
                let n = width.saturating_sub(from + to);
                row[to..to + n].copy_from_slice(&line[from..from + n]);
            } else {
                row.iter_mut().zip(line[dx.min(width)..].iter().step_by(self.stride)).for_each(|(to, value)| *to = *value);
            }
        }
    }
}

/// `(x − mean) · rsqrt(variance + eps) · weight + bias`, mean and variance over all values of a group of channels.
pub struct GroupNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    n_groups: usize,
    eps: f32,
}

impl GroupNorm {
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, n_groups: usize, eps: f32) -> Result<Self> {
        if weight.is_empty() || !weight.len().is_multiple_of(n_groups) {
            bail!("{} channels can't be split into {n_groups} groups", weight.len());
        }
        Ok(Self { weight, bias, n_groups, eps })
    }

    pub fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        self.apply(x, |y| y)
    }

    /// With `y · sigmoid(y)` behind it.
    pub fn forward_silu(&self, x: &FeatureMap) -> Result<FeatureMap> {
        self.apply(x, |y| y / (1.0 + (-y).exp()))
    }

    fn apply(&self, x: &FeatureMap, activation: impl Fn(f32) -> f32 + Sync) -> Result<FeatureMap> {
        let (channels, height, width) = x.shape()?;
        if channels != self.weight.len() {
            bail!("a norm of {} channels got {channels}", self.weight.len());
        }
        let n_places = height * width;
        let group_channels = channels / self.n_groups;
        let mut values = x.to_vec()?;
        values.par_chunks_mut(group_channels * n_places).enumerate().for_each(|(group, values)| {
            let n = values.len() as f64;
            let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
            let variance = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
            let (mean, scale) = (mean as f32, 1.0 / (variance as f32 + self.eps).sqrt());
            for (i, plane) in values.chunks_exact_mut(n_places).enumerate() {
                let channel = group * group_channels + i;
                let (weight, bias) = (self.weight[channel] * scale, self.bias[channel]);
                plane.iter_mut().for_each(|x| *x = activation((*x - mean) * weight + bias));
            }
        });
        FeatureMap::new(values, channels, height, width)
    }
}

/// Row by number of the nearest of `table`'s rows by squared distance for each place of the map, row by row; the first of
/// equals. `table` is `[n, channels]`.
pub fn nearest(x: &FeatureMap, table: &[f32]) -> Result<Vec<u32>> {
    let (channels, height, width) = x.shape()?;
    let n = table.len() / channels;
    let places = x.0.reshape((channels, height * width))?;
    let dots = Tensor::from_slice(table, (n, channels), &Device::Cpu)?.matmul(&places)?.t()?.contiguous()?;
    let norms: Vec<f32> = table.chunks_exact(channels).map(|row| row.iter().map(|x| x * x).sum()).collect();
    let distances = |dots: &[f32]| dots.iter().zip(&norms).map(|(dot, norm)| norm - 2.0 * dot).collect::<Vec<_>>();
    let dots: Vec<f32> = dots.flatten_all()?.to_vec1()?;
    let nearest = dots.par_chunks_exact(n).map(|dots| {
        let distances = distances(dots);
        (1..n).fold(0, |best, i| if distances[i] < distances[best] { i } else { best }) as u32
    });
    Ok(nearest.collect())
}
