// What the kernels share: waiting for earlier kernels, 16-byte accesses of bf16 values, reductions.
//
// Reads of anything that an earlier kernel wrote go through plain pointers: `__ldg` and `const __restrict__` promise that
// the memory never changes, and the compiler may then move the read above `wait_for_earlier_kernels`.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>
#include <stdint.h>

using bf16 = __nv_bfloat16;

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

// Every kernel calls it before it touches what an earlier kernel wrote or still reads. Nothing is waited for when the
// launch did not ask for programmatic serialization.
__device__ __forceinline__ void wait_for_earlier_kernels() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Lets the next kernel's blocks start as soon as every block has called it (or ended) and there is room for them. It is
// safe at any time, because the next kernel waits for all of this one before it touches memory.
__device__ __forceinline__ void launch_dependents() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Eight bf16 values as they lie in memory.
struct alignas(16) Bf16x8 {
    __nv_bfloat162 pairs[4];
};

// `p` is 16-byte aligned.
__device__ __forceinline__ Bf16x8 load8(const bf16* p) {
    const uint4 raw = *reinterpret_cast<const uint4*>(p);
    Bf16x8 v;
    memcpy(&v, &raw, sizeof v);
    return v;
}

// `p` is 16-byte aligned.
__device__ __forceinline__ void store8(bf16* p, const Bf16x8& v) {
    uint4 raw;
    memcpy(&raw, &v, sizeof raw);
    *reinterpret_cast<uint4*>(p) = raw;
}

// The first `n` of eight values, zeros after them; `p` need not be aligned.
__device__ __forceinline__ Bf16x8 load_up_to_8(const bf16* p, int n) {
    Bf16x8 v;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        v.pairs[i].x = 2 * i < n ? p[2 * i] : bf16(0.0f);
        v.pairs[i].y = 2 * i + 1 < n ? p[2 * i + 1] : bf16(0.0f);
    }
    return v;
}

__device__ __forceinline__ void store_up_to_8(bf16* p, const Bf16x8& v, int n) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (2 * i < n) p[2 * i] = v.pairs[i].x;
        if (2 * i + 1 < n) p[2 * i + 1] = v.pairs[i].y;
    }
}

__device__ __forceinline__ void unpack8(float (&out)[8], const Bf16x8& v) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float2 pair = __bfloat1622float2(v.pairs[i]);
        out[2 * i] = pair.x;
        out[2 * i + 1] = pair.y;
    }
}

__device__ __forceinline__ Bf16x8 pack8(const float (&v)[8]) {
    Bf16x8 out;
#pragma unroll
    for (int i = 0; i < 4; i++) out.pairs[i] = __floats2bfloat162_rn(v[2 * i], v[2 * i + 1]);
    return out;
}

// Eight e4m3 values, rounded to nearest even, saturated at ±448.
__device__ __forceinline__ uint2 pack8_e4m3(const float (&v)[8]) {
    uint2 out;
    const auto two = [&](int i) {
        return static_cast<unsigned>(__nv_cvt_float2_to_fp8x2(make_float2(v[i], v[i + 1]), __NV_SATFINITE, __NV_E4M3));
    };
    out.x = two(0) | two(2) << 16;
    out.y = two(4) | two(6) << 16;
    return out;
}

struct Sum {
    static constexpr float IDENTITY = 0.0f;
    __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};

// NaN is ignored.
struct Max {
    static constexpr float IDENTITY = -__builtin_huge_valf();
    __device__ __forceinline__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

// Over each aligned group of `LANES` lanes (a power of two); every lane gets the result. All lanes of the warp call it.
template <class Op, int LANES = WARP>
__device__ __forceinline__ float warp_reduce(float value) {
#pragma unroll
    for (int distance = LANES / 2; distance > 0; distance /= 2) value = Op()(value, __shfl_xor_sync(ALL_LANES, value, distance));
    return value;
}

// Over the block (whole warps, one-dimensional); every thread gets the result, the same bits. `scratch` is 32 floats of
// shared memory that nothing else uses: each call in a kernel has its own, so that no barrier is needed after it.
template <class Op>
__device__ __forceinline__ float block_reduce(float value, float* scratch) {
    value = warp_reduce<Op>(value);
    const int n_warps = blockDim.x / WARP;
    if (n_warps == 1) return value;
    const int lane = threadIdx.x % WARP;
    if (lane == 0) scratch[threadIdx.x / WARP] = value;
    __syncthreads();
    return warp_reduce<Op>(lane < n_warps ? scratch[lane] : Op::IDENTITY);
}
