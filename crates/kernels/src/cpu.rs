//! Which instructions this machine has, and how a kernel written once is compiled for each of them.

use crate::simd::{self, Simd};

/// An instruction set that the kernels are compiled for, worst first. All levels return the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Portable code. On aarch64 the compiler turns it into NEON; on x86-64 without FMA it is slow.
    Scalar,
    /// AVX2, FMA and F16C (2013 and later).
    Avx2,
    /// AVX2 with the 256-bit `vpdpbusd` (Alder Lake, Zen 5 and later).
    AvxVnni,
    /// AVX-512 F/BW/DQ/VL with VNNI (Ice Lake, Zen 4 and later).
    Avx512,
    /// AVX-512 with the int8 tile unit (Sapphire Rapids and later).
    Amx,
}

impl Level {
    /// The best level of this machine.
    pub fn detect() -> Level {
        Level::available().pop().unwrap_or(Level::Scalar)
    }

    /// Every level that this machine can run, worst first.
    pub fn available() -> Vec<Level> {
        let levels = [Level::Scalar, Level::Avx2, Level::AvxVnni, Level::Avx512, Level::Amx];
        levels.into_iter().filter(|level| level.is_available()).collect()
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma") && has!("f16c");
            let avx512 = avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") && has!("avx512vnni");
            match self {
                Level::Scalar => true,
                Level::Avx2 => avx2,
                Level::AvxVnni => avx2 && has!("avxvnni"),
                Level::Avx512 => avx512,
                Level::Amx => avx512 && crate::quant::amx_is_available(),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Level::Scalar
        }
    }
}

/// A kernel written once over [`Simd`]; [`dispatch`] compiles it for every level.
///
/// `run` and everything it calls must be `#[inline(always)]`: the instructions only become available in the
/// wrapper of the level that the code is inlined into.
pub(crate) trait Kernel {
    type Output;
    /// # Safety
    /// The machine has the instructions of `S`, and the pointers in `self` are valid as the kernel says.
    unsafe fn run<S: Simd>(self) -> Self::Output;
}

/// Runs `kernel` with the vectors of `level`.
///
/// # Safety
/// As [`Kernel::run`]; `level` is one of [`Level::available`].
#[inline]
pub(crate) unsafe fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
        unsafe fn avx512<K: Kernel>(kernel: K) -> K::Output {
            unsafe { kernel.run::<simd::Avx512>() }
        }
        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn avx2<K: Kernel>(kernel: K) -> K::Output {
            unsafe { kernel.run::<simd::Avx2>() }
        }
        match level {
            Level::Avx512 | Level::Amx => return unsafe { avx512(kernel) },
            Level::Avx2 | Level::AvxVnni => return unsafe { avx2(kernel) },
            Level::Scalar => {}
        }
    }
    let _ = level;
    unsafe { kernel.run::<simd::Scalar>() }
}
