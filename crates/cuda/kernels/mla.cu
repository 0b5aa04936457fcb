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
// bf16.
constexpr unsigned TWO_ONES = 0x3f803f80u;

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

// Partial results of a row: weighted latents of all units and heads, then (largest score, sum of weights) of them.
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

// How a sequence is cut, by its length alone: leaves, each with sums of its own, and groups of neighbouring leaves whose sums
// are joined first. A block takes leaves where blocks are plenty, else groups, and joins their leaves itself: the order of
// the sums is the same.
struct Cut {
    int n_tokens, leaf, unit, n_units;
    // Leaves of a group.
    int n_joined;
    __device__ __forceinline__ Cut(int n_tokens, int depth) : n_tokens(n_tokens) {
        const int fair = (n_tokens + MAX_SPLITS - 1) / MAX_SPLITS;
        leaf = max(TILE, (fair + TILE - 1) / TILE * TILE);
        n_joined = max(1, split_tokens(n_tokens) / leaf);
        const int n_leaves = (n_tokens + leaf - 1) / leaf, n_groups = (n_leaves + n_joined - 1) / n_joined;
        const bool by_leaf = depth > n_groups;
        unit = by_leaf ? leaf : n_joined * leaf;
        n_units = by_leaf ? n_leaves : n_groups;
        if (!by_leaf) n_joined = 1;
    }
};

// A unit's tokens.
struct Span {
    int first, n;
    __device__ __forceinline__ Span(int unit, const Cut& cut) : first(unit * cut.unit), n(min(cut.unit, cut.n_tokens - first)) {}
};

// Adds sums relative to `top` to others relative to `largest`; both are scaled to the larger one of these.
struct Join {
    float keep, add;
    __device__ __forceinline__ Join(float& largest, float top) {
        const float both = fmaxf(largest, top);
        keep = exp2_fast(largest - both);
        add = exp2_fast(top - both);
        largest = both;
    }
    __device__ __forceinline__ float operator()(float sum, float more) const { return __fmaf_rn(sum, keep, __fmul_rn(more, add)); }
};

struct Shared {
    unsigned stages, queries, weights, full, empty;
    // What each warp knows of the heads: the largest score in a tile.
    float* maxima;
};

__device__ __forceinline__ void consumers_sync() { asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory"); }

// Brings the blocks of this block's units. By one warp. Only the newest token's row is as young as the kernel before.
__device__ __forceinline__ void produce(const Problem& p, const Shared& s, const Cut& cut) {
    const int lane = threadIdx.x % WARP;
    const int* blocks = p.block_tables + static_cast<size_t>(blockIdx.y) * p.max_blocks;
    Place place;
    for (int unit = blockIdx.z; unit < cut.n_units; unit += gridDim.z) {
        const Span span(unit, cut);
        const int n_blocks = (span.n + BLOCK_ROWS - 1) / BLOCK_ROWS;
        int looked_up = 0;
        for (int i = 0; i < n_blocks; i++, place.advance(p.stages)) {
            if (i % WARP == 0 && i + lane < n_blocks) looked_up = blocks[span.first / BLOCK_ROWS + i + lane];
            const int block = __shfl_sync(ALL_LANES, looked_up, i % WARP);
            const int n_rows = min(BLOCK_ROWS, span.n - i * BLOCK_ROWS);
            if (span.first + i * BLOCK_ROWS + n_rows == cut.n_tokens) wait_for_earlier_kernels();
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
__device__ __forceinline__ void consume(const Problem& p, const Shared& s, const Cut& cut) {
    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
    const int row = blockIdx.y;
    const int first_head = blockIdx.x * HEADS;
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
    for (int unit = blockIdx.z; unit < cut.n_units; unit += gridDim.z) {
        const Span span(unit, cut);
        // Of the unit, and of the leaf at hand: sums of weighted latents, and of weights in [0] and [2].
        float top_of_unit[2] = {-INFINITY, -INFINITY};
        float unit_values[COLUMNS / 8][4] = {};
        float unit_sums[4] = {};
        float largest[2] = {-INFINITY, -INFINITY};
        float values[COLUMNS / 8][4] = {};
        float sums[4] = {};
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
#pragma unroll
                for (int t = 0; t < 2; t++) weight[h][t] = exp2_fast(weight[h][t] - top);
                sums[2 * h] *= shrink;
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
                multiply_add(sums, w[0], w[1], w[2], w[3], TWO_ONES, TWO_ONES);
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
            if ((first + TILE) % cut.leaf != 0 && first + TILE < span.n) continue;
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const Join join(top_of_unit[h], largest[h]);
                largest[h] = -INFINITY;
                unit_sums[2 * h] = join(unit_sums[2 * h], sums[2 * h]);
                sums[2 * h] = 0.0f;
#pragma unroll
                for (int i = 0; i < COLUMNS / 8; i++) {
#pragma unroll
                    for (int t = 2 * h; t < 2 * h + 2; t++) {
                        unit_values[i][t] = join(unit_values[i][t], values[i][t]);
                        values[i][t] = 0.0f;
                    }
                }
            }
        }

#pragma unroll
        for (int h = 0; h < 2; h++) {
            const int head = first_head + h * 8 + lane / 4;
            if (head >= p.n_heads) continue;
            const float all = unit_sums[2 * h];
            const int column = warp * COLUMNS + lane % 4 * 2;
            if (p.out && cut.n_units == 1) {
                bf16* to = p.out + (static_cast<size_t>(row) * p.n_heads + head) * LATENT + column;
#pragma unroll
                for (int i = 0; i < COLUMNS / 8; i++)
                    *reinterpret_cast<unsigned*>(to + i * 8) = pack2(unit_values[i][2 * h] / all, unit_values[i][2 * h + 1] / all);
            } else {
                const size_t at = static_cast<size_t>(unit) * p.n_heads + head;
                float* to = partials.values + at * LATENT + column;
#pragma unroll
                for (int i = 0; i < COLUMNS / 8; i++)
                    *reinterpret_cast<float2*>(to + i * 8) = make_float2(unit_values[i][2 * h], unit_values[i][2 * h + 1]);
                if (warp == 0 && lane % 4 == 0) partials.sums[at] = make_float2(top_of_unit[h], all);
            }
        }
    }
}

}  // namespace

// Attends to the cached rows of each sequence, whose first 512 values are the values too.
//   queries       bf16 [rows, n_heads, 576]
//   context_lens  int [rows]: tokens with the new one, which is in the cache; 0 for a row that is only padding
//   partials      f32 [rows * 32 * n_heads * 514], need not be initialised: of sequences with more than one unit, for
//                 `mla_join`, which comes next; without `out` of all, for `mla_join_values`
//   out           bf16 [rows, n_heads, 512], or null: of the other sequences; nothing is written for padding
//   scale         of the scores
// Grid (ceil(n_heads / 16), rows, z) with 1 <= z <= 32, which changes only how the work is spread, never the result; 288
// threads; dynamic shared memory of 21504 + stages * 37392 bytes, at least two stages.
//
// The cache, up to the newest token, and what else is read but the queries must be older than the kernel before this one, or
// that kernel give the permission to start this one after its own wait is over.
//
// A block takes the units blockIdx.z, blockIdx.z + z, … of sixteen heads. One warp brings the blocks of the cache (bulk
// copies on Hopper). Eight warps share a tile of 64 tokens: each scores eight of them against all sixteen heads, the 16 rows
// of the tensor cores' products; once all know the tile's largest scores, each sums up its own 64 columns of the latents.
extern "C" __global__ void __launch_bounds__(THREADS + WARP, 1)
    mla_decode(bf16* out, const bf16* queries, const bf16* cache, const int* block_tables, const int* context_lens, float* partials,
               int n_heads, int max_blocks, float scale, int stages) {
    extern __shared__ __align__(128) unsigned char shared[];
    const Problem p = {out, queries, cache, block_tables, context_lens, partials, n_heads, max_blocks, scale, stages};
    unsigned char* queries_here = shared + stages * STAGE;
    unsigned char* by_warp = queries_here + QUERIES + WEIGHTS;
    const unsigned barriers = shared_address(by_warp + BY_WARP);
    const Shared s = {shared_address(shared),
                      shared_address(queries_here),
                      shared_address(queries_here + QUERIES),
                      barriers,
                      barriers + stages * 8,
                      reinterpret_cast<float*>(by_warp)};
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
    __syncthreads();
    const Cut cut(__ldcg(context_lens + blockIdx.y), gridDim.z);
    if (threadIdx.x >= THREADS) {
        produce(p, s, cut);
        return;
    }
    wait_for_earlier_kernels();
    if (static_cast<int>(blockIdx.z) >= cut.n_units) return;
    const int first_head = blockIdx.x * HEADS;
    // All are asked for before the first is there.
    constexpr int VECTORS = HEADS * (ROW / 8), OWN = (VECTORS + THREADS - 1) / THREADS;
    Bf16x8 own[OWN];
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        const int at = threadIdx.x + i * THREADS, head = first_head + at / (ROW / 8);
        const bf16* from = queries + (static_cast<size_t>(blockIdx.y) * n_heads + head) * ROW + at % (ROW / 8) * 8;
        own[i] = at < VECTORS && head < n_heads ? load8(from) : Bf16x8{};
    }
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        const int at = threadIdx.x + i * THREADS;
        if (at < VECTORS) store8(reinterpret_cast<bf16*>(queries_here) + at / (ROW / 8) * STRIDE + at % (ROW / 8) * 8, own[i]);
    }
    consumers_sync();
    consume(p, s, cut);
}

namespace {

// Adds up what all units of a row and head left, and divides by the weights: N columns of the latent from `column` on.
template <int N>
__device__ __forceinline__ void join_units(float (&out)[N], const float* partials, int row, int head, int n_heads, const Cut& cut, int column) {
    constexpr int AT_ONCE = 32 / N;
    const Partials all(const_cast<float*>(partials), row, n_heads);
    float top = -INFINITY, sum = 0.0f, values[N] = {};
    float top_of_group = -INFINITY, group_sum = 0.0f, group_values[N] = {};
    for (int first = 0; first < cut.n_units; first += AT_ONCE) {
        float2 sums[AT_ONCE];
        float of_unit[AT_ONCE][N];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            const size_t at = static_cast<size_t>(min(first + i, cut.n_units - 1)) * n_heads + head;
            sums[i] = all.sums[at];
#pragma unroll
            for (int j = 0; j < N; j += 2) {
                const float2 two = *reinterpret_cast<const float2*>(all.values + at * LATENT + column + j);
                of_unit[i][j] = two.x, of_unit[i][j + 1] = two.y;
            }
        }
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            const int n_done = first + i + 1;
            if (n_done > cut.n_units) break;
            const Join into_group(top_of_group, sums[i].x);
            group_sum = into_group(group_sum, sums[i].y);
#pragma unroll
            for (int j = 0; j < N; j++) group_values[j] = into_group(group_values[j], of_unit[i][j]);
            if (n_done % cut.n_joined != 0 && n_done < cut.n_units) continue;
            const Join join(top, top_of_group);
            top_of_group = -INFINITY;
            sum = join(sum, group_sum);
            group_sum = 0.0f;
#pragma unroll
            for (int j = 0; j < N; j++) values[j] = join(values[j], group_values[j]), group_values[j] = 0.0f;
        }
    }
#pragma unroll
    for (int j = 0; j < N; j++) out[j] = values[j] / sum;
}

// Threads and rows of values of a block of `mla_join_values`.
constexpr int JOIN_THREADS = LATENT / 2;
constexpr int JOIN_VALUES = 32;

}  // namespace

// Joins the units of sequences with more than one, which `mla_decode` took with a grid of this depth. Grid (n_heads, rows), 128 threads.
extern "C" __global__ void __launch_bounds__(LATENT / 4)
    mla_join(bf16* out, const float* partials, const int* context_lens, int n_heads, int depth) {
    wait_for_earlier_kernels();
    launch_dependents();
    const int head = blockIdx.x, row = blockIdx.y;
    const Cut cut(context_lens[row], depth);
    if (cut.n_units <= 1) return;
    const int column = threadIdx.x * 4;
    float values[4];
    join_units(values, partials, row, head, n_heads, cut, column);
    const uint2 words = make_uint2(pack2(values[0], values[1]), pack2(values[2], values[3]));
    *reinterpret_cast<uint2*>(out + (static_cast<size_t>(row) * n_heads + head) * LATENT + column) = words;
}

// Joins the units of all sequences and makes values of what that gives: out bf16 [rows, n_heads, value_dim], weight bf16
// [n_heads, value_dim, 512]. For few rows. Grid (n_heads * ceil(value_dim / 32), rows), 256 threads; a warp takes four values.
extern "C" __global__ void __launch_bounds__(JOIN_THREADS)
    mla_join_values(bf16* out, const float* partials, const int* context_lens, const bf16* weight, int n_heads, int value_dim, int depth) {
    __shared__ __align__(16) bf16 latent[LATENT];
    constexpr int OWN = JOIN_VALUES / (JOIN_THREADS / WARP), HALVES = LATENT / (WARP * 8);
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int n_slices = (value_dim + JOIN_VALUES - 1) / JOIN_VALUES;
    const int head = blockIdx.x / n_slices, row = blockIdx.y;
    const int first = blockIdx.x % n_slices * JOIN_VALUES + warp * OWN;
    Bf16x8 weights[OWN][HALVES];
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        const bf16* from = weight + (static_cast<size_t>(head) * value_dim + min(first + i, value_dim - 1)) * LATENT;
#pragma unroll
        for (int j = 0; j < HALVES; j++) weights[i][j] = load8(from + (j * WARP + lane) * 8);
    }
    wait_for_earlier_kernels();
    launch_dependents();
    const Cut cut(context_lens[row], depth);
    if (cut.n_units == 0) return;
    float joined[2];
    join_units(joined, partials, row, head, n_heads, cut, threadIdx.x * 2);
    reinterpret_cast<unsigned*>(latent)[threadIdx.x] = pack2(joined[0], joined[1]);
    __syncthreads();
    float sums[OWN] = {};
#pragma unroll
    for (int j = 0; j < HALVES; j++) {
        float x[8];
        unpack8(x, load8(latent + (j * WARP + lane) * 8));
#pragma unroll
        for (int i = 0; i < OWN; i++) {
            float w[8];
            unpack8(w, weights[i][j]);
#pragma unroll
            for (int l = 0; l < 8; l++) sums[i] = __fmaf_rn(w[l], x[l], sums[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < OWN; i++) {
        const float sum = warp_reduce<Sum>(sums[i]);
        if (lane == i && first + i < value_dim) out[(static_cast<size_t>(row) * n_heads + head) * value_dim + first + i] = bf16(sum);
    }
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

// New rows and where they go.
struct Fresh {
    bf16* cache;
    bf16* turned;
    const bf16* queries;
    const bf16* latents;
    const bf16* norm;
    const float2* angles;
    const int* slots;
    int n_heads, nope;
    // Values between rows; between heads of `turned`.
    int queries_stride, latents_stride, turned_stride, turned_head_stride;
    float eps;
};

// A lane's part of the weights of the latent's norm.
struct NormWeights {
    float values[2][8];
    __device__ __forceinline__ explicit NormWeights(const bf16* norm) {
#pragma unroll
        for (int i = 0; i < 2; i++) unpack8(values[i], load8(norm + (i * WARP + threadIdx.x % WARP) * 8));
    }
};

// By a warp.
__device__ __forceinline__ void store_latent(const Fresh& f, int row, const NormWeights& weight) {
    const int lane = threadIdx.x % WARP;
    const bf16* latent = f.latents + static_cast<size_t>(row) * f.latents_stride;
    const int slot = f.slots[row];
    float v[2][8];
    float squares = 0.0f;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        unpack8(v[i], load8(latent + (i * WARP + lane) * 8));
#pragma unroll
        for (float x : v[i]) squares += x * x;
    }
    const float scale = rsqrtf(warp_reduce<Sum>(squares) / LATENT + f.eps);
#pragma unroll
    for (int i = 0; i < 2; i++) {
#pragma unroll
        for (int j = 0; j < 8; j++) v[i][j] *= scale * weight.values[i][j];
        if (slot >= 0) store8(f.cache + static_cast<size_t>(slot) * ROW + (i * WARP + lane) * 8, pack8(v[i]));
    }
}

// By four lanes.
__device__ __forceinline__ void turn_query(const Fresh& f, int row, int head) {
    turn(f.turned + static_cast<size_t>(row) * f.turned_stride + head * f.turned_head_stride,
         f.queries + static_cast<size_t>(row) * f.queries_stride + head * (f.nope + ROPE) + f.nope, f.angles + row * (ROPE / 2));
}

// By four lanes.
__device__ __forceinline__ void store_key(const Fresh& f, int row) {
    const int slot = f.slots[row];
    if (slot < 0) return;
    turn(f.cache + static_cast<size_t>(slot) * ROW + LATENT, f.latents + static_cast<size_t>(row) * f.latents_stride + LATENT,
         f.angles + row * (ROPE / 2));
}

// Columns of a head's absorbed query that a block of `mla_absorb` makes, and its threads.
constexpr int ABSORBED = 64;
constexpr int ABSORB_THREADS = 128;
constexpr int ABSORB_SLICES = LATENT / ABSORBED;

}  // namespace

// Puts new rows into the cache, the latent normalised, what is the keys' alone rotated; and rotates the queries.
//   latents  bf16, a row every latents_stride values: the latent, then the 64 values of the keys, as the projection left them
//   queries  bf16 [n_heads, nope + 64] every queries_stride values; the last 64 values of a head are rotated
//   turned   where they go: head h of a row at row * turned_stride + h * turned_head_stride; may be in place
//   norm     bf16 [512], with `eps`
//   angles   float2 [rows, 32]: (cos, sin) of pair (i, i + 32)
//   slots    int [rows]: block * 32 + row; below zero: not written
// nope and strides are multiples of 8. Grid rows; a warp for the latent and a lane for every quarter of a head, of keys
// or queries, in whole warps, up to 512.
extern "C" __global__ void __launch_bounds__(512) mla_store(Fresh fresh) {
    const int row = blockIdx.x;
    if (threadIdx.x < WARP) {
        const NormWeights weight(fresh.norm);
        wait_for_earlier_kernels();
        launch_dependents();
        store_latent(fresh, row, weight);
        return;
    }
    wait_for_earlier_kernels();
    launch_dependents();
    const int n_groups = (static_cast<int>(blockDim.x) - WARP) / TURNING;
    for (int head = (static_cast<int>(threadIdx.x) - WARP) / TURNING; head <= fresh.n_heads; head += n_groups) {
        if (head < fresh.n_heads)
            turn_query(fresh, row, head);
        else
            store_key(fresh, row);
    }
}

// `mla_store` of few rows, and the other values of their queries multiplied by what makes keys of latents:
//   absorbed  bf16 [rows, n_heads, 576], of which `fresh.turned` is the last 64 values: the first 512 = weight · query
//   weight    bf16 [n_heads, 512, nope], nope at most 128
// Up to 32 rows. Grid n_heads * 8 + rows, 128 threads. Before its wait it reads weights alone, and it lets the next kernel
// start after it.
extern "C" __global__ void __launch_bounds__(ABSORB_THREADS) mla_absorb(bf16* absorbed, const bf16* weight, Fresh fresh, int rows) {
    constexpr int WARP_COLUMNS = ABSORBED / (ABSORB_THREADS / WARP), OWN = WARP_COLUMNS / 2;
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int head = static_cast<int>(blockIdx.x) / ABSORB_SLICES, slice = static_cast<int>(blockIdx.x) % ABSORB_SLICES;
    if (head >= fresh.n_heads) {
        const NormWeights norm(fresh.norm);
        wait_for_earlier_kernels();
        launch_dependents();
        const int row = static_cast<int>(blockIdx.x) - fresh.n_heads * ABSORB_SLICES;
        if (warp == 0) store_latent(fresh, row, norm);
        if (threadIdx.x / TURNING == WARP / TURNING) store_key(fresh, row);
        return;
    }
    // Sixteen lanes go along a row of the weight, each half of the warp along its own.
    const int half = lane / 16, at = lane % 16 * 8;
    const int first = slice * ABSORBED + warp * WARP_COLUMNS + half;
    Bf16x8 weights[OWN];
#pragma unroll
    for (int i = 0; i < OWN; i++)
        weights[i] = at < fresh.nope ? load8(weight + (static_cast<size_t>(head) * LATENT + first + 2 * i) * fresh.nope + at) : Bf16x8{};
    wait_for_earlier_kernels();
    launch_dependents();
    if (slice == 0 && static_cast<int>(threadIdx.x) < TURNING * rows) turn_query(fresh, threadIdx.x / TURNING, head);
    for (int row = 0; row < rows; row++) {
        const bf16* query = fresh.queries + static_cast<size_t>(row) * fresh.queries_stride + head * (fresh.nope + ROPE);
        float x[8];
        unpack8(x, at < fresh.nope ? load8(query + at) : Bf16x8{});
        float own = 0.0f;
#pragma unroll
        for (int i = 0; i < OWN; i++) {
            float w[8], sum = 0.0f;
            unpack8(w, weights[i]);
#pragma unroll
            for (int j = 0; j < 8; j++) sum = __fmaf_rn(w[j], x[j], sum);
            sum = warp_reduce<Sum, 16>(sum);
            if (lane % 16 == i) own = sum;
        }
        if (lane % 16 < OWN) absorbed[(static_cast<size_t>(row) * fresh.n_heads + head) * ROW + first + 2 * (lane % 16)] = bf16(own);
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
