// Multi-head latent attention: all heads share one cached row a token, 512 values that keys and values are made of (the
// latent), then 64 rotated ones that belong to the keys alone. Twins are in tests/gpu/mla.rs.
//
// The cache is bf16 [n_blocks, 32, 576]; block_tables int [sequences, max_blocks]. Activations are bf16, arithmetic is f32,
// pointers are 16-byte aligned.
#include "bulk.cuh"
#include "splits.cuh"

namespace {

constexpr int LATENT = 512;
constexpr int ROPE = 64;
constexpr int ROW = LATENT + ROPE;
constexpr int BLOCK_ROWS = 32;
constexpr float LOG2_E = 1.4426950408889634f;

// ---- Attention of one new row a sequence

constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
// Rows of a product of the tensor cores.
constexpr int HEADS = 16;
// Tokens of a tile, two blocks of the cache; a warp scores eight of them.
constexpr int TILE = WARPS * 8;
// Columns of the latent whose sums a warp keeps.
constexpr int COLUMNS = LATENT / WARPS;
// Values between rows in shared memory: 16 bytes more than they have keep eight rows' loads in different banks.
constexpr int STRIDE = ROW + 8;
constexpr int WEIGHTS_STRIDE = TILE + 8;
// Bytes.
constexpr int STAGE = BLOCK_ROWS * STRIDE * 2;
constexpr int QUERIES = HEADS * STRIDE * 2;
constexpr int WEIGHTS = HEADS * WEIGHTS_STRIDE * 2;
constexpr int BY_WARP = WARPS * HEADS * 4;

struct Problem {
    bf16* out;
    const bf16* queries;
    const bf16* cache;
    const int* block_tables;
    const int* context_lens;
    float* partials;
    int n_heads, max_blocks;
    float scale;
    int stages;
};

// Partial results of a row: weighted latents of all splits and heads, then (largest score, sum of weights) of them.
struct Partials {
    float* values;
    float2* sums;
    __device__ __forceinline__ Partials(float* all, int row, int n_heads)
        : values(all + static_cast<size_t>(row) * MAX_SPLITS * n_heads * (LATENT + 2)),
          sums(reinterpret_cast<float2*>(values + static_cast<size_t>(MAX_SPLITS) * n_heads * LATENT)) {}
};

// A place in the ring of stages, of one block of the cache each.
struct Place {
    int stage = 0, parity = 0;
    __device__ __forceinline__ void advance(int stages) {
        if (++stage == stages) stage = 0, parity ^= 1;
    }
};

// A split's tokens.
struct Span {
    int first, n;
    __device__ __forceinline__ Span(int split, int split_len, int n_tokens)
        : first(split * split_len), n(min(split_len, n_tokens - first)) {}
};

struct Shared {
    unsigned stages, queries, weights, full, empty;
    // What each warp knows of the heads: the largest score in a tile, the sum of weights in a split.
    float* maxima;
    float* sums;
};

__device__ __forceinline__ void consumers_sync() { asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory"); }

// Brings the blocks of this block's splits. By one warp.
__device__ __forceinline__ void produce(const Problem& p, const Shared& s, int n_tokens, int split_len) {
    const int lane = threadIdx.x % WARP;
    const int n_splits = (n_tokens + split_len - 1) / split_len;
    const int* blocks = p.block_tables + static_cast<size_t>(blockIdx.y) * p.max_blocks;
    Place place;
    for (int split = blockIdx.z; split < n_splits; split += gridDim.z) {
        const Span span(split, split_len, n_tokens);
        const int n_blocks = (span.n + BLOCK_ROWS - 1) / BLOCK_ROWS;
        int looked_up = 0;
        for (int i = 0; i < n_blocks; i++, place.advance(p.stages)) {
            if (i % WARP == 0 && i + lane < n_blocks) looked_up = blocks[span.first / BLOCK_ROWS + i + lane];
            const int block = __shfl_sync(ALL_LANES, looked_up, i % WARP);
            const int n_rows = min(BLOCK_ROWS, span.n - i * BLOCK_ROWS);
            const bf16* from = p.cache + static_cast<size_t>(block) * BLOCK_ROWS * ROW;
            const unsigned to = s.stages + place.stage * STAGE;
            const unsigned full = s.full + place.stage * 8;
            barrier_wait(s.empty + place.stage * 8, place.parity ^ 1);
#if __CUDA_ARCH__ >= 900
            if (elected()) {
                expect_bytes(full, n_rows * ROW * 2);
                const unsigned long long policy = read_once();
#pragma unroll 4
                for (int r = 0; r < n_rows; r++) copy_bytes(to + r * STRIDE * 2, from + r * ROW, ROW * 2, full, policy);
            }
            __syncwarp();
#else
            for (int r = 0; r < n_rows; r++) copy_row(to + r * STRIDE * 2, reinterpret_cast<const unsigned char*>(from + r * ROW), ROW * 2);
            arrive_when_copied(full);
#endif
        }
    }
    launch_dependents();
}

// A lane has heads lane / 4 and lane / 4 + 8 of sixteen: [0] and [1] of what comes in pairs.
__device__ __forceinline__ void consume(const Problem& p, const Shared& s, int n_tokens, int split_len) {
    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
    const int row = blockIdx.y;
    const int first_head = blockIdx.x * HEADS;
    const int n_splits = (n_tokens + split_len - 1) / split_len;
    const float scale_log2 = p.scale * LOG2_E;
    const Partials partials(p.partials, row, p.n_heads);

    // Where the lane's rows of the operands are: of queries and weights as first operand, of keys and values as second one.
    const unsigned q_at = s.queries + lane % 16 * STRIDE * 2 + lane / 16 * 16;
    const unsigned weights_at = s.weights + lane % 16 * WEIGHTS_STRIDE * 2 + lane / 16 * 16;
    const unsigned k_offset = (warp % 4 * 8 + lane % 8) * STRIDE * 2 + lane / 8 * 16;
    const unsigned v_offset = lane % 16 * STRIDE * 2 + (warp * COLUMNS + lane / 16 * 8) * 2;
    // The lane's two tokens in a tile.
    const int own_token = warp * 8 + lane % 4 * 2;

    Place place;
    for (int split = blockIdx.z; split < n_splits; split += gridDim.z) {
        const Span span(split, split_len, n_tokens);
        float largest[2] = {-INFINITY, -INFINITY};
        float sum[2] = {};
        float values[COLUMNS / 8][4] = {};
        for (int first = 0; first < span.n; first += TILE) {
            // Tokens of the tile.
            const int n = min(TILE, span.n - first);
            const Place low = place;
            place.advance(p.stages);
            const Place high = n > BLOCK_ROWS ? place : low;
            if (n > BLOCK_ROWS) place.advance(p.stages);
            barrier_wait(s.full + low.stage * 8, low.parity);
            barrier_wait(s.full + high.stage * 8, high.parity);

            // Four sums apart, so that they need not wait for each other.
            float scores[4][4] = {};
            if (warp * 8 < n) {
                const unsigned k_at = s.stages + (warp < 4 ? low : high).stage * STAGE + k_offset;
#pragma unroll
                for (int i = 0; i < ROW / 16; i += 2) {
                    unsigned k[4];
                    load_matrices(k, k_at + i * 32);
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        unsigned q[4];
                        load_matrices(q, q_at + (i + j) * 32);
                        multiply_add(scores[(i + j) % 4], q[0], q[1], q[2], q[3], k[2 * j], k[2 * j + 1]);
                    }
                }
            }
            float weight[2][2];
#pragma unroll
            for (int h = 0; h < 2; h++) {
#pragma unroll
                for (int t = 0; t < 2; t++) {
                    const int i = 2 * h + t;
                    const float score = (scores[0][i] + scores[1][i]) + (scores[2][i] + scores[3][i]);
                    weight[h][t] = own_token + t < n ? score * scale_log2 : -INFINITY;
                }
                const float of_warp = warp_reduce<Max, 4>(fmaxf(weight[h][0], weight[h][1]));
                if (lane % 4 == 0) s.maxima[warp * HEADS + h * 8 + lane / 4] = of_warp;
            }
            consumers_sync();
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float top = largest[h];
#pragma unroll
                for (int w = 0; w < WARPS; w++) top = fmaxf(top, s.maxima[w * HEADS + h * 8 + lane / 4]);
                const float shrink = exp2_fast(largest[h] - top);
                largest[h] = top;
                float added = 0.0f;
#pragma unroll
                for (int t = 0; t < 2; t++) added += weight[h][t] = exp2_fast(weight[h][t] - top);
                sum[h] = sum[h] * shrink + added;
#pragma unroll
                for (int i = 0; i < COLUMNS / 8; i++)
#pragma unroll
                    for (int t = 0; t < 2; t++) values[i][2 * h + t] *= shrink;
                const unsigned to = s.weights + ((h * 8 + lane / 4) * WEIGHTS_STRIDE + own_token) * 2;
                asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(pack2(weight[h][0], weight[h][1])) : "memory");
            }
            // Of the tokens past the end weights are zero, but zero times what lies there need not be. They come in the last
            // tile of a sequence only: no copy follows that.
            for (int i = threadIdx.x; i < (16 - n % 16) % 16 * (LATENT / 8); i += THREADS) {
                const int token = n + i / (LATENT / 8);
                const unsigned to = s.stages + (token < BLOCK_ROWS ? low : high).stage * STAGE + token % BLOCK_ROWS * STRIDE * 2 +
                                    i % (LATENT / 8) * 16;
                asm volatile("st.shared.v4.u32 [%0], {%1, %1, %1, %1};" ::"r"(to), "r"(0) : "memory");
            }
            consumers_sync();
            for (int i = 0; i < (n + 15) / 16; i++) {
                unsigned w[4];
                load_matrices(w, weights_at + i * 32);
                const unsigned v_at = s.stages + (i < 2 ? low : high).stage * STAGE + i % 2 * 16 * STRIDE * 2 + v_offset;
#pragma unroll
                for (int j = 0; j < COLUMNS / 16; j++) {
                    unsigned v[4];
                    load_matrices_transposed(v, v_at + j * 32);
                    multiply_add(values[2 * j], w[0], w[1], w[2], w[3], v[0], v[1]);
                    multiply_add(values[2 * j + 1], w[0], w[1], w[2], w[3], v[2], v[3]);
                }
            }
            __syncwarp();
            if (lane == 0) {
                barrier_arrive(s.empty + low.stage * 8);
                if (n > BLOCK_ROWS) barrier_arrive(s.empty + high.stage * 8);
            }
        }

#pragma unroll
        for (int h = 0; h < 2; h++) {
            const float of_warp = warp_reduce<Sum, 4>(sum[h]);
            if (lane % 4 == 0) s.sums[warp * HEADS + h * 8 + lane / 4] = of_warp;
        }
        consumers_sync();
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const int head = first_head + h * 8 + lane / 4;
            float all = 0.0f;
#pragma unroll
            for (int w = 0; w < WARPS; w++) all += s.sums[w * HEADS + h * 8 + lane / 4];
            if (head >= p.n_heads) continue;
            const int column = warp * COLUMNS + lane % 4 * 2;
            if (n_splits == 1) {
                bf16* to = p.out + (static_cast<size_t>(row) * p.n_heads + head) * LATENT + column;
#pragma unroll
                for (int i = 0; i < COLUMNS / 8; i++)
                    *reinterpret_cast<unsigned*>(to + i * 8) = pack2(values[i][2 * h] / all, values[i][2 * h + 1] / all);
            } else {
                const size_t at = static_cast<size_t>(split) * p.n_heads + head;
                float* to = partials.values + at * LATENT + column;
#pragma unroll
                for (int i = 0; i < COLUMNS / 8; i++)
                    *reinterpret_cast<float2*>(to + i * 8) = make_float2(values[i][2 * h], values[i][2 * h + 1]);
                if (warp == 0 && lane % 4 == 0) partials.sums[at] = make_float2(largest[h], all);
            }
        }
    }
}

}  // namespace

// Attends to the cached rows of each sequence, whose first 512 values are the values too.
//   queries       bf16 [rows, n_heads, 576]
//   context_lens  int [rows]: tokens with the new one, which is in the cache; 0 for a row that is only padding
//   partials      f32 [rows * 32 * n_heads * 514], need not be initialised: of sequences with more than one split, for
//                 `mla_join`, which comes next
//   out           bf16 [rows, n_heads, 512]: of the other sequences; nothing is written for padding
//   scale         of the scores
// Grid (ceil(n_heads / 16), rows, z) with 1 <= z <= 32, which changes only how the work is spread, never the result; 288
// threads; dynamic shared memory of 22016 + stages * 37392 bytes, at least two stages.
//
// A block takes the splits blockIdx.z, blockIdx.z + z, … of sixteen heads. One warp brings the blocks of the cache (bulk
// copies on Hopper). Eight warps share a tile of 64 tokens: each scores eight of them against all sixteen heads, the 16 rows
// of the tensor cores' products; once all know the tile's largest scores, each sums up its own 64 columns of the latents.
extern "C" __global__ void __launch_bounds__(THREADS + WARP, 1)
    mla_decode(bf16* out, const bf16* queries, const bf16* cache, const int* block_tables, const int* context_lens, float* partials,
               int n_heads, int max_blocks, float scale, int stages) {
    extern __shared__ __align__(128) unsigned char shared[];
    const Problem p = {out, queries, cache, block_tables, context_lens, partials, n_heads, max_blocks, scale, stages};
    unsigned char* queries_here = shared + stages * STAGE;
    unsigned char* by_warp = queries_here + QUERIES + WEIGHTS;
    const unsigned barriers = shared_address(by_warp + 2 * BY_WARP);
    const Shared s = {shared_address(shared),
                      shared_address(queries_here),
                      shared_address(queries_here + QUERIES),
                      barriers,
                      barriers + stages * 8,
                      reinterpret_cast<float*>(by_warp),
                      reinterpret_cast<float*>(by_warp + BY_WARP)};
    if (threadIdx.x == 0) {
        for (int i = 0; i < stages; i++) {
            barrier_init(s.full + i * 8, FULL_ARRIVALS);
            barrier_init(s.empty + i * 8, WARPS);
        }
        // Bulk copies see barriers through another path than this thread does.
#if __CUDA_ARCH__ >= 900
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
    }
    wait_for_earlier_kernels();
    const int n_tokens = context_lens[blockIdx.y];
    const int split_len = split_tokens(n_tokens);
    if (static_cast<int>(blockIdx.z) * split_len >= n_tokens) return;
    const int first_head = blockIdx.x * HEADS;
    for (int i = threadIdx.x; i < HEADS * (ROW / 8); i += blockDim.x) {
        const int head = i / (ROW / 8), column = i % (ROW / 8) * 8;
        const bf16* from = queries + (static_cast<size_t>(blockIdx.y) * n_heads + first_head + head) * ROW + column;
        store8(reinterpret_cast<bf16*>(queries_here) + head * STRIDE + column, first_head + head < n_heads ? load8(from) : Bf16x8{});
    }
    __syncthreads();
    if (threadIdx.x >= THREADS)
        produce(p, s, n_tokens, split_len);
    else
        consume(p, s, n_tokens, split_len);
}

// Joins the splits of sequences with more than one, in their order. Grid (n_heads, rows), 128 threads.
extern "C" __global__ void __launch_bounds__(LATENT / 4)
    mla_join(bf16* out, const float* partials, const int* context_lens, int n_heads) {
    constexpr int AT_ONCE = 8;
    wait_for_earlier_kernels();
    launch_dependents();
    const int head = blockIdx.x, row = blockIdx.y;
    const int n_tokens = context_lens[row];
    const int split_len = split_tokens(n_tokens);
    const int n_splits = (n_tokens + split_len - 1) / split_len;
    if (n_splits <= 1) return;
    const Partials all(const_cast<float*>(partials), row, n_heads);
    const int column = threadIdx.x * 4;
    float values[4] = {};
    float sum = 0.0f, largest = -INFINITY;
    for (int split = 0; split < n_splits; split += AT_ONCE) {
        float2 sums[AT_ONCE];
        float4 of_split[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            sums[i] = make_float2(-INFINITY, 0.0f);
            of_split[i] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
            if (split + i >= n_splits) continue;
            const size_t at = static_cast<size_t>(split + i) * n_heads + head;
            sums[i] = all.sums[at];
            of_split[i] = *reinterpret_cast<const float4*>(all.values + at * LATENT + column);
        }
        float top = largest;
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) top = fmaxf(top, sums[i].x);
        const float shrink = exp2_fast(largest - top);
        largest = top;
        sum *= shrink;
#pragma unroll
        for (float& value : values) value *= shrink;
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            const float weight = exp2_fast(sums[i].x - top);
            sum += weight * sums[i].y;
            values[0] += weight * of_split[i].x;
            values[1] += weight * of_split[i].y;
            values[2] += weight * of_split[i].z;
            values[3] += weight * of_split[i].w;
        }
    }
    const uint2 words = make_uint2(pack2(values[0] / sum, values[1] / sum), pack2(values[2] / sum, values[3] / sum));
    *reinterpret_cast<uint2*>(out + (static_cast<size_t>(row) * n_heads + head) * LATENT + column) = words;
}

// ---- What comes before attention

namespace {

// Lanes that turn a head: each eight pairs, (i, i + 32).
constexpr int TURNING = ROPE / 2 / 8;

__device__ __forceinline__ void turn(bf16* to, const bf16* from, const float2* angles) {
    const int i = threadIdx.x % TURNING * 8;
    float low[8], high[8];
    unpack8(low, load8(from + i));
    unpack8(high, load8(from + ROPE / 2 + i));
#pragma unroll
    for (int j = 0; j < 8; j++) {
        const float2 angle = angles[i + j];
        const float a = low[j], b = high[j];
        low[j] = a * angle.x - b * angle.y;
        high[j] = b * angle.x + a * angle.y;
    }
    store8(to + i, pack8(low));
    store8(to + ROPE / 2 + i, pack8(high));
}

}  // namespace

// Puts new rows into the cache, the latent normalised, what is the keys' alone rotated; and rotates the queries.
//   latents  bf16 [rows, 576]: the latent, then the 64 values of the keys, as the projection left them
//   queries  bf16 [rows, n_heads, nope + 64]; the last 64 values of a head are rotated
//   turned   where they go: head h of a row at (row * n_heads + h) * turned_stride; may be in place
//   norm     bf16 [512], with `eps`
//   angles   float2 [rows, 32]: (cos, sin) of pair (i, i + 32)
//   slots    int [rows]: block * 32 + row; below zero: not written
// nope and turned_stride are multiples of 8. Grid rows; a warp for the latent and a lane for every quarter of a head, of keys
// or queries, in whole warps, up to 512.
extern "C" __global__ void __launch_bounds__(512)
    mla_store(bf16* cache, bf16* turned, const bf16* queries, const bf16* latents, const bf16* norm, const float2* angles, const int* slots,
              int n_heads, int nope, int turned_stride, float eps) {
    const int row = blockIdx.x, lane = threadIdx.x % WARP;
    float weight[2][8];
    if (threadIdx.x < WARP) {
#pragma unroll
        for (int i = 0; i < 2; i++) unpack8(weight[i], load8(norm + (i * WARP + lane) * 8));
    }
    wait_for_earlier_kernels();
    launch_dependents();
    const bf16* latent = latents + static_cast<size_t>(row) * ROW;
    const int slot = slots[row];
    bf16* cached = cache + static_cast<size_t>(max(slot, 0)) * ROW;
    if (threadIdx.x < WARP) {
        float v[2][8];
        float squares = 0.0f;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            unpack8(v[i], load8(latent + (i * WARP + lane) * 8));
#pragma unroll
            for (float x : v[i]) squares += x * x;
        }
        const float scale = rsqrtf(warp_reduce<Sum>(squares) / LATENT + eps);
#pragma unroll
        for (int i = 0; i < 2; i++) {
#pragma unroll
            for (int j = 0; j < 8; j++) v[i][j] *= scale * weight[i][j];
            if (slot >= 0) store8(cached + (i * WARP + lane) * 8, pack8(v[i]));
        }
        return;
    }
    const float2* of_row = angles + static_cast<size_t>(row) * (ROPE / 2);
    for (int head = (static_cast<int>(threadIdx.x) - WARP) / TURNING; head <= n_heads; head += (static_cast<int>(blockDim.x) - WARP) / TURNING) {
        const size_t at = static_cast<size_t>(row) * n_heads + head;
        if (head < n_heads)
            turn(turned + at * turned_stride, queries + at * (nope + ROPE) + nope, of_row);
        else if (slot >= 0)
            turn(cached + LATENT, latent + LATENT, of_row);
    }
}

// Lays out the cached rows of sequences one after the other, for products that make keys and values of them.
//   cu_seqlens  int [n_sequences + 1]: the rows of sequence s are cu_seqlens[s] .. cu_seqlens[s + 1], from its first token on
//   latents     bf16 [rows, 512]
//   keys        bf16 [rows, n_heads, nope + 64]: the last 64 values of every head are written
// Grid rows, 192 threads.
extern "C" __global__ void __launch_bounds__(192)
    mla_gather(bf16* latents, bf16* keys, const bf16* cache, const int* block_tables, const int* cu_seqlens, int n_sequences, int max_blocks,
               int n_heads, int nope) {
    wait_for_earlier_kernels();
    launch_dependents();
    const int row = blockIdx.x;
    // The last sequence that starts at or before the row: in low .. high.
    int low = 0, high = n_sequences;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        (cu_seqlens[middle] <= row ? low : high) = middle;
    }
    const int token = row - cu_seqlens[low];
    const int block = block_tables[static_cast<size_t>(low) * max_blocks + token / BLOCK_ROWS];
    const bf16* cached = cache + (static_cast<size_t>(block) * BLOCK_ROWS + token % BLOCK_ROWS) * ROW;
    constexpr int OF_LATENT = LATENT / 8, OF_HEAD = ROPE / 8;
    for (int i = threadIdx.x; i < OF_LATENT + n_heads * OF_HEAD; i += blockDim.x) {
        const int j = i - OF_LATENT;
        if (j < 0)
            store8(latents + static_cast<size_t>(row) * LATENT + i * 8, load8(cached + i * 8));
        else
            store8(keys + (static_cast<size_t>(row) * n_heads + j / OF_HEAD) * (nope + ROPE) + nope + j % OF_HEAD * 8,
                   load8(cached + LATENT + j % OF_HEAD * 8));
    }
}
