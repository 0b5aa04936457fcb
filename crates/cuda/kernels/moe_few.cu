// A whole layer of experts for few tokens, which live on how fast the matrices in use stream from memory: nothing is sorted,
// each token's experts read their matrices for that token.
//
//   moe_few_swiglu(out, choices, x, norm, gate, gate_up, shared_gate_up, routing, rows, width, inner, shared, eps)
//   moe_few_down(x, activations, choices, down, shared_down, rows, k, width, inner, shared, stages)
//
//   x               bf16 [rows, width], at most 8 rows; `down` adds to it
//   norm            bf16 [width], with `eps`: the RMS norm of x, rounded to bf16, is what experts are chosen by and what they get
//   gate            bf16 [parts n_experts, width]; `routing` knows how its logits make experts, and not where they are
//   choices         int2 [rows, k]: a token's experts and the bits of their f32 weights
//   gate_up         bf16 [n_experts, 2 inner, width], gates before ups; shared_gate_up [2 shared, width] of an expert that
//                   every token goes through, with weight one; `shared` is 0 where there is none
//   down            bf16 [n_experts, width, inner], shared_down [width, shared]
//   activations     f32 [rows, k inner + shared] = silu(gate) * up: a token's experts as it chose them, then the shared one
// width is a multiple of 16, inner and shared of 8, pointers are 16-byte aligned (activations 32-byte).
//
// Launch, with nothing between them:
//   swiglu  one block a multiprocessor of 512 threads, in clusters of 8 on Hopper and alone elsewhere, dynamic shared memory of 4 bytes for each of the rows' values, each row filled up to a multiple of 256, and for each of their logits
//   down    any grid, best one block a multiprocessor, 256 threads, dynamic shared memory of 96 bytes for every piece of every
//           row and 8 * stages * 8 min(inner, 1536) bytes; an expert has a piece for every min(inner, 1536) values between its matrices
//
// How it works: in swiglu the blocks of a cluster share out the gate's rows and give each other the logits; each block norms and
// chooses for itself, and one warp weighs the choices for `down` while the others go on. Each warp goes through columns of its
// own, multiplying rows of the matrices, which it keeps in flight in registers, with x in shared memory. In `down` each warp has a
// piece of a token's activations in registers, and multiplies that part of sixteen rows with it, which come through its own ring
// of stages in shared memory (bulk copies on Hopper); the pieces of a column are added up in their order. A token's result depends
// on that token alone, to the bit.
//
// The first rows of the gate and of the shared expert are on their way before swiglu's wait, and those of the shared expert are
// used while logits come; in `down` as many rows are as there are stages: it reads the choices before its wait, which are in
// memory before swiglu lets it start.
#include "bulk.cuh"
#include "routing.cuh"

namespace {

constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
constexpr int UP_THREADS = 512;
constexpr int MAX_ROWS = 8;
constexpr int MAX_CHOSEN = 16;
// Values that a warp takes at a time.
constexpr int CHUNK = WARP * 8;
// Values of a row that are on their way together: of a gate and of its up in registers, of a row of `down` in a stage.
constexpr int UP_CHUNKS = 4;
constexpr int UP_PIECE = UP_CHUNKS * CHUNK;
constexpr int DOWN_CHUNKS = 6;
constexpr int DOWN_PIECE = DOWN_CHUNKS * CHUNK;
// Columns that a block of `down` makes at a time, and those of them that a stage has rows of.
constexpr int COLUMNS = 16;
constexpr int STAGE_ROWS = 4;
// Of a warp.
constexpr int MAX_STAGES = 32;

__device__ __forceinline__ int in_chunks(int n) { return (n + CHUNK - 1) / CHUNK * CHUNK; }

// Where value `i` of a vector in chunks is: in each 256 of them lane l has 4 l .. 4 l + 4 and the same behind 128, the values
// 8 l .. 8 l + 8. What fills up the last ones is never read.
__device__ __forceinline__ int place_of(int i) {
    const int in_chunk = i % CHUNK;
    return i - in_chunk + in_chunk % 8 / 4 * (CHUNK / 2) + in_chunk / 8 * 4 + i % 4;
}

// Adds a lane's products of the eight values that it has of a chunk.
__device__ __forceinline__ void multiply8(float (&sums)[2], uint4 weights, float4 low, float4 high) {
    const unsigned words[4] = {weights.x, weights.y, weights.z, weights.w};
    const float x[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        sums[0] = __fmaf_rn(__uint_as_float(words[i] << 16), x[2 * i], sums[0]);
        sums[1] = __fmaf_rn(__uint_as_float(words[i] & 0xffff0000u), x[2 * i + 1], sums[1]);
    }
}

// Weights are read once.
__device__ __forceinline__ uint4 load_once(const bf16* p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::cache_hint.v4.u32 {%0, %1, %2, %3}, [%4], %5;"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(p), "l"(read_once()));
    return v;
}

// The experts of each row, by a warp; a barrier must follow.
__device__ __forceinline__ void choose_all(const Routing& routing, int rows, int* ids, float (*picks)[MAX_EXPERTS]) {
    const int lane = threadIdx.x % WARP, row = threadIdx.x / WARP;
    if (row >= rows) return;
    const int id = choose(routing, row, picks[row]).id;
    if (lane < routing.k) ids[row * routing.k + lane] = id;
}

// The same where experts have no groups, by the whole block at once: an expert's place is the number of better ones, which four
// lanes count.
__device__ __forceinline__ void rank_all(const Routing& r, int rows, int* ids, unsigned* orders) {
    constexpr int COUNTING = 4;
    const int n = r.n_experts, n_all = rows * n;
    for (int i = threadIdx.x; i < n_all; i += blockDim.x) {
        const float logit = logit_of(r, i / n, i % n);
        orders[i] = order_of(r.sigmoid ? sigmoid(logit) + (r.bias ? r.bias[i % n] : 0.0f) : logit);
    }
    __syncthreads();
    // Whole warps stay together.
    for (int i = threadIdx.x / COUNTING; i - static_cast<int>(threadIdx.x) % WARP / COUNTING < n_all; i += blockDim.x / COUNTING) {
        const int row = min(i / n, rows - 1), id = i % n;
        const unsigned own = orders[row * n + id];
        int n_better = 0;
        for (int other = threadIdx.x % COUNTING; other < n; other += COUNTING) {
            const unsigned order = orders[row * n + other];
            n_better += order > own || (order == own && other < id);
        }
#pragma unroll
        for (int distance = 1; distance < COUNTING; distance *= 2) n_better += __shfl_xor_sync(ALL_LANES, n_better, distance);
        if (i < n_all && n_better < r.k) ids[row * r.k + n_better] = id;
    }
}

// Where the eight values from `i` on are of a vector in chunks: two fours.
__device__ __forceinline__ void store_in_chunks(float* to, int i, const float (&v)[8]) {
    float* at = to + place_of(i);
    *reinterpret_cast<float4*>(at) = make_float4(v[0], v[1], v[2], v[3]);
    *reinterpret_cast<float4*>(at + CHUNK / 2) = make_float4(v[4], v[5], v[6], v[7]);
}

__device__ __forceinline__ void load_in_chunks(float (&v)[8], const float* from, int i) {
    const float* at = from + place_of(i);
    const float4 low = *reinterpret_cast<const float4*>(at), high = *reinterpret_cast<const float4*>(at + CHUNK / 2);
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w, v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
}

// The blocks that choose experts together; elsewhere than on Hopper each does it alone.
struct Cluster {
#if __CUDA_ARCH__ >= 900
    int rank, size;
    __device__ __forceinline__ Cluster() {
        asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
        asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
    }
    // Everybody's stores before the one are seen by all after the other.
    __device__ __forceinline__ void arrive() const { asm volatile("barrier.cluster.arrive.release;" ::: "memory"); }
    __device__ __forceinline__ void wait() const { asm volatile("barrier.cluster.wait.acquire;" ::: "memory"); }
    // To the shared memory of another block, where it is in this one's.
    __device__ __forceinline__ void store(float* to, int rank, float value) const {
        unsigned at;
        asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(at) : "r"(shared_address(to)), "r"(rank));
        asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(at), "f"(value) : "memory");
    }
#else
    static constexpr int rank = 0, size = 1;
    __device__ __forceinline__ void arrive() const {}
    __device__ __forceinline__ void wait() const { __syncthreads(); }
    __device__ __forceinline__ void store(float* to, int, float value) const { *to = value; }
#endif
};

// A warp's ring of stages: filled and used in turn by the same warp.
struct Ring {
    unsigned at, full;
    int stage_bytes, stages;
    int put = 0, used = 0, parity = 0, n_on_their_way = 0;

    __device__ __forceinline__ Ring(unsigned at, unsigned full, int stage_bytes, int stages)
        : at(at), full(full), stage_bytes(stage_bytes), stages(stages) {
        if (threadIdx.x % WARP == 0) {
            for (int i = 0; i < stages; i++) barrier_init(full + i * 8, FULL_ARRIVALS);
#if __CUDA_ARCH__ >= 900
            asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
        }
        __syncwarp();
    }

    __device__ __forceinline__ bool has_room() const { return n_on_their_way < stages; }

    // Brings the same part of neighbouring rows, `stride` values long, one behind the other.
    __device__ __forceinline__ void fetch(const bf16* from, int stride, int bytes) {
        const unsigned to = at + put * stage_bytes, barrier = full + put * 8;
#if __CUDA_ARCH__ >= 900
        if (elected()) {
            expect_bytes(barrier, STAGE_ROWS * bytes);
            const unsigned long long policy = read_once();
#pragma unroll
            for (int i = 0; i < STAGE_ROWS; i++) copy_bytes(to + i * bytes, from + static_cast<size_t>(i) * stride, bytes, barrier, policy);
        }
        __syncwarp();
#else
#pragma unroll
        for (int i = 0; i < STAGE_ROWS; i++)
            copy_row(to + i * bytes, reinterpret_cast<const unsigned char*>(from + static_cast<size_t>(i) * stride), bytes);
        arrive_when_copied(barrier);
#endif
        if (++put == stages) put = 0;
        n_on_their_way++;
    }

    // Waits for the oldest stage; returns where it is.
    __device__ __forceinline__ unsigned wait() const {
        barrier_wait(full + used * 8, parity);
        return at + used * stage_bytes;
    }

    // The oldest stage was read.
    __device__ __forceinline__ void release() {
        __syncwarp();
        if (++used == stages) used = 0, parity ^= 1;
        n_on_their_way--;
    }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(UP_THREADS)
    moe_few_swiglu(float* out, int2* choices, const bf16* x, const bf16* norm, const bf16* gate, const bf16* gate_up, const bf16* shared_gate_up,
                   Routing routing, int rows, int width, int inner, int shared, float eps) {
    extern __shared__ __align__(128) unsigned char shared_memory[];
    // A token and one of its experts: a gate and its up are in row `column` of these.
    struct Source {
        const bf16* gates;
        const bf16* ups;
        int x, out;
    };
    __shared__ Source sources[MAX_ROWS * (MAX_CHOSEN + 1)];
    __shared__ int chosen[MAX_ROWS * MAX_CHOSEN];
    __shared__ float picks[MAX_ROWS][MAX_EXPERTS];
    __shared__ float scratch[MAX_ROWS][WARP], bias[MAX_EXPERTS];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = static_cast<int>(blockDim.x) / WARP;
    const int n_blocks = gridDim.x, step = n_warps * n_blocks, x_stride = in_chunks(width);
    const int n_logits = routing.parts * routing.n_experts;
    float* x_here = reinterpret_cast<float*>(shared_memory);
    float* logits = x_here + rows * x_stride;
    const int n_shared = shared > 0 ? rows : 0, n_sources = n_shared + rows * routing.k;
    const int stride = routing.k * inner + shared;
    const Cluster cluster;
    cluster.arrive();

    // The gate's row that the warp multiplies first, and the first of the shared expert's rows, are on their way before the wait.
    constexpr int GATE_CHUNKS = 8;
    uint4 of_gate[GATE_CHUNKS];
    const bf16* loaded = nullptr;
    const auto load_gate = [&](const bf16* from, int n) {
        if (from == loaded) return;
        loaded = from;
#pragma unroll
        for (int i = 0; i < GATE_CHUNKS; i++) {
            const int at = i * CHUNK + lane * 8;
            of_gate[i] = at < n ? *reinterpret_cast<const uint4*>(from + at) : make_uint4(0, 0, 0, 0);
        }
    };
    const int first_logit = warp * cluster.size + cluster.rank;
    if (first_logit < n_logits) load_gate(gate + static_cast<size_t>(first_logit) * width, width);
    const int first_value = threadIdx.x * 8;
    const Bf16x8 first_norm = first_value < width ? load8(norm + first_value) : Bf16x8{};
    const float own_bias = routing.bias && static_cast<int>(threadIdx.x) < routing.n_experts ? routing.bias[threadIdx.x] : 0.0f;
    if (threadIdx.x < n_shared) {
        const int row = threadIdx.x;
        sources[row] = {shared_gate_up, shared_gate_up + static_cast<size_t>(shared) * width, row * x_stride, row * stride + routing.k * inner};
    }
    __syncthreads();

    // A place among the pieces that the warp goes through: a source's columns, then the next one's.
    // Neighbours go to different blocks.
    const int n_pieces = (width + UP_PIECE - 1) / UP_PIECE;
    struct Place {
        int source, column, piece;
    };
    const auto settle = [&](Place& place) {
        for (int n; place.source < n_sources && place.column >= (n = place.source < n_shared ? shared : inner); place.source++) place.column -= n;
    };
    const auto advance = [&](Place& place) {
        if (++place.piece < n_pieces) return;
        place.piece = 0;
        place.column += step;
        settle(place);
    };
    struct Rows {
        uint4 gate[UP_CHUNKS], up[UP_CHUNKS];
    };
    Place ahead = {0, warp * n_blocks + static_cast<int>(blockIdx.x), 0};
    settle(ahead);
    Place place = ahead;
    // Pieces loaded and not used, the next one in `even`.
    int n_on_their_way = 0;
    const auto load = [&](Rows& to) {
        const Source& source = sources[ahead.source];
        const int first = ahead.piece * UP_PIECE + lane * 8;
        const size_t at = static_cast<size_t>(ahead.column) * width + first;
#pragma unroll
        for (int i = 0; i < UP_CHUNKS; i++) {
            const bool exists = first + i * CHUNK < width;
            to.gate[i] = exists ? load_once(source.gates + at + i * CHUNK) : make_uint4(0, 0, 0, 0);
            to.up[i] = exists ? load_once(source.ups + at + i * CHUNK) : make_uint4(0, 0, 0, 0);
        }
        advance(ahead);
        n_on_their_way++;
    };
    Rows even, odd;
    if (ahead.source < n_shared) load(even);
    if (ahead.source < n_shared) load(odd);
    wait_for_earlier_kernels();

    for (int row = 0; row < rows; row++) {
        float squares = 0.0f;
        for (int i = first_value; i < width; i += blockDim.x * 8) {
            float values[8];
            unpack8(values, load8(x + static_cast<size_t>(row) * width + i));
#pragma unroll
            for (float value : values) squares += value * value;
            store_in_chunks(x_here + row * x_stride, i, values);
        }
        const float scale = rsqrtf(block_reduce<Sum>(squares, scratch[row]) / width + eps);
        for (int i = first_value; i < width; i += blockDim.x * 8) {
            float values[8], of_norm[8];
            load_in_chunks(values, x_here + row * x_stride, i);
            unpack8(of_norm, i == first_value ? first_norm : load8(norm + i));
#pragma unroll
            for (int j = 0; j < 8; j++) values[j] = __bfloat162float(bf16(values[j] * (scale * of_norm[j])));
            store_in_chunks(x_here + row * x_stride, i, values);
        }
    }
    if (threadIdx.x < MAX_EXPERTS) bias[threadIdx.x] = own_bias;
    __syncthreads();
    cluster.wait();
    for (int own = first_logit; own < n_logits; own += n_warps * cluster.size) {
        const bf16* from = gate + static_cast<size_t>(own) * width;
        for (int row = 0; row < rows; row++) {
            float sums[2] = {};
            for (int first = 0; first < width; first += GATE_CHUNKS * CHUNK) {
                load_gate(from + first, width - first);
                const float* values = x_here + row * x_stride + first + lane * 4;
#pragma unroll
                for (int i = 0; i < GATE_CHUNKS; i++) {
                    if (first + i * CHUNK + lane * 8 >= width) continue;
                    const float* of_chunk = values + i * CHUNK;
                    multiply8(sums, of_gate[i], *reinterpret_cast<const float4*>(of_chunk), *reinterpret_cast<const float4*>(of_chunk + CHUNK / 2));
                }
            }
            const float logit = warp_reduce<Sum>(sums[0] + sums[1]);
            if (lane < cluster.size) cluster.store(logits + row * n_logits + own, lane, logit);
        }
    }
    cluster.arrive();

    // Sources before the choice are the shared expert's.
    int n_known = n_shared;
    float gates[2] = {}, ups[2] = {};
    const auto use = [&](Rows& rows_here) {
        const Source& source = sources[place.source];
        const float* values = x_here + source.x + place.piece * UP_PIECE + lane * 4;
        const int first = place.piece * UP_PIECE + lane * 8;
#pragma unroll
        for (int i = 0; i < UP_CHUNKS; i++) {
            if (first + i * CHUNK >= width) continue;
            const float4 low = *reinterpret_cast<const float4*>(values + i * CHUNK), high = *reinterpret_cast<const float4*>(values + i * CHUNK + CHUNK / 2);
            multiply8(gates, rows_here.gate[i], low, high);
            multiply8(ups, rows_here.up[i], low, high);
        }
        n_on_their_way--;
        if (ahead.source < n_known) load(rows_here);
        if (place.piece == n_pieces - 1) {
            // The lower lanes add up the gate, the upper ones the up.
            const float g = gates[0] + gates[1], u = ups[0] + ups[1];
            const float other = __shfl_xor_sync(ALL_LANES, lane < WARP / 2 ? u : g, WARP / 2);
            const float sum = warp_reduce<Sum, WARP / 2>((lane < WARP / 2 ? g : u) + other);
            const float up = __shfl_sync(ALL_LANES, sum, WARP / 2);
            gates[0] = gates[1] = ups[0] = ups[1] = 0.0f;
            if (lane == 0) out[source.out + place.column] = sum / (1.0f + __expf(-sum)) * up;
        }
        advance(place);
    };
    // While the other blocks' logits come.
    const int n_early = n_on_their_way;
    if (n_early > 0) use(even);
    if (n_early > 1) use(odd);
    cluster.wait();
    routing.logits = logits;
    if (routing.bias) routing.bias = bias;
    if (routing.kept_groups < routing.n_groups)
        choose_all(routing, rows, chosen, picks);
    else
        rank_all(routing, rows, chosen, reinterpret_cast<unsigned*>(picks));
    __syncthreads();
    for (int i = threadIdx.x; i < rows * routing.k; i += blockDim.x) {
        const int row = i / routing.k;
        const bf16* gates = gate_up + static_cast<size_t>(chosen[i]) * 2 * inner * width;
        sources[n_shared + i] = {gates, gates + static_cast<size_t>(inner) * width, row * x_stride, row * stride + i % routing.k * inner};
    }
    __syncthreads();
    n_known = n_sources;
    if (n_on_their_way < 1 && ahead.source < n_sources) load(even);
    if (n_on_their_way < 2 && ahead.source < n_sources) load(odd);
    if (blockIdx.x > 0) {
        launch_dependents();
    } else if (warp == n_warps - 1) {
        // What `down` reads before its wait, by a warp that has the fewest columns.
        for (int row = 0; row < rows; row++) {
            const int at = row * routing.k + lane;
            const Choice choice = choose(routing, row, picks[row], chosen + row * routing.k);
            if (lane < routing.k) __stcg(choices + at, make_int2(choice.id, __float_as_int(choice.weight)));
        }
        __threadfence();
        __syncwarp();
        launch_dependents();
    }

    while (place.source < n_sources) {
        use(even);
        if (place.source < n_sources) use(odd);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
    moe_few_down(bf16* x, const float* activations, const int2* choices, const bf16* down, const bf16* shared_down, int rows, int k,
                 int width, int inner, int shared, int stages) {
    extern __shared__ __align__(128) unsigned char shared_memory[];
    // A part of the rows of a matrix, `stride` values long, and what it is multiplied with.
    struct Piece {
        const bf16* from;
        const float* values;
        int stride, length;
        float weight;
    };
    __shared__ uint64_t barriers[WARPS * MAX_STAGES];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int piece_len = min(inner, DOWN_PIECE), stage_bytes = STAGE_ROWS * piece_len * 2;
    const int n_shared = (shared + piece_len - 1) / piece_len, n_own = (inner + piece_len - 1) / piece_len;
    const int n_pieces = n_shared + k * n_own, n_all = rows * n_pieces, stride = k * inner + shared;
    // Of each piece of each token, the products with the rows of the columns at hand.
    float(*products)[COLUMNS] = reinterpret_cast<float(*)[COLUMNS]>(shared_memory + WARPS * stages * stage_bytes);
    Piece* pieces = reinterpret_cast<Piece*>(products + n_all);
    Ring ring(shared_address(shared_memory) + warp * stages * stage_bytes, shared_address(barriers + warp * stages), stage_bytes, stages);
    for (int i = threadIdx.x; i < n_all; i += THREADS) {
        const int row = i / n_pieces, piece = i % n_pieces;
        const bool of_shared = piece < n_shared;
        const int choice = of_shared ? k : (piece - n_shared) / n_own;
        const int first = (of_shared ? piece : (piece - n_shared) % n_own) * piece_len, whole = of_shared ? shared : inner;
        const int2 chosen = of_shared ? make_int2(0, __float_as_int(1.0f)) : __ldcg(choices + row * k + choice);
        const bf16* matrix = of_shared ? shared_down : down + static_cast<size_t>(chosen.x) * width * inner;
        pieces[i] = {matrix + first, activations + static_cast<size_t>(row) * stride + choice * inner + first, whole,
                     min(piece_len, whole - first), __int_as_float(chosen.y)};
    }
    __syncthreads();

    // Sixteen columns, of these the warp's pieces, of these a stage of rows after the other.
    struct Place {
        int column, piece, row;
    };
    const int step = COLUMNS * static_cast<int>(gridDim.x);
    Place ahead = {warp < n_all ? COLUMNS * static_cast<int>(blockIdx.x) : width, warp, 0};
    const auto fetch = [&] {
        const Piece& piece = pieces[ahead.piece];
        ring.fetch(piece.from + static_cast<size_t>(ahead.column + ahead.row) * piece.stride, piece.stride, piece.length * 2);
        if ((ahead.row += STAGE_ROWS) < COLUMNS) return;
        ahead.row = 0;
        if ((ahead.piece += WARPS) < n_all) return;
        ahead.piece = warp;
        ahead.column += step;
    };
    while (ring.has_room() && ahead.column < width) fetch();
    wait_for_earlier_kernels();
    launch_dependents();

    for (int column = COLUMNS * static_cast<int>(blockIdx.x); column < width; column += step) {
        // The one value of x that the thread adds to.
        const int row = threadIdx.x / COLUMNS;
        bf16* own = x + static_cast<size_t>(row) * width + column + threadIdx.x % COLUMNS;
        float value = row < rows ? __bfloat162float(*own) : 0.0f;
        for (int index = warp; index < n_all; index += WARPS) {
            const Piece piece = pieces[index];
            float values[DOWN_CHUNKS][8];
#pragma unroll
            for (int c = 0; c < DOWN_CHUNKS; c++) {
                const int at = c * CHUNK + lane * 8;
                const bool exists = at < piece.length;
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const float4 four = exists ? *reinterpret_cast<const float4*>(piece.values + at + 4 * half) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
                    values[c][4 * half] = four.x, values[c][4 * half + 1] = four.y, values[c][4 * half + 2] = four.z, values[c][4 * half + 3] = four.w;
                }
            }
#pragma unroll 1
            for (int first = 0; first < COLUMNS; first += STAGE_ROWS) {
                float sums[STAGE_ROWS] = {};
                const unsigned at = ring.wait() + lane * 16;
#pragma unroll
                for (int c = 0; c < DOWN_CHUNKS; c++) {
                    if (c * CHUNK + lane * 8 >= piece.length) continue;
#pragma unroll
                    for (int i = 0; i < STAGE_ROWS; i++) {
                        const uint4 raw = load_shared16(at + i * piece.length * 2 + c * CHUNK * 2);
                        const unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
                        for (int j = 0; j < 4; j++) {
                            sums[i] = __fmaf_rn(__uint_as_float(words[j] << 16), values[c][2 * j], sums[i]);
                            sums[i] = __fmaf_rn(__uint_as_float(words[j] & 0xffff0000u), values[c][2 * j + 1], sums[i]);
                        }
                    }
                }
                ring.release();
                if (ahead.column < width) fetch();
                // Each half of the warp adds up two of the rows, each quarter one.
                static_assert(STAGE_ROWS == 4, "a quarter of the warp for each");
                const bool upper = lane >= WARP / 2, odd = lane % (WARP / 2) >= WARP / 4;
                float two[2];
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const float given = upper ? sums[i] : sums[2 + i];
                    two[i] = (upper ? sums[2 + i] : sums[i]) + __shfl_xor_sync(ALL_LANES, given, WARP / 2);
                }
                const float given = odd ? two[0] : two[1];
                const float one = warp_reduce<Sum, WARP / 4>((odd ? two[1] : two[0]) + __shfl_xor_sync(ALL_LANES, given, WARP / 4));
                if (lane % (WARP / 4) == 0) products[index][first + lane / (WARP / 4)] = one;
            }
        }
        __syncthreads();
        if (row < rows) {
            for (int piece = 0; piece < n_pieces; piece++) {
                const int index = row * n_pieces + piece;
                value = __fmaf_rn(pieces[index].weight, products[index][threadIdx.x % COLUMNS], value);
            }
            *own = bf16(value);
        }
        __syncthreads();
    }
}
