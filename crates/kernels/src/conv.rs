//! Feature maps and what convolutional towers do with them: convolutions, group norms, attention between all places.
//!
//! Maps lie place by place, so that what a kernel sees of one line is one run of numbers: a 3×3 convolution is three
//! matrix products for each line, over rows that overlap, without copies of what is seen. Lines of a map that is convolved
//! lie inside a border of zeros; what is computed in front of a convolution is written there.

use crate::Pool;
use crate::attention::{self, View};
use crate::cpu::{Kernel, dispatch};
use crate::dense::{Matrix, Strided};
use crate::math;
use crate::memory::for_overwrite;
use crate::pool::Shards;
use crate::rows::{self, Heads};
use crate::simd::{LANES, Simd};

/// One picture's values, `[height, width, channels]`.
#[derive(Clone, Debug)]
pub struct FeatureMap {
    values: Vec<f32>,
    height: usize,
    width: usize,
    channels: usize,
}

impl FeatureMap {
    /// From values place by place.
    pub fn new(values: Vec<f32>, height: usize, width: usize, channels: usize) -> Self {
        assert!(values.len() == height * width * channels && !values.is_empty(), "a value for each channel of each place");
        Self { values, height, width, channels }
    }

    /// From values channel by channel, `[channels, height, width]`.
    pub fn from_planes(planes: &[f32], channels: usize, height: usize, width: usize) -> Self {
        Self::new(transposed(planes, channels, height * width), height, width, channels)
    }

    /// Values channel by channel.
    pub fn planes(&self) -> Vec<f32> {
        transposed(&self.values, self.n_places(), self.channels)
    }

    /// Values place by place.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    fn n_places(&self) -> usize {
        self.height * self.width
    }

    /// `self += other`.
    pub fn add(&mut self, pool: &Pool, other: &Self) {
        rows::add(pool, &mut self.values, &other.values);
    }

    /// Inside a border of zeros.
    pub fn bordered(&self, pool: &Pool) -> Bordered {
        let line = self.width * self.channels;
        Bordered::fill(pool, self.height, self.width, self.channels, &|y, to| to.copy_from_slice(&self.values[y * line..][..line]))
    }

    /// Every place twice in both directions, inside a border of zeros.
    pub fn upsampled(&self, pool: &Pool) -> Bordered {
        let (line, channels) = (self.width * self.channels, self.channels);
        Bordered::fill(pool, 2 * self.height, 2 * self.width, channels, &|y, to| {
            let from = &self.values[y / 2 * line..][..line];
            for (place, to) in from.chunks_exact(channels).zip(to.chunks_exact_mut(2 * channels)) {
                to[..channels].copy_from_slice(place);
                to[channels..].copy_from_slice(place);
            }
        })
    }

    /// One head of attention from every place to all: `softmax(q·k / √channels) · v`. The number of channels is a multiple
    /// of four.
    pub fn attend(pool: &Pool, q: &Self, k: &Self, v: &Self) -> Self {
        let (n, channels) = (q.n_places(), q.channels);
        let view = |map: &'_ Self| Heads::packed(map.n_places(), 1, map.channels);
        let mut out = for_overwrite(n * channels);
        let [q_rows, k_rows, v_rows] = [q, k, v].map(|map| View::new(&map.values, view(map)));
        let scale = (channels as f32).powf(-0.5);
        attention::varlen(pool, q_rows, k_rows, v_rows, &[0, n as u32], false, scale, &mut out);
        Self::new(out, q.height, q.width, channels)
    }
}

/// `[rows, columns]` → `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    assert_eq!(values.len(), rows * columns);
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

/// A map inside a border of zeros, one place wide: `[height + 2, width + 2, channels]`.
pub struct Bordered {
    values: Vec<f32>,
    height: usize,
    width: usize,
    channels: usize,
}

impl Bordered {
    /// `fill(y, line)` writes the `width · channels` numbers of a line.
    fn fill(pool: &Pool, height: usize, width: usize, channels: usize, fill: &(dyn Fn(usize, &mut [f32]) + Sync)) -> Self {
        let line = (width + 2) * channels;
        let mut values = for_overwrite((height + 2) * line);
        values[..line].fill(0.0);
        values[(height + 1) * line..].fill(0.0);
        let shards = Shards::new(&mut values);
        pool.parallel_for(height, 1, &|start, end| {
            for y in start..end {
                // SAFETY: lines do not overlap.
                let line = unsafe { shards.slice((y + 1) * line, line) };
                line[..channels].fill(0.0);
                line[(width + 1) * channels..].fill(0.0);
                fill(y, &mut line[channels..(width + 1) * channels]);
            }
        });
        Self { values, height, width, channels }
    }
}

/// A convolution with a kernel of 3×3. Stride 1 keeps the size; stride 2 halves it, and looks past the end on the right and
/// below only.
pub struct Conv3 {
    /// `[n_out, (dy, dx, n_in)]`
    weight: Matrix,
    bias: Vec<f32>,
    n_in: usize,
    stride: usize,
}

/// Places that a task computes at least.
const TASK_PLACES: usize = 512;

impl Conv3 {
    /// `weight` is `[n_out, n_in, 3, 3]`, `bias` `[n_out]`; `stride` 1 or 2.
    pub fn new(weight: &[f32], bias: Vec<f32>, n_in: usize, stride: usize) -> Self {
        assert!(weight.len() == bias.len() * n_in * 9 && (1..=2).contains(&stride));
        let n_out = bias.len();
        let by_tap: Vec<f32> = weight.chunks_exact(n_in * 9).flat_map(|kernel| transposed(kernel, n_in, 9)).collect();
        Self { weight: Matrix::from_f32(&by_tap, n_out, 9 * n_in), bias, n_in, stride }
    }

    pub fn forward(&self, pool: &Pool, x: &Bordered) -> FeatureMap {
        let (height, width) = (x.height / self.stride, x.width / self.stride);
        let mut out = for_overwrite(height * width * self.bias.len());
        self.run(pool, x, &mut out, false);
        FeatureMap::new(out, height, width, self.bias.len())
    }

    /// `out += ` the convolution.
    pub fn add(&self, pool: &Pool, x: &Bordered, out: &mut FeatureMap) {
        assert_eq!((out.height, out.width, out.channels), (x.height / self.stride, x.width / self.stride, self.bias.len()));
        self.run(pool, x, &mut out.values, true);
    }

    fn run(&self, pool: &Pool, x: &Bordered, out: &mut [f32], onto: bool) {
        assert_eq!(x.channels, self.n_in);
        let (height, width) = (x.height / self.stride, x.width / self.stride);
        let (n_out, line, seen) = (self.bias.len(), (x.width + 2) * self.n_in, 3 * self.n_in);
        // With stride 1 the place in the middle is the place itself, with stride 2 the first one is.
        let first = self.stride - 1;
        let n_panels = Strided::n_panels(&self.weight);
        let band = TASK_PLACES.div_ceil(width).min(height);
        let out = Shards::new(out);
        pool.run(n_panels * height.div_ceil(band), &|task| {
            let (panel, top) = (task % n_panels, task / n_panels * band);
            for y in top..(top + band).min(height) {
                for dy in 0..3 {
                    let rows = &x.values[(y * self.stride + dy + first) * line + first * self.n_in..];
                    debug_assert!(rows.len() >= (width - 1) * self.stride * self.n_in + seen);
                    let product = Strided {
                        matrix: &self.weight,
                        panel,
                        part: (dy * seen, (dy + 1) * seen),
                        x: rows.as_ptr(),
                        x_stride: self.stride * self.n_in,
                        m: width,
                        bias: &self.bias,
                        // SAFETY: the line is in `out`.
                        out: unsafe { out.as_ptr().add(y * width * n_out) },
                        onto: onto || dy > 0,
                    };
                    // SAFETY: the last row ends inside the border; tasks write other lines or columns.
                    unsafe { product.run(pool.level()) };
                }
            }
        });
    }
}

/// A convolution with a kernel of 1×1: a linear layer at every place.
pub struct Conv1 {
    weight: Matrix,
    bias: Vec<f32>,
}

impl Conv1 {
    /// `weight` is `[n_out, n_in]`, `bias` `[n_out]`.
    pub fn new(weight: &[f32], bias: Vec<f32>, n_in: usize) -> Self {
        Self { weight: Matrix::from_f32(weight, bias.len(), n_in), bias }
    }

    pub fn forward(&self, pool: &Pool, x: &FeatureMap) -> FeatureMap {
        let mut out = for_overwrite(x.n_places() * self.bias.len());
        self.weight.matmul(pool, &x.values, Some(&self.bias), &mut out);
        FeatureMap::new(out, x.height, x.width, self.bias.len())
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
    /// `weight` and `bias` have a number for each channel, whose number is a multiple of `n_groups`.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, n_groups: usize, eps: f32) -> Self {
        assert!(weight.len() == bias.len() && !weight.is_empty() && weight.len().is_multiple_of(n_groups));
        Self { weight, bias, n_groups, eps }
    }

    pub fn forward(&self, pool: &Pool, x: &FeatureMap) -> FeatureMap {
        let (factors, line) = (self.factors(pool, x), x.width * x.channels);
        let mut out = for_overwrite(x.values.len());
        let shards = Shards::new(&mut out);
        pool.parallel_for(x.height, 1, &|start, end| {
            for y in start..end {
                // SAFETY: lines do not overlap.
                factors.apply(pool, &x.values[y * line..][..line], unsafe { shards.slice(y * line, line) }, false);
            }
        });
        FeatureMap::new(out, x.height, x.width, x.channels)
    }

    /// With `y · sigmoid(y)` behind it, for a convolution.
    pub fn forward_silu(&self, pool: &Pool, x: &FeatureMap) -> Bordered {
        let (factors, line) = (self.factors(pool, x), x.width * x.channels);
        Bordered::fill(pool, x.height, x.width, x.channels, &|y, to| factors.apply(pool, &x.values[y * line..][..line], to, true))
    }

    fn factors(&self, pool: &Pool, x: &FeatureMap) -> Factors {
        let channels = self.weight.len();
        assert_eq!(x.channels, channels);
        // Of each line: sums of every channel, then squares of what its values are from the line's mean.
        let mut of_lines = for_overwrite(x.height * 2 * channels);
        let shards = Shards::new(&mut of_lines);
        pool.parallel_for(x.height, 1, &|start, end| {
            for y in start..end {
                // SAFETY: each line has its own; slices are as long as the kernel says.
                unsafe {
                    let sums = shards.slice(y * 2 * channels, 2 * channels).as_mut_ptr();
                    dispatch(
                        pool.level(),
                        Moments {
                            x: x.values[y * x.width * channels..].as_ptr(),
                            places: x.width,
                            channels,
                            sums,
                            squares: sums.add(channels),
                        },
                    );
                }
            }
        });
        let mut factors = Factors { scale: vec![0.0; channels], shift: vec![0.0; channels] };
        let of_group = channels / self.n_groups;
        for group in 0..self.n_groups {
            let members = group * of_group..(group + 1) * of_group;
            let each = || of_lines.chunks_exact(2 * channels).flat_map(|line| members.clone().map(move |c| (line[c], line[channels + c])));
            let n = (of_group * x.n_places()) as f64;
            let mean = each().map(|(sum, _)| f64::from(sum)).sum::<f64>() / n;
            let width = x.width as f64;
            let apart = |(sum, squares): (f32, f32)| f64::from(squares) + width * (f64::from(sum) / width - mean).powi(2);
            let squares = each().map(apart).sum::<f64>();
            let scale = 1.0 / (squares / n + f64::from(self.eps)).sqrt();
            for c in members.clone() {
                factors.scale[c] = (f64::from(self.weight[c]) * scale) as f32;
                factors.shift[c] = (f64::from(self.bias[c]) - mean * f64::from(self.weight[c]) * scale) as f32;
            }
        }
        factors
    }
}

/// What a norm comes to for each channel: `x · scale + shift`.
struct Factors {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Factors {
    fn apply(&self, pool: &Pool, from: &[f32], to: &mut [f32], silu: bool) {
        let channels = self.scale.len();
        assert_eq!(from.len(), to.len());
        let places = from.len() / channels;
        let (x, out, scale, shift) = (from.as_ptr(), to.as_mut_ptr(), self.scale.as_ptr(), self.shift.as_ptr());
        // SAFETY: the slices have this many places of this many channels.
        unsafe { dispatch(pool.level(), Scaled { x, out, scale, shift, places, channels, silu }) };
    }
}

/// Sums of every channel over a line, and of the squares of what values are from the line's mean.
struct Moments {
    x: *const f32,
    places: usize,
    channels: usize,
    sums: *mut f32,
    squares: *mut f32,
}

impl Kernel for Moments {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        unsafe {
            let mut channel = 0;
            while channel < self.channels {
                if channel + 4 * LANES <= self.channels {
                    self.block::<S, 4>(channel);
                    channel += 4 * LANES;
                } else {
                    self.block::<S, 1>(channel);
                    channel += LANES;
                }
            }
        }
    }
}

impl Moments {
    #[inline(always)]
    unsafe fn block<S: Simd, const N: usize>(&self, channel: usize) {
        unsafe {
            let x = |place: usize, i: usize| load::<S>(self.x.add(place * self.channels + channel + i * LANES), self.lanes(channel, i));
            let mut sums = [S::zero(); N];
            for place in 0..self.places {
                for i in 0..N {
                    sums[i] = S::add(sums[i], x(place, i));
                }
            }
            let by_places = S::splat(1.0 / self.places as f32);
            let mut means = [S::zero(); N];
            for i in 0..N {
                means[i] = S::mul(sums[i], by_places);
            }
            let mut squares = [S::zero(); N];
            for place in 0..self.places {
                for i in 0..N {
                    let apart = S::sub(x(place, i), means[i]);
                    squares[i] = S::fma(apart, apart, squares[i]);
                }
            }
            for i in 0..N {
                store::<S>(self.sums.add(channel + i * LANES), self.lanes(channel, i), sums[i]);
                store::<S>(self.squares.add(channel + i * LANES), self.lanes(channel, i), squares[i]);
            }
        }
    }

    #[inline(always)]
    fn lanes(&self, channel: usize, i: usize) -> usize {
        (self.channels - channel - i * LANES).min(LANES)
    }
}

/// `x · scale + shift` of every channel, with `y · sigmoid(y)` behind it if asked.
struct Scaled {
    x: *const f32,
    out: *mut f32,
    scale: *const f32,
    shift: *const f32,
    places: usize,
    channels: usize,
    silu: bool,
}

impl Kernel for Scaled {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        unsafe {
            for place in 0..self.places {
                let (x, out) = (self.x.add(place * self.channels), self.out.add(place * self.channels));
                let mut channel = 0;
                while channel < self.channels {
                    let n = (self.channels - channel).min(LANES);
                    let (scale, shift) = (load::<S>(self.scale.add(channel), n), load::<S>(self.shift.add(channel), n));
                    let y = S::fma(load::<S>(x.add(channel), n), scale, shift);
                    store::<S>(out.add(channel), n, if self.silu { math::silu::<S>(y) } else { y });
                    channel += LANES;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn load<S: Simd>(p: *const f32, n: usize) -> S::V {
    unsafe { if n == LANES { S::load(p) } else { S::load_first(p, n) } }
}

#[inline(always)]
unsafe fn store<S: Simd>(p: *mut f32, n: usize, v: S::V) {
    unsafe { if n == LANES { S::store(p, v) } else { S::store_first(p, n, v) } }
}

/// Rows that places are compared with, `[n, channels]`.
pub struct Codebook {
    rows: Matrix,
    norms: Vec<f32>,
}

/// Places that are compared at a time.
const COMPARED: usize = 256;

impl Codebook {
    pub fn new(rows: &[f32], channels: usize) -> Self {
        let norms: Vec<f32> = rows.chunks_exact(channels).map(|row| row.iter().map(|x| x * x).sum()).collect();
        Self { rows: Matrix::from_f32(rows, norms.len(), channels), norms }
    }

    /// Number of the nearest row by squared distance for each place, line by line; the first of equals.
    pub fn nearest(&self, pool: &Pool, x: &FeatureMap) -> Vec<u32> {
        let n = self.norms.len();
        let mut all = Vec::with_capacity(x.n_places());
        for places in x.values.chunks(COMPARED * x.channels) {
            let mut dots = for_overwrite(places.len() / x.channels * n);
            self.rows.matmul(pool, places, None, &mut dots);
            all.extend(dots.chunks_exact(n).map(|dots| {
                let distance = |i: usize| self.norms[i] - 2.0 * dots[i];
                (1..n).fold((0, distance(0)), |best, i| if distance(i) < best.1 { (i, distance(i)) } else { best }).0 as u32
            }));
        }
        all
    }
}
