// Blocks that give each other what they found: clusters on Hopper, of which each block has a part of the results; elsewhere
// a block is alone.
#pragma once

#include "bulk.cuh"

// What all blocks of a cluster send to each of them, counted by a barrier. Its bytes are known beforehand.
struct Cluster {
#if __CUDA_ARCH__ >= 900
    int rank, size;
    // Of the bytes that all send here.
    unsigned received;
    __device__ __forceinline__ Cluster(uint64_t* barrier) : received(shared_address(barrier)) {
        asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
        asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
    }
    // So many bytes from all together.
    __device__ __forceinline__ void expect(int bytes) const {
        if (threadIdx.x == 0) {
            barrier_init(received, 1);
            asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
            expect_bytes(received, bytes);
        }
    }
    // Others may send from now on.
    __device__ __forceinline__ void arrive() const {
        __syncwarp();
        asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
    }
    // Before the first `send`: for all blocks to be there.
    __device__ __forceinline__ void wait_for_all() const { asm volatile("barrier.cluster.wait.aligned;" ::: "memory"); }
    // To the shared memory of another block, where it is in this one's.
    __device__ __forceinline__ void send(float* to, int rank, float value) const {
        asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.f32 [%0], %1, [%2];" ::"r"(at(to, rank)), "f"(value),
                     "r"(barrier(rank))
                     : "memory");
    }
    __device__ __forceinline__ void send(float2* to, int rank, float2 value) const {
        asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [%0], {%1, %2}, [%3];" ::"r"(at(to, rank)),
                     "f"(value.x), "f"(value.y), "r"(barrier(rank))
                     : "memory");
    }
    __device__ __forceinline__ void send(float4* to, int rank, float4 value) const {
        asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(at(to, rank)),
                     "f"(value.x), "f"(value.y), "f"(value.z), "f"(value.w), "r"(barrier(rank))
                     : "memory");
    }
    // For what all have sent.
    __device__ __forceinline__ void receive() const { barrier_wait(received, 0); }

  private:
    __device__ __forceinline__ static unsigned of(unsigned address, int rank) {
        unsigned there;
        asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(rank));
        return there;
    }
    __device__ __forceinline__ static unsigned at(const void* to, int rank) { return of(shared_address(to), rank); }
    __device__ __forceinline__ unsigned barrier(int rank) const { return of(received, rank); }
#else
    static constexpr int rank = 0, size = 1;
    __device__ __forceinline__ Cluster(uint64_t*) {}
    __device__ __forceinline__ void expect(int) const {}
    __device__ __forceinline__ void arrive() const {}
    __device__ __forceinline__ void wait_for_all() const {}
    template <class T>
    __device__ __forceinline__ void send(T* to, int, T value) const {
        *to = value;
    }
    __device__ __forceinline__ void receive() const { __syncthreads(); }
#endif
};
