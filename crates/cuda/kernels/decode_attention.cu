// Attention of one new token a sequence over its paged keys and values.
//
//   decode_attention_{fused,plain}_d{32,64,80,96,128}{,_wide}{,_lone}(out, qkv, q_weight, q_bias, k_weight, k_bias, angles, slots,
//       k_cache, v_cache, block_tables, context_lens, partials, tickets, n_heads, n_kv_heads, max_blocks, scale, eps)
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
// fused: normalises the heads of q and k, rotates them by `angles` float2 [rows, d / 2] (cos, sin of pair (i, i + d / 2)),
// writes the new key and value to `slots` int [rows] of the cache (a slot is block * 32 + row; below zero: not written) and
// attends over them too. Norms have `eps` and weights, null for none: without biases they are RMSNorms with weights bf16 [d],
// with them LayerNorms with weights and biases bf16 [heads, d].
// plain: q is ready as it lies in qkv, the new key and value are in the cache. Only the queries of qkv are read.
//
// wide: for nine to sixteen query heads a key-value head; the others are for up to eight.
// lone: for few rows and heads, with more splits of medium sequences, in smaller blocks that find a place sooner.
//
// Launch: grid (n_kv_heads, rows, z) with 1 <= z <= 32, block 256, lone ones on Hopper best in clusters of 16 along z (of 16 or
// 32); dynamic shared memory of 256 * S * R + 4 * d + 128 * (d + 4) bytes, S = 3 on Hopper, 2 elsewhere and for lone, R = d + 8
// for 80 and 96, else d.
// z and clusters change only how the work is spread, never the result. Best is what fills the multiprocessors (two blocks each
// for d = 128) a whole number of times.
//
// How it works. A sequence is cut into splits whose length is a function of its own length alone (`split_tokens`), at most
// 32. A block takes the splits blockIdx.z, blockIdx.z + z, … of one key-value head. Each of its eight warps streams its own
// sixteen tokens of every 128 through its own ring of asynchronous copies and keeps its own online softmax; the warps' sums
// are joined at the end of a split. Keys and values are the 16 rows of the tensor cores' products and the query heads that
// share them the 8 columns, so that little of a product is padding and a warp needs few registers.
// The splits of a (row, head) are joined in their order: by the last block to finish, which finds the others' results in
// memory; where one cluster has all splits, its blocks send each other their results and each joins its share, which is
// sooner. So a row's bits depend on its own sequence only, and on whether the kernel is a lone one.
#include "cluster.cuh"
#include "splits.cuh"

namespace {

constexpr int BLOCK_ROWS = 32;
constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
constexpr int WARP_TOKENS = 16;
constexpr int TILE_TOKENS = WARPS * WARP_TOKENS;
static_assert(SHORT_SPLIT % TILE_TOKENS == 0, "splits are whole tiles");
// Sixteen rows of keys or of values each. Other GPUs than Hopper may have no shared memory for three.
#if __CUDA_ARCH__ >= 900
constexpr int MAX_STAGES = 3;
#else
constexpr int MAX_STAGES = 2;
#endif
// That the registers are shared out for.
constexpr int BLOCKS_AT_ONCE = 2;
// Heads whose sums the warps join at a time.
constexpr int JOINED_HEADS = 4;
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
    const bf16* q_bias;
    const bf16* k_weight;
    const bf16* k_bias;
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

// The tiles that a block goes through: those of split blockIdx.z, then those of the split gridDim.z further, …
struct Cursor {
    int split, tile;
    int split_len, n_tokens, n_splits;

    __device__ __forceinline__ Cursor(int n_tokens, int medium)
        : split(blockIdx.z), tile(0), split_len(split_tokens(n_tokens, medium)), n_tokens(n_tokens),
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

// The norm of one head: none without a weight, a LayerNorm with a bias.
struct HeadNorm {
    const bf16* weight;
    const bf16* bias;

    // Of head `head` of those that these weights and biases are for.
    __device__ __forceinline__ static HeadNorm of(const bf16* weight, const bf16* bias, int head, int d) {
        return bias ? HeadNorm{weight + head * d, bias + head * d} : HeadNorm{weight, nullptr};
    }
};

// One head by half a warp: normalised, rotated if asked, rounded once. A lane has eight neighbouring elements. All lanes of
// the warp call it, those of a half without a head with `exists` false.
template <int D>
__device__ __forceinline__ void prepare_head(bf16* to, const bf16* from, HeadNorm norm, const float2* angles, float eps, bool exists) {
    constexpr int LANES = WARP / 2, VECTORS = D / 8, HALF = VECTORS / 2;
    static_assert(VECTORS <= LANES && VECTORS % 2 == 0, "a lane for every vector, whose pairs are in one other");
    const int vector = threadIdx.x % LANES, other = vector < HALF ? vector + HALF : vector - HALF;
    exists = exists && vector < VECTORS;
    float values[8] = {}, weights[8], biases[8] = {};
    float2 turns[8];
#pragma unroll
    for (int i = 0; i < 8; i++) weights[i] = 1.0f, turns[i] = make_float2(1.0f, 0.0f);
    if (exists) {
        unpack8(values, load8(from + vector * 8));
        if (norm.weight) unpack8(weights, load8(norm.weight + vector * 8));
        if (norm.bias) unpack8(biases, load8(norm.bias + vector * 8));
        if (angles) {
#pragma unroll
            for (int i = 0; i < 8; i += 2) {
                const float4 two = *reinterpret_cast<const float4*>(angles + vector % HALF * 8 + i);
                turns[i] = make_float2(two.x, two.y), turns[i + 1] = make_float2(two.z, two.w);
            }
        }
    }
    float sum = 0.0f, squares = 0.0f;
#pragma unroll
    for (float value : values) sum += value;
    // The halves may have different norms, but reduce together.
    const float of_head = warp_reduce<Sum, LANES>(sum), mean = norm.bias ? of_head / D : 0.0f;
#pragma unroll
    for (float& value : values) {
        value = exists ? value - mean : 0.0f;
        squares += value * value;
    }
    const float all = warp_reduce<Sum, LANES>(squares);
    const float scale = norm.weight ? rsqrtf(all / D + eps) : 1.0f;
#pragma unroll
    for (int i = 0; i < 8; i++) values[i] = values[i] * scale * weights[i] + biases[i];
    float turned[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const float of_pair = __shfl_sync(ALL_LANES, values[i], other, LANES) * turns[i].y;
        turned[i] = values[i] * turns[i].x + (vector < HALF ? -of_pair : of_pair);
    }
    if (exists) store8(to + vector * 8, pack8(turned));
}

// A warp's softmax so far, of `OCTETS` times eight query heads. A lane has heads 2 (lane % 4) and the next of each octet:
// the largest scaled score, the sum of the weights (this lane's part of it), and the weighted values, transposed: element
// i * 16 + lane / 4 of both heads, then the element eight further.
template <int D, int OCTETS>
struct Softmax {
    using R = Rows<D>;
    float largest[OCTETS][2];
    float sum[OCTETS][2];
    float values[OCTETS][D / 16][4];
    // Of the sixteen tokens at hand.
    float rescale[OCTETS][2];
    unsigned weights[OCTETS][2];

    __device__ __forceinline__ void reset() {
#pragma unroll
        for (int o = 0; o < OCTETS; o++) {
#pragma unroll
            for (int h = 0; h < 2; h++) largest[o][h] = -INFINITY, sum[o][h] = 0.0f;
#pragma unroll
            for (int i = 0; i < D / 16; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) values[o][i][j] = 0.0f;
        }
    }

    // The weights of sixteen tokens, of which the first `n` (at least one) count.
    __device__ __forceinline__ void add_keys(const unsigned (&q)[OCTETS][D / 16][2], unsigned keys, int n, float scale_log2) {
        const int lane = threadIdx.x % WARP;
        // Even and odd steps apart, so that they need not wait for each other.
        float scores[OCTETS][2][4] = {};
        const int row = lane % 16;
        const unsigned of_lane = keys + row * R::STRIDE * 2;
#pragma unroll
        for (int i = 0; i < D / 16; i++) {
            unsigned k[4];
            load_matrices(k, of_lane + ((i * 2 + lane / 16) ^ R::swizzle(row)) * 16);
#pragma unroll
            for (int o = 0; o < OCTETS; o++) multiply_add(scores[o][i % 2], k[0], k[1], k[2], k[3], q[o][i][0], q[o][i][1]);
        }
#pragma unroll
        for (int o = 0; o < OCTETS; o++) {
            float p[2][2];
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float here = -INFINITY;
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const float score = (scores[o][0][i * 2 + h] + scores[o][1][i * 2 + h]) * scale_log2;
                    p[i][h] = i * 8 + lane / 4 < n ? score : -INFINITY;
                    here = fmaxf(here, p[i][h]);
                }
#pragma unroll
                for (int distance = 4; distance < WARP; distance *= 2) here = fmaxf(here, __shfl_xor_sync(ALL_LANES, here, distance));
                here = fmaxf(here, largest[o][h]);
                rescale[o][h] = exp2_fast(largest[o][h] - here);
                largest[o][h] = here;
                sum[o][h] *= rescale[o][h];
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    p[i][h] = exp2_fast(p[i][h] - here);
                    sum[o][h] += p[i][h];
                }
            }
#pragma unroll
            for (int i = 0; i < 2; i++) weights[o][i] = transpose_matrix(pack2(p[i][0], p[i][1]));
        }
    }

    // The values of those tokens.
    __device__ __forceinline__ void add_values(unsigned from) {
        const int lane = threadIdx.x % WARP;
        const int row = lane / 16 * 8 + lane % 8;
        const unsigned of_lane = from + row * R::STRIDE * 2;
#pragma unroll
        for (int i = 0; i < D / 16; i++) {
            unsigned v[4];
            load_matrices_transposed(v, of_lane + ((i * 2 + lane / 8 % 2) ^ R::swizzle(row)) * 16);
#pragma unroll
            for (int o = 0; o < OCTETS; o++) {
                float(&c)[4] = values[o][i];
#pragma unroll
                for (int j = 0; j < 4; j++) c[j] *= rescale[o][j % 2];
                multiply_add(c, v[0], v[1], v[2], v[3], weights[o][0], weights[o][1]);
            }
        }
    }

    // Of the heads from `first` on, as many as are joined at once: D weighted values, the largest score, the sum of weights,
    // two floats unused.
    __device__ __forceinline__ void store(float* to, int first, int n_heads) {
        const int lane = threadIdx.x % WARP;
#pragma unroll
        for (int o = 0; o < OCTETS; o++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float all = sum[o][h];
#pragma unroll
                for (int distance = 4; distance < WARP; distance *= 2) all += __shfl_xor_sync(ALL_LANES, all, distance);
                const int head = o * 8 + lane % 4 * 2 + h - first;
                if (head < 0 || head >= n_heads) continue;
                float* row = to + head * (D + 4);
#pragma unroll
                for (int i = 0; i < D / 16; i++) {
                    row[i * 16 + lane / 4] = values[o][i][h];
                    row[i * 16 + lane / 4 + 8] = values[o][i][2 + h];
                }
                if (lane < 4) *reinterpret_cast<float2*>(row + D) = make_float2(largest[o][h], all);
            }
        }
    }
};

template <int D, int OCTETS, bool FUSED, bool LONE>
__device__ __forceinline__ void decode_attention(const Problem& p) {
    using R = Rows<D>;
    constexpr int STAGE = WARP_TOKENS * R::STRIDE;
    constexpr int STAGES = LONE ? 2 : MAX_STAGES;
    constexpr int QUERY_STRIDE = D + 8;
    extern __shared__ __align__(16) unsigned char shared[];
    bf16* ring = reinterpret_cast<bf16*>(shared);
    bf16* fresh = ring + STAGES * WARPS * STAGE;
    // The queries are there until they are in registers, then the scratch, whose last bytes are a barrier.
    bf16* queries = fresh + 2 * D;
    float* scratch = reinterpret_cast<float*>(queries);

    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
    const int kv_head = blockIdx.x;
    const int row = blockIdx.y;
    const int group = p.n_heads / p.n_kv_heads;

    if (!FUSED) wait_for_earlier_kernels();
    const int* blocks = p.block_tables + static_cast<size_t>(row) * p.max_blocks;
    // The cache block of this warp's part of the block's tile number `tile`: a lane looks up one tile, 32 tiles at a time.
    const auto look_up = [&](int tile, int split_len) {
        const int of_split = split_len / TILE_TOKENS;
        const int split = blockIdx.z + tile / of_split * gridDim.z;
        const int index = (split * split_len + tile % of_split * TILE_TOKENS + warp * WARP_TOKENS) / BLOCK_ROWS;
        return index < p.max_blocks ? blocks[index] : 0;
    };
    // Without waiting for the length: sequences below LONG have splits of one of these lengths.
    const int if_short = look_up(lane, SHORT_SPLIT);
    const int if_usual = look_up(lane, SPLIT);
    const int n_tokens = p.context_lens[row];
    Cursor cursor(n_tokens, LONE ? LONE_MEDIUM : MEDIUM);
    if (n_tokens <= 0 || cursor.ended()) {
        // Some block waits even if there is nothing to do: who waits for this kernel counts on the earlier ones, too.
        if (blockIdx.z == 0) wait_for_earlier_kernels();
        return;
    }
    int looked_up = cursor.split_len == SHORT_SPLIT ? if_short : cursor.split_len == SPLIT ? if_usual : look_up(lane, cursor.split_len);

    const unsigned warp_ring = shared_address(ring) + warp * STAGES * STAGE * 2;
    Cursor ahead = cursor;
    int ahead_tile = 0;
    // The warp's part of each tile: sixteen keys, then, into the next stage of the ring, sixteen values. Tokens past the end
    // become zeros.
    const auto fetch = [&](int stage, bool values) {
        const int first = ahead.first_token() + warp * WARP_TOKENS;
        const unsigned to = warp_ring + stage * STAGE * 2;
        const int block = __shfl_sync(ALL_LANES, looked_up, ahead_tile % WARP);
        if (!ahead.ended() && first < n_tokens) {
            const size_t start = ((static_cast<size_t>(block) * BLOCK_ROWS + first % BLOCK_ROWS) * p.n_kv_heads + kv_head) * D;
            const bf16* from = (values ? p.v_cache : p.k_cache) + start;
            if constexpr (WARP % R::VECTORS == 0) {
                constexpr int TOKENS = WARP / R::VECTORS;
                const int vector = lane % R::VECTORS;
                int token = lane / R::VECTORS;
                from += token * p.n_kv_heads * D + vector * 8;
#pragma unroll
                for (int i = 0; i < WARP_TOKENS / TOKENS; i++) {
                    copy16_once_or_zero(to + R::at(token, vector) * 2, from, first + token < n_tokens);
                    from += TOKENS * p.n_kv_heads * D;
                    token += TOKENS;
                }
            } else {
#pragma unroll
                for (int i = lane; i < WARP_TOKENS * R::VECTORS; i += WARP) {
                    const int token = i / R::VECTORS;
                    const int vector = i % R::VECTORS;
                    copy16_once_or_zero(to + R::at(token, vector) * 2, from + token * p.n_kv_heads * D + vector * 8, first + token < n_tokens);
                }
            }
        }
        commit_copies();
        if (!values || ahead.ended()) return;
        ahead.advance();
        ahead_tile++;
        if (ahead_tile % WARP == 0) looked_up = look_up(ahead_tile + lane, cursor.split_len);
    };
#pragma unroll
    for (int stage = 0; stage < STAGES; stage++) fetch(stage, stage % 2 == 1);
    launch_dependents();

    for (int i = threadIdx.x; i < (8 * OCTETS - group) * QUERY_STRIDE / 8; i += THREADS)
        *reinterpret_cast<uint4*>(queries + group * QUERY_STRIDE + i * 8) = make_uint4(0, 0, 0, 0);
    // Blocks of a cluster with a split each join them together: each finishes its share of the results, four at a time.
    constexpr int OF_QUAD = sizeof(float4) + sizeof(float2);
    static_assert((8 * OCTETS * D / 4 + MAX_SPLITS) * OF_QUAD + sizeof(uint64_t) <= JOINED_HEADS * WARPS * (D + 4) * sizeof(float),
                  "the scratch has room for what a block receives");
    const int n_quads = group * D / 4, share = (n_quads + cursor.n_splits - 1) / cursor.n_splits;
    const int first_quad = blockIdx.z * share, n_own = max(0, min(share, n_quads - first_quad));
    const Cluster cluster(reinterpret_cast<uint64_t*>(scratch + JOINED_HEADS * WARPS * (D + 4)) - 1);
    const bool meets = LONE && cursor.n_splits > 1 && cursor.n_splits <= cluster.size;
    if (meets) cluster.expect(cursor.n_splits * n_own * OF_QUAD);
    float4* received_values = reinterpret_cast<float4*>(scratch);
    float2* received_sums = reinterpret_cast<float2*>(received_values + cursor.n_splits * share);
    if (FUSED) wait_for_earlier_kernels();

    // The block whose split has the new token also prepares that token's key and value.
    const bool has_new = FUSED && (cursor.n_splits - 1) % gridDim.z == blockIdx.z;
    const bf16* heads = p.qkv + static_cast<size_t>(row) * (p.n_heads + 2 * p.n_kv_heads) * D;
    const float2* angles = FUSED ? p.angles + static_cast<size_t>(row) * (D / 2) : nullptr;
    const int n_prepared = group + (has_new ? 2 : 0);
    for (int first = warp * 2; first < n_prepared; first += WARPS * 2) {
        const int i = first + lane / (WARP / 2);
        const bool of_query = i < group, of_key = i == group;
        const int head = of_query ? kv_head * group + i : p.n_heads + (of_key ? 0 : p.n_kv_heads) + kv_head;
        HeadNorm norm = {};
        if (FUSED && of_query) norm = HeadNorm::of(p.q_weight, p.q_bias, head, D);
        if (FUSED && of_key) norm = HeadNorm::of(p.k_weight, p.k_bias, kv_head, D);
        bf16* to = of_query ? queries + i * QUERY_STRIDE : fresh + (i - group) * D;
        prepare_head<D>(to, heads + head * D, norm, of_query || of_key ? angles : nullptr, p.eps, i < n_prepared);
    }
    __syncthreads();
    if (has_new && threadIdx.x < 2 * R::VECTORS) {
        const int slot = p.slots[row];
        const int column = threadIdx.x % R::VECTORS * 8;
        bf16* cache = threadIdx.x < R::VECTORS ? p.k_cache : p.v_cache;
        if (slot >= 0) store8(cache + (static_cast<size_t>(slot) * p.n_kv_heads + kv_head) * D + column, load8(fresh + threadIdx.x * 8));
    }

    unsigned q[OCTETS][D / 16][2];
#pragma unroll
    for (int o = 0; o < OCTETS; o++)
#pragma unroll
        for (int i = 0; i < D / 16; i += 2) {
            unsigned two[4];
            const int vector = min(i * 2 + lane / 8, R::VECTORS - 1);
            load_matrices(two, shared_address(queries) + ((o * 8 + lane % 8) * QUERY_STRIDE + vector * 8) * 2);
            q[o][i][0] = two[0], q[o][i][1] = two[1];
            if (i + 1 < D / 16) q[o][i + 1][0] = two[2], q[o][i + 1][1] = two[3];
        }
    // The scratch is free.
    __syncthreads();
    if (meets) cluster.arrive();

    // Layout of the partial results of this row and head: values of all splits, then (largest, sum) of all splits.
    const size_t pair = static_cast<size_t>(row) * p.n_kv_heads + kv_head;
    float* partial_values = p.partials + pair * MAX_SPLITS * group * (D + 2);
    float2* partial_sums = reinterpret_cast<float2*>(partial_values + MAX_SPLITS * group * D);
    bf16* out = p.out + (static_cast<size_t>(row) * p.n_heads + kv_head * group) * D;

    Softmax<D, OCTETS> softmax;
    softmax.reset();
    int stage = 0;
    for (; !cursor.ended(); cursor.advance()) {
        const int first = cursor.first_token() + warp * WARP_TOKENS;
        const int n = min(WARP_TOKENS, n_tokens - first);
        // What was fetched for the new token is what its slot held before.
        const bool is_fresh = FUSED && n > 0 && n_tokens - first <= WARP_TOKENS;
#pragma unroll
        for (int values = 0; values < 2; values++) {
            wait_for_copies<STAGES - 1>();
            __syncwarp();
            const unsigned at = warp_ring + stage * STAGE * 2;
            if (is_fresh) {
                bf16* tile = ring + (warp * STAGES + stage) * STAGE;
                if (lane < R::VECTORS) store8(tile + R::at(n - 1, lane), load8(fresh + values * D + lane * 8));
            }
            __syncwarp();
            if (n > 0) {
                if (values == 0)
                    softmax.add_keys(q, at, n, p.scale * LOG2_E);
                else
                    softmax.add_values(at);
            }
            __syncwarp();
            fetch(stage, (values + STAGES) % 2 == 1);
            stage = stage == STAGES - 1 ? 0 : stage + 1;
        }
        if (!cursor.ends_split()) continue;

        // Behind its last split the block needs the ring no more, which has room for more heads.
        const bool is_last_split = cursor.split + static_cast<int>(gridDim.z) >= cursor.n_splits;
        float* sums = is_last_split ? reinterpret_cast<float*>(ring) : scratch;
        const int at_once = is_last_split ? STAGES * STAGE * 2 / (4 * (D + 4)) : JOINED_HEADS;
        if (is_last_split) __syncthreads();
        if (meets) cluster.wait_for_all();
#pragma unroll 1
        for (int first_head = 0; first_head < group; first_head += at_once) {
            const int n_joined = min(at_once, group - first_head);
            softmax.store(sums + warp * n_joined * (D + 4), first_head, n_joined);
            __syncthreads();
#pragma unroll 1
            for (int i = threadIdx.x * 4; i < n_joined * D; i += THREADS * 4) {
                const float* of_head = sums + i / D * (D + 4);
                const int stride = n_joined * (D + 4);
                float2 stats[WARPS];
                float largest = -INFINITY;
#pragma unroll
                for (int w = 0; w < WARPS; w++) {
                    stats[w] = *reinterpret_cast<const float2*>(of_head + w * stride + D);
                    largest = fmaxf(largest, stats[w].x);
                }
                float4 value = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
                float sum = 0.0f;
#pragma unroll
                for (int w = 0; w < WARPS; w++) {
                    const float weight = exp2_fast(stats[w].x - largest);
                    const float4 of_warp = *reinterpret_cast<const float4*>(of_head + w * stride + i % D);
                    value.x += weight * of_warp.x, value.y += weight * of_warp.y;
                    value.z += weight * of_warp.z, value.w += weight * of_warp.w;
                    sum += weight * stats[w].y;
                }
                const int element = first_head * D + i;
                if (cursor.n_splits == 1) {
                    *reinterpret_cast<uint2*>(out + element) =
                        make_uint2(pack2(value.x / sum, value.y / sum), pack2(value.z / sum, value.w / sum));
                } else if (meets) {
                    const int quad = element / 4, owner = quad / share, at = cursor.split * share + quad % share;
                    cluster.send(received_values + at, owner, value);
                    cluster.send(received_sums + at, owner, make_float2(largest, sum));
                } else {
                    *reinterpret_cast<float4*>(partial_values + cursor.split * group * D + element) = value;
                    if (i % D == 0) partial_sums[cursor.split * group + element / D] = make_float2(largest, sum);
                }
            }
            __syncthreads();
        }
        softmax.reset();
    }
    if (cursor.n_splits == 1) return;

    // Four results, from those of all splits in their order.
    const auto join = [&](int element, const auto& values_of, const auto& sums_of) {
        constexpr int AT_ONCE = 8;
        float values[4] = {}, sum = 0.0f, largest = -INFINITY;
        for (int split = 0; split < cursor.n_splits; split += AT_ONCE) {
            float2 stats[AT_ONCE];
            float4 of_split[AT_ONCE];
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++) {
                const bool exists = split + j < cursor.n_splits;
                stats[j] = exists ? sums_of(split + j) : make_float2(-INFINITY, 0.0f);
                of_split[j] = exists ? values_of(split + j) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
            }
            float here = largest;
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++) here = fmaxf(here, stats[j].x);
            const float rescale = exp2_fast(largest - here);
            largest = here;
            sum *= rescale;
#pragma unroll
            for (float& value : values) value *= rescale;
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++) {
                const float weight = exp2_fast(stats[j].x - here);
                values[0] += weight * of_split[j].x;
                values[1] += weight * of_split[j].y;
                values[2] += weight * of_split[j].z;
                values[3] += weight * of_split[j].w;
                sum += weight * stats[j].y;
            }
        }
        *reinterpret_cast<uint2*>(out + element) =
            make_uint2(pack2(values[0] / sum, values[1] / sum), pack2(values[2] / sum, values[3] / sum));
    };
    if (meets) {
        if (static_cast<int>(threadIdx.x) >= n_own) return;
        cluster.receive();
        for (int i = threadIdx.x; i < n_own; i += THREADS)
            join((first_quad + i) * 4, [&](int split) { return received_values[split * share + i]; },
                 [&](int split) { return received_sums[split * share + i]; });
        return;
    }

    // The last block of this row and head finds everybody's partial results written.
    __syncthreads();
    const int n_blocks = min(cursor.n_splits, static_cast<int>(gridDim.z));
    if (n_blocks > 1) {
        bool* is_last = reinterpret_cast<bool*>(fresh);
        if (threadIdx.x == 0) {
            // Behind the barrier it publishes what the whole block wrote, and sees what others have.
            int ticket;
            asm volatile("atom.add.acq_rel.gpu.global.s32 %0, [%1], 1;" : "=r"(ticket) : "l"(p.tickets + pair) : "memory");
            *is_last = ticket == n_blocks - 1;
            if (*is_last) p.tickets[pair] = 0;
        }
        __syncthreads();
        if (!*is_last) return;
    }
    for (int i = threadIdx.x * 4; i < group * D; i += THREADS * 4)
        join(i, [&](int split) { return __ldcg(reinterpret_cast<const float4*>(partial_values + split * group * D + i)); },
             [&](int split) { return __ldcg(partial_sums + split * group + i / D); });
}

}  // namespace

#define DECODE_ATTENTION(name, FUSED, D, OCTETS, LONE)                                                                                     \
    extern "C" __global__ void __launch_bounds__(THREADS, OCTETS == 1 ? BLOCKS_AT_ONCE : 1)                                                \
        decode_attention_##name(bf16* out, const bf16* qkv, const bf16* q_weight, const bf16* q_bias, const bf16* k_weight,                \
                                const bf16* k_bias, const float2* angles, const int* slots, bf16* k_cache, bf16* v_cache,                  \
                                const int* block_tables, const int* context_lens, float* partials, int* tickets, int n_heads,              \
                                int n_kv_heads, int max_blocks, float scale, float eps) {                                                  \
        decode_attention<D, OCTETS, FUSED, LONE>({out, qkv, q_weight, q_bias, k_weight, k_bias, angles, slots, k_cache, v_cache,           \
                                                  block_tables, context_lens, partials, tickets, n_heads, n_kv_heads, max_blocks,          \
                                                  scale, eps});                                                                            \
    }

#define DECODE_ATTENTION_SPREADS(name, FUSED, D, OCTETS)   \
    DECODE_ATTENTION(name, FUSED, D, OCTETS, false)        \
    DECODE_ATTENTION(name##_lone, FUSED, D, OCTETS, true)

#define DECODE_ATTENTION_FORMS(D)                            \
    DECODE_ATTENTION_SPREADS(fused_d##D, true, D, 1)         \
    DECODE_ATTENTION_SPREADS(plain_d##D, false, D, 1)        \
    DECODE_ATTENTION_SPREADS(fused_d##D##_wide, true, D, 2)  \
    DECODE_ATTENTION_SPREADS(plain_d##D##_wide, false, D, 2)

DECODE_ATTENTION_FORMS(32)
DECODE_ATTENTION_FORMS(64)
DECODE_ATTENTION_FORMS(80)
DECODE_ATTENTION_FORMS(96)
DECODE_ATTENTION_FORMS(128)
