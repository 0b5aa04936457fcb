//! Feature maps, and what convolutional towers do with them: convolutions, group norms, attention between all places.
//!
//! In f32 and on the CPU whatever runs the decoder, by candle: a picture's codes decide which tokens a model reads, and a
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

/// A convolution with a square kernel. Stride 1 keeps the size; stride 2 halves it, padded on the right and below only.
pub struct Conv2d {
    weight: Tensor,
    /// `[1, out, 1, 1]`
    bias: Tensor,
    kernel: usize,
    stride: usize,
}

impl Conv2d {
    /// `weight` is `[n_out, n_in, kernel, kernel]`.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, n_out: usize, n_in: usize, kernel: usize, stride: usize) -> Result<Self> {
        Ok(Self {
            weight: Tensor::from_vec(weight, (n_out, n_in, kernel, kernel), &Device::Cpu)?,
            bias: Tensor::from_vec(bias, (1, n_out, 1, 1), &Device::Cpu)?,
            kernel,
            stride,
        })
    }

    pub fn forward(&self, x: &FeatureMap) -> Result<FeatureMap> {
        let y = if self.stride == 1 {
            x.0.conv2d(&self.weight, self.kernel / 2, 1, 1, 1)?
        } else {
            let padded = x.0.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
            padded.conv2d(&self.weight, 0, self.stride, 1, 1)?
        };
        Ok(FeatureMap(y.broadcast_add(&self.bias)?))
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
