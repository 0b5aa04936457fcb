// y = W x for few rows of x: the matmuls of a decode step, which live on how fast W streams from memory.
//
//   skinny_<weights>_<input>_<epilogue>_<rows>(out, x, weight, scales, bias, norm_weight, m, n, k, eps, stages, early)
//
//   weights    bf16: weight bf16 [n, k], `scales` null; fp8: weight e4m3 [n, k] with `scales` f32 [n], one a row
//   input      resident: all of x bf16 [m, k] is kept in shared memory, and its rows are RMS-normalised first if there is a
//              `norm_weight` bf16 [k] (with `eps`); streamed: x comes piece by piece with W, for x that is too large
//   epilogue   store: out bf16 [m, n]; logits: out f32 [m, n]; add: out bf16 [m, n] += y;
//              swiglu: the n rows of W are n / 2 gates, then n / 2 ups: out bf16 [m, n / 2] = silu(gate) * up
//   rows       8 or 16: the most rows of x
//   bias       bf16 [n], added to W x before the epilogue; null for none
//
// k and n are any multiples of 8 (k of 16 for fp8; n of 16 for swiglu), all pointers 16-byte aligned.
//
// Launch: block 288; any grid up to n / 16 blocks, mostly best one a multiprocessor; dynamic shared memory of
//   stages * (17424 + (streamed ? m * X : 0)) + (resident ? m * R : 0) + 1024 * rows bytes, with
//   X = bf16 ? 1088 : 2064, R = ceil(k / 64) * 128 + (bf16 ? 64 : 16), at least one stage, best as
// many as there is room for: several blocks on a multiprocessor make the next matmul's blocks crowd onto the first free ones,
// which helps only where attention of few rows comes next.
//
// How it works. One warp keeps a ring of `stages` pieces of W in flight (bulk copies on Hopper): sixteen rows × 1024 bytes.
// Eight warps multiply them on the tensor cores, W as the 16×16 operand, x as the 16×8 one. The inner index is permuted in
// the same way in both, so that what a lane needs of a row is sixteen bytes that lie together. Each warp takes every eighth
// step of a piece; at the end of a tile of sixteen rows the eight sums are added in a fixed order. Columns of a product do
// not mix, so a row's result has the same bits whatever m is and whatever the other rows hold.
//
// The first `early` pieces are asked for before the wait for earlier kernels. The permission to start the next kernel is given
// when the last piece is asked for: then its weights queue up behind ours. The epilogues other than `store` may give it before
// their own wait is over; after `store` the next kernel may rely, before its own wait, on everything older than x.
#include "bulk.cuh"

namespace {

constexpr int CONSUMERS = 8;
constexpr int CONSUMER_THREADS = CONSUMERS * WARP;
constexpr int TILE = 16;
// Bytes of a row of W in one stage, and how far apart the rows lie: 64 bytes more keeps eight lanes' loads in different banks.
constexpr int PIECE_BYTES = 1024;
constexpr int PIECE_STRIDE = PIECE_BYTES + 64;
constexpr int STAGE_WEIGHTS = TILE * PIECE_STRIDE;

enum class Input { Streamed, Resident };
enum class Epilogue { Store, Logits, Add, SwiGlu };

// What a step of 16 rows × 64 bytes is in each format: `LANE` values of a row to a lane.
struct WeightsBf16 {
    static constexpr int BYTES = 2;
    static constexpr int LANE = 8;
    // Added to the rows of x: as above, so that loads of two neighbouring rows fall into different banks.
    static constexpr int X_PAD = 64;
};

struct WeightsFp8 {
    static constexpr int BYTES = 1;
    static constexpr int LANE = 16;
    static constexpr int X_PAD = 16;
};

struct Problem {
    void* out;
    const bf16* x;
    const unsigned char* weight;
    const float* scales;
    const bf16* bias;
    const bf16* norm_weight;
    int m, n, k;
    float eps;
    int stages, early;
};

__device__ __forceinline__ void consumers_sync() { asm volatile("bar.sync 1, %0;" ::"n"(CONSUMER_THREADS) : "memory"); }

// Row of W that is row `r` of a tile, below zero past the end. A tile of SwiGLU is eight gates and their eight ups.
template <Epilogue E>
__device__ __forceinline__ int weight_row(const Problem& p, int tile, int r) {
    const int half = p.n / 2;
    const int row = E == Epilogue::SwiGlu ? tile * 8 + r % 8 : tile * TILE + r;
    if (row >= (E == Epilogue::SwiGlu ? half : p.n)) return -1;
    return E == Epilogue::SwiGlu && r >= 8 ? half + row : row;
}

// The ring of stages and the pieces that this block puts through it: for each of its tiles, each piece of the rows.
template <class W, Input I, Epilogue E>
struct Ring {
    static constexpr int PIECE = PIECE_BYTES / W::BYTES;
    static constexpr int X_STRIDE = PIECE * 2 + W::X_PAD;

    const Problem& p;
    unsigned stages_at, full_at, empty_at;
    int n_pieces;
    int tile, piece = 0;
    int stage = 0, parity = 0;

    __device__ __forceinline__ Ring(const Problem& p, unsigned stages_at, unsigned barriers_at)
        : p(p), stages_at(stages_at), full_at(barriers_at), empty_at(barriers_at + p.stages * 8), n_pieces((p.k + PIECE - 1) / PIECE),
          tile(blockIdx.x) {}

    __device__ __forceinline__ int stage_bytes() const { return STAGE_WEIGHTS + (I == Input::Streamed ? p.m * X_STRIDE : 0); }
    __device__ __forceinline__ unsigned at() const { return stages_at + stage * stage_bytes(); }
    __device__ __forceinline__ unsigned full() const { return full_at + stage * 8; }
    __device__ __forceinline__ unsigned empty() const { return empty_at + stage * 8; }
    // Values of each row in this piece.
    __device__ __forceinline__ int length() const { return min(PIECE, p.k - piece * PIECE); }

    __device__ __forceinline__ static int n_tiles(const Problem& p) { return (p.n + TILE - 1) / TILE; }

    __device__ __forceinline__ int n_items() const {
        return (n_tiles(p) - static_cast<int>(blockIdx.x) + static_cast<int>(gridDim.x) - 1) / static_cast<int>(gridDim.x) * n_pieces;
    }

    __device__ __forceinline__ void advance() {
        if (++stage == p.stages) stage = 0, parity ^= 1;
        if (++piece == n_pieces) piece = 0, tile += gridDim.x;
    }

    // Asks for the piece's rows of W.
    __device__ __forceinline__ void fetch_weights() const {
        const int bytes = length() * W::BYTES;
        const size_t row_bytes = static_cast<size_t>(p.k) * W::BYTES;
        const unsigned char* from = p.weight + static_cast<size_t>(piece) * PIECE_BYTES;
#if __CUDA_ARCH__ >= 900
        // Rows that exist: of all sixteen, or of the eight gates and of the eight ups.
        constexpr int RUN = E == Epilogue::SwiGlu ? 8 : TILE;
        const int end = E == Epilogue::SwiGlu ? p.n / 2 : p.n;
        const int n_rows = min(RUN, end - tile * RUN);
        expect_bytes(full(), n_rows * (TILE / RUN) * bytes + (I == Input::Streamed ? p.m * length() * 2 : 0));
        const unsigned long long policy = read_once();
#pragma unroll
        for (int run = 0; run < TILE / RUN; run++) {
            const unsigned char* row = from + (static_cast<size_t>(run) * end + tile * RUN) * row_bytes;
#pragma unroll
            for (int r = 0; r < RUN; r++, row += row_bytes)
                if (r < n_rows) copy_bytes(at() + (run * RUN + r) * PIECE_STRIDE, row, bytes, full(), policy);
        }
#else
        for (int r = 0; r < TILE; r++) {
            const int row = weight_row<E>(p, tile, r);
            if (row >= 0) copy_row(at() + r * PIECE_STRIDE, from + row * row_bytes, bytes);
        }
        if (I == Input::Resident) arrive_when_copied(full());
#endif
    }

    // Asks for the piece's columns of x.
    __device__ __forceinline__ void fetch_x() const {
        if (I == Input::Resident) return;
        const unsigned to = at() + STAGE_WEIGHTS;
        const bf16* from = p.x + piece * PIECE;
#if __CUDA_ARCH__ >= 900
        for (int r = 0; r < p.m; r++) copy_bytes(to + r * X_STRIDE, from + static_cast<size_t>(r) * p.k, length() * 2, full());
#else
        for (int r = 0; r < p.m; r++)
            copy_row(to + r * X_STRIDE, reinterpret_cast<const unsigned char*>(from + static_cast<size_t>(r) * p.k), length() * 2);
        arrive_when_copied(full());
#endif
    }
};

// Asks for every piece, as many ahead as there are stages, `early` of them before the wait for x. By one lane on Hopper,
// elsewhere by a warp.
template <class W, Input I, Epilogue E>
__device__ __forceinline__ void produce(Ring<W, I, E> ring) {
    const int n_items = ring.n_items();
    const int ahead = min(ring.p.stages, n_items), early = min(ring.p.early, ahead);
    Ring<W, I, E> late = ring;
    for (int i = 0; i < early; i++, ring.advance()) ring.fetch_weights();
    wait_for_earlier_kernels();
    for (int i = 0; i < early; i++, late.advance()) late.fetch_x();
    for (int i = early; i < ahead; i++, ring.advance()) ring.fetch_weights(), ring.fetch_x();
    if (E == Epilogue::Store && ahead == n_items) launch_dependents();
    for (int i = ahead; i < n_items; i++, ring.advance()) {
        barrier_wait(ring.empty(), ring.parity ^ 1);
        ring.fetch_weights();
        ring.fetch_x();
        if (i == n_items - 1) launch_dependents();
    }
}

// Two e4m3 values of `word`, which start at byte 0 or 2, as bf16: the bits moved into place are the value times 2^-120.
template <int BYTE>
__device__ __forceinline__ unsigned widen2(unsigned word) {
    const unsigned spread = __byte_perm(word, 0, BYTE == 0 ? 0x1404 : 0x3424);
    const unsigned bits = (spread & 0x80008000u) | (spread >> 4 & 0x07f007f0u);
    unsigned value;
    asm("{\n\t.reg .b32 zero;\n\tmov.b32 zero, 0x80008000;\n\tfma.rn.bf16x2 %0, %1, %2, zero;\n\t}" : "=r"(value) : "r"(bits), "r"(0x7b807b80u));
    return value;
}

template <int TILES>
using Sums = float[TILES][2][4];

// One step of a warp: sixteen rows of W × 64 bytes. `w` is the lane's place in the piece, `x` that in the rows of x.
// With `exists` false, what the lane holds is past the end of the rows and counts as zero.
template <class W, int TILES>
__device__ __forceinline__ void multiply_step(Sums<TILES>& sums, unsigned w, unsigned x, int x_stride, int m, bool exists) {
    const int row = threadIdx.x % WARP / 4;
    const uint4 zero = make_uint4(0, 0, 0, 0);
    const uint4 low = exists ? load_shared16(w) : zero;
    const uint4 high = exists ? load_shared16(w + 8 * PIECE_STRIDE) : zero;
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        const bool here = exists && tile * 8 + row < m;
        const unsigned at = x + tile * 8 * x_stride;
        const uint4 b = here ? load_shared16(at) : zero;
        if constexpr (W::BYTES == 2) {
            multiply_add(sums[tile][0], low.x, high.x, low.y, high.y, b.x, b.y);
            multiply_add(sums[tile][1], low.z, high.z, low.w, high.w, b.z, b.w);
        } else {
            const uint4 c = here ? load_shared16(at + 16) : zero;
            multiply_add(sums[tile][0], widen2<0>(low.x), widen2<0>(high.x), widen2<2>(low.x), widen2<2>(high.x), b.x, b.y);
            multiply_add(sums[tile][1], widen2<0>(low.y), widen2<0>(high.y), widen2<2>(low.y), widen2<2>(high.y), b.z, b.w);
            multiply_add(sums[tile][0], widen2<0>(low.z), widen2<0>(high.z), widen2<2>(low.z), widen2<2>(high.z), c.x, c.y);
            multiply_add(sums[tile][1], widen2<0>(low.w), widen2<0>(high.w), widen2<2>(low.w), widen2<2>(high.w), c.z, c.w);
        }
    }
}

// Bytes between rows of x that stay in shared memory.
template <class W>
__device__ __forceinline__ int resident_stride(int k) {
    return (k + 63) / 64 * 128 + W::X_PAD;
}

// Brings the rows of x to shared memory, normalised if there is a weight for it. Called by the consumers; `scratch` holds CONSUMERS floats a row.
template <class W>
__device__ __forceinline__ void settle_x(const Problem& p, unsigned char* to, float* scratch) {
    const int stride = resident_stride<W>(p.k);
    const int n_vectors = p.k / 8;
    const int warp = threadIdx.x / WARP;
    const Bf16x8 first_weights = p.norm_weight && threadIdx.x < n_vectors ? load8(p.norm_weight + threadIdx.x * 8) : Bf16x8{};
    wait_for_earlier_kernels();

    // Four rows at a time. The code is kept short: it comes from memory as the rows do.
#pragma unroll 1
    for (int r0 = 0; r0 < p.m; r0 += 4) {
        float squares[4] = {};
#pragma unroll 1
        for (int i = threadIdx.x; i < n_vectors; i += CONSUMER_THREADS) {
            Bf16x8 v[4];
#pragma unroll
            for (int r = 0; r < 4; r++)
                if (r0 + r < p.m) v[r] = load8(p.x + static_cast<size_t>(r0 + r) * p.k + i * 8);
#pragma unroll
            for (int r = 0; r < 4; r++) {
                if (r0 + r >= p.m) continue;
                float values[8];
                unpack8(values, v[r]);
#pragma unroll
                for (int j = 0; j < 8; j++) squares[r] += values[j] * values[j];
                store8(reinterpret_cast<bf16*>(to + (r0 + r) * stride) + i * 8, v[r]);
            }
        }
        if (!p.norm_weight) continue;
#pragma unroll
        for (int r = 0; r < 4; r++) {
            const float sum = warp_reduce<Sum>(squares[r]);
            if (threadIdx.x % WARP == 0 && r0 + r < p.m) scratch[(r0 + r) * CONSUMERS + warp] = sum;
        }
    }
    consumers_sync();
    if (!p.norm_weight) return;
#pragma unroll 1
    for (int r = 0; r < p.m; r++) {
        float sum = 0.0f;
#pragma unroll
        for (int w = 0; w < CONSUMERS; w++) sum += scratch[r * CONSUMERS + w];
        const float scale = rsqrtf(sum / p.k + p.eps);
        bf16* row = reinterpret_cast<bf16*>(to + r * stride);
#pragma unroll 1
        for (int i = threadIdx.x; i < n_vectors; i += CONSUMER_THREADS) {
            float values[8], weights[8];
            unpack8(values, load8(row + i * 8));
            unpack8(weights, i == threadIdx.x ? first_weights : load8(p.norm_weight + i * 8));
#pragma unroll
            for (int j = 0; j < 8; j++) values[j] *= scale * weights[j];
            store8(row + i * 8, pack8(values));
        }
    }
    consumers_sync();
}

// What a thread adds to or multiplies with one sum of a tile.
struct Row {
    int index;
    float scale, bias;
};

__device__ __forceinline__ Row load_row(const Problem& p, int index) {
    Row row = {index, 1.0f, 0.0f};
    if (index >= 0 && p.scales) row.scale = p.scales[index];
    if (index >= 0 && p.bias) row.bias = __bfloat162float(p.bias[index]);
    return row;
}

template <Epilogue E>
struct Finish {
    Row row, up;
    // What y is added to.
    bf16 before;

    // `index` is the thread's row in a tile, `column` its row of x.
    __device__ __forceinline__ void load(const Problem& p, int tile, int index, int column) {
        row = load_row(p, weight_row<E>(p, tile, index));
        if (E == Epilogue::SwiGlu) up = load_row(p, weight_row<E>(p, tile, index + 8));
        if (E == Epilogue::Add && row.index >= 0) before = static_cast<const bf16*>(p.out)[static_cast<size_t>(column) * p.n + row.index];
    }
};

template <class W, Input I, Epilogue E, int TILES>
__device__ __forceinline__ void consume(Ring<W, I, E> ring, const unsigned char* resident, float* scratch) {
    using Pieces = Ring<W, I, E>;
    constexpr int STEP = 4 * W::LANE;
    constexpr int STEPS = Pieces::PIECE / STEP / CONSUMERS;
    const Problem& p = ring.p;
    const int lane = threadIdx.x % WARP;
    const int warp = threadIdx.x / WARP;
    const int x_stride = I == Input::Resident ? resident_stride<W>(p.k) : Pieces::X_STRIDE;
    // The lane's row and column of W and of x within a piece.
    const int column = warp * STEP + lane % 4 * W::LANE;
    const unsigned w_offset = lane / 4 * PIECE_STRIDE + column * W::BYTES;
    const unsigned x_offset = lane / 4 * x_stride + column * 2;

    // The one sum of each tile that this thread finishes: see fragments.cuh for its place.
    const int slot = threadIdx.x % 128;
    const int own_row = slot / 16 + slot / 2 % 2 * 8;
    const int own_column = static_cast<int>(threadIdx.x) / 128 * 8 + slot / 4 % 4 * 2 + slot % 2;
    const bool owns = threadIdx.x < TILES * 128 && own_column < p.m && (E != Epilogue::SwiGlu || own_row < 8);
    // Loaded a tile ahead, so that nobody waits for it.
    Finish<E> finish = {}, next = {};
    if (owns) next.load(p, ring.tile, own_row, own_column);

    // The loop over pieces is kept short: with everything in shared memory its length is what the product takes.
    const int n_whole = p.k / Pieces::PIECE;
    unsigned first_w = ring.stages_at + w_offset;
    // Or it would be worked out again for every piece, which takes longer than to multiply one.
    asm volatile("" : "+r"(first_w));
    // The lane's place in the rows of x, or how far behind its place in W that is.
    const unsigned x_at = I == Input::Resident ? shared_address(resident) + x_offset : STAGE_WEIGHTS + x_offset - w_offset;
    unsigned w = first_w, full = ring.full_at, empty = ring.empty_at;
    int stage = 0, parity = 0, n_left = ring.n_items();

    Sums<TILES> sums = {};
    int buffer = 0;
    for (int tile = ring.tile; n_left > 0; tile += gridDim.x) {
        if (owns) {
            finish = next;
            next.load(p, tile + gridDim.x, own_row, own_column);
        }
        unsigned x = x_at;
        for (int piece = 0; piece < ring.n_pieces; piece++) {
            if (n_left-- == p.stages) launch_dependents();
            barrier_wait(full, parity);
            if (I == Input::Streamed) x = w + x_at;
            if (piece < n_whole) {
#pragma unroll
                for (int s = 0; s < STEPS; s++) {
                    const int at = s * CONSUMERS * STEP;
                    multiply_step<W, TILES>(sums, w + at * W::BYTES, x + at * 2, x_stride, p.m, true);
                }
            } else {
                const int length = p.k - piece * Pieces::PIECE;
                for (int at = 0; at + warp * STEP < length; at += CONSUMERS * STEP)
                    multiply_step<W, TILES>(sums, w + at * W::BYTES, x + at * 2, x_stride, p.m, at + column < length);
            }
            __syncwarp();
            if (lane == 0) barrier_arrive(empty);
            x += Pieces::PIECE * 2;
            w += ring.stage_bytes(), full += 8, empty += 8;
            if (++stage == p.stages) stage = 0, parity ^= 1, w = first_w, full = ring.full_at, empty = ring.empty_at;
        }

        float* all = scratch + buffer * CONSUMERS * TILES * 128;
#pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
            float4 c;
            c.x = sums[tile][0][0] + sums[tile][1][0];
            c.y = sums[tile][0][1] + sums[tile][1][1];
            c.z = sums[tile][0][2] + sums[tile][1][2];
            c.w = sums[tile][0][3] + sums[tile][1][3];
            *reinterpret_cast<float4*>(all + (warp * TILES + tile) * 128 + lane * 4) = c;
#pragma unroll
            for (int i = 0; i < 8; i++) sums[tile][i / 4][i % 4] = 0.0f;
        }
        // The other buffer takes the next tile: whoever comes here again has seen all reads of this one.
        buffer ^= 1;
        consumers_sync();
        if (!owns || finish.row.index < 0) continue;
        float y = 0.0f, u = 0.0f;
#pragma unroll
        for (int w = 0; w < CONSUMERS; w++) {
            const float* sum = all + w * TILES * 128 + threadIdx.x;
            y += sum[0];
            if (E == Epilogue::SwiGlu) u += sum[2];
        }
        y = y * finish.row.scale + finish.row.bias;
        if (E == Epilogue::SwiGlu) {
            u = u * finish.up.scale + finish.up.bias;
            static_cast<bf16*>(p.out)[static_cast<size_t>(own_column) * (p.n / 2) + finish.row.index] = bf16(y / (1.0f + __expf(-y)) * u);
            continue;
        }
        const size_t at = static_cast<size_t>(own_column) * p.n + finish.row.index;
        if (E == Epilogue::Logits)
            static_cast<float*>(p.out)[at] = y;
        else
            static_cast<bf16*>(p.out)[at] = bf16(E == Epilogue::Add ? y + __bfloat162float(finish.before) : y);
    }
}

template <class W, Input I, Epilogue E, int TILES>
__device__ __forceinline__ void skinny(const Problem& p) {
    extern __shared__ __align__(128) unsigned char shared[];
    using Pieces = Ring<W, I, E>;
    const int stage_bytes = STAGE_WEIGHTS + (I == Input::Streamed ? p.m * Pieces::X_STRIDE : 0);
    unsigned char* resident = shared + p.stages * stage_bytes;
    float* scratch = reinterpret_cast<float*>(resident + (I == Input::Resident ? p.m * resident_stride<W>(p.k) : 0));
    const unsigned barriers = shared_address(scratch + 2 * CONSUMERS * TILES * 128);
    const Pieces ring(p, shared_address(shared), barriers);
    if (threadIdx.x == 0) {
        for (int i = 0; i < p.stages; i++) {
            barrier_init(barriers + i * 8, FULL_ARRIVALS);
            barrier_init(barriers + (p.stages + i) * 8, CONSUMERS);
        }
        // Bulk copies see barriers through another path than this thread does.
#if __CUDA_ARCH__ >= 900
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
    }
    __syncthreads();
    if (E != Epilogue::Store && ring.n_items() <= p.stages) launch_dependents();
    if (threadIdx.x >= CONSUMER_THREADS) {
#if __CUDA_ARCH__ >= 900
        if (!elected()) return;
#endif
        produce(ring);
        return;
    }
    if (I == Input::Resident)
        settle_x<W>(p, resident, scratch);
    else
        wait_for_earlier_kernels();
    consume<W, I, E, TILES>(ring, resident, scratch);
}

}  // namespace

#define SKINNY(name, W, I, E, TILES)                                                                                                    \
    extern "C" __global__ void __launch_bounds__(CONSUMER_THREADS + WARP, 2)                                                             \
        skinny_##name(void* out, const bf16* x, const unsigned char* weight, const float* scales, const bf16* bias,                      \
                      const bf16* norm_weight, int m, int n, int k, float eps, int stages, int early) {                                            \
        skinny<W, Input::I, Epilogue::E, TILES>({out, x, weight, scales, bias, norm_weight, m, n, k, eps, stages, early});                  \
    }

#define SKINNY_ROWS(name, W, I, E) \
    SKINNY(name##_8, W, I, E, 1)   \
    SKINNY(name##_16, W, I, E, 2)

#define SKINNY_EPILOGUES(name, W, I)            \
    SKINNY_ROWS(name##_store, W, I, Store)      \
    SKINNY_ROWS(name##_logits, W, I, Logits)    \
    SKINNY_ROWS(name##_add, W, I, Add)          \
    SKINNY_ROWS(name##_swiglu, W, I, SwiGlu)

SKINNY_EPILOGUES(bf16_streamed, WeightsBf16, Streamed)
SKINNY_EPILOGUES(bf16_resident, WeightsBf16, Resident)
SKINNY_EPILOGUES(fp8_streamed, WeightsFp8, Streamed)
SKINNY_EPILOGUES(fp8_resident, WeightsFp8, Resident)
