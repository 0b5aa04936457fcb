//! Sixteen `f32` lanes on every machine: one AVX-512 register, two AVX2 registers, or an array.
//!
//! Every kernel thinks in sixteen lanes, uses fused multiply-adds and reduces by the same tree, so a result has the
//! same bits on every [`Level`](crate::Level). All methods are unsafe for two reasons only: the instructions must
//! exist, and pointers must be valid for the lanes that are touched (no alignment is asked for).

use half::{bf16, f16};

/// Lanes of a vector.
pub(crate) const LANES: usize = 16;

pub(crate) trait Simd: Copy {
    type V: Copy;
    /// Logical vectors that fit the register file; kernels size their tiles by it.
    const REGISTERS: usize;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    /// The first `n < 16` lanes, zeros above.
    unsafe fn load_first(p: *const f32, n: usize) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    unsafe fn store_first(p: *mut f32, n: usize, v: Self::V);
    unsafe fn load_f16(p: *const f16) -> Self::V;
    unsafe fn load_bf16(p: *const bf16) -> Self::V;

    /// Integer-valued lanes in -128..=127 as bytes.
    unsafe fn store_i8(p: *mut i8, v: Self::V);

    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `if a > b { a } else { b }`, so `b` when either is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `if a < b { a } else { b }`, so `b` when either is NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn abs(a: Self::V) -> Self::V;
    /// To the nearest integer, ties to even.
    unsafe fn round(a: Self::V) -> Self::V;
    /// `a · 2ⁿ`, rounded once, for `a` of order one and an integer-valued `n` in -200..=200.
    unsafe fn scale2(a: Self::V, n: Self::V) -> Self::V;
    /// `|magnitude|` with the sign of `sign`.
    unsafe fn copysign(magnitude: Self::V, sign: Self::V) -> Self::V;
    /// Lane by lane `if a > b { yes } else { no }`.
    unsafe fn select_gt(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// Halves onto each other: lane i += lane i+8, then 4, 2, 1.
    unsafe fn reduce_add(a: Self::V) -> f32;
    unsafe fn reduce_max(a: Self::V) -> f32;
    /// Rows become columns.
    unsafe fn transpose(rows: [Self::V; 16]) -> [Self::V; 16];

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        unsafe { Self::splat(0.0) }
    }
}

/// Arrays of sixteen: the portable level.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

#[inline(always)]
fn map2(a: [f32; 16], b: [f32; 16], f: impl Fn(f32, f32) -> f32) -> [f32; 16] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Scalar {
    type V = [f32; 16];
    const REGISTERS: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 16]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::V {
        unsafe { p.cast::<[f32; 16]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self::V {
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::V) {
        unsafe { p.cast::<[f32; 16]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f32, n: usize, v: Self::V) {
        for (i, x) in v.into_iter().enumerate().take(n) {
            unsafe { *p.add(i) = x };
        }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const f16) -> Self::V {
        std::array::from_fn(|i| unsafe { *p.add(i) }.to_f32())
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> Self::V {
        std::array::from_fn(|i| unsafe { *p.add(i) }.to_f32())
    }
    #[inline(always)]
    unsafe fn store_i8(p: *mut i8, v: Self::V) {
        unsafe { p.cast::<[i8; 16]>().write_unaligned(v.map(|x| x as i8)) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        map2(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn abs(a: Self::V) -> Self::V {
        a.map(f32::abs)
    }
    #[inline(always)]
    unsafe fn round(a: Self::V) -> Self::V {
        a.map(f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn scale2(a: Self::V, n: Self::V) -> Self::V {
        map2(a, n, |a, n| {
            let n = n as i32;
            let half = n >> 1;
            let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
            a * power(half) * power(n - half)
        })
    }
    #[inline(always)]
    unsafe fn copysign(magnitude: Self::V, sign: Self::V) -> Self::V {
        map2(magnitude, sign, f32::copysign)
    }
    #[inline(always)]
    unsafe fn select_gt(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] > b[i] { yes[i] } else { no[i] })
    }
    #[inline(always)]
    unsafe fn reduce_add(mut a: Self::V) -> f32 {
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                a[i] += a[i + half];
            }
        }
        a[0]
    }
    #[inline(always)]
    unsafe fn reduce_max(mut a: Self::V) -> f32 {
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                a[i] = if a[i] > a[i + half] { a[i] } else { a[i + half] };
            }
        }
        a[0]
    }
    #[inline(always)]
    unsafe fn transpose(rows: [Self::V; 16]) -> [Self::V; 16] {
        std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use half::{bf16, f16};

    use super::Simd;

    /// Two 256-bit registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    /// Lanes below `n`, as a mask for `maskload` and `maskstore`.
    #[inline(always)]
    unsafe fn first(n: usize) -> __m256i {
        unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
    }

    #[inline(always)]
    unsafe fn power2(n: __m256i) -> __m256 {
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127)))) }
    }

    #[inline(always)]
    unsafe fn scale2_half(a: __m256, n: __m256) -> __m256 {
        unsafe {
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            let rest = _mm256_sub_epi32(n, half);
            _mm256_mul_ps(_mm256_mul_ps(a, power2(half)), power2(rest))
        }
    }

    #[inline(always)]
    unsafe fn transpose8(r: [__m256; 8]) -> [__m256; 8] {
        unsafe {
            let t0 = _mm256_unpacklo_ps(r[0], r[1]);
            let t1 = _mm256_unpackhi_ps(r[0], r[1]);
            let t2 = _mm256_unpacklo_ps(r[2], r[3]);
            let t3 = _mm256_unpackhi_ps(r[2], r[3]);
            let t4 = _mm256_unpacklo_ps(r[4], r[5]);
            let t5 = _mm256_unpackhi_ps(r[4], r[5]);
            let t6 = _mm256_unpacklo_ps(r[6], r[7]);
            let t7 = _mm256_unpackhi_ps(r[6], r[7]);
            let s0 = _mm256_shuffle_ps::<0x44>(t0, t2);
            let s1 = _mm256_shuffle_ps::<0xee>(t0, t2);
            let s2 = _mm256_shuffle_ps::<0x44>(t1, t3);
            let s3 = _mm256_shuffle_ps::<0xee>(t1, t3);
            let s4 = _mm256_shuffle_ps::<0x44>(t4, t6);
            let s5 = _mm256_shuffle_ps::<0xee>(t4, t6);
            let s6 = _mm256_shuffle_ps::<0x44>(t5, t7);
            let s7 = _mm256_shuffle_ps::<0xee>(t5, t7);
            [
                _mm256_permute2f128_ps::<0x20>(s0, s4),
                _mm256_permute2f128_ps::<0x20>(s1, s5),
                _mm256_permute2f128_ps::<0x20>(s2, s6),
                _mm256_permute2f128_ps::<0x20>(s3, s7),
                _mm256_permute2f128_ps::<0x31>(s0, s4),
                _mm256_permute2f128_ps::<0x31>(s1, s5),
                _mm256_permute2f128_ps::<0x31>(s2, s6),
                _mm256_permute2f128_ps::<0x31>(s3, s7),
            ]
        }
    }

    macro_rules! both {
        ($a:expr, $f:path) => {
            [unsafe { $f($a[0]) }, unsafe { $f($a[1]) }]
        };
        ($a:expr, $b:expr, $f:path) => {
            [unsafe { $f($a[0], $b[0]) }, unsafe { $f($a[1], $b[1]) }]
        };
    }

    impl Simd for Avx2 {
        type V = [__m256; 2];
        const REGISTERS: usize = 8;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            [unsafe { _mm256_set1_ps(x) }; 2]
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            unsafe { [_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))] }
        }
        #[inline(always)]
        unsafe fn load_first(p: *const f32, n: usize) -> Self::V {
            unsafe {
                if n >= 8 {
                    [_mm256_loadu_ps(p), _mm256_maskload_ps(p.add(8), first(n - 8))]
                } else {
                    [_mm256_maskload_ps(p, first(n)), _mm256_setzero_ps()]
                }
            }
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            unsafe {
                _mm256_storeu_ps(p, v[0]);
                _mm256_storeu_ps(p.add(8), v[1]);
            }
        }
        #[inline(always)]
        unsafe fn store_first(p: *mut f32, n: usize, v: Self::V) {
            unsafe {
                if n >= 8 {
                    _mm256_storeu_ps(p, v[0]);
                    _mm256_maskstore_ps(p.add(8), first(n - 8), v[1]);
                } else {
                    _mm256_maskstore_ps(p, first(n), v[0]);
                }
            }
        }
        #[inline(always)]
        unsafe fn load_f16(p: *const f16) -> Self::V {
            unsafe {
                let p = p.cast::<__m128i>();
                [_mm256_cvtph_ps(_mm_loadu_si128(p)), _mm256_cvtph_ps(_mm_loadu_si128(p.add(1)))]
            }
        }
        #[inline(always)]
        unsafe fn load_bf16(p: *const bf16) -> Self::V {
            unsafe {
                let p = p.cast::<__m128i>();
                let lo = _mm256_cvtepu16_epi32(_mm_loadu_si128(p));
                let hi = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.add(1)));
                [_mm256_castsi256_ps(_mm256_slli_epi32::<16>(lo)), _mm256_castsi256_ps(_mm256_slli_epi32::<16>(hi))]
            }
        }
        #[inline(always)]
        unsafe fn store_i8(p: *mut i8, v: Self::V) {
            unsafe {
                let (a, b) = (_mm256_cvtps_epi32(v[0]), _mm256_cvtps_epi32(v[1]));
                let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(a, b));
                let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                _mm_storeu_si128(p.cast(), bytes);
            }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            both!(a, b, _mm256_add_ps)
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            both!(a, b, _mm256_sub_ps)
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            both!(a, b, _mm256_mul_ps)
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            both!(a, b, _mm256_div_ps)
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            both!(a, b, _mm256_max_ps)
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            both!(a, b, _mm256_min_ps)
        }
        #[inline(always)]
        unsafe fn abs(a: Self::V) -> Self::V {
            let sign = [unsafe { _mm256_set1_ps(-0.0) }; 2];
            both!(sign, a, _mm256_andnot_ps)
        }
        #[inline(always)]
        unsafe fn round(a: Self::V) -> Self::V {
            both!(a, _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>)
        }
        #[inline(always)]
        unsafe fn scale2(a: Self::V, n: Self::V) -> Self::V {
            unsafe { [scale2_half(a[0], n[0]), scale2_half(a[1], n[1])] }
        }
        #[inline(always)]
        unsafe fn copysign(magnitude: Self::V, sign: Self::V) -> Self::V {
            let bit = [unsafe { _mm256_set1_ps(-0.0) }; 2];
            let sign = both!(bit, sign, _mm256_and_ps);
            let magnitude = both!(bit, magnitude, _mm256_andnot_ps);
            both!(sign, magnitude, _mm256_or_ps)
        }
        #[inline(always)]
        unsafe fn select_gt(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
            let gt = both!(a, b, _mm256_cmp_ps::<_CMP_GT_OQ>);
            unsafe { [_mm256_blendv_ps(no[0], yes[0], gt[0]), _mm256_blendv_ps(no[1], yes[1], gt[1])] }
        }
        #[inline(always)]
        unsafe fn reduce_add(a: Self::V) -> f32 {
            unsafe {
                let eight = _mm256_add_ps(a[0], a[1]);
                let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
            }
        }
        #[inline(always)]
        unsafe fn reduce_max(a: Self::V) -> f32 {
            unsafe {
                let eight = _mm256_max_ps(a[0], a[1]);
                let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
                let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
            }
        }
        #[inline(always)]
        unsafe fn transpose(r: [Self::V; 16]) -> [Self::V; 16] {
            unsafe {
                let a = transpose8([r[0][0], r[1][0], r[2][0], r[3][0], r[4][0], r[5][0], r[6][0], r[7][0]]);
                let b = transpose8([r[8][0], r[9][0], r[10][0], r[11][0], r[12][0], r[13][0], r[14][0], r[15][0]]);
                let c = transpose8([r[0][1], r[1][1], r[2][1], r[3][1], r[4][1], r[5][1], r[6][1], r[7][1]]);
                let d = transpose8([r[8][1], r[9][1], r[10][1], r[11][1], r[12][1], r[13][1], r[14][1], r[15][1]]);
                [
                    [a[0], b[0]],
                    [a[1], b[1]],
                    [a[2], b[2]],
                    [a[3], b[3]],
                    [a[4], b[4]],
                    [a[5], b[5]],
                    [a[6], b[6]],
                    [a[7], b[7]],
                    [c[0], d[0]],
                    [c[1], d[1]],
                    [c[2], d[2]],
                    [c[3], d[3]],
                    [c[4], d[4]],
                    [c[5], d[5]],
                    [c[6], d[6]],
                    [c[7], d[7]],
                ]
            }
        }
    }

    /// One 512-bit register.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    #[inline(always)]
    fn below(n: usize) -> __mmask16 {
        ((1u32 << n) - 1) as __mmask16
    }

    impl Simd for Avx512 {
        type V = __m512;
        const REGISTERS: usize = 32;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            unsafe { _mm512_loadu_ps(p) }
        }
        #[inline(always)]
        unsafe fn load_first(p: *const f32, n: usize) -> Self::V {
            unsafe { _mm512_maskz_loadu_ps(below(n), p) }
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            unsafe { _mm512_storeu_ps(p, v) }
        }
        #[inline(always)]
        unsafe fn store_first(p: *mut f32, n: usize, v: Self::V) {
            unsafe { _mm512_mask_storeu_ps(p, below(n), v) }
        }
        #[inline(always)]
        unsafe fn load_f16(p: *const f16) -> Self::V {
            unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())) }
        }
        #[inline(always)]
        unsafe fn load_bf16(p: *const bf16) -> Self::V {
            unsafe {
                let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
            }
        }
        #[inline(always)]
        unsafe fn store_i8(p: *mut i8, v: Self::V) {
            unsafe { _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v))) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_min_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn abs(a: Self::V) -> Self::V {
            unsafe { _mm512_abs_ps(a) }
        }
        #[inline(always)]
        unsafe fn round(a: Self::V) -> Self::V {
            unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
        }
        #[inline(always)]
        unsafe fn scale2(a: Self::V, n: Self::V) -> Self::V {
            // `vscalefps` rounds once, and so do the two multiplications of the other levels: the first is exact.
            unsafe { _mm512_scalef_ps(a, n) }
        }
        #[inline(always)]
        unsafe fn copysign(magnitude: Self::V, sign: Self::V) -> Self::V {
            unsafe {
                let bit = _mm512_set1_ps(-0.0);
                _mm512_or_ps(_mm512_and_ps(bit, sign), _mm512_andnot_ps(bit, magnitude))
            }
        }
        #[inline(always)]
        unsafe fn select_gt(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
            unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes) }
        }
        #[inline(always)]
        unsafe fn reduce_add(a: Self::V) -> f32 {
            unsafe {
                let halves = [_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a)];
                Avx2::reduce_add(halves)
            }
        }
        #[inline(always)]
        unsafe fn reduce_max(a: Self::V) -> f32 {
            unsafe {
                let halves = [_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a)];
                Avx2::reduce_max(halves)
            }
        }
        #[inline(always)]
        unsafe fn transpose(r: [Self::V; 16]) -> [Self::V; 16] {
            unsafe {
                // 1. Pairs of rows, then quads: within each 128-bit lane `l`, q[4g+c] lane l = column 4l+c of rows 4g..4g+4.
                let mut q = [_mm512_setzero_ps(); 16];
                let mut g = 0;
                while g < 4 {
                    let (a, b, c, d) = (r[4 * g], r[4 * g + 1], r[4 * g + 2], r[4 * g + 3]);
                    let ab_lo = _mm512_unpacklo_ps(a, b);
                    let ab_hi = _mm512_unpackhi_ps(a, b);
                    let cd_lo = _mm512_unpacklo_ps(c, d);
                    let cd_hi = _mm512_unpackhi_ps(c, d);
                    q[4 * g] = _mm512_shuffle_ps::<0x44>(ab_lo, cd_lo);
                    q[4 * g + 1] = _mm512_shuffle_ps::<0xee>(ab_lo, cd_lo);
                    q[4 * g + 2] = _mm512_shuffle_ps::<0x44>(ab_hi, cd_hi);
                    q[4 * g + 3] = _mm512_shuffle_ps::<0xee>(ab_hi, cd_hi);
                    g += 1;
                }
                // 2. A 4×4 transpose of the 128-bit lanes across the groups.
                let mut out = [_mm512_setzero_ps(); 16];
                let mut c = 0;
                while c < 4 {
                    let x = _mm512_shuffle_f32x4::<0x44>(q[c], q[4 + c]);
                    let y = _mm512_shuffle_f32x4::<0xee>(q[c], q[4 + c]);
                    let z = _mm512_shuffle_f32x4::<0x44>(q[8 + c], q[12 + c]);
                    let w = _mm512_shuffle_f32x4::<0xee>(q[8 + c], q[12 + c]);
                    out[c] = _mm512_shuffle_f32x4::<0x88>(x, z);
                    out[4 + c] = _mm512_shuffle_f32x4::<0xdd>(x, z);
                    out[8 + c] = _mm512_shuffle_f32x4::<0x88>(y, w);
                    out[12 + c] = _mm512_shuffle_f32x4::<0xdd>(y, w);
                    c += 1;
                }
                out
            }
        }
    }
}
