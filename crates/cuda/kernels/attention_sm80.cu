// Attention of packed variable-length sequences on any GPU with bf16 tensor cores: every head size, contiguous or paged
// keys and values, causal or not. Softmax runs online in f32, as in the FlashAttention-2 paper.
//
// Launch, one kernel for each pair of padded head sizes (`attention_sm80_d32`, `_d64`, `_d80`, `_d96`, `_d128` with keys
// and values alike, `_d192_128` for 192-wide keys and 128-wide values):
//   grid   (n_tiles, n_heads), block 128
//   shared 2 * ((128 + N) * (DQ + 8) + N * (DV + 8)) bytes, dynamic, for padded sizes DQ and DV, with rounds of N = 128 keys
//          for `_d32` and `_d64`, 64 for the others
// A tile is 128 query rows. Blocks start in the order of `tiles`: causal callers list the tiles with the most visible keys
// first, so that the short ones fill the gaps at the end.
//
//   out           [T, n_heads, dv]; rows of no tile keep what they hold
//   q, k, v       row r of head h starts at r * stride + h * d; a multiple of eight elements each, bases 16-byte aligned
//   d, dv         head sizes, multiples of eight up to DQ and DV; the rest is computed as zeros
//   tiles         (sequence, first query row within the sequence / 128)
//   cu_seqlens    query rows of sequence s are cu_seqlens[s] .. cu_seqlens[s + 1]
//   cu_seqlens_k  contiguous: its keys are rows cu_seqlens_k[s] .. cu_seqlens_k[s + 1] of k and v
//   block_tables  paged (null otherwise): [n_sequences, max_blocks]; k and v are caches [n_blocks, 32, n_kv_heads, d] and
//                 k_stride = n_kv_heads * d, v_stride = n_kv_heads * dv
//   context_lens  paged: number of keys of each sequence
//   causal        the last query row sees all keys, the one before it one key less, and so on
//   scale         of the scores before the softmax
//
// Every sequence has at least as many keys as query rows. A row's result depends on its own sequence only.
#include "fragments.cuh"

namespace {

constexpr int TILE_M = 128;
constexpr int BLOCK_ROWS = 32;
constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;
constexpr int WARP_ROWS = TILE_M / WARPS;
// Groups of sixteen query rows of a warp.
constexpr int GROUPS = WARP_ROWS / 16;

// Brings rows `first .. first + ROWS` of one head to shared memory, rows `D + 8` elements apart, which keeps the
// eight rows that `ldmatrix` reads at once in different banks. Rows from `end` on and columns from `d` on become zero.
// `blocks` is the sequence's block table; null when the rows lie end to end.
template <int ROWS, int D>
__device__ __forceinline__ void fetch(unsigned to, const bf16* from, int stride, const int* blocks, int first, int end, int d) {
    constexpr int CHUNKS = D / 8;
    // Threads side by side bring the chunks of one row; with a power of two every thread stays in its column.
    constexpr int ACROSS = CHUNKS % 16 == 0 ? 16 : CHUNKS % 8 == 0 ? 8 : CHUNKS % 4 == 0 ? 4 : 2;
    constexpr int DOWN = THREADS / ACROSS;
    static_assert(ROWS % DOWN == 0 && CHUNKS % ACROSS == 0);
    const int column = threadIdx.x % ACROSS * 8;
    const int row = threadIdx.x / ACROSS;
    to += (row * (D + 8) + column) * 2;
    // Nothing is read where `copy` is false, so the address need not exist.
    const auto copy_row = [&](int i, const bf16* source, bool exists) {
#pragma unroll
        for (int j = 0; j < CHUNKS / ACROSS; j++) {
            const bool copy = exists && column + j * ACROSS * 8 < d;
            copy16_or_zero(to + (i * DOWN * (D + 8) + j * ACROSS * 8) * 2, source + j * ACROSS * 8, copy);
        }
    };
    const int left = end - first - row;
    if (blocks) {
#pragma unroll
        for (int i = 0; i < ROWS / DOWN; i++) {
            const int at = min(first + row + i * DOWN, end - 1);
            const long long cached = static_cast<long long>(blocks[at / BLOCK_ROWS]) * BLOCK_ROWS + at % BLOCK_ROWS;
            copy_row(i, from + cached * stride + column, i * DOWN < left);
        }
    } else {
        const bf16* source = from + static_cast<long long>(first + row) * stride + column;
#pragma unroll
        for (int i = 0; i < ROWS / DOWN; i++) copy_row(i, source + i * DOWN * stride, i * DOWN < left);
    }
    commit_copies();
}

struct Problem {
    bf16* out;
    const bf16* q;
    const bf16* k;
    const bf16* v;
    const int2* tiles;
    const int* cu_seqlens;
    const int* cu_seqlens_k;
    const int* block_tables;
    const int* context_lens;
    int max_blocks;
    int q_stride, k_stride, v_stride;
    int n_heads, n_kv_heads;
    int d, dv;
    int causal;
    float scale;
};

template <int DQ, int DV, int TILE_N>
__device__ __forceinline__ void attention(const Problem& p) {
    extern __shared__ __align__(16) unsigned char shared[];
    const unsigned q_shared = shared_address(shared);
    const unsigned k_shared = q_shared + TILE_M * (DQ + 8) * 2;
    const unsigned v_shared = k_shared + TILE_N * (DQ + 8) * 2;

    wait_for_earlier_kernels();
    launch_dependents();

    const int2 tile = p.tiles[blockIdx.x];
    const int head = blockIdx.y;
    const int kv_head = head / (p.n_heads / p.n_kv_heads);
    const int q_start = p.cu_seqlens[tile.x];
    const int q_len = p.cu_seqlens[tile.x + 1] - q_start;
    const int first_row = tile.y * TILE_M;
    const int* blocks = p.block_tables ? p.block_tables + static_cast<long long>(tile.x) * p.max_blocks : nullptr;
    const int k_start = blocks ? 0 : p.cu_seqlens_k[tile.x];
    const int k_len = blocks ? p.context_lens[tile.x] : p.cu_seqlens_k[tile.x + 1] - k_start;
    // Row r of the tile sees keys 0 .. min(k_len, diagonal + r).
    const int diagonal = p.causal ? k_len - q_len + first_row + 1 : k_len;
    const int n_rows = min(TILE_M, q_len - first_row);
    const int n_keys = min(k_len, diagonal + n_rows - 1);
    const int n_tiles = (n_keys + TILE_N - 1) / TILE_N;

    const bf16* k = p.k + static_cast<long long>(k_start) * p.k_stride + kv_head * p.d;
    const bf16* v = p.v + static_cast<long long>(k_start) * p.v_stride + kv_head * p.dv;
    fetch<TILE_M, DQ>(q_shared, p.q + static_cast<long long>(q_start) * p.q_stride + head * p.d, p.q_stride, nullptr, first_row, q_len, p.d);
    fetch<TILE_N, DQ>(k_shared, k, p.k_stride, blocks, 0, n_keys, p.d);

    const int lane = threadIdx.x % WARP;
    const int warp_row = threadIdx.x / WARP * WARP_ROWS;
    // What this lane gives `ldmatrix`: row and column of the 16 x 16 piece, for pieces read along rows of queries and
    // values, and for keys, where the second matrix is the next eight columns.
    const unsigned q_lane = ((warp_row + lane % 16) * (DQ + 8) + lane / 16 * 8) * 2;
    const unsigned k_lane = ((lane / 16 * 8 + lane % 8) * (DQ + 8) + lane / 8 % 2 * 8) * 2;
    const unsigned v_lane = (lane % 16 * (DV + 8) + lane / 16 * 8) * 2;

    float out[GROUPS][DV / 8][4] = {};
    float row_max[GROUPS][2];
    float row_sum[GROUPS][2] = {};
#pragma unroll
    for (int g = 0; g < GROUPS; g++) row_max[g][0] = row_max[g][1] = -INFINITY;
    const float scale_log2 = p.scale * 1.4426950408889634f;

    for (int n = 0; n < n_tiles; n++) {
        wait_for_copies<0>();
        __syncthreads();
        // The previous round is over for every warp, so the values' place is free.
        fetch<TILE_N, DV>(v_shared, v, p.v_stride, blocks, n * TILE_N, n_keys, p.dv);

        float scores[GROUPS][TILE_N / 8][4] = {};
#pragma unroll
        for (int i = 0; i < DQ / 16; i++) {
            unsigned a[GROUPS][4];
#pragma unroll
            for (int g = 0; g < GROUPS; g++) load_matrices(a[g], q_shared + q_lane + (g * 16 * (DQ + 8) + i * 16) * 2);
#pragma unroll
            for (int j = 0; j < TILE_N / 16; j++) {
                unsigned b[4];
                load_matrices(b, k_shared + k_lane + (j * 16 * (DQ + 8) + i * 16) * 2);
#pragma unroll
                for (int g = 0; g < GROUPS; g++) {
                    multiply_add(scores[g][2 * j], a[g][0], a[g][1], a[g][2], a[g][3], b[0], b[1]);
                    multiply_add(scores[g][2 * j + 1], a[g][0], a[g][1], a[g][2], a[g][3], b[2], b[3]);
                }
            }
        }

        if ((n + 1) * TILE_N > min(k_len, diagonal + warp_row)) {
#pragma unroll
            for (int g = 0; g < GROUPS; g++) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const int row = warp_row + g * 16 + half * 8 + lane / 4;
                    const int visible = min(k_len, diagonal + row) - n * TILE_N - lane % 4 * 2;
#pragma unroll
                    for (int j = 0; j < TILE_N / 8; j++) {
                        if (j * 8 >= visible) scores[g][j][2 * half] = -INFINITY;
                        if (j * 8 + 1 >= visible) scores[g][j][2 * half + 1] = -INFINITY;
                    }
                }
            }
        }

        // The first tile holds key 0, which every row sees, so that the maximum is finite from then on.
#pragma unroll
        for (int g = 0; g < GROUPS; g++) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float top = row_max[g][half];
#pragma unroll
                for (int j = 0; j < TILE_N / 8; j++) top = fmaxf(top, fmaxf(scores[g][j][2 * half], scores[g][j][2 * half + 1]));
                top = warp_reduce<Max, 4>(top);
                const float shrink = exp2_fast((row_max[g][half] - top) * scale_log2);
                row_max[g][half] = top;
                const float shift = top * scale_log2;
                float sum = 0.0f;
#pragma unroll
                for (int j = 0; j < TILE_N / 8; j++) {
#pragma unroll
                    for (int e = 2 * half; e < 2 * half + 2; e++) {
                        scores[g][j][e] = exp2_fast(fmaf(scores[g][j][e], scale_log2, -shift));
                        sum += scores[g][j][e];
                    }
                }
                row_sum[g][half] = row_sum[g][half] * shrink + sum;
#pragma unroll
                for (int j = 0; j < DV / 8; j++) {
                    out[g][j][2 * half] *= shrink;
                    out[g][j][2 * half + 1] *= shrink;
                }
            }
        }

        wait_for_copies<0>();
        __syncthreads();
        if (n + 1 < n_tiles) fetch<TILE_N, DQ>(k_shared, k, p.k_stride, blocks, (n + 1) * TILE_N, n_keys, p.d);

#pragma unroll
        for (int i = 0; i < TILE_N / 16; i++) {
            unsigned a[GROUPS][4];
#pragma unroll
            for (int g = 0; g < GROUPS; g++) {
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    a[g][2 * e] = pack2(scores[g][2 * i + e][0], scores[g][2 * i + e][1]);
                    a[g][2 * e + 1] = pack2(scores[g][2 * i + e][2], scores[g][2 * i + e][3]);
                }
            }
#pragma unroll
            for (int j = 0; j < DV / 16; j++) {
                unsigned b[4];
                load_matrices_transposed(b, v_shared + v_lane + (i * 16 * (DV + 8) + j * 16) * 2);
#pragma unroll
                for (int g = 0; g < GROUPS; g++) {
                    multiply_add(out[g][2 * j], a[g][0], a[g][1], a[g][2], a[g][3], b[0], b[1]);
                    multiply_add(out[g][2 * j + 1], a[g][0], a[g][1], a[g][2], a[g][3], b[2], b[3]);
                }
            }
        }
    }

    const long long out_stride = static_cast<long long>(p.n_heads) * p.dv;
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float inverse = 1.0f / warp_reduce<Sum, 4>(row_sum[g][half]);
            const int row = warp_row + g * 16 + half * 8 + lane / 4;
            if (row >= n_rows) continue;
            bf16* to = p.out + (q_start + first_row + row) * out_stride + head * p.dv + lane % 4 * 2;
#pragma unroll
            for (int j = 0; j < DV / 8; j++) {
                if (j * 8 < p.dv) {
                    *reinterpret_cast<unsigned*>(to + j * 8) = pack2(out[g][j][2 * half] * inverse, out[g][j][2 * half + 1] * inverse);
                }
            }
        }
    }
}

}  // namespace

#define ATTENTION(name, dq, dv_padded, tile_n)                                                                              \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                                   \
        name(bf16* out, const bf16* q, const bf16* k, const bf16* v, const int2* tiles, const int* cu_seqlens,              \
             const int* cu_seqlens_k, const int* block_tables, const int* context_lens, int max_blocks, int q_stride,       \
             int k_stride, int v_stride, int n_heads, int n_kv_heads, int d, int dv, int causal, float scale) {             \
        attention<dq, dv_padded, tile_n>(Problem{out, q, k, v, tiles, cu_seqlens, cu_seqlens_k, block_tables, context_lens, \
                                         max_blocks, q_stride, k_stride, v_stride, n_heads, n_kv_heads, d, dv, causal, scale});\
    }

ATTENTION(attention_sm80_d32, 32, 32, 128)
ATTENTION(attention_sm80_d64, 64, 64, 128)
ATTENTION(attention_sm80_d80, 80, 80, 64)
ATTENTION(attention_sm80_d96, 96, 96, 64)
ATTENTION(attention_sm80_d128, 128, 128, 64)
ATTENTION(attention_sm80_d192_128, 192, 128, 64)
