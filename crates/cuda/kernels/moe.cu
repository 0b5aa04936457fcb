// What surrounds the matmuls of a mixture of experts: choosing experts, sorting by expert, adding up. Every launch has a
// fixed shape for so many tokens, so that it can be recorded. Twins are in tests/gpu/moe.rs.
//
// n_experts is at most 256, k at most 16.
#include "routing.cuh"

namespace {

constexpr int ROUTE_WARPS = 8;
constexpr int SORT_THREADS = 1024;
// Pairs that `moe_route_sort` takes.
constexpr int FEW_PAIRS = 128;
// Loads that a lane has in flight.
constexpr int IN_FLIGHT = 8;

}  // namespace

// The `k` best experts of each token, best first, the lower number among equals, and their weights.
//   ids      u32 [rows, k], weights f32 [rows, k]
//   logits   f32 [rows, parts, n_experts]; a logit is the sum of its parts
//   sigmoid  scores are sigmoids of the logits, otherwise their softmax over all experts
//   bias     f32 [n_experts], added to sigmoids for choosing only; null: none
//   n_groups, kept_groups  only the experts of so many groups are chosen from (n_groups at most 32, dividing n_experts)
//   renormalize  weights are divided by their sum; then they are multiplied with `factor`
// Grid ceil(rows / 8), 256 threads: a warp a token.
extern "C" __global__ void __launch_bounds__(ROUTE_WARPS* WARP)
    moe_route(unsigned* ids, float* weights, const float* logits, const float* bias, int rows, int n_experts, int parts, int k, int n_groups,
              int kept_groups, int sigmoid, int renormalize, float factor) {
    __shared__ float picks[ROUTE_WARPS][MAX_EXPERTS];
    wait_for_earlier_kernels();
    launch_dependents();
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int row = blockIdx.x * ROUTE_WARPS + warp;
    if (row >= rows) return;
    const Choice choice = choose({logits, bias, n_experts, parts, k, n_groups, kept_groups, sigmoid, renormalize, factor}, row, picks[warp]);
    if (lane < k) {
        ids[static_cast<int64_t>(row) * k + lane] = choice.id;
        weights[static_cast<int64_t>(row) * k + lane] = choice.weight;
    }
}

// Lists the (token, choice) pairs of `ids` [n_pairs] by expert, in their order within an expert.
//   pairs    int [n_pairs]: numbers of pairs
//   sources  int [n_pairs]: their tokens, number / k
//   tiles    int4 [up to min(n_pairs, n_experts + n_pairs / tile_rows)]: each expert's part of the list in pieces of up to
//            `tile_rows`: (expert, first place in the list, places, 0)
//   n_tiles  int
// Grid n_experts; 256 threads, or up to 1024 for many pairs. Each block counts all pairs and lists its own expert's.
extern "C" __global__ void __launch_bounds__(SORT_THREADS)
    moe_sort(int* pairs, int* sources, int4* tiles, int* n_tiles, const unsigned* ids, int n_pairs, int n_experts, int k, int tile_rows) {
    __shared__ int counts[MAX_EXPERTS];
    __shared__ int of_warp[SORT_THREADS / WARP];
    __shared__ int2 before[MAX_EXPERTS / WARP];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = blockDim.x / WARP;
    const unsigned expert = blockIdx.x;
    if (threadIdx.x < MAX_EXPERTS) counts[threadIdx.x] = 0;
    if (threadIdx.x < SORT_THREADS / WARP) of_warp[threadIdx.x] = 0;
    __syncthreads();
    wait_for_earlier_kernels();
    launch_dependents();

    // Neighbouring pairs belong to one warp.
    const int segment = (n_pairs + n_warps * WARP - 1) / (n_warps * WARP) * WARP;
    const int begin = warp * segment, end = min(begin + segment, n_pairs);
    const auto visit = [&](auto f) {
        for (int at = begin; at < end; at += IN_FLIGHT * WARP) {
            unsigned id[IN_FLIGHT];
#pragma unroll
            for (int i = 0; i < IN_FLIGHT; i++) {
                const int pair = at + i * WARP + lane;
                id[i] = pair < end ? ids[pair] : MAX_EXPERTS;
            }
#pragma unroll
            for (int i = 0; i < IN_FLIGHT; i++) f(at + i * WARP + lane, id[i]);
        }
    };
    int n_own = 0;
    visit([&](int, unsigned id) {
        if (id < MAX_EXPERTS) atomicAdd(&counts[id], 1);
        n_own += __popc(__ballot_sync(ALL_LANES, id == expert));
    });
    if (lane == 0) of_warp[warp] = n_own;
    __syncthreads();

    if (threadIdx.x < MAX_EXPERTS) {
        const int count = threadIdx.x < expert ? counts[threadIdx.x] : 0;
        const int n_pairs_before = __reduce_add_sync(ALL_LANES, count);
        const int n_tiles_before = __reduce_add_sync(ALL_LANES, (count + tile_rows - 1) / tile_rows);
        if (lane == 0) before[warp] = make_int2(n_pairs_before, n_tiles_before);
    }
    __syncthreads();
    int first = 0, first_tile = 0;
#pragma unroll
    for (int i = 0; i < MAX_EXPERTS / WARP; i++) first += before[i].x, first_tile += before[i].y;
    const int count = counts[expert];
    const int n_own_tiles = (count + tile_rows - 1) / tile_rows;
    for (int i = threadIdx.x; i < n_own_tiles; i += blockDim.x)
        tiles[first_tile + i] = make_int4(expert, first + i * tile_rows, min(tile_rows, count - i * tile_rows), 0);
    if (expert == n_experts - 1 && threadIdx.x == 0) *n_tiles = first_tile + n_own_tiles;

    if (n_own == 0) return;
    int place = first + __reduce_add_sync(ALL_LANES, lane < warp ? of_warp[lane] : 0);
    visit([&](int pair, unsigned id) {
        const unsigned same = __ballot_sync(ALL_LANES, id == expert);
        if (id == expert) {
            const int at = place + __popc(same & ((1u << lane) - 1));
            pairs[at] = pair;
            sources[at] = pair / k;
        }
        place += __popc(same);
    });
}

// `moe_route` and `moe_sort` of up to 128 pairs. One block; a warp for every row, at least four and at most 32 of them.
extern "C" __global__ void __launch_bounds__(SORT_THREADS)
    moe_route_sort(unsigned* ids, float* weights, int* pairs, int* sources, int4* tiles, int* n_tiles, const float* logits, const float* bias,
                   int rows, int n_experts, int parts, int k, int n_groups, int kept_groups, int sigmoid, int renormalize, float factor,
                   int tile_rows) {
    constexpr int WORDS = FEW_PAIRS / 4;
    __shared__ float picks[SORT_THREADS / WARP][MAX_EXPERTS];
    // The expert of each pair, a byte each.
    __shared__ unsigned experts[WORDS];
    // Of each place in the list, whether a tile starts there.
    __shared__ unsigned starts[FEW_PAIRS / WARP];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = blockDim.x / WARP;
    const int pair = threadIdx.x, n_pairs = rows * k;
    uint8_t* bytes = reinterpret_cast<uint8_t*>(experts);
    if (pair >= n_pairs && pair < FEW_PAIRS) bytes[pair] = 0xff;
    if (threadIdx.x < FEW_PAIRS / WARP) starts[threadIdx.x] = 0;
    wait_for_earlier_kernels();
    launch_dependents();
    const Routing routing = {logits, bias, n_experts, parts, k, n_groups, kept_groups, sigmoid, renormalize, factor};
    for (int row = warp; row < rows; row += n_warps) {
        const Choice choice = choose(routing, row, picks[warp]);
        if (lane >= k) continue;
        ids[row * k + lane] = choice.id;
        weights[row * k + lane] = choice.weight;
        bytes[row * k + lane] = choice.id;
    }
    __syncthreads();

    const int expert = pair < n_pairs ? bytes[pair] : 0;
    // Pairs of experts before this one's, pairs of this one, and of these the ones before this pair.
    int lower = 0, same = 0, rank = 0;
    if (pair < n_pairs) {
        const unsigned four = expert * 0x01010101u;
        for (int i = 0; i < (n_pairs + 3) / 4; i++) {
            const unsigned equal = __vcmpeq4(experts[i], four);
            lower += __popc(__vcmpltu4(experts[i], four)) / 8;
            same += __popc(equal) / 8;
            if (i * 4 <= pair) rank += __popc(pair - i * 4 >= 4 ? equal : equal & ((1u << (pair - i * 4) * 8) - 1)) / 8;
        }
        // What fills up the last word.
        if (expert == 0xff) same -= (4 - n_pairs % 4) % 4;
    }
    const int place = lower + rank;
    const bool starts_tile = pair < n_pairs && rank % tile_rows == 0;
    if (starts_tile) atomicOr(&starts[place / WARP], 1u << place % WARP);
    __syncthreads();
    if (pair >= n_pairs) return;
    pairs[place] = pair;
    sources[place] = pair / k;
    int tile = 0, all = 0;
#pragma unroll
    for (int i = 0; i < FEW_PAIRS / WARP; i++) {
        const int n = __popc(starts[i]);
        tile += i < place / WARP ? n : i == place / WARP ? __popc(starts[i] & ((1u << place % WARP) - 1)) : 0;
        all += n;
    }
    if (starts_tile) tiles[tile] = make_int4(expert, place, min(tile_rows, same - rank), 0);
    if (pair == 0) *n_tiles = all;
}

// out[row] = base[row] + Σ_j weights[row, j] · y[row · k + j], in this order, rounded once; `base` may be null, or `out`.
// bf16 rows of `width` values, a multiple of 8. Grid rows, threads: a warp for every 256 values, up to 512.
extern "C" __global__ void __launch_bounds__(512)
    moe_combine(bf16* out, const bf16* base, const bf16* y, const float* weights, int rows, int width, int k) {
    constexpr int AT_ONCE = 4;
    const int64_t row = blockIdx.x;
    wait_for_earlier_kernels();
    launch_dependents();
    const float* of_row = weights + row * k;
    const bf16* from = y + row * k * width;
    for (int i = threadIdx.x * 8; i < width; i += blockDim.x * 8) {
        float sum[8] = {};
        if (base) unpack8(sum, load8(base + row * width + i));
        for (int first = 0; first < k; first += AT_ONCE) {
            Bf16x8 v[AT_ONCE];
            float weight[AT_ONCE];
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++) {
                if (first + j >= k) continue;
                v[j] = load8(from + static_cast<int64_t>(first + j) * width + i);
                weight[j] = of_row[first + j];
            }
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++) {
                if (first + j >= k) continue;
                float values[8];
                unpack8(values, v[j]);
#pragma unroll
                for (int l = 0; l < 8; l++) sum[l] += weight[j] * values[l];
            }
        }
        store8(out + row * width + i, pack8(sum));
    }
}
