// Barriers in shared memory between a warp that brings pieces of memory and warps that use them, and the copies. Bulk
// copies are Hopper's; elsewhere each lane copies its sixteenths.
#pragma once

#include "fragments.cuh"

__device__ __forceinline__ void barrier_init(unsigned barrier, int arrivals) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

__device__ __forceinline__ void barrier_arrive(unsigned barrier) {
    asm volatile("{\n\t.reg .b64 state;\n\tmbarrier.arrive.shared.b64 state, [%0];\n\t}" ::"r"(barrier) : "memory");
}

__device__ __forceinline__ bool barrier_passed(unsigned barrier, int parity) {
    int passed;
#if __CUDA_ARCH__ >= 900
    asm volatile("{\n\t.reg .pred p;\n\tmbarrier.try_wait.parity.shared.b64 p, [%1], %2;\n\tselp.b32 %0, 1, 0, p;\n\t}"
#else
    asm volatile("{\n\t.reg .pred p;\n\tmbarrier.test_wait.parity.shared.b64 p, [%1], %2;\n\tselp.b32 %0, 1, 0, p;\n\t}"
#endif
                 : "=r"(passed)
                 : "r"(barrier), "r"(parity)
                 : "memory");
    return passed != 0;
}

__device__ __forceinline__ void barrier_wait(unsigned barrier, int parity) {
    while (!barrier_passed(barrier, parity)) {
    }
}

// Bytes come by bulk copy on Hopper, told to the barrier beforehand; elsewhere each lane copies its sixteenths and the
// barrier counts the lanes.
#if __CUDA_ARCH__ >= 900
constexpr int FULL_ARRIVALS = 1;

__device__ __forceinline__ void expect_bytes(unsigned barrier, int bytes) {
    asm volatile("{\n\t.reg .b64 state;\n\tmbarrier.arrive.expect_tx.shared.b64 state, [%0], %1;\n\t}" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ __forceinline__ void copy_bytes(unsigned to, const void* from, int bytes, unsigned barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "l"(from), "r"(bytes),
                 "r"(barrier)
                 : "memory");
}

__device__ __forceinline__ void copy_bytes(unsigned to, const void* from, int bytes, unsigned barrier, unsigned long long policy) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(to),
                 "l"(from), "r"(bytes), "r"(barrier), "l"(policy)
                 : "memory");
}

// True in one lane. The compiler knows it, and issues a bulk copy as one instruction; for lanes that it can't tell apart it
// goes through them one by one, which takes longer than the copies.
__device__ __forceinline__ bool elected() {
    int chosen;
    asm volatile("{\n\t.reg .pred p;\n\telect.sync _|p, 0xffffffff;\n\tselp.b32 %0, 1, 0, p;\n\t}" : "=r"(chosen));
    return chosen != 0;
}
#else
constexpr int FULL_ARRIVALS = WARP;

__device__ __forceinline__ void arrive_when_copied(unsigned barrier) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(barrier) : "memory");
}

__device__ __forceinline__ void copy_row(unsigned to, const unsigned char* from, int bytes) {
    for (int at = threadIdx.x % WARP * 16; at < bytes; at += WARP * 16) copy16_or_zero(to + at, from + at, true);
}
#endif
