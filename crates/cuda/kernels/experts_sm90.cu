// The matmuls of a mixture of experts on Hopper when each expert has many rows: the copy engine brings tiles, warpgroup
// matmuls work on them. Rows of x stand in the order of `moe_sort`, expert after expert.
//
//   experts_sm90_{swiglu,down}(x, weight, out, tiles, n_tiles, rows, n, k)
//
//   x, weight  tensor maps of bf16 x [places, k] and weight [n_experts * n, k] with three dimensions (k, 1, rows); box
//              (64, 1, 64) for x and (64, 1, 128) for weights, 128-byte swizzle, zeros out of bounds
//   tiles      int4 (expert, first place, places up to 128, 0) of `moe_sort`; n_tiles int, how many
//   rows       int, a row's number for each place
//   swiglu     the n rows of an expert are n / 2 gates, then n / 2 ups: out bf16 [places, n / 2] = silu(gate) * up
//   down       writes out bf16 [·, n] at the places' rows
// n and k are multiples of 16.
//
// Launch: block 384, dynamic shared memory 197696 bytes, any grid, best one block a multiprocessor.
//
// A block is one warpgroup that copies and two that compute 64 rows × 256 columns each. Blocks stay on their multiprocessor
// and walk the list of tiles, so that the next tile's copies run under the end of the one before. All columns of a tile of
// rows stand together, and an expert's tiles too: the blocks at work share their operands in the L2 cache.
#include "hopper.cuh"

namespace {

constexpr int CONSUMERS = 2;
constexpr int THREADS = (1 + CONSUMERS) * WARPGROUP;
constexpr int M = CONSUMERS * 64;
constexpr int N = 256;
// Values of a stage's rows: 128 bytes, the swizzle pattern's width.
constexpr int K = 64;
constexpr int STAGES = 4;
constexpr int PRODUCER_REGISTERS = 40;
constexpr int CONSUMER_REGISTERS = 232;
// Bytes.
constexpr int X = M * K * 2;
constexpr int W = N * K * 2;
constexpr int STAGE = X + W;
constexpr int BARRIERS_AT = STAGES * STAGE;
static_assert(X % 1024 == 0 && W % 1024 == 0, "the period of the swizzle pattern");

enum class Form { SwiGlu, Down };

struct Problem {
    bf16* out;
    const int4* tiles;
    const int* n_tiles;
    const int* rows;
    int n, k;
};

// Output columns of an item: its weights are as many gates and their ups, or all 256 rows.
template <Form F>
__device__ constexpr int columns() {
    return F == Form::SwiGlu ? N / 2 : N;
}

template <Form F>
__device__ __forceinline__ int width(const Problem& p) {
    return F == Form::SwiGlu ? p.n / 2 : p.n;
}

struct Item {
    int expert, first, n_rows, column;
};

template <Form F>
struct Items {
    const Problem& p;
    int n_columns, n_items;
    __device__ __forceinline__ explicit Items(const Problem& p)
        : p(p), n_columns((width<F>(p) + columns<F>() - 1) / columns<F>()), n_items(*p.n_tiles * n_columns) {}
    __device__ __forceinline__ Item at(int index) const {
        const int4 tile = p.tiles[index / n_columns];
        return {tile.x, tile.y, tile.z, index % n_columns * columns<F>()};
    }
};

__device__ __forceinline__ unsigned full(unsigned shared, int stage) { return shared + BARRIERS_AT + stage * 8; }
__device__ __forceinline__ unsigned empty(unsigned shared, int stage) { return shared + BARRIERS_AT + (STAGES + stage) * 8; }

// By one thread.
template <Form F>
__device__ __forceinline__ void produce(const Problem& p, const CUtensorMap* x, const CUtensorMap* weight, unsigned shared) {
    const Items<F> items(p);
    const int n_steps = (p.k + K - 1) / K;
    int round = 0;
    for (int index = blockIdx.x; index < items.n_items; index += gridDim.x) {
        const Item item = items.at(index);
        const int w0 = item.expert * p.n + item.column;
        const int w1 = w0 + (F == Form::SwiGlu ? p.n / 2 : N / 2);
        for (int step = 0; step < n_steps; step++, round++) {
            const int stage = round % STAGES;
            const unsigned to = shared + stage * STAGE;
            barrier_wait(empty(shared, stage), (round / STAGES & 1) ^ 1);
            // The second warpgroup's rows only if it has any.
            const bool both = item.n_rows > 64;
            barrier_expect(full(shared, stage), both ? STAGE : STAGE - X / 2);
            copy_box(to, x, step * K, 0, item.first, full(shared, stage));
            if (both) copy_box(to + X / 2, x, step * K, 0, item.first + 64, full(shared, stage));
            copy_box(to + X, weight, step * K, 0, w0, full(shared, stage));
            copy_box(to + X + W / 2, weight, step * K, 0, w1, full(shared, stage));
        }
    }
}

// c (64 × 256) += x (64 × 16) · w (256 × 16) transposed.
__device__ __forceinline__ void multiply(float (&c)[N / 2], uint64_t x, uint64_t w) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\nwgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " NAMES_N256
                 ", %128, %129, p, 1, 1, 0, 0;\n}"
                 : OPERANDS_N256("+f", c, 0)
                 : "l"(x), "l"(w), "r"(1));
}

template <Form F>
__device__ __forceinline__ void consume(const Problem& p, unsigned shared) {
    const Items<F> items(p);
    const int n_steps = (p.k + K - 1) / K;
    const int warpgroup = __shfl_sync(ALL_LANES, static_cast<int>(threadIdx.x) / WARPGROUP, 0) - 1;
    const int lane = threadIdx.x % WARP;
    // The thread has this row of the tile and the one eight further.
    const int own_row = warpgroup * 64 + threadIdx.x % WARPGROUP / WARP * 16 + lane / 4;
    // Every warp says for itself that it has read a stage.
    const auto release = [&](int round) {
        __syncwarp();
        if (lane == 0) barrier_arrive(empty(shared, round % STAGES));
    };

    int round = 0;
    for (int index = blockIdx.x; index < items.n_items; index += gridDim.x) {
        const Item item = items.at(index);
        if (warpgroup * 64 >= item.n_rows) {
            // No rows: only keeps step with the other warpgroup.
            for (int step = 0; step < n_steps; step++, round++) {
                barrier_wait(full(shared, round % STAGES), round / STAGES & 1);
                release(round);
            }
            continue;
        }
        int out_rows[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = own_row + 8 * half;
            out_rows[half] = row >= item.n_rows ? -1 : F == Form::Down ? p.rows[item.first + row] : item.first + row;
        }

        float c[N / 2];
#pragma unroll
        for (int i = 0; i < N / 2; i++) c[i] = 0.0f;
        for (int step = 0; step < n_steps; step++, round++) {
            const int stage = round % STAGES;
            const unsigned at = shared + stage * STAGE;
            const uint64_t x = operand(at + warpgroup * 64 * 128, 128, 0);
            const uint64_t w = operand(at + X, 128, 0);
            barrier_wait(full(shared, stage), round / STAGES & 1);
            matmul_fence();
#pragma unroll
            for (int i = 0; i < K / 16; i++) multiply(c, advance(x, i * 32), advance(w, i * 32));
            matmul_commit();
            if (step == 0) continue;
            matmul_wait<1>();
            release(round - 1);
        }
        matmul_wait<0>();
        pin(c);
        release(round - 1);

        const int n = width<F>(p);
#pragma unroll
        for (int j = 0; j < columns<F>() / 8; j += 4) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                unsigned words[4];
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int at = 4 * (j + i) + 2 * half;
                    float y[2] = {c[at], c[at + 1]};
                    if constexpr (F == Form::SwiGlu) {
#pragma unroll
                        for (int l = 0; l < 2; l++) y[l] = __fdividef(y[l], 1.0f + __expf(-y[l])) * c[at + l + N / 4];
                    }
                    words[i] = pack2(y[0], y[1]);
                }
                transpose4(words);
                const int column = item.column + (j + lane % 4) * 8;
                if (out_rows[half] >= 0 && column < n) {
                    *reinterpret_cast<uint4*>(p.out + static_cast<int64_t>(out_rows[half]) * n + column) =
                        make_uint4(words[0], words[1], words[2], words[3]);
                }
            }
        }
    }
}

template <Form F>
__device__ __forceinline__ void experts(const Problem& p, const CUtensorMap* x, const CUtensorMap* weight) {
    extern __shared__ unsigned char unaligned[];
    const unsigned shared = (shared_address(unaligned) + 1023) & ~1023u;
    if (threadIdx.x == 0) {
        prefetch_map(x);
        prefetch_map(weight);
        for (int stage = 0; stage < STAGES; stage++) {
            barrier_init(full(shared, stage), 1);
            barrier_init(empty(shared, stage), CONSUMERS * WARPGROUP / WARP);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    wait_for_earlier_kernels();
    launch_dependents();
    if (threadIdx.x < WARPGROUP) {
        fewer_registers<PRODUCER_REGISTERS>();
        if (threadIdx.x == 0) produce<F>(p, x, weight, shared);
    } else {
        more_registers<CONSUMER_REGISTERS>();
        consume<F>(p, shared);
    }
}

}  // namespace

#define EXPERTS(name, FORM)                                                                                                             \
    extern "C" __global__ void __launch_bounds__(THREADS, 1)                                                                            \
        experts_sm90_##name(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap weight, bf16* out, const int4* tiles, \
                            const int* n_tiles, const int* rows, int n, int k) {                                                        \
        experts<Form::FORM>(Problem{out, tiles, n_tiles, rows, n, k}, &x, &weight);                                                     \
    }

EXPERTS(swiglu, SwiGlu)
EXPERTS(down, Down)
