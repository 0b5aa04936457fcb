// What only Hopper has: the copy engine and its barriers, matmuls of warpgroups.
#pragma once

#include "fragments.cuh"

#include <cuda.h>

constexpr int WARPGROUP = 128;

// ---- Barriers and copies

__device__ __forceinline__ void barrier_init(unsigned barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

__device__ __forceinline__ void barrier_arrive(unsigned barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Arrives and makes the phase wait for so many bytes of copies.
__device__ __forceinline__ void barrier_expect(unsigned barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// Waits until the phase of this parity is over.
__device__ __forceinline__ void barrier_wait(unsigned barrier, int parity) {
    unsigned done = 0;
    while (!done) {
        asm volatile(
            "{\n"
            ".reg .pred p;\n"
            "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
            "selp.u32 %0, 1, 0, p;\n"
            "}"
            : "=r"(done)
            : "r"(barrier), "r"(parity)
            : "memory");
    }
}

// One box of a (column, head, row) map.
__device__ __forceinline__ void copy_box(unsigned to, const CUtensorMap* map, int column, int head, int row, unsigned barrier) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(to),
        "l"(map), "r"(column), "r"(head), "r"(row), "r"(barrier)
        : "memory");
}

__device__ __forceinline__ void prefetch_map(const CUtensorMap* map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

// Barriers among warps by number: `threads` counts those that wait and those that only arrive.
__device__ __forceinline__ void named_wait(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
__device__ __forceinline__ void named_arrive(int id, int threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }

template <int N>
__device__ __forceinline__ void more_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}

template <int N>
__device__ __forceinline__ void fewer_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

// ---- Warpgroup matmuls

// Where an operand lies in shared memory: rows of 128 (or 32) bytes in the swizzle pattern of that width. For a matrix
// whose rows run along the summed dimension, `groups` is unused; for one whose rows run across it, `groups` is the
// distance in bytes between its 64-column parts.
__device__ __forceinline__ uint64_t operand(unsigned address, int row_bytes, int groups) {
    const uint64_t swizzle = row_bytes == 128 ? 1 : 3;
    return static_cast<uint64_t>((address & 0x3ffff) >> 4) | static_cast<uint64_t>(groups >> 4) << 16 |
           static_cast<uint64_t>((8 * row_bytes) >> 4) << 32 | swizzle << 62;
}

__device__ __forceinline__ uint64_t advance(uint64_t operand, int bytes) { return operand + (bytes >> 4); }

// Orders register writes before the matmuls that follow.
__device__ __forceinline__ void matmul_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void matmul_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits for all but the newest `N` groups of matmuls.
template <int N>
__device__ __forceinline__ void matmul_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

// Keeps the compiler from moving uses of these registers across: it does not know that matmuls still write them.
template <int N>
__device__ __forceinline__ void pin(float (&r)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) asm volatile("" : "+f"(r[i])::"memory");
}

// Registers of an accumulator: eight for every sixteen columns.
#define NAMES_0 "%0, %1, %2, %3, %4, %5, %6, %7"
#define NAMES_1 "%8, %9, %10, %11, %12, %13, %14, %15"
#define NAMES_2 "%16, %17, %18, %19, %20, %21, %22, %23"
#define NAMES_3 "%24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES_4 "%32, %33, %34, %35, %36, %37, %38, %39"
#define NAMES_5 "%40, %41, %42, %43, %44, %45, %46, %47"
#define NAMES_6 "%48, %49, %50, %51, %52, %53, %54, %55"
#define NAMES_7 "%56, %57, %58, %59, %60, %61, %62, %63"
#define NAMES_8 "%64, %65, %66, %67, %68, %69, %70, %71"
#define NAMES_9 "%72, %73, %74, %75, %76, %77, %78, %79"
#define NAMES_10 "%80, %81, %82, %83, %84, %85, %86, %87"
#define NAMES_11 "%88, %89, %90, %91, %92, %93, %94, %95"
#define NAMES_12 "%96, %97, %98, %99, %100, %101, %102, %103"
#define NAMES_13 "%104, %105, %106, %107, %108, %109, %110, %111"
#define NAMES_14 "%112, %113, %114, %115, %116, %117, %118, %119"
#define NAMES_15 "%120, %121, %122, %123, %124, %125, %126, %127"
#define NAMES_N16 "{" NAMES_0 "}"
#define NAMES_N64 "{" NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 "}"
#define NAMES_N96 "{" NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 "}"
#define NAMES_N128 "{" NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7 "}"
#define NAMES_N256                                                                                                          \
    "{" NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7 ", " NAMES_8 ", " \
    NAMES_9 ", " NAMES_10 ", " NAMES_11 ", " NAMES_12 ", " NAMES_13 ", " NAMES_14 ", " NAMES_15 "}"
#define OPERANDS_N16(mode, r, i)                                                                                              \
    mode((r)[i]), mode((r)[i + 1]), mode((r)[i + 2]), mode((r)[i + 3]), mode((r)[i + 4]), mode((r)[i + 5]), mode((r)[i + 6]), \
        mode((r)[i + 7])
#define OPERANDS_N32(mode, r, i) OPERANDS_N16(mode, r, i), OPERANDS_N16(mode, r, i + 8)
#define OPERANDS_N64(mode, r, i) OPERANDS_N32(mode, r, i), OPERANDS_N32(mode, r, i + 16)
#define OPERANDS_N96(mode, r, i) OPERANDS_N64(mode, r, i), OPERANDS_N32(mode, r, i + 32)
#define OPERANDS_N128(mode, r, i) OPERANDS_N64(mode, r, i), OPERANDS_N64(mode, r, i + 32)
#define OPERANDS_N256(mode, r, i) OPERANDS_N128(mode, r, i), OPERANDS_N128(mode, r, i + 64)

// Among the four lanes that share a row: each gives word t to lane t and gets that lane's word of its own number.
__device__ __forceinline__ void transpose4(unsigned (&x)[4]) {
    const int lane = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        const unsigned got = __shfl_xor_sync(ALL_LANES, lane & 1 ? x[i] : x[i + 1], 1);
        (lane & 1 ? x[i] : x[i + 1]) = got;
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const unsigned got = __shfl_xor_sync(ALL_LANES, lane & 2 ? x[i] : x[i + 2], 2);
        (lane & 2 ? x[i] : x[i + 2]) = got;
    }
}
