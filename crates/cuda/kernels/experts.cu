// The matmuls of a mixture of experts when each expert has few rows: they live on how fast the weights of the experts in
// use stream from memory, each of them once for every sixteen rows.
//
//   experts_{swiglu,down}(out, x, weight, tiles, n_tiles, rows, n, k, most_rows, stages)
//
//   weight   bf16 [n_experts, n, k], n and k multiples of 16
//   tiles    int4 (expert, first place, places up to 16, 0) of `moe_sort`; n_tiles int, how many
//   rows     int, a row's number for each place
//   swiglu   reads x bf16 [·, k] at the places' rows; the n rows of an expert are n / 2 gates, then n / 2 ups:
//            out bf16 [places, n / 2] = silu(gate) * up
//   down     x bf16 [places, k]; writes out bf16 [·, n] at the places' rows
//   most_rows  places of a tile, at most
// All pointers are 16-byte aligned.
//
// Launch: block 288; any grid, mostly best one block a multiprocessor; dynamic shared memory of
//   stages * (17424 + most_rows * 1088) + 16384 bytes, at least one stage, best as many as there is room for.
//
// How it works: as skinny.cu with streamed x. One warp keeps a ring of `stages` pieces of W in flight: sixteen rows × 1024
// bytes (eight gates and their ups for swiglu), and the same columns of x. Eight warps multiply them on the tensor cores, W
// as the 16×16 operand and x as the 16×8 one, and add their sums in a fixed order at the end of a row. Columns of a product
// do not mix, so a row's result has the same bits whatever the other rows are and wherever it stands among them.
//
// `down` follows `swiglu`, and fetches its first weights before the wait for it: the list of tiles is older than that
// kernel, which lets no other start before its own wait is over.
#include "bulk.cuh"

namespace {

constexpr int CONSUMERS = 8;
constexpr int CONSUMER_THREADS = CONSUMERS * WARP;
constexpr int TILE = 16;
// Octets of x's rows.
constexpr int OCTETS = 2;
// Values of a row in one stage, and bytes between rows there: 64 more keeps eight lanes' loads in different banks.
constexpr int PIECE = 512;
constexpr int STRIDE = PIECE * 2 + 64;
constexpr int STAGE_WEIGHTS = TILE * STRIDE;
// Values of a row that a warp takes at a time, a quarter of them to a lane.
constexpr int STEP = 32;

enum class Form { SwiGlu, Down };

struct Problem {
    bf16* out;
    const bf16* x;
    const bf16* weight;
    const int4* tiles;
    const int* n_tiles;
    const int* rows;
    int n, k;
    int most_rows, stages;
};

// What `moe_sort` wrote, past the first cache: it may be read before the wait for earlier kernels.
__device__ __forceinline__ int load_l2(const int* p) {
    int v;
    asm volatile("ld.global.cg.s32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}

__device__ __forceinline__ int4 load_l2(const int4* p) {
    int4 v;
    asm volatile("ld.global.cg.v4.s32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}

__device__ __forceinline__ void consumers_sync() { asm volatile("bar.sync 1, %0;" ::"n"(CONSUMER_THREADS) : "memory"); }

// What this block puts through the ring of stages: for each of its items, a tile of sixteen rows of W for a tile of rows of
// x, the pieces of the rows. All items of one tile of x stand together.
struct Ring {
    const Problem& p;
    unsigned stages_at, full_at, empty_at;
    int n_pieces, n_columns, n_items;
    int item, piece = 0;
    int stage = 0, parity = 0;
    // Of the item at hand; the next one is looked up ahead.
    int4 tile, next_tile;

    __device__ __forceinline__ Ring(const Problem& p, Form form, unsigned stages_at, unsigned barriers_at)
        : p(p), stages_at(stages_at), full_at(barriers_at), empty_at(barriers_at + p.stages * 8), n_pieces((p.k + PIECE - 1) / PIECE),
          n_columns(form == Form::SwiGlu ? p.n / 2 / 8 : p.n / TILE), item(blockIdx.x) {
        n_items = load_l2(p.n_tiles) * n_columns;
        next_tile = look_up(item);
        start_item();
    }

    __device__ __forceinline__ int4 look_up(int item) const { return item < n_items ? load_l2(p.tiles + item / n_columns) : int4{}; }

    __device__ __forceinline__ void start_item() {
        tile = next_tile;
        next_tile = look_up(item + static_cast<int>(gridDim.x));
    }

    // Whether there is a piece at hand.
    __device__ __forceinline__ bool ended() const { return item >= n_items; }
    // Pieces from here on.
    __device__ __forceinline__ int n_left() const {
        const int stride = static_cast<int>(gridDim.x);
        return ended() ? 0 : (n_items - item + stride - 1) / stride * n_pieces - piece;
    }
    __device__ __forceinline__ int column() const { return item % n_columns; }
    __device__ __forceinline__ unsigned at() const { return stages_at + stage * (STAGE_WEIGHTS + p.most_rows * STRIDE); }
    __device__ __forceinline__ unsigned x_at() const { return at() + STAGE_WEIGHTS; }
    __device__ __forceinline__ unsigned full() const { return full_at + stage * 8; }
    __device__ __forceinline__ unsigned empty() const { return empty_at + stage * 8; }
    // Values of each row in this piece, a multiple of 16.
    __device__ __forceinline__ int length() const { return min(PIECE, p.k - piece * PIECE); }

    __device__ __forceinline__ void advance() {
        if (++stage == p.stages) stage = 0, parity ^= 1;
        if (++piece < n_pieces) return;
        piece = 0;
        item += gridDim.x;
        start_item();
    }
};

// Sixteen rows of W, in bytes of the piece.
template <Form F>
__device__ __forceinline__ void fetch_weights(const Ring& ring) {
    const Problem& p = ring.p;
    constexpr int RUN = F == Form::SwiGlu ? 8 : TILE;
    const int bytes = ring.length() * 2;
    const bf16* expert = p.weight + static_cast<size_t>(ring.tile.x) * p.n * p.k + ring.piece * PIECE;
#if __CUDA_ARCH__ >= 900
    if (!elected()) return;
    expect_bytes(ring.full(), TILE * bytes);
    const unsigned long long policy = read_once();
#endif
#pragma unroll
    for (int run = 0; run < TILE / RUN; run++) {
        const bf16* row = expert + static_cast<size_t>(run * (p.n / 2) + ring.column() * RUN) * p.k;
#pragma unroll
        for (int r = 0; r < RUN; r++, row += p.k) {
            const unsigned to = ring.at() + (run * RUN + r) * STRIDE;
#if __CUDA_ARCH__ >= 900
            copy_bytes(to, row, bytes, ring.full(), policy);
#else
            copy_row(to, reinterpret_cast<const unsigned char*>(row), bytes);
#endif
        }
    }
}

// The same columns of the tile's rows of x: every lane copies, and arrives when its part is there. `row` is that of the
// place with the lane's number.
__device__ __forceinline__ void fetch_x(const Ring& ring, int row) {
    const int lane = threadIdx.x % WARP;
    const int vectors = ring.length() / 8;
    const bf16* from = ring.p.x + ring.piece * PIECE;
    for (int r = 0; r < ring.tile.z; r++) {
        const bf16* of_row = from + static_cast<size_t>(__shfl_sync(ALL_LANES, row, r)) * ring.p.k;
        for (int i = lane; i < vectors; i += WARP) copy16_or_zero(ring.x_at() + r * STRIDE + i * 16, of_row + i * 8, true);
    }
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(ring.full()) : "memory");
}

// Which row of x belongs to the place of the lane's number.
template <Form F>
__device__ __forceinline__ int x_row(const Ring& ring) {
    const int lane = threadIdx.x % WARP;
    if (lane >= ring.tile.z) return 0;
    const int place = ring.tile.y + lane;
    return F == Form::SwiGlu ? load_l2(ring.p.rows + place) : place;
}

// Asks for every piece, as many ahead as there are stages. By one warp.
template <Form F>
__device__ __forceinline__ void produce(Ring ring) {
    Ring late = ring;
    const int n_pieces = ring.n_left();
    const int ahead = min(ring.p.stages, n_pieces);
    for (int i = 0; i < ahead; i++, ring.advance()) fetch_weights<F>(ring);
    if (F == Form::Down) wait_for_earlier_kernels();
    int row = 0;
    for (int i = 0; i < n_pieces; i++, late.advance()) {
        if (i >= ahead) {
            barrier_wait(late.empty(), late.parity ^ 1);
            fetch_weights<F>(late);
        }
        if (late.piece == 0) row = x_row<F>(late);
        fetch_x(late, row);
        if (i == n_pieces - 1) launch_dependents();
    }
}

using Sums = float[OCTETS][2][4];

// One step of a warp: sixteen rows of W × 32 values. `w` is the lane's place in the piece, `x` that in the rows of x, of
// which there are `m`. With `exists` false, what the lane holds is past the end of the rows and counts as zero.
__device__ __forceinline__ void multiply_step(Sums& sums, unsigned w, unsigned x, int m, bool exists) {
    const int row = threadIdx.x % WARP / 4;
    const uint4 zero = make_uint4(0, 0, 0, 0);
    const uint4 low = exists ? load_shared16(w) : zero;
    const uint4 high = exists ? load_shared16(w + 8 * STRIDE) : zero;
#pragma unroll
    for (int octet = 0; octet < OCTETS; octet++) {
        if (octet * 8 >= m) break;
        const uint4 b = exists && octet * 8 + row < m ? load_shared16(x + octet * 8 * STRIDE) : zero;
        multiply_add(sums[octet][0], low.x, high.x, low.y, high.y, b.x, b.y);
        multiply_add(sums[octet][1], low.z, high.z, low.w, high.w, b.z, b.w);
    }
}

template <Form F>
__device__ __forceinline__ void consume(Ring ring, float* scratch) {
    const Problem& p = ring.p;
    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
    // The lane's place in a row of a piece, and in the stage.
    const int column = warp * STEP + lane % 4 * 8;
    const unsigned offset = lane / 4 * STRIDE + column * 2;

    // The one sum of each item that this thread finishes: see fragments.cuh for its place.
    const int slot = threadIdx.x % 128;
    const int own_row = slot / 16 + slot / 2 % 2 * 8;
    const int own_column = static_cast<int>(threadIdx.x) / 128 * 8 + slot / 4 % 4 * 2 + slot % 2;

    Sums sums = {};
    int buffer = 0;
    int out_row = 0;
    for (; !ring.ended(); ring.advance()) {
        const int m = ring.tile.z;
        const bool owns = own_column < m && (F == Form::Down || own_row < 8);
        if (ring.piece == 0 && owns) {
            const int place = ring.tile.y + own_column;
            out_row = F == Form::Down ? load_l2(p.rows + place) : place;
        }
        barrier_wait(ring.full(), ring.parity);
        const unsigned w = ring.at() + offset, x = ring.x_at() + offset;
        const int length = ring.length();
        if (length == PIECE) {
#pragma unroll
            for (int at = 0; at < PIECE; at += CONSUMERS * STEP) multiply_step(sums, w + at * 2, x + at * 2, m, true);
        } else {
            for (int at = 0; at + warp * STEP < length; at += CONSUMERS * STEP)
                multiply_step(sums, w + at * 2, x + at * 2, m, at + column < length);
        }
        __syncwarp();
        if (lane == 0) barrier_arrive(ring.empty());

        if (ring.piece < ring.n_pieces - 1) continue;
        float* all = scratch + buffer * CONSUMERS * OCTETS * 128;
#pragma unroll
        for (int octet = 0; octet < OCTETS; octet++) {
            float4 c;
            c.x = sums[octet][0][0] + sums[octet][1][0];
            c.y = sums[octet][0][1] + sums[octet][1][1];
            c.z = sums[octet][0][2] + sums[octet][1][2];
            c.w = sums[octet][0][3] + sums[octet][1][3];
            *reinterpret_cast<float4*>(all + (warp * OCTETS + octet) * 128 + lane * 4) = c;
#pragma unroll
            for (int i = 0; i < 8; i++) sums[octet][i / 4][i % 4] = 0.0f;
        }
        // The other buffer takes the next item: whoever comes here again has seen all reads of this one.
        buffer ^= 1;
        consumers_sync();
        if (!owns) continue;
        float y = 0.0f, up = 0.0f;
#pragma unroll
        for (int w = 0; w < CONSUMERS; w++) {
            const float* sum = all + w * OCTETS * 128 + threadIdx.x;
            y += sum[0];
            if (F == Form::SwiGlu) up += sum[2];
        }
        if (F == Form::SwiGlu)
            p.out[static_cast<size_t>(out_row) * (p.n / 2) + ring.column() * 8 + own_row] = bf16(y / (1.0f + __expf(-y)) * up);
        else
            p.out[static_cast<size_t>(out_row) * p.n + ring.column() * TILE + own_row] = bf16(y);
    }
}

template <Form F>
__device__ __forceinline__ void experts(const Problem& p) {
    extern __shared__ __align__(128) unsigned char shared[];
    float* scratch = reinterpret_cast<float*>(shared + p.stages * (STAGE_WEIGHTS + p.most_rows * STRIDE));
    const unsigned barriers = shared_address(scratch + 2 * CONSUMERS * OCTETS * 128);
    if (threadIdx.x == 0) {
        for (int i = 0; i < p.stages; i++) {
            // The lanes that copy x and, on Hopper, the one that copies W.
#if __CUDA_ARCH__ >= 900
            barrier_init(barriers + i * 8, FULL_ARRIVALS + WARP);
#else
            barrier_init(barriers + i * 8, WARP);
#endif
            barrier_init(barriers + (p.stages + i) * 8, CONSUMERS);
        }
        // Bulk copies see barriers through another path than this thread does.
#if __CUDA_ARCH__ >= 900
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
    }
    __syncthreads();
    if (F == Form::SwiGlu) wait_for_earlier_kernels();
    const bool produces = threadIdx.x >= CONSUMER_THREADS;
    const Ring ring(p, F, shared_address(shared), barriers);
    if (produces) {
        produce<F>(ring);
        return;
    }
    if (F == Form::Down) wait_for_earlier_kernels();
    consume<F>(ring, scratch);
}

}  // namespace

#define EXPERTS(name, FORM)                                                                                                               \
    extern "C" __global__ void __launch_bounds__(CONSUMER_THREADS + WARP, 1)                                                               \
        experts_##name(bf16* out, const bf16* x, const bf16* weight, const int4* tiles, const int* n_tiles, const int* rows, int n, int k, \
                       int most_rows, int stages) {                                                                                       \
        experts<Form::FORM>({out, x, weight, tiles, n_tiles, rows, n, k, most_rows, stages});                                             \
    }

EXPERTS(swiglu, SwiGlu)
EXPERTS(down, Down)
