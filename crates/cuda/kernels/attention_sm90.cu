// Attention of packed variable-length sequences on Hopper: the copy engine brings tiles, warpgroup matmuls work on them,
// and the softmax of one warpgroup runs while the tensor cores serve another, as in the FlashAttention-3 paper.
//
// A block is one warpgroup that copies and two or three that compute 64 query rows each. Blocks stay on their
// multiprocessor and walk the list of tiles, so that the next tile's copies run under the arithmetic of the one before.
//
// Launch:
//   kernel                   key size  value size  M: rows of a tile  N: keys of a round  block  shared bytes (dynamic)
//   attention_sm90_d64       64        64          192                128                 512    156848
//   attention_sm90_d80       72, 80    as keys     192                96                  512    154800
//   attention_sm90_d128      128       128         128                128                 384    164976
//   attention_sm90_d192_128  192       128         128                128                 384    214128
//   grid = min(multiprocessors, n_tiles * n_heads)
// Tiles are taken in the order of `tiles`, all heads of one before the next: causal callers list the tiles with the most
// visible keys first.
//
// q, k, v are tensor maps of bf16 with three dimensions, the innermost first:
//   sizes    (head size, heads, rows): n_heads for q, n_kv_heads for k and v; all rows of the packed buffer, or
//            n_blocks * 32 rows of a paged cache [n_blocks, 32, n_kv_heads, head size]
//   strides  in bytes, of a head and of a row (multiples of sixteen; the base, with the offset of q, k or v inside a fused
//            row added, is 16-byte aligned)
//   box      (64, 1, r) with r = M for q, N for contiguous and 32 for paged k and v; element strides 1
//   swizzle  128 bytes; no interleaving, 256-byte L2 promotion, zeros out of bounds
// `_d80` takes three more maps for the columns from 64 on: the same with box (16, 1, r) and the 32-byte swizzle.
//
//   out           [T, n_heads, dv]; rows of no tile keep what they hold
//   tiles         (sequence, first query row within the sequence / M)
//   cu_seqlens    query rows of sequence s are cu_seqlens[s] .. cu_seqlens[s + 1]
//   cu_seqlens_k  contiguous: its keys are rows cu_seqlens_k[s] .. cu_seqlens_k[s + 1] of k and v
//   block_tables  paged (null otherwise): [n_sequences, max_blocks]
//   context_lens  paged: number of keys of each sequence
//   dv            size of a value, and of an output, head
//   causal        the last query row sees all keys, the one before it one key less, and so on
//   scale         of the scores before the softmax
//
// Every sequence has at least as many keys as query rows. A row's result depends on its own sequence only.
#include "hopper.cuh"

#include <type_traits>

namespace {

constexpr int BLOCK_ROWS = 32;
// Columns of the part of a tile whose rows fill the 128 bytes of a swizzle pattern, and of the rest of 80-wide heads.
constexpr int MAIN = 64;
constexpr int TAIL = 16;

// ---- Warpgroup matmuls

// One matmul of `n` columns. `a`, `b` and `c` are the operand numbers after the accumulator's: of the two descriptors and
// of whether the accumulator is added to.
#define MULTIPLY_SHARED(n, mode, add, a, b, c)                                                                            \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #c ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n                     \
                 "k16.f32.bf16.bf16 " NAMES_N##n ", %" #a ", %" #b ", p, 1, 1, 0, 0;\n}"                                  \
                 : OPERANDS_N##n(mode, scores, 0)                                                                         \
                 : "l"(queries), "l"(keys), "r"(add))
// `a` to `e`: the four registers of weights, the descriptor, and again whether to add.
#define MULTIPLY_REGISTERS(n, a, b, c, d, e, f)                                                                           \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #f ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n                     \
                 "k16.f32.bf16.bf16 " NAMES_N##n ", {%" #a ", %" #b ", %" #c ", %" #d "}, %" #e ", p, 1, 1, 1;\n}"        \
                 : OPERANDS_N##n("+f", out, 0)                                                                            \
                 : "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3]), "l"(values), "r"(1))

// scores (64 x N) = or += queries (64 x 16) * keys (N x 16) transposed.
template <int N, bool ADD>
__device__ __forceinline__ void multiply_keys(float (&scores)[N / 2], uint64_t queries, uint64_t keys) {
    static_assert(N == 96 || N == 128);
    if constexpr (N == 96 && ADD) MULTIPLY_SHARED(96, "+f", 1, 48, 49, 50);
    if constexpr (N == 96 && !ADD) MULTIPLY_SHARED(96, "=f", 0, 48, 49, 50);
    if constexpr (N == 128 && ADD) MULTIPLY_SHARED(128, "+f", 1, 64, 65, 66);
    if constexpr (N == 128 && !ADD) MULTIPLY_SHARED(128, "=f", 0, 64, 65, 66);
}

// out (64 x N) += weights (64 x 16, in registers) * values (16 x N).
template <int N>
__device__ __forceinline__ void multiply_values(float* out, const unsigned* w, uint64_t values) {
    static_assert(N == 16 || N == 64 || N == 128);
    if constexpr (N == 16) MULTIPLY_REGISTERS(16, 8, 9, 10, 11, 12, 13);
    if constexpr (N == 64) MULTIPLY_REGISTERS(64, 32, 33, 34, 35, 36, 37);
    if constexpr (N == 128) MULTIPLY_REGISTERS(128, 64, 65, 66, 67, 68, 69);
}

// ---- Shapes

template <int DQ_, int DV_, int CONSUMERS_, int N_, int STAGES_, bool TURNS_ = true>
struct Shape {
    static constexpr int DQ = DQ_;
    static constexpr int DV = DV_;
    static constexpr int CONSUMERS = CONSUMERS_;
    static constexpr int STAGES = STAGES_;
    // Whether the warpgroups take turns at the tensor cores.
    static constexpr bool TURNS = TURNS_;
    // Of a thread; the warpgroups together have 512 for four threads.
    static constexpr int PRODUCER_REGISTERS = CONSUMERS == 2 ? 40 : 32;
    static constexpr int CONSUMER_REGISTERS = CONSUMERS == 2 ? 232 : 160;

    static constexpr int THREADS = (1 + CONSUMERS) * WARPGROUP;
    static constexpr int M = CONSUMERS * 64;
    // Keys of a round.
    static constexpr int N = N_;
    static constexpr bool HAS_TAIL = DQ % MAIN != 0;
    static_assert(DQ % MAIN == (HAS_TAIL ? TAIL : 0) && DV % MAIN == (HAS_TAIL ? TAIL : 0));

    // Bytes. Tiles begin at multiples of 1024, the period of the swizzle pattern.
    static constexpr int Q = M * DQ * 2;
    static constexpr int K = N * DQ * 2;
    static constexpr int V = N * DV * 2;
    static constexpr int K_AT = Q;
    static constexpr int V_AT = K_AT + STAGES * K;
    static constexpr int BARRIERS_AT = V_AT + STAGES * V;
    static constexpr int ITEM_AT = BARRIERS_AT + 8 * (2 + 4 * STAGES);
    static constexpr int SHARED = ITEM_AT + 32;
    static_assert(Q % 1024 == 0 && K % 1024 == 0 && V % 1024 == 0 && 1024 + SHARED <= 232448);
};

struct Maps {
    const CUtensorMap* q;
    const CUtensorMap* k;
    const CUtensorMap* v;
    const CUtensorMap* q_tail;
    const CUtensorMap* k_tail;
    const CUtensorMap* v_tail;
};

struct Problem {
    bf16* out;
    const int2* tiles;
    const int* cu_seqlens;
    const int* cu_seqlens_k;
    const int* block_tables;
    const int* context_lens;
    int n_tiles;
    int max_blocks;
    int n_heads, n_kv_heads;
    int dv;
    int causal;
    float scale;
};

// One tile of query rows of one head.
struct Item {
    int head;
    int first_row;
    int n_rows;
    // Row r of the tile sees keys 0 .. min(k_len, diagonal + r).
    int k_len;
    int diagonal;
    int n_rounds;
    // Row of the first key, or the sequence's block table.
    int k_start;
    int sequence;
};

template <class S>
__device__ __forceinline__ Item item_at(const Problem& p, int index) {
    Item item;
    const int2 tile = p.tiles[index / p.n_heads];
    item.head = index % p.n_heads;
    item.sequence = tile.x;
    const int q_start = p.cu_seqlens[tile.x];
    const int q_len = p.cu_seqlens[tile.x + 1] - q_start;
    item.first_row = q_start + tile.y * S::M;
    item.n_rows = min(S::M, q_len - tile.y * S::M);
    item.k_start = 0;
    if (p.block_tables) {
        item.k_len = p.context_lens[tile.x];
    } else {
        item.k_start = p.cu_seqlens_k[tile.x];
        item.k_len = p.cu_seqlens_k[tile.x + 1] - item.k_start;
    }
    item.diagonal = p.causal ? item.k_len - q_len + tile.y * S::M + 1 : item.k_len;
    item.n_rounds = (min(item.k_len, item.diagonal + item.n_rows - 1) + S::N - 1) / S::N;
    return item;
}

template <class S>
struct Barriers {
    unsigned base;
    __device__ __forceinline__ unsigned q_full() const { return base; }
    __device__ __forceinline__ unsigned q_empty() const { return base + 8; }
    __device__ __forceinline__ unsigned k_full(int stage) const { return base + 16 + stage * 8; }
    __device__ __forceinline__ unsigned k_empty(int stage) const { return base + 16 + (S::STAGES + stage) * 8; }
    __device__ __forceinline__ unsigned v_full(int stage) const { return base + 16 + (2 * S::STAGES + stage) * 8; }
    __device__ __forceinline__ unsigned v_empty(int stage) const { return base + 16 + (3 * S::STAGES + stage) * 8; }
};

// ---- The warp that copies

// A tile of keys or values: `D` columns in parts of 64, then the tail. Called by one warp.
template <class S, int D>
__device__ __forceinline__ void copy_tile(unsigned to, const CUtensorMap* map, const CUtensorMap* tail, int head, int row, bool paged,
                                          unsigned barrier) {
    const int lane = threadIdx.x % WARP;
    // Of a paged tile each lane brings one block.
    const int rows = paged ? BLOCK_ROWS : S::N;
    if (lane < S::N / rows) {
#pragma unroll
        for (int part = 0; part < D / MAIN; part++) {
            copy_box(to + part * S::N * 128 + lane * rows * 128, map, part * MAIN, head, row, barrier);
        }
        if constexpr (S::HAS_TAIL) {
            copy_box(to + D / MAIN * S::N * 128 + lane * rows * 32, tail, D / MAIN * MAIN, head, row, barrier);
        }
    }
}

template <class S>
__device__ __forceinline__ void produce(const Problem& p, const Maps& maps, unsigned shared, unsigned char* shared_bytes) {
    const Barriers<S> barriers{shared + S::BARRIERS_AT};
    const int lane = threadIdx.x % WARP;
    const bool paged = p.block_tables;
    const int n_items = p.n_tiles * p.n_heads;
    const int group = p.n_heads / p.n_kv_heads;
    int round = 0;
    int count = 0;
    Item item = item_at<S>(p, blockIdx.x);
    for (int index = blockIdx.x; index < n_items; index += gridDim.x, count++) {
        const int next_index = min(index + static_cast<int>(gridDim.x), n_items - 1);
        const Item next = item_at<S>(p, next_index);

        barrier_wait(barriers.q_empty(), (count & 1) ^ 1);
        if (lane == 0) {
            Item* to = reinterpret_cast<Item*>(shared_bytes + S::ITEM_AT);
            *to = item;
            barrier_expect(barriers.q_full(), S::Q);
#pragma unroll
            for (int part = 0; part < S::DQ / MAIN; part++) {
                copy_box(shared + part * S::M * 128, maps.q, part * MAIN, item.head, item.first_row, barriers.q_full());
            }
            if constexpr (S::HAS_TAIL) {
                copy_box(shared + S::DQ / MAIN * S::M * 128, maps.q_tail, S::DQ / MAIN * MAIN, item.head, item.first_row, barriers.q_full());
            }
        }

        const int kv_head = item.head / group;
        const int* blocks = p.block_tables + static_cast<long long>(item.sequence) * p.max_blocks;
        // Beyond the context the last block is read again; those keys are masked.
        const int last_block = (item.k_len - 1) / BLOCK_ROWS;
        const auto row_of = [&](int n) {
            if (!paged) return item.k_start + n * S::N;
            return blocks[min(n * (S::N / BLOCK_ROWS) + lane % (S::N / BLOCK_ROWS), last_block)] * BLOCK_ROWS;
        };
        int row = row_of(0);
        for (int n = 0; n < item.n_rounds; n++, round++) {
            const int next_row = row_of(min(n + 1, item.n_rounds - 1));
            const int stage = round % S::STAGES;
            const int parity = (round / S::STAGES & 1) ^ 1;
            barrier_wait(barriers.k_empty(stage), parity);
            if (lane == 0) barrier_expect(barriers.k_full(stage), S::K);
            __syncwarp();
            copy_tile<S, S::DQ>(shared + S::K_AT + stage * S::K, maps.k, maps.k_tail, kv_head, row, paged, barriers.k_full(stage));
            barrier_wait(barriers.v_empty(stage), parity);
            if (lane == 0) barrier_expect(barriers.v_full(stage), S::V);
            __syncwarp();
            copy_tile<S, S::DV>(shared + S::V_AT + stage * S::V, maps.v, maps.v_tail, kv_head, row, paged, barriers.v_full(stage));
            row = next_row;
        }
        item = next;
    }
}

// ---- The warpgroups that compute

// Each thread holds two rows of a 64-row tile, eight apart: columns 8 j + 2 (lane % 4) and the next of the first row in
// [4 j] and [4 j + 1], of the second in [4 j + 2] and [4 j + 3].
struct Rows {
    float max[2];
    float sum[2];
};

// Turns scores into weights and returns by what to shrink earlier results.
template <int N, bool FIRST, bool MASK>
__device__ __forceinline__ float2 softmax(float (&s)[N / 2], Rows& rows, float scale_log2, int visible0, int visible1) {
    if constexpr (MASK) {
#pragma unroll
        for (int j = 0; j < N / 8; j++) {
            if (8 * j >= visible0) s[4 * j] = -INFINITY;
            if (8 * j + 1 >= visible0) s[4 * j + 1] = -INFINITY;
            if (8 * j >= visible1) s[4 * j + 2] = -INFINITY;
            if (8 * j + 1 >= visible1) s[4 * j + 3] = -INFINITY;
        }
    }
    float shrink[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float a = fmaxf(s[2 * half], s[2 * half + 1]);
        float b = fmaxf(s[4 + 2 * half], s[4 + 2 * half + 1]);
#pragma unroll
        for (int j = 2; j < N / 8; j += 2) {
            a = fmaxf(a, fmaxf(s[4 * j + 2 * half], s[4 * j + 2 * half + 1]));
            b = fmaxf(b, fmaxf(s[4 * j + 4 + 2 * half], s[4 * j + 4 + 2 * half + 1]));
        }
        float top = fmaxf(a, b);
        if constexpr (!FIRST) top = fmaxf(top, rows.max[half]);
        top = warp_reduce<Max, 4>(top);
        shrink[half] = FIRST ? 0.0f : exp2_fast((rows.max[half] - top) * scale_log2);
        rows.max[half] = top;
        const float shift = top * scale_log2;
        float sum_a = 0.0f, sum_b = 0.0f;
#pragma unroll
        for (int j = 0; j < N / 8; j++) {
            float& x = s[4 * j + 2 * half];
            float& y = s[4 * j + 2 * half + 1];
            x = exp2_fast(fmaf(x, scale_log2, -shift));
            y = exp2_fast(fmaf(y, scale_log2, -shift));
            sum_a += x;
            sum_b += y;
        }
        rows.sum[half] = (FIRST ? 0.0f : rows.sum[half] * shrink[half]) + (sum_a + sum_b);
    }
    return make_float2(shrink[0], shrink[1]);
}

// As the first operand of a matmul: [4 i .. 4 i + 4] are the weights of keys 16 i .. 16 i + 16.
template <int N>
__device__ __forceinline__ void pack_weights(unsigned (&w)[N], const float (&s)[2 * N]) {
#pragma unroll
    for (int i = 0; i < N; i++) w[i] = pack2(s[2 * i], s[2 * i + 1]);
}

template <class S>
__device__ __forceinline__ void start_scores(float (&s)[S::N / 2], unsigned q, unsigned q_tail, unsigned k) {
#pragma unroll
    for (int part = 0; part < S::DQ / MAIN; part++) {
        const uint64_t queries = operand(q + part * S::M * 128, 128, 0);
        const uint64_t keys = operand(k + part * S::N * 128, 128, 0);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            if (part == 0 && i == 0) {
                multiply_keys<S::N, false>(s, queries, keys);
            } else {
                multiply_keys<S::N, true>(s, advance(queries, i * 32), advance(keys, i * 32));
            }
        }
    }
    if constexpr (S::HAS_TAIL) multiply_keys<S::N, true>(s, operand(q_tail, 32, 0), operand(k + S::DQ / MAIN * S::N * 128, 32, 0));
}

template <class S>
__device__ __forceinline__ void start_output(float (&out)[S::DV / 2], const unsigned (&w)[S::N / 4], unsigned v) {
    constexpr int WIDE = S::DV / MAIN * MAIN;
    const uint64_t values = operand(v, 128, S::N * 128);
    const uint64_t tail = operand(v + S::DV / MAIN * S::N * 128, 32, 0);
#pragma unroll
    for (int i = 0; i < S::N / 16; i++) {
        multiply_values<WIDE>(out, w + 4 * i, advance(values, i * 16 * 128));
        if constexpr (S::HAS_TAIL) multiply_values<TAIL>(out + WIDE / 2, w + 4 * i, advance(tail, i * 16 * 32));
    }
}

// Rows from `first` on of a tile of values: their weights are zero, but zero times what lies there need not be.
template <class S>
__device__ __forceinline__ void clear_values(unsigned v, int first, int id) {
    const int thread = threadIdx.x % WARPGROUP;
    const auto clear = [&](unsigned from, int row_bytes) {
        for (int at = first * row_bytes + thread * 16; at < S::N * row_bytes; at += WARPGROUP * 16) {
            asm volatile("st.shared.v4.u32 [%0], {%1, %1, %1, %1};" ::"r"(from + at), "r"(0) : "memory");
        }
    };
#pragma unroll
    for (int part = 0; part < S::DV / MAIN; part++) clear(v + part * S::N * 128, 128);
    if constexpr (S::HAS_TAIL) clear(v + S::DV / MAIN * S::N * 128, 32);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    named_wait(id, WARPGROUP);
}

template <class S>
__device__ __forceinline__ void consume(const Problem& p, unsigned shared, const unsigned char* shared_bytes) {
    const Barriers<S> barriers{shared + S::BARRIERS_AT};
    const int warpgroup = __shfl_sync(ALL_LANES, static_cast<int>(threadIdx.x) / WARPGROUP, 0) - 1;
    const int lane = threadIdx.x % WARP;
    const int thread_row = threadIdx.x % WARPGROUP / WARP * 16 + lane / 4;
    const unsigned q = shared + warpgroup * 64 * 128;
    const unsigned q_tail = shared + S::DQ / MAIN * S::M * 128 + warpgroup * 64 * 32;
    const float scale_log2 = p.scale * 1.4426950408889634f;
    const int n_items = p.n_tiles * p.n_heads;

    // Named barriers: 1 + w gives warpgroup w the tensor cores, 1 + CONSUMERS + w is its own.
    const int turn = 1 + warpgroup;
    const int next_turn = 1 + (warpgroup + 1) % S::CONSUMERS;
    const auto take_turn = [&] {
        if constexpr (S::TURNS) named_wait(turn, 2 * WARPGROUP);
    };
    const auto end_turn = [&] {
        if constexpr (S::TURNS) named_arrive(next_turn, 2 * WARPGROUP);
    };
    // Every warp says for itself that it has read a tile.
    const auto release = [&](unsigned barrier) {
        __syncwarp();
        if (lane == 0) barrier_arrive(barrier);
    };
    if (warpgroup == 0) {
        if constexpr (S::TURNS) named_arrive(turn, 2 * WARPGROUP);
    }

    int round = 0;
    int count = 0;
    for (int index = blockIdx.x; index < n_items; index += gridDim.x, count++) {
        barrier_wait(barriers.q_full(), count & 1);
        const Item item = *reinterpret_cast<const Item*>(shared_bytes + S::ITEM_AT);
        const int wg_row = warpgroup * 64;

        if (wg_row >= item.n_rows) {
            // No rows: only keeps step with the others.
            release(barriers.q_empty());
            for (int n = 0; n < item.n_rounds; n++, round++) {
                const int stage = round % S::STAGES;
                const int parity = round / S::STAGES & 1;
                barrier_wait(barriers.k_full(stage), parity);
                release(barriers.k_empty(stage));
                if (n > 0) {
                    take_turn();
                    end_turn();
                }
                barrier_wait(barriers.v_full(stage), parity);
                release(barriers.v_empty(stage));
            }
            continue;
        }

        const int visible0 = min(item.k_len, item.diagonal + wg_row + thread_row) - lane % 4 * 2;
        const int visible1 = min(item.k_len, item.diagonal + wg_row + thread_row + 8) - lane % 4 * 2;
        // Rounds whose keys every row of the warpgroup sees.
        const int n_open = min(item.k_len, item.diagonal + wg_row) / S::N;

        float out[S::DV / 2];
#pragma unroll
        for (int i = 0; i < S::DV / 2; i++) out[i] = 0.0f;
        float s[S::N / 2];
        unsigned weights[S::N / 4];
        Rows rows;

        // The first round has key 0, which every row sees, so that the maximum is finite from then on.
        {
            const int stage = round % S::STAGES;
            const unsigned k = shared + S::K_AT + stage * S::K;
            barrier_wait(barriers.k_full(stage), round / S::STAGES & 1);
            matmul_fence();
            start_scores<S>(s, q, q_tail, k);
            matmul_commit();
            matmul_wait<0>();
            pin(s);
            release(barriers.k_empty(stage));
            if (n_open == 0) {
                softmax<S::N, true, true>(s, rows, scale_log2, visible0, visible1);
            } else {
                softmax<S::N, true, false>(s, rows, scale_log2, 0, 0);
            }
            pack_weights(weights, s);
        }

        const auto step = [&](int n, auto masked) {
            const int stage = round % S::STAGES;
            const int parity = round / S::STAGES & 1;
            const int next = (round + 1) % S::STAGES;
            const unsigned k = shared + S::K_AT + next * S::K;
            barrier_wait(barriers.k_full(next), (round + 1) / S::STAGES & 1);
            take_turn();
            matmul_fence();
            start_scores<S>(s, q, q_tail, k);
            matmul_commit();
            barrier_wait(barriers.v_full(stage), parity);
            matmul_fence();
            start_output<S>(out, weights, shared + S::V_AT + stage * S::V);
            matmul_commit();
            end_turn();
            matmul_wait<1>();
            pin(s);
            release(barriers.k_empty(next));
            const float2 shrink = softmax<S::N, false, decltype(masked)::value>(s, rows, scale_log2, visible0 - n * S::N, visible1 - n * S::N);
            pin(s);
            matmul_wait<0>();
            pin(out);
            release(barriers.v_empty(stage));
            pack_weights(weights, s);
#pragma unroll
            for (int i = 0; i < S::DV / 2; i++) out[i] *= i % 4 < 2 ? shrink.x : shrink.y;
            round++;
        };
        int n = 1;
        for (; n < min(n_open, item.n_rounds); n++) step(n, std::false_type{});
        for (; n < item.n_rounds; n++) step(n, std::true_type{});
        release(barriers.q_empty());

        {
            const int stage = round % S::STAGES;
            const unsigned v = shared + S::V_AT + stage * S::V;
            barrier_wait(barriers.v_full(stage), round / S::STAGES & 1);
            const int end = item.k_len - (item.n_rounds - 1) * S::N;
            if (end < S::N) clear_values<S>(v, end, 1 + S::CONSUMERS + warpgroup);
            matmul_fence();
            start_output<S>(out, weights, v);
            matmul_commit();
            matmul_wait<0>();
            pin(out);
            release(barriers.v_empty(stage));
            round++;
        }

        const float inverse0 = 1.0f / warp_reduce<Sum, 4>(rows.sum[0]);
        const float inverse1 = 1.0f / warp_reduce<Sum, 4>(rows.sum[1]);
        const long long row_stride = static_cast<long long>(p.n_heads) * p.dv;
        bf16* to = p.out + (item.first_row + wg_row + thread_row) * row_stride + item.head * p.dv;
        const int row = wg_row + thread_row;
#pragma unroll
        for (int j = 0; j < S::DV / 8; j += 4) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const float inverse = half ? inverse1 : inverse0;
                unsigned x[4];
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int at = 4 * (j + i) + 2 * half;
                    x[i] = j + i < S::DV / 8 ? pack2(out[at] * inverse, out[at + 1] * inverse) : 0;
                }
                transpose4(x);
                const int column = (j + lane % 4) * 8;
                if (row + 8 * half < item.n_rows && column < p.dv) {
                    *reinterpret_cast<uint4*>(to + 8 * half * row_stride + column) = make_uint4(x[0], x[1], x[2], x[3]);
                }
            }
        }
    }
    if (warpgroup == 0) take_turn();
}

template <class S>
__device__ __forceinline__ void attention(const Problem& p, const Maps& maps) {
    extern __shared__ unsigned char unaligned[];
    unsigned char* shared_bytes = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(unaligned) + 1023) & ~uintptr_t{1023});
    const unsigned shared = shared_address(shared_bytes);
    const Barriers<S> barriers{shared + S::BARRIERS_AT};
    if (threadIdx.x == 0) {
        prefetch_map(maps.q);
        prefetch_map(maps.k);
        prefetch_map(maps.v);
        const int readers = S::CONSUMERS * WARPGROUP / WARP;
        barrier_init(barriers.q_full(), 1);
        barrier_init(barriers.q_empty(), readers);
        for (int stage = 0; stage < S::STAGES; stage++) {
            barrier_init(barriers.k_full(stage), 1);
            barrier_init(barriers.v_full(stage), 1);
            barrier_init(barriers.k_empty(stage), readers);
            barrier_init(barriers.v_empty(stage), readers);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    wait_for_earlier_kernels();
    launch_dependents();
    if (threadIdx.x < WARPGROUP) {
        fewer_registers<S::PRODUCER_REGISTERS>();
        if (threadIdx.x < WARP) produce<S>(p, maps, shared, shared_bytes);
    } else {
        more_registers<S::CONSUMER_REGISTERS>();
        consume<S>(p, shared, shared_bytes);
    }
}

using D64 = Shape<64, 64, 3, 128, 4>;
using D80 = Shape<80, 80, 3, 96, 4>;
using D128 = Shape<128, 128, 2, 128, 2>;
using D192 = Shape<192, 128, 2, 128, 2>;

}  // namespace

#define PROBLEM_PARAMETERS                                                                                                     \
    bf16 *out, const int2 *tiles, const int *cu_seqlens, const int *cu_seqlens_k, const int *block_tables, const int *context_lens, \
        int n_tiles, int max_blocks, int n_heads, int n_kv_heads, int dv, int causal, float scale
#define PROBLEM \
    Problem { out, tiles, cu_seqlens, cu_seqlens_k, block_tables, context_lens, n_tiles, max_blocks, n_heads, n_kv_heads, dv, causal, scale }

#define ATTENTION(name, shape)                                                                                             \
    extern "C" __global__ void __launch_bounds__(shape::THREADS, 1)                                                        \
        name(const __grid_constant__ CUtensorMap q, const __grid_constant__ CUtensorMap k, const __grid_constant__ CUtensorMap v, \
             PROBLEM_PARAMETERS) {                                                                                         \
        attention<shape>(PROBLEM, Maps{&q, &k, &v, nullptr, nullptr, nullptr});                                            \
    }

ATTENTION(attention_sm90_d64, D64)
ATTENTION(attention_sm90_d128, D128)
ATTENTION(attention_sm90_d192_128, D192)

extern "C" __global__ void __launch_bounds__(D80::THREADS, 1)
    attention_sm90_d80(const __grid_constant__ CUtensorMap q, const __grid_constant__ CUtensorMap k, const __grid_constant__ CUtensorMap v,
                       const __grid_constant__ CUtensorMap q_tail, const __grid_constant__ CUtensorMap k_tail,
                       const __grid_constant__ CUtensorMap v_tail, PROBLEM_PARAMETERS) {
    attention<D80>(PROBLEM, Maps{&q, &k, &v, &q_tail, &k_tail, &v_tail});
}
