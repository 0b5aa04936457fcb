//! Elementary functions on sixteen lanes, shared by softmax and the activations.

use crate::simd::Simd;

/// `eˣ`, at most 1 ulp off; 0 below -104 and infinite above 88.73, NaN for NaN.
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    unsafe {
        // NaN stays: `max` and `min` return their second argument for it.
        let x = S::min(S::splat(90.0), S::max(S::splat(-105.0), x));
        // x = n·ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts (Cody and Waite).
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        let r = S::fma(n, S::splat(-0.693_145_75), x);
        let r = S::fma(n, S::splat(-1.428_606_8e-6), r);
        let mut p = S::splat(1.0 / 5040.0);
        p = S::fma(p, r, S::splat(1.0 / 720.0));
        p = S::fma(p, r, S::splat(1.0 / 120.0));
        p = S::fma(p, r, S::splat(1.0 / 24.0));
        p = S::fma(p, r, S::splat(1.0 / 6.0));
        p = S::fma(p, r, S::splat(0.5));
        p = S::fma(p, r, S::splat(1.0));
        p = S::fma(p, r, S::splat(1.0));
        S::scale2(p, n)
    }
}

/// `x · sigmoid(t)`.
#[inline(always)]
unsafe fn gated<S: Simd>(x: S::V, t: S::V) -> S::V {
    unsafe {
        let e = exp::<S>(S::sub(S::zero(), t));
        S::div(x, S::add(S::splat(1.0), e))
    }
}

/// `x · sigmoid(x)`.
#[inline(always)]
pub(crate) unsafe fn silu<S: Simd>(x: S::V) -> S::V {
    unsafe { gated::<S>(x, x) }
}

/// GELU's tanh form, `½x(1 + tanh u) = x·sigmoid(2u)` with `u = √(2/π)(x + 0.044715x³)`.
#[inline(always)]
pub(crate) unsafe fn gelu_tanh<S: Simd>(x: S::V) -> S::V {
    unsafe {
        const TWO_SQRT_2_OVER_PI: f32 = 1.595_769;
        let square = S::mul(x, x);
        let inner = S::fma(square, S::splat(TWO_SQRT_2_OVER_PI * 0.044_715), S::splat(TWO_SQRT_2_OVER_PI));
        gated::<S>(x, S::mul(x, inner))
    }
}

/// GELU, `½x(1 + erf(x/√2))`.
#[inline(always)]
pub(crate) unsafe fn gelu_erf<S: Simd>(x: S::V) -> S::V {
    unsafe {
        let e = erf::<S>(S::mul(x, S::splat(std::f32::consts::FRAC_1_SQRT_2)));
        let half = S::mul(x, S::splat(0.5));
        S::fma(half, e, half)
    }
}

/// The error function within 2 ulp: an odd polynomial near zero, `1 - exp(polynomial)` further out.
#[inline(always)]
pub(crate) unsafe fn erf<S: Simd>(x: S::V) -> S::V {
    unsafe {
        let t = S::abs(x);
        let s = S::mul(x, x);

        let mut far = S::fma(S::splat(-1.728_534_7e-5), t, S::splat(3.831_972_6e-4));
        let mid = S::fma(S::splat(-3.883_964_4e-3), t, S::splat(2.425_462_2e-2));
        far = S::fma(far, s, mid);
        far = S::fma(far, t, S::splat(-1.067_778_8e-1));
        far = S::fma(far, t, S::splat(-6.348_467e-1));
        far = S::fma(far, t, S::splat(-1.287_175_1e-1));
        far = S::sub(S::mul(far, t), t);
        far = S::sub(S::splat(1.0), exp::<S>(far));
        far = S::copysign(far, x);

        let mut near = S::splat(-5.967_617e-4);
        near = S::fma(near, s, S::splat(4.991_194_2e-3));
        near = S::fma(near, s, S::splat(-2.676_813_5e-2));
        near = S::fma(near, s, S::splat(1.128_199_2e-1));
        near = S::fma(near, s, S::splat(-3.761_253_4e-1));
        near = S::fma(near, s, S::splat(1.283_791_7e-1));
        near = S::fma(near, x, x);

        S::select_gt(t, S::splat(0.927_734_4), far, near)
    }
}
