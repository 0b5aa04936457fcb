// Low-rank updates (LoRA) of a linear layer's outputs: y += scale · (x · Aᵀ) · Bᵀ, rows with different adapters side by side.
// Rows of one adapter stand together in tiles of up to sixteen, which name the adapter by address: a recorded launch finds
// the adapters of whatever step it is replayed for. A tile without rows, or whose adapter leaves the layer alone, does nothing.
//
// The inner dimension is taken in an order that lets each lane load neighbours: the same order for both operands.
#include "fragments.cuh"

namespace {

constexpr int TILE_ROWS = 16;
constexpr int MAX_PARTS = 3;
constexpr int MAX_RANK = 256;
constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
// Inner values of a step: eight a lane.
constexpr int CHUNK = 32;
// Ranks that a warp has sums of.
constexpr int RANKS = 32;
// Columns of a warp in lora_expand.
constexpr int COLUMNS = 32;

// An adapter's matrices for one layer. Ranks are multiples of sixteen, 0 for a part that is left alone.
struct Layer {
    // [sum of ranks, n_in]
    const bf16* a;
    // Of each part [n_out, rank].
    const bf16* b[MAX_PARTS];
    int rank[MAX_PARTS];
    float scale[MAX_PARTS];
};

struct Tile {
    // Of all layers of the adapter.
    const Layer* layers;
    // In the list of rows.
    int first;
    int n_rows;
};

__device__ __forceinline__ uint4 load16_or_zero(const bf16* p, bool load) {
    return load ? *reinterpret_cast<const uint4*>(p) : make_uint4(0, 0, 0, 0);
}

}  // namespace

// Part of x · Aᵀ: blockIdx.x is the tile, blockIdx.y the piece of the inner dimension. `out` is [pieces, n_listed, stride].
extern "C" __global__ void __launch_bounds__(THREADS)
    lora_shrink(float* out, const bf16* x, const Tile* tiles, const int* rows, int layer, int n_in, int n_listed, int stride) {
    launch_dependents();
    __shared__ float sums[WARPS][TILE_ROWS][RANKS + 1];
    const Tile tile = tiles[blockIdx.x];
    // Blocks with nothing to do wait too: the next kernel counts on this one for what came before it.
    if (tile.n_rows == 0) return wait_for_earlier_kernels();
    const Layer& matrices = tile.layers[layer];
    const int rank = matrices.rank[0] + matrices.rank[1] + matrices.rank[2];
    if (rank == 0) return wait_for_earlier_kernels();
    const bf16* a = matrices.a;
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int row = lane / 4, pair = lane % 4;
    const bf16* x_rows[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int i = row + 8 * half;
        x_rows[half] = i < tile.n_rows ? x + static_cast<size_t>(rows[tile.first + i]) * n_in : nullptr;
    }
    const int n_chunks = (n_in + CHUNK - 1) / CHUNK;
    const int piece = static_cast<int>(blockIdx.y), pieces = static_cast<int>(gridDim.y);
    const int begin = n_chunks * piece / pieces, end = n_chunks * (piece + 1) / pieces;
    wait_for_earlier_kernels();
    for (int first_rank = 0; first_rank < rank; first_rank += RANKS) {
        float c[RANKS / 8][4] = {};
        for (int chunk = begin + warp; chunk < end; chunk += WARPS) {
            const int k = chunk * CHUNK + 8 * pair;
            const bool inside = k < n_in;
            const uint4 x0 = load16_or_zero(x_rows[0] + k, inside && x_rows[0] != nullptr);
            const uint4 x1 = load16_or_zero(x_rows[1] + k, inside && x_rows[1] != nullptr);
#pragma unroll
            for (int n = 0; n < RANKS / 8; n++) {
                if (first_rank + 8 * n >= rank) break;
                const uint4 w = load16_or_zero(a + static_cast<size_t>(first_rank + 8 * n + row) * n_in + k, inside);
                multiply_add(c[n], x0.x, x1.x, x0.y, x1.y, w.x, w.y);
                multiply_add(c[n], x0.z, x1.z, x0.w, x1.w, w.z, w.w);
            }
        }
#pragma unroll
        for (int n = 0; n < RANKS / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) sums[warp][row + 8 * (i / 2)][8 * n + 2 * pair + i % 2] = c[n][i];
        __syncthreads();
        for (int i = threadIdx.x; i < TILE_ROWS * RANKS; i += THREADS) {
            const int of_row = i / RANKS, of_rank = i % RANKS;
            if (of_row < tile.n_rows && first_rank + of_rank < rank) {
                float sum = 0.0f;
#pragma unroll
                for (int w = 0; w < WARPS; w++) sum += sums[w][of_row][of_rank];
                const size_t place = static_cast<size_t>(piece) * n_listed + tile.first + of_row;
                out[place * stride + first_rank + of_rank] = sum;
            }
        }
        __syncthreads();
    }
}

// Adds the rest to y, rows of `width`: blockIdx.y is the tile, blockIdx.x the piece of a part's columns; part p begins with
// piece first_piece[p] and lies in columns column[p]..column[p] + n_out[p], multiples of eight. `shrunk` is [pieces, n_listed,
// stride].
extern "C" __global__ void __launch_bounds__(THREADS)
    lora_expand(bf16* y, const float* shrunk, const Tile* tiles, const int* rows, int layer, int width, int n_listed, int stride, int pieces,
                int first_piece1, int first_piece2, int column1, int column2, int n_out0, int n_out1, int n_out2) {
    launch_dependents();
    __shared__ alignas(16) bf16 narrow[TILE_ROWS][MAX_RANK + 8];
    const Tile tile = tiles[blockIdx.y];
    if (tile.n_rows == 0) return wait_for_earlier_kernels();
    const Layer& matrices = tile.layers[layer];
    const int piece_of_columns = static_cast<int>(blockIdx.x);
    const int part = piece_of_columns >= first_piece2 ? 2 : piece_of_columns >= first_piece1 ? 1 : 0;
    const int rank = matrices.rank[part];
    if (rank == 0) return wait_for_earlier_kernels();
    const int first_piece = part == 2 ? first_piece2 : part == 1 ? first_piece1 : 0;
    const int column = part == 2 ? column2 : part == 1 ? column1 : 0;
    const int n_out = part == 2 ? n_out2 : part == 1 ? n_out1 : n_out0;
    const int offset = (part > 0 ? matrices.rank[0] : 0) + (part > 1 ? matrices.rank[1] : 0);
    const bf16* b = matrices.b[part];
    const float scale = matrices.scale[part];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int row = lane / 4, pair = lane % 4;
    const int first_column = ((piece_of_columns - first_piece) * WARPS + warp) * COLUMNS;
    // Columns in an order that leaves each lane with eight neighbours.
    const auto weights = [&](int n, int k) {
        const int out = first_column + 8 * (row / 2) + 2 * n + row % 2;
        return out < n_out ? *reinterpret_cast<const uint2*>(b + static_cast<size_t>(out) * rank + k + 4 * pair) : make_uint2(0, 0);
    };
    uint2 w[COLUMNS / 8];
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++) w[n] = weights(n, 0);
    wait_for_earlier_kernels();
    for (int i = threadIdx.x; i < TILE_ROWS * rank; i += THREADS) {
        const int of_row = i / rank, of_rank = i % rank;
        float sum = 0.0f;
        if (of_row < tile.n_rows)
            for (int piece = 0; piece < pieces; piece++)
                sum += shrunk[(static_cast<size_t>(piece) * n_listed + tile.first + of_row) * stride + offset + of_rank];
        narrow[of_row][of_rank] = __float2bfloat16(sum * scale);
    }
    __syncthreads();
    if (first_column >= n_out) return;
    float c[COLUMNS / 8][4] = {};
    for (int k = 0; k < rank; k += 16) {
        const uint2 u0 = *reinterpret_cast<const uint2*>(&narrow[row][k + 4 * pair]);
        const uint2 u1 = *reinterpret_cast<const uint2*>(&narrow[row + 8][k + 4 * pair]);
#pragma unroll
        for (int n = 0; n < COLUMNS / 8; n++) {
            if (k > 0) w[n] = weights(n, k);
            multiply_add(c[n], u0.x, u1.x, u0.y, u1.y, w[n].x, w[n].y);
        }
    }
    if (first_column + 8 * pair >= n_out) return;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int i = row + 8 * half;
        if (i >= tile.n_rows) continue;
        bf16* to = y + static_cast<size_t>(rows[tile.first + i]) * width + column + first_column + 8 * pair;
        float sum[8];
        unpack8(sum, load8(to));
#pragma unroll
        for (int n = 0; n < COLUMNS / 8; n++) {
            sum[2 * n] += c[n][2 * half];
            sum[2 * n + 1] += c[n][2 * half + 1];
        }
        store8(to, pack8(sum));
    }
}
