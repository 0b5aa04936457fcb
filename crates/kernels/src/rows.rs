//! Operations on rows of `f32`: norms, rotary embeddings, activations, softmax, sums.
//!
//! Tensors are packed and row-major. A row's result depends on that row alone.

use crate::cpu::{Kernel, dispatch};
use crate::math;
use crate::pool::{Pool, Shards};
use crate::simd::{LANES, Simd};

/// Elements below which a second thread costs more than it brings.
const GRAIN: usize = 16 * 1024;

/// Runs the body for every sixteen of `width` columns, and for the rest: `i` is the first column, `n` how many there are.
///
/// A macro because a closure's body would not be compiled with the instructions of the function around it.
macro_rules! for_lanes {
    ($width:expr, |$i:ident, $n:ident| $body:block) => {
        let mut $i = 0;
        while $i + LANES <= $width {
            let $n = LANES;
            $body
            $i += LANES;
        }
        if $i < $width {
            let $n = $width - $i;
            $body
        }
    };
}

/// Where heads lie in a tensor: head `h` of row `t` is `x[t·stride + h·dim ..][..dim]`.
///
/// With `stride > heads·dim` the heads are a part of a wider row, such as the keys of a fused query-key-value row
/// (pass the tensor from the first key on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Number of rows (tokens).
    pub rows: usize,
    /// Elements from one row to the next.
    pub stride: usize,
    /// Heads of a row.
    pub heads: usize,
    /// Elements of a head.
    pub dim: usize,
}

impl Heads {
    /// Rows that hold nothing but these heads.
    pub fn packed(rows: usize, heads: usize, dim: usize) -> Heads {
        Heads { rows, stride: heads * dim, heads, dim }
    }

    /// Elements that a tensor of this layout has at least.
    pub(crate) fn min_len(&self) -> usize {
        match self.rows {
            0 => 0,
            rows => (rows - 1) * self.stride + self.heads * self.dim,
        }
    }
}

/// `x · rsqrt(mean(x²) + eps) · weight` for every row of `x`; rows are as wide as `weight`.
pub fn rms_norm(pool: &Pool, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    norm(pool, Norm::Rms, None, x, weight, None, eps, out);
}

/// `residual += x`, then `out = rms_norm(residual)`.
pub fn add_rms_norm(pool: &Pool, residual: &mut [f32], x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    norm(pool, Norm::Rms, Some(residual), x, weight, None, eps, out);
}

/// `(x - mean) · rsqrt(variance + eps) · weight + bias` for every row of `x`, with the biased variance.
pub fn layer_norm(pool: &Pool, x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    norm(pool, Norm::Layer, None, x, weight, bias, eps, out);
}

/// `residual += x`, then `out = layer_norm(residual)`.
pub fn add_layer_norm(pool: &Pool, residual: &mut [f32], x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    norm(pool, Norm::Layer, Some(residual), x, weight, bias, eps, out);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Norm {
    Rms,
    Layer,
}

#[expect(clippy::too_many_arguments, reason = "the union of four public functions")]
fn norm(pool: &Pool, kind: Norm, residual: Option<&mut [f32]>, x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    let width = weight.len();
    assert!(width > 0 && x.len().is_multiple_of(width), "x has whole rows");
    assert_eq!(x.len(), out.len());
    assert!(bias.is_none_or(|bias| bias.len() == width));
    assert!(residual.as_ref().is_none_or(|residual| residual.len() == x.len()));
    let rows = x.len() / width;
    let out = Shards::new(out);
    let residual = residual.map(Shards::new);
    pool.parallel_for(rows, (GRAIN / width).max(1), &|start, end| {
        for row in start..end {
            // SAFETY: every row is visited once, and its slices have `width` elements.
            unsafe {
                let x = x[row * width..][..width].as_ptr();
                let out = out.slice(row * width, width).as_mut_ptr();
                let sum = residual.as_ref().map(|r| r.slice(row * width, width).as_mut_ptr());
                dispatch(
                    pool.level(),
                    NormRow { kind, x, residual: sum, weight: weight.as_ptr(), bias: bias.map(<[f32]>::as_ptr), width, eps, out },
                );
            }
        }
    });
}

/// One row; `out` may be `x`.
struct NormRow {
    kind: Norm,
    x: *const f32,
    residual: Option<*mut f32>,
    weight: *const f32,
    bias: Option<*const f32>,
    width: usize,
    eps: f32,
    out: *mut f32,
}

impl Kernel for NormRow {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        unsafe {
            let NormRow { kind, mut x, residual, weight, bias, width, eps, out } = self;
            if let Some(residual) = residual {
                for_lanes!(width, |i, n| {
                    let sum = S::add(load::<S>(residual.add(i), n), load::<S>(x.add(i), n));
                    store::<S>(residual.add(i), n, sum);
                });
                x = residual;
            }
            let mut mean = 0.0;
            if kind == Norm::Layer {
                let mut sum = S::zero();
                for_lanes!(width, |i, n| { sum = S::add(sum, load::<S>(x.add(i), n)) });
                mean = S::reduce_add(sum) / width as f32;
            }
            let mut squares = S::zero();
            for_lanes!(width, |i, n| {
                let mut centred = load::<S>(x.add(i), n);
                if kind == Norm::Layer {
                    // Lanes past the row stay zero.
                    let all = S::sub(centred, S::splat(mean));
                    centred = if n == LANES { all } else { first::<S>(all, n) };
                }
                squares = S::fma(centred, centred, squares);
            });
            let scale = 1.0 / (S::reduce_add(squares) / width as f32 + eps).sqrt();
            for_lanes!(width, |i, n| {
                let mut y = load::<S>(x.add(i), n);
                if kind == Norm::Layer {
                    y = S::sub(y, S::splat(mean));
                }
                y = S::mul(y, S::splat(scale));
                let weight = load::<S>(weight.add(i), n);
                y = match bias {
                    Some(bias) => S::fma(y, weight, load::<S>(bias.add(i), n)),
                    None => S::mul(y, weight),
                };
                store::<S>(out.add(i), n, y);
            });
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

/// The first `n` lanes of `v`, zeros above.
#[inline(always)]
unsafe fn first<S: Simd>(v: S::V, n: usize) -> S::V {
    unsafe {
        let mut lanes = [0.0; LANES];
        S::store_first(lanes.as_mut_ptr(), n, v);
        S::load(lanes.as_ptr())
    }
}

/// [`rms_norm`] of every head, in place; heads are as wide as `weight` (query-key normalisation).
pub fn rms_norm_heads(pool: &Pool, x: &mut [f32], layout: Heads, weight: &[f32], eps: f32) {
    assert_eq!(weight.len(), layout.dim);
    for_heads(pool, x, layout, &|_, _, head| {
        // SAFETY: head and weight have `dim` elements.
        unsafe {
            dispatch(
                pool.level(),
                NormRow {
                    kind: Norm::Rms,
                    x: head.as_ptr(),
                    residual: None,
                    weight: weight.as_ptr(),
                    bias: None,
                    width: layout.dim,
                    eps,
                    out: head.as_mut_ptr(),
                },
            );
        }
    });
}

/// [`layer_norm`] of every head, in place; head `h` has the weights and biases `[h·dim..][..dim]`.
pub fn layer_norm_heads(pool: &Pool, x: &mut [f32], layout: Heads, weight: &[f32], bias: &[f32], eps: f32) {
    assert!(weight.len() == layout.heads * layout.dim && bias.len() == weight.len());
    for_heads(pool, x, layout, &|_, h, head| {
        let at = h * layout.dim;
        // SAFETY: head, weight and bias have `dim` elements from here.
        unsafe {
            dispatch(
                pool.level(),
                NormRow {
                    kind: Norm::Layer,
                    x: head.as_ptr(),
                    residual: None,
                    weight: weight[at..].as_ptr(),
                    bias: Some(bias[at..].as_ptr()),
                    width: layout.dim,
                    eps,
                    out: head.as_mut_ptr(),
                },
            );
        }
    });
}

/// Calls `f` with row, number and elements of every head.
fn for_heads(pool: &Pool, x: &mut [f32], layout: Heads, f: &(dyn Fn(usize, usize, &mut [f32]) + Sync)) {
    assert!(x.len() >= layout.min_len());
    let row_len = layout.heads * layout.dim;
    let x = Shards::new(x);
    pool.parallel_for(layout.rows, (GRAIN / row_len.max(1)).max(1), &|start, end| {
        for row in start..end {
            for h in 0..layout.heads {
                // SAFETY: heads do not overlap.
                let head = unsafe { x.slice(row * layout.stride + h * layout.dim, layout.dim) };
                f(row, h, head);
            }
        }
    });
}

/// Which elements of a head a rotary embedding turns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// `(i, i + r/2)`, "rotate half" or "neox".
    Halves,
    /// `(2i, 2i + 1)`, "interleaved" or "gptj".
    Interleaved,
}

/// Turns every head in place: pair `i` of row `t` by the angle whose cosine and sine are `cos[t, i]`, `sin[t, i]`
/// (`[rows, r/2]`). Only the first `r` elements of a head turn when it is wider.
pub fn rope(pool: &Pool, x: &mut [f32], layout: Heads, cos: &[f32], sin: &[f32], pairing: Pairing) {
    assert_eq!(cos.len(), sin.len());
    if layout.rows == 0 {
        return;
    }
    let pairs = cos.len() / layout.rows;
    assert_eq!(pairs * layout.rows, cos.len(), "one row of cosines for every row of x");
    assert!(2 * pairs <= layout.dim);
    for_heads(pool, x, layout, &|row, _, head| {
        let cos = &cos[row * pairs..][..pairs];
        let sin = &sin[row * pairs..][..pairs];
        match pairing {
            Pairing::Halves => {
                let x = head.as_mut_ptr();
                let (cos, sin) = (cos.as_ptr(), sin.as_ptr());
                // SAFETY: the head has at least 2·pairs elements.
                unsafe { dispatch(pool.level(), RopeHalves { x, cos, sin, pairs }) };
            }
            Pairing::Interleaved => {
                for ((pair, cos), sin) in head.chunks_exact_mut(2).zip(cos).zip(sin) {
                    let (a, b) = (pair[0], pair[1]);
                    pair[0] = a * cos - b * sin;
                    pair[1] = b * cos + a * sin;
                }
            }
        }
    });
}

struct RopeHalves {
    x: *mut f32,
    cos: *const f32,
    sin: *const f32,
    pairs: usize,
}

impl Kernel for RopeHalves {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let RopeHalves { x, cos, sin, pairs } = self;
        unsafe {
            for_lanes!(pairs, |i, n| {
                let (cos, sin) = (load::<S>(cos.add(i), n), load::<S>(sin.add(i), n));
                let (a, b) = (load::<S>(x.add(i), n), load::<S>(x.add(pairs + i), n));
                store::<S>(x.add(i), n, S::sub(S::mul(a, cos), S::mul(b, sin)));
                store::<S>(x.add(pairs + i), n, S::add(S::mul(b, cos), S::mul(a, sin)));
            });
        }
    }
}

/// `out[t] = silu(gate) ⊙ up` where `gate_up` is `[rows, 2·width]`, gate first, and `out` `[rows, width]`.
pub fn silu_mul(pool: &Pool, gate_up: &[f32], width: usize, out: &mut [f32]) {
    assert_eq!(gate_up.len(), 2 * out.len());
    assert!(width > 0 && out.len().is_multiple_of(width), "out has whole rows");
    let rows = out.len() / width;
    let out = Shards::new(out);
    pool.parallel_for(rows, (GRAIN / 4 / width).max(1), &|start, end| {
        for row in start..end {
            let gate = gate_up[2 * row * width..][..2 * width].as_ptr();
            // SAFETY: rows do not overlap.
            unsafe {
                let out = out.slice(row * width, width).as_mut_ptr();
                dispatch(pool.level(), SiluMul { gate, up: gate.add(width), width, out });
            }
        }
    });
}

struct SiluMul {
    gate: *const f32,
    up: *const f32,
    width: usize,
    out: *mut f32,
}

impl Kernel for SiluMul {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let SiluMul { gate, up, width, out } = self;
        unsafe {
            for_lanes!(width, |i, n| {
                let gate = math::silu::<S>(load::<S>(gate.add(i), n));
                store::<S>(out.add(i), n, S::mul(gate, load::<S>(up.add(i), n)));
            });
        }
    }
}

/// An activation applied to every element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU's tanh form (`gelu_pytorch_tanh`).
    GeluTanh,
    /// GELU with the error function (`gelu`).
    GeluErf,
}

/// Applies `activation` to every element of `x`, in place.
pub fn activate(pool: &Pool, activation: Activation, x: &mut [f32]) {
    let len = x.len();
    let x = Shards::new(x);
    pool.parallel_for(len, GRAIN / 4, &|start, end| {
        // SAFETY: pieces do not overlap.
        unsafe {
            let x = x.slice(start, end - start);
            let (x, len) = (x.as_mut_ptr(), x.len());
            dispatch(pool.level(), Activate { activation, x, len });
        }
    });
}

struct Activate {
    activation: Activation,
    x: *mut f32,
    len: usize,
}

impl Kernel for Activate {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Activate { activation, x, len } = self;
        unsafe {
            for_lanes!(len, |i, n| {
                let v = load::<S>(x.add(i), n);
                let y = match activation {
                    Activation::Silu => math::silu::<S>(v),
                    Activation::GeluTanh => math::gelu_tanh::<S>(v),
                    Activation::GeluErf => math::gelu_erf::<S>(v),
                };
                store::<S>(x.add(i), n, y);
            });
        }
    }
}

/// Softmax of every row of `x` (`width` elements each), in place. A row of nothing but -∞ becomes NaN.
pub fn softmax(pool: &Pool, x: &mut [f32], width: usize) {
    assert!(width > 0 && x.len().is_multiple_of(width), "x has whole rows");
    let rows = x.len() / width;
    let x = Shards::new(x);
    pool.parallel_for(rows, (GRAIN / 4 / width).max(1), &|start, end| {
        for row in start..end {
            // SAFETY: rows do not overlap.
            unsafe {
                let x = x.slice(row * width, width).as_mut_ptr();
                dispatch(pool.level(), Softmax { x, width });
            }
        }
    });
}

struct Softmax {
    x: *mut f32,
    width: usize,
}

impl Kernel for Softmax {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Softmax { x, width } = self;
        unsafe {
            let mut max = f32::NEG_INFINITY;
            let mut lanes = S::splat(f32::NEG_INFINITY);
            for_lanes!(width, |i, n| {
                if n == LANES {
                    lanes = S::max(lanes, S::load(x.add(i)));
                } else {
                    for j in i..width {
                        max = max.max(*x.add(j));
                    }
                }
            });
            max = max.max(S::reduce_max(lanes));
            let mut sum = S::zero();
            for_lanes!(width, |i, n| {
                let mut e = math::exp::<S>(S::sub(load::<S>(x.add(i), n), S::splat(max)));
                if n < LANES {
                    e = first::<S>(e, n);
                }
                sum = S::add(sum, e);
                store::<S>(x.add(i), n, e);
            });
            let sum = S::splat(S::reduce_add(sum));
            for_lanes!(width, |i, n| {
                store::<S>(x.add(i), n, S::div(load::<S>(x.add(i), n), sum));
            });
        }
    }
}

/// Index of the largest element; the lowest of equals. NaN never wins; 0 for an empty slice.
pub fn argmax(x: &[f32]) -> usize {
    // Lane-wise first, so that the compiler can use vectors: the maximum, then where it first stands.
    const WIDTH: usize = 16;
    let mut lanes = [f32::NEG_INFINITY; WIDTH];
    let mut chunks = x.chunks_exact(WIDTH);
    for chunk in &mut chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    let rest = chunks.remainder();
    let max = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    x.iter().position(|&x| x == max).unwrap_or(0)
}

/// `x += y`.
pub fn add(pool: &Pool, x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len());
    let len = x.len();
    let x = Shards::new(x);
    pool.parallel_for(len, 2 * GRAIN, &|start, end| {
        // SAFETY: pieces do not overlap.
        let x = unsafe { x.slice(start, end - start) };
        x.iter_mut().zip(&y[start..end]).for_each(|(x, y)| *x += y);
    });
}

/// `out = x`.
pub fn copy(pool: &Pool, out: &mut [f32], x: &[f32]) {
    assert_eq!(out.len(), x.len());
    let len = out.len();
    let out = Shards::new(out);
    pool.parallel_for(len, 2 * GRAIN, &|start, end| {
        // SAFETY: pieces do not overlap.
        unsafe { out.slice(start, end - start) }.copy_from_slice(&x[start..end]);
    });
}

/// Adds row `i` of `rows` to row `ids[i]` of `x`, in the order of `ids`; rows have `width` elements.
pub fn scatter_add_rows(x: &mut [f32], width: usize, ids: &[usize], rows: &[f32]) {
    assert_eq!(rows.len(), ids.len() * width);
    for (&id, row) in ids.iter().zip(rows.chunks_exact(width)) {
        let x = &mut x[id * width..][..width];
        x.iter_mut().zip(row).for_each(|(x, y)| *x += y);
    }
}
