// Attention of one new token a sequence over its paged keys and values.
//
//   decode_attention_{fused,plain}_d{32,64,80,96,128}(out, qkv, q_weight, k_weight, angles, slots, k_cache, v_cache,
//       block_tables, context_lens, partials, tickets, n_heads, n_kv_heads, max_blocks, scale, eps)
//
//   out           bf16 [rows, n_heads * d]
//   qkv           bf16 [rows, (n_heads + 2 n_kv_heads) * d]: queries, keys, values of the new tokens
//   k_cache, v_cache  bf16 [n_blocks, 32, n_kv_heads, d]
//   block_tables  int [rows, max_blocks]
//   context_lens  int [rows]: tokens with the new one; 0 for a row that is only padding: nothing is written for it
//   partials      f32 [rows * n_heads * 32 * (d + 2)], need not be initialised
//   tickets       int [rows * n_kv_heads], all zero before the first launch; each launch leaves them zero
//   scale         of the scores, 1 / sqrt(d) as a rule
//
// fused: normalises the heads of q and k (`q_weight`, `k_weight` bf16 [d], each null for none; `eps`), rotates them by
// `angles` float2 [rows, d / 2] (cos, sin of pair (i, i + d / 2)), writes the new key and value to `slots` int [rows] of the
// cache (a slot is block * 32 + row; below zero: not written) and attends over them too.
// plain: q is ready as it lies in qkv, the new key and value are in the cache. Only the queries of qkv are read.
//
// Launch: grid (n_kv_heads, rows, z) with 1 <= z <= 32, block 128, dynamic shared memory of
//   2 * 256 * R + 4 * d + max(32 * (d + 8), 16 * G * (d + 4)) bytes, G = n_heads / n_kv_heads <= 16,
//   R = d + 8 for 80 and 96, else d.
// z changes only how the work is spread, never the result: as many as make a thousand blocks is a good choice.
//
// How it works. A sequence is cut into splits whose length is a function of its own length alone (`split_tokens`), at most
// 32. A block takes the splits blockIdx.z, blockIdx.z + z, … of one key-value head, with all the query heads that share it
// as the sixteen rows of a tensor core operand. Each of its four warps streams its own sixteen tokens of every 64 through
// its own ring of asynchronous copies and keeps its own online softmax; the warps' sums are joined at the end of a split.
// The last block of a (row, head) to finish joins the splits, in their order. So a row's bits depend on its own sequence only.
#include "fragments.cuh"

namespace {

constexpr int BLOCK_ROWS = 32;
constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;
constexpr int WARP_TOKENS = 16;
constexpr int TILE_TOKENS = WARPS * WARP_TOKENS;
constexpr int MAX_HEADS = 16;
constexpr int STAGES = 2;
constexpr int MAX_SPLITS = 32;
constexpr int MIN_SPLIT = 256;
constexpr float LOG2_E = 1.4426950408889634f;

// Where a vector of eight elements of a row of keys or values lies in shared memory: such that the eight rows that
// `ldmatrix` reads at once are in different banks. Powers of two are swizzled, other rows lie 16 bytes further apart.
template <int D>
struct Rows {
    static constexpr bool SWIZZLED = D == 32 || D == 64 || D == 128;
    static constexpr int STRIDE = SWIZZLED ? D : D + 8;
    static constexpr int VECTORS = D / 8;

    // What a row's vectors are exchanged by.
    __device__ __forceinline__ static int swizzle(int row) { return !SWIZZLED ? 0 : D == 32 ? row / 2 % 4 : row % 8; }
    // In elements.
    __device__ __forceinline__ static int at(int row, int vector) { return row * STRIDE + (vector ^ swizzle(row)) * 8; }
};

struct Problem {
    bf16* out;
    const bf16* qkv;
    const bf16* q_weight;
    const bf16* k_weight;
    const float2* angles;
    const int* slots;
    bf16* k_cache;
    bf16* v_cache;
    const int* block_tables;
    const int* context_lens;
    float* partials;
    int* tickets;
    int n_heads, n_kv_heads;
    int max_blocks;
    float scale, eps;
};

// Tokens of each split but the last: a multiple of the tile.
__device__ __forceinline__ int split_tokens(int n_tokens) {
    const int fair = (n_tokens + MAX_SPLITS - 1) / MAX_SPLITS;
    return max(MIN_SPLIT, (fair + TILE_TOKENS - 1) / TILE_TOKENS * TILE_TOKENS);
}

// The tiles that a block goes through: those of split blockIdx.z, then those of the split gridDim.z further, …
struct Cursor {
    int split, tile;
    int split_len, n_tokens, n_splits;

    __device__ __forceinline__ Cursor(int n_tokens)
        : split(blockIdx.z), tile(0), split_len(split_tokens(n_tokens)), n_tokens(n_tokens),
          n_splits((n_tokens + split_len - 1) / split_len) {}

    __device__ __forceinline__ bool ended() const { return split >= n_splits; }
    __device__ __forceinline__ int first_token() const { return split * split_len + tile * TILE_TOKENS; }
    __device__ __forceinline__ bool ends_split() const {
        return (tile + 1) * TILE_TOKENS >= split_len || first_token() + TILE_TOKENS >= n_tokens;
    }
    __device__ __forceinline__ void advance() {
        const bool next_split = ends_split();
        tile = next_split ? 0 : tile + 1;
        if (next_split) split += gridDim.z;
    }
};

// One head: normalised if there is a weight, rotated if asked, rounded once. By one warp; every lane calls it.
template <int D>
__device__ __forceinline__ void prepare_head(bf16* to, const bf16* from, const bf16* weight, const float2* angles, float eps) {
    constexpr int HALF = D / 2;
    constexpr int PAIRS = (HALF + WARP - 1) / WARP;
    const int lane = threadIdx.x % WARP;
    float a[PAIRS], b[PAIRS];
    float squares = 0.0f;
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
        const int pair = lane + i * WARP;
        const bool exists = pair < HALF;
        a[i] = exists ? __bfloat162float(from[pair]) : 0.0f;
        b[i] = exists ? __bfloat162float(from[pair + HALF]) : 0.0f;
        squares += a[i] * a[i] + b[i] * b[i];
    }
    const float norm = weight ? rsqrtf(warp_reduce<Sum>(squares) / D + eps) : 1.0f;
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
        const int pair = lane + i * WARP;
        if (pair >= HALF) continue;
        const float x = weight ? a[i] * norm * __bfloat162float(weight[pair]) : a[i];
        const float y = weight ? b[i] * norm * __bfloat162float(weight[pair + HALF]) : b[i];
        const float2 angle = angles ? angles[pair] : make_float2(1.0f, 0.0f);
        to[pair] = bf16(x * angle.x - y * angle.y);
        to[pair + HALF] = bf16(y * angle.x + x * angle.y);
    }
}

// A warp's softmax so far: for rows lane / 4 and lane / 4 + 8 the largest scaled score, the sum of the weights (this lane's
// part of it), and the weighted values, in the places of a tensor core result.
template <int D>
struct Softmax {
    float largest[2];
    float sum[2];
    float values[D / 8][4];

    __device__ __forceinline__ void reset() {
#pragma unroll
        for (int r = 0; r < 2; r++) largest[r] = -INFINITY, sum[r] = 0.0f;
#pragma unroll
        for (int i = 0; i < D / 8; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) values[i][j] = 0.0f;
    }

    // Takes in sixteen tokens, of which the first `n` (at least one) count.
    __device__ __forceinline__ void add(const unsigned (&q)[D / 16][4], unsigned keys, unsigned values_at, int n, float scale_log2) {
        const int lane = threadIdx.x % WARP;
        using R = Rows<D>;
        // Even and odd steps apart, so that they need not wait for each other.
        float scores[2][4] = {}, odd[2][4] = {};
        const int k_row = lane / 16 * 8 + lane % 8;
        const unsigned k_lane = keys + k_row * R::STRIDE * 2;
#pragma unroll
        for (int i = 0; i < D / 16; i++) {
            unsigned k[4];
            load_matrices(k, k_lane + ((i * 2 + lane / 8 % 2) ^ R::swizzle(k_row)) * 16);
            float(&c)[2][4] = i % 2 == 0 ? scores : odd;
            multiply_add(c[0], q[i][0], q[i][1], q[i][2], q[i][3], k[0], k[1]);
            multiply_add(c[1], q[i][0], q[i][1], q[i][2], q[i][3], k[2], k[3]);
        }
        float rescale[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            float here = -INFINITY;
#pragma unroll
            for (int i = 0; i < 4; i++) {
                float& s = scores[i / 2][r * 2 + i % 2];
                s = i / 2 * 8 + lane % 4 * 2 + i % 2 < n ? (s + odd[i / 2][r * 2 + i % 2]) * scale_log2 : -INFINITY;
                here = fmaxf(here, s);
            }
            here = fmaxf(largest[r], warp_reduce<Max, 4>(here));
            rescale[r] = exp2_fast(largest[r] - here);
            largest[r] = here;
            sum[r] *= rescale[r];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                float& s = scores[i / 2][r * 2 + i % 2];
                s = exp2_fast(s - here);
                sum[r] += s;
            }
        }
        const unsigned p[4] = {pack2(scores[0][0], scores[0][1]), pack2(scores[0][2], scores[0][3]), pack2(scores[1][0], scores[1][1]),
                               pack2(scores[1][2], scores[1][3])};
        const int v_row = lane % 16;
        const unsigned v_lane = values_at + v_row * R::STRIDE * 2;
#pragma unroll
        for (int i = 0; i < D / 16; i++) {
            unsigned v[4];
            load_matrices_transposed(v, v_lane + ((i * 2 + lane / 16) ^ R::swizzle(v_row)) * 16);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float(&c)[4] = values[i * 2 + half];
#pragma unroll
                for (int j = 0; j < 4; j++) c[j] *= rescale[j / 2];
                multiply_add(c, p[0], p[1], p[2], p[3], v[half * 2], v[half * 2 + 1]);
            }
        }
    }
};

// `scratch`: for each warp and query head, D weighted values, the largest score, the sum of weights, two floats unused.
template <int D>
__device__ __forceinline__ void store_softmax(Softmax<D>& s, float* scratch, int group) {
    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const float sum = warp_reduce<::Sum, 4>(s.sum[r]);
        const int head = lane / 4 + r * 8;
        if (head >= group) continue;
        float* to = scratch + (warp * group + head) * (D + 4);
#pragma unroll
        for (int i = 0; i < D / 8; i++)
            *reinterpret_cast<float2*>(to + i * 8 + lane % 4 * 2) = make_float2(s.values[i][r * 2], s.values[i][r * 2 + 1]);
        if (lane % 4 == 0) *reinterpret_cast<float2*>(to + D) = make_float2(s.largest[r], sum);
    }
}

template <int D, bool FUSED>
__device__ __forceinline__ void decode_attention(const Problem& p) {
    using R = Rows<D>;
    constexpr int STAGE = 2 * WARP_TOKENS * R::STRIDE;
    constexpr int QUERY_STRIDE = D + 8;
    extern __shared__ __align__(16) unsigned char shared[];
    bf16* ring = reinterpret_cast<bf16*>(shared);
    bf16* fresh = ring + STAGES * WARPS * STAGE;
    // The queries are there until they are in registers, then the scratch.
    bf16* queries = fresh + 2 * D;
    float* scratch = reinterpret_cast<float*>(queries);

    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
    const int kv_head = blockIdx.x;
    const int row = blockIdx.y;
    const int group = p.n_heads / p.n_kv_heads;

    if (!FUSED) wait_for_earlier_kernels();
    const int n_tokens = p.context_lens[row];
    Cursor cursor(n_tokens);
    if (n_tokens <= 0 || cursor.ended()) {
        // Some block waits even if there is nothing to do: who waits for this kernel counts on the earlier ones, too.
        if (blockIdx.z == 0) wait_for_earlier_kernels();
        return;
    }

    // The warp's part of each tile: sixteen keys, then sixteen values. Tokens past the end become zeros.
    const int* blocks = p.block_tables + static_cast<size_t>(row) * p.max_blocks;
    const unsigned warp_ring = shared_address(ring) + warp * STAGES * STAGE * 2;
    Cursor ahead = cursor;
    // The block of the warp's next tile is looked up a tile early.
    const auto look_up = [&] {
        const int first = ahead.first_token() + warp * WARP_TOKENS;
        return !ahead.ended() && first < n_tokens ? blocks[first / BLOCK_ROWS] : -1;
    };
    int block = look_up();
    const auto fetch = [&](int stage) {
        if (block >= 0) {
            const int first = ahead.first_token() + warp * WARP_TOKENS;
            const size_t start = ((static_cast<size_t>(block) * BLOCK_ROWS + first % BLOCK_ROWS) * p.n_kv_heads + kv_head) * D;
            const unsigned to = warp_ring + stage * STAGE * 2;
#pragma unroll
            for (int i = lane; i < WARP_TOKENS * R::VECTORS; i += WARP) {
                const int token = i / R::VECTORS;
                const int vector = i % R::VECTORS;
                const bool exists = first + token < n_tokens;
                const size_t from = exists ? start + static_cast<size_t>(token) * p.n_kv_heads * D + vector * 8 : start;
                const unsigned at = to + R::at(token, vector) * 2;
                copy16_or_zero(at, p.k_cache + from, exists);
                copy16_or_zero(at + WARP_TOKENS * R::STRIDE * 2, p.v_cache + from, exists);
            }
        }
        commit_copies();
        if (!ahead.ended()) ahead.advance();
        block = look_up();
    };
#pragma unroll
    for (int stage = 0; stage < STAGES; stage++) fetch(stage);
    launch_dependents();

    for (int i = threadIdx.x; i < (MAX_HEADS - group) * QUERY_STRIDE / 8; i += THREADS)
        *reinterpret_cast<uint4*>(queries + group * QUERY_STRIDE + i * 8) = make_uint4(0, 0, 0, 0);
    if (FUSED) wait_for_earlier_kernels();

    // The block whose split has the new token also prepares that token's key and value.
    const bool has_new = FUSED && (cursor.n_splits - 1) % gridDim.z == blockIdx.z;
    const bf16* heads = p.qkv + static_cast<size_t>(row) * (p.n_heads + 2 * p.n_kv_heads) * D;
    const float2* angles = FUSED ? p.angles + static_cast<size_t>(row) * (D / 2) : nullptr;
    for (int i = warp; i < group + (has_new ? 2 : 0); i += WARPS) {
        if (i < group)
            prepare_head<D>(queries + i * QUERY_STRIDE, heads + (kv_head * group + i) * D, FUSED ? p.q_weight : nullptr, angles, p.eps);
        else if (i == group)
            prepare_head<D>(fresh, heads + (p.n_heads + kv_head) * D, p.k_weight, angles, p.eps);
        else
            prepare_head<D>(fresh + D, heads + (p.n_heads + p.n_kv_heads + kv_head) * D, nullptr, nullptr, p.eps);
    }
    __syncthreads();
    if (has_new && threadIdx.x < 2 * R::VECTORS) {
        const int slot = p.slots[row];
        const int column = threadIdx.x % R::VECTORS * 8;
        bf16* cache = threadIdx.x < R::VECTORS ? p.k_cache : p.v_cache;
        if (slot >= 0) store8(cache + (static_cast<size_t>(slot) * p.n_kv_heads + kv_head) * D + column, load8(fresh + threadIdx.x * 8));
    }

    unsigned q[D / 16][4];
#pragma unroll
    for (int i = 0; i < D / 16; i++)
        load_matrices(q[i], shared_address(queries) + (lane % 16 * QUERY_STRIDE + i * 16 + lane / 16 * 8) * 2);
    __syncthreads();

    // Layout of the partial results of this row and head: values of all splits, then (largest, sum) of all splits.
    const size_t pair = static_cast<size_t>(row) * p.n_kv_heads + kv_head;
    float* partial_values = p.partials + pair * MAX_SPLITS * group * (D + 2);
    float2* partial_sums = reinterpret_cast<float2*>(partial_values + MAX_SPLITS * group * D);
    bf16* out = p.out + (static_cast<size_t>(row) * p.n_heads + kv_head * group) * D;

    Softmax<D> softmax;
    softmax.reset();
    int stage = 0;
    for (; !cursor.ended(); cursor.advance()) {
        wait_for_copies<STAGES - 1>();
        __syncwarp();
        const unsigned keys = warp_ring + stage * STAGE * 2;
        const int first = cursor.first_token() + warp * WARP_TOKENS;
        const int n = min(WARP_TOKENS, n_tokens - first);
        if (FUSED && n_tokens - 1 >= first && n_tokens - 1 < first + WARP_TOKENS) {
            // What was fetched for the new token is what its slot held before.
            bf16* tile = ring + (warp * STAGES + stage) * STAGE;
            for (int i = lane; i < 2 * R::VECTORS; i += WARP)
                store8(tile + i / R::VECTORS * WARP_TOKENS * R::STRIDE + R::at(n - 1, i % R::VECTORS), load8(fresh + i * 8));
            __syncwarp();
        }
        if (n > 0) softmax.add(q, keys, keys + WARP_TOKENS * R::STRIDE * 2, n, p.scale * LOG2_E);
        __syncwarp();
        fetch(stage);
        stage = stage == STAGES - 1 ? 0 : stage + 1;
        if (!cursor.ends_split()) continue;

        store_softmax(softmax, scratch, group);
        softmax.reset();
        __syncthreads();
        for (int i = threadIdx.x; i < group * D; i += THREADS) {
            const int head = i / D;
            const float* of_warp[WARPS];
            float largest = -INFINITY;
#pragma unroll
            for (int w = 0; w < WARPS; w++) {
                of_warp[w] = scratch + (w * group + head) * (D + 4);
                largest = fmaxf(largest, of_warp[w][D]);
            }
            float value = 0.0f, sum = 0.0f;
#pragma unroll
            for (int w = 0; w < WARPS; w++) {
                const float weight = exp2_fast(of_warp[w][D] - largest);
                value += weight * of_warp[w][i % D];
                sum += weight * of_warp[w][D + 1];
            }
            if (cursor.n_splits == 1) {
                out[i] = bf16(value / sum);
            } else {
                partial_values[cursor.split * group * D + i] = value;
                if (i % D == 0) partial_sums[cursor.split * group + head] = make_float2(largest, sum);
            }
        }
        __syncthreads();
    }
    if (cursor.n_splits == 1) return;

    // The last block of this row and head finds everybody's partial results written.
    __shared__ bool is_last;
    __syncthreads();
    if (threadIdx.x == 0) {
        // Behind the barrier it publishes what the whole block wrote.
        __threadfence();
        const int n_blocks = min(cursor.n_splits, static_cast<int>(gridDim.z));
        is_last = atomicAdd(p.tickets + pair, 1) == n_blocks - 1;
        if (is_last) p.tickets[pair] = 0;
        __threadfence();
    }
    __syncthreads();
    if (!is_last) return;
    // A lane a split: their shares of each head's result.
    for (int head = warp; head < group; head += WARPS) {
        const float2 own = lane < cursor.n_splits ? __ldcg(partial_sums + lane * group + head) : make_float2(-INFINITY, 0.0f);
        const float weight = exp2_fast(own.x - warp_reduce<Max>(own.x));
        scratch[head * MAX_SPLITS + lane] = weight / warp_reduce<::Sum>(weight * own.y);
    }
    __syncthreads();
    for (int i = threadIdx.x; i < group * D; i += THREADS) {
        const float* share = scratch + i / D * MAX_SPLITS;
        float value = 0.0f;
#pragma unroll 8
        for (int split = 0; split < cursor.n_splits; split++) value += share[split] * __ldcg(partial_values + split * group * D + i);
        out[i] = bf16(value);
    }
}

}  // namespace

#define DECODE_ATTENTION(form, FUSED, D)                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                                                   \
        decode_attention_##form##_d##D(bf16* out, const bf16* qkv, const bf16* q_weight, const bf16* k_weight, const float2* angles,        \
                                       const int* slots, bf16* k_cache, bf16* v_cache, const int* block_tables, const int* context_lens,   \
                                       float* partials, int* tickets, int n_heads, int n_kv_heads, int max_blocks, float scale, float eps) { \
        decode_attention<D, FUSED>({out, qkv, q_weight, k_weight, angles, slots, k_cache, v_cache, block_tables, context_lens, partials,    \
                                    tickets, n_heads, n_kv_heads, max_blocks, scale, eps});                                                 \
    }

#define DECODE_ATTENTION_FORMS(D)     \
    DECODE_ATTENTION(fused, true, D)  \
    DECODE_ATTENTION(plain, false, D)

DECODE_ATTENTION_FORMS(32)
DECODE_ATTENTION_FORMS(64)
DECODE_ATTENTION_FORMS(80)
DECODE_ATTENTION_FORMS(96)
DECODE_ATTENTION_FORMS(128)
