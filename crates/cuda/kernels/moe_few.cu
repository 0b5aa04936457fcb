// A whole layer of experts for few tokens, which live on how fast the matrices in use stream from memory: nothing is sorted,
// each token's experts read their matrices for that token.
//
//   moe_few_swiglu(out, choices, x, norm, gate, gate_up, shared_gate_up, routing, rows, width, inner, shared, eps, stages)
//   moe_few_down(x, activations, choices, down, shared_down, rows, k, width, inner, shared, stages)
//
//   x               bf16 [rows, width], at most 8 rows; `down` adds to it
//   norm            bf16 [width], with `eps`: the RMS norm of x, rounded to bf16, is what experts are chosen by and what they get
//   gate            bf16 [parts n_experts, width]; `routing` knows how its logits make experts, and not where they are
//   choices         int2 [rows, k]: a token's experts and the bits of their f32 weights
//   gate_up         bf16 [n_experts, 2 inner, width], gates before ups; shared_gate_up [2 shared, width] of an expert that
//                   every token goes through, with weight one; `shared` is 0 where there is none
//   down            bf16 [n_experts, width, inner], shared_down [width, shared]
//   activations     bf16 [rows, 2, k inner + shared] = silu(gate) * up: a token's experts as it chose them, then the shared one;
//                   rounded, and what rounding took
// width is a multiple of 16, inner and shared of 8, pointers are 16-byte aligned.
//
// Launch, with nothing between them:
//   swiglu  256 threads a block, at most one block a multiprocessor, in clusters of 8 on Hopper and alone elsewhere; dynamic shared
//           memory of stages * 32768 bytes, 2 for each value of the rows, each row filled up to a multiple of 256, and 4 for each of
//           their logits and of their experts, filled up to a multiple of 16; stages are 1 to 3
//   down    any grid, best one block a multiprocessor, 256 threads, dynamic shared memory of 96 bytes for every piece of every
//           row and 64 * stages bytes for every value of a piece; pieces are as few as have at most 768 of an expert's inner values
//
// How it works: in swiglu the blocks of a cluster share out the gate's rows and send each other the logits; each block norms and
// chooses for itself, and one warp weighs the choices for `down` while the others go on. Each warp goes through columns of its
// own, whose rows come through its own ring of stages in shared memory. In `down` each warp has a piece of a token's activations
// in registers, and multiplies that part of sixteen rows with it, which come through a ring of the same kind (bulk copies on
// Hopper); the pieces of a column are added up in their order. Both multiply one row with one vector on the tensor cores: parts of
// the row are the rows of a product and parts of the vector its columns, and the sums on its diagonal are the ones that are
// wanted. A token's result depends on that token alone, to the bit.
//
// The first rows of the gate and of the shared expert are on their way before swiglu's wait, and those of the shared expert are
// used while logits come; in `down` as many rows are as there are stages: it reads the choices before its wait, which are in
// memory before swiglu lets it start.
#include "cluster.cuh"
#include "routing.cuh"

namespace {

constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
constexpr int UP_THREADS = 256;
constexpr int MAX_ROWS = 8;
constexpr int MAX_CHOSEN = 16;
// Values that a warp takes at a time.
constexpr int CHUNK = WARP * 8;
// Values of a row that a stage has: of a gate and of its up, and of a row of `down`, which goes through the tensor cores in steps.
constexpr int UP_CHUNKS = 4;
constexpr int UP_PIECE = UP_CHUNKS * CHUNK;
constexpr int UP_STAGE_BYTES = 2 * UP_PIECE * 2;
constexpr int DOWN_STEP = 128;
constexpr int DOWN_STEPS = 6;
constexpr int DOWN_PIECE = DOWN_STEPS * DOWN_STEP;
// Columns that a block of `down` makes at a time, and those of them that a stage has rows of.
constexpr int COLUMNS = 16;
constexpr int STAGE_ROWS = 4;
// Of a warp.
constexpr int MAX_STAGES = 32;

__device__ __forceinline__ int in_chunks(int n) { return (n + CHUNK - 1) / CHUNK * CHUNK; }
__device__ __forceinline__ int in_sixteens(int n) { return (n + 15) / 16 * 16; }

// Adds the products of a chunk of two rows with one of x, of which a lane has eight neighbouring values each: 32 values are a
// row or a column of the tensor cores' product, whose diagonals are sums of products that belong together; `diagonals` adds them up.
__device__ __forceinline__ void multiply_chunk(float (&sums)[2][4], uint4 first, uint4 second, uint4 x) {
    multiply_add(sums[0], first.x, second.x, first.y, second.y, x.x, x.y);
    multiply_add(sums[1], first.z, second.z, first.w, second.w, x.z, x.w);
}

// What a lane has of the products of the first row, and of the second.
__device__ __forceinline__ float2 diagonals(const float (&sums)[2][4]) {
    const int lane = threadIdx.x % WARP;
    float own[4];
#pragma unroll
    for (int i = 0; i < 4; i++) own[i] = sums[0][i] + sums[1][i];
    if (lane % 4 != lane / 8) return make_float2(0.0f, 0.0f);
    return lane / 4 % 2 ? make_float2(own[1], own[3]) : make_float2(own[0], own[2]);
}

// By a warp, the expert that is a lane's choice, of experts in groups. Apart from its caller, which is in a hurry and has none.
__device__ __noinline__ int choose_in_groups(const Routing& routing, int row, float* picks) {
    return choose_among<MAX_EXPERTS / WARP>(routing, row, picks).id;
}

// The experts of each row, by the whole block: `chosen(row, place, expert)` is called once for each. A place is the number of
// better experts, which four lanes count. `orders` has room for each row's experts, filled up to a multiple of sixteen.
template <class Chosen>
__device__ __forceinline__ void choose_all(const Routing& r, int rows, unsigned* orders, const Chosen& chosen) {
    constexpr int COUNTING = 4;
    const int n = r.n_experts, n_filled = in_sixteens(n);
    if (r.kept_groups < r.n_groups) {
        const int lane = threadIdx.x % WARP, row = threadIdx.x / WARP;
        if (row >= rows) return;
        const int id = choose_in_groups(r, row, reinterpret_cast<float*>(orders + row * n_filled));
        if (lane < r.k) chosen(row, lane, id);
        return;
    }
#pragma unroll 1
    for (int row = 0; row < rows; row++) {
#pragma unroll 1
        for (int i = threadIdx.x; i < n_filled; i += blockDim.x) {
            const float logit = i < n ? logit_of(r, row, i) : 0.0f;
            // Zero is behind everything.
            orders[row * n_filled + i] = i < n ? order_of(r.sigmoid ? sigmoid(logit) + (r.bias ? r.bias[i] : 0.0f) : logit) : 0;
        }
    }
    __syncthreads();
    const int place = threadIdx.x / COUNTING, share = threadIdx.x % COUNTING;
#pragma unroll 1
    for (int row = 0; row < rows; row++) {
        const unsigned* of_row = orders + row * n_filled;
        // Two experts at a time, whole warps together.
#pragma unroll 1
        for (int first = 0; first < n_filled; first += 2 * UP_THREADS / COUNTING) {
            int id[2], n_better[2] = {};
            unsigned own[2];
#pragma unroll
            for (int i = 0; i < 2; i++) {
                id[i] = first + i * UP_THREADS / COUNTING + place;
                own[i] = id[i] < n ? of_row[id[i]] : ~0u;
            }
            // Of equals the lower numbers are better: of those in fours before the expert's own here, of those in its own below.
#pragma unroll 8
            for (int other = share * 4; other < n_filled; other += COUNTING * 4) {
                const uint4 four = *reinterpret_cast<const uint4*>(of_row + other);
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const unsigned enough = own[i] - (other + 4 <= id[i]);
                    n_better[i] += (four.x > enough) + (four.y > enough) + (four.z > enough) + (four.w > enough);
                }
            }
#pragma unroll
            for (int i = 0; i < 2; i++) {
                const int in_four = id[i] % 4;
                n_better[i] += share < in_four && id[i] < n && of_row[id[i] - in_four + share] == own[i];
#pragma unroll
                for (int distance = 1; distance < COUNTING; distance *= 2) n_better[i] += __shfl_xor_sync(ALL_LANES, n_better[i], distance);
                if (share == 0 && id[i] < n && n_better[i] < r.k) chosen(row, n_better[i], id[i]);
            }
        }
    }
}

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
            // Whole rows lie one behind the other as they are.
            const int n_copies = stride * 2 == bytes ? 1 : STAGE_ROWS, n_bytes = STAGE_ROWS / n_copies * bytes;
#pragma unroll 1
            for (int i = 0; i < n_copies; i++) copy_bytes(to + i * bytes, from + static_cast<size_t>(i) * stride, n_bytes, barrier, policy);
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

extern "C" __global__ void __launch_bounds__(UP_THREADS, 2)
    moe_few_swiglu(bf16* out, int2* choices, const bf16* x, const bf16* norm, const bf16* gate, const bf16* gate_up, const bf16* shared_gate_up,
                   Routing routing, int rows, int width, int inner, int shared, float eps, int stages) {
    extern __shared__ __align__(128) unsigned char shared_memory[];
    // A token and one of its experts: a gate and its up are in row `column` of these.
    struct Source {
        const bf16* gates;
        const bf16* ups;
        int x, out;
    };
    __shared__ Source sources[MAX_ROWS * (MAX_CHOSEN + 1)];
    __shared__ int chosen[MAX_ROWS * MAX_CHOSEN];
    __shared__ float scratch[MAX_ROWS][WARP], bias[MAX_EXPERTS];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = static_cast<int>(blockDim.x) / WARP;
    const int n_blocks = gridDim.x, step = n_warps * n_blocks, x_stride = in_chunks(width);
    const int n_logits = routing.parts * routing.n_experts;
    bf16* x_here = reinterpret_cast<bf16*>(shared_memory + n_warps * stages * UP_STAGE_BYTES);
    unsigned* orders = reinterpret_cast<unsigned*>(x_here + rows * x_stride);
    float* logits = reinterpret_cast<float*>(orders + rows * in_sixteens(routing.n_experts));
    const int n_shared = shared > 0 ? rows : 0, n_sources = n_shared + rows * routing.k;
    const int stride = routing.k * inner + shared;
    __shared__ uint64_t received;
    const Cluster cluster(&received);
    cluster.expect(rows * n_logits * 4);
    cluster.arrive();

    // The gate's rows that the warp multiplies first, and the first of the shared expert's rows, are on their way before the wait.
    constexpr int GATE_CHUNKS = 8;
    struct GateRows {
        uint4 first[GATE_CHUNKS], second[GATE_CHUNKS];
    };
    const int logits_at_once = n_warps * cluster.size;
    const auto load_gate = [&](GateRows& rows_here, int logit, int first) {
        const bf16* from = gate + static_cast<size_t>(logit) * width + first;
#pragma unroll
        for (int i = 0; i < GATE_CHUNKS; i++) {
            const int at = i * CHUNK + lane * 8;
            const bool exists = first + at < width;
            const uint4 zero = make_uint4(0, 0, 0, 0);
            rows_here.first[i] = exists && logit < n_logits ? *reinterpret_cast<const uint4*>(from + at) : zero;
            rows_here.second[i] =
                exists && logit + logits_at_once < n_logits ? *reinterpret_cast<const uint4*>(from + static_cast<size_t>(logits_at_once) * width + at) : zero;
        }
    };
    const int first_logit = warp * cluster.size + cluster.rank;
    GateRows gate_rows;
    load_gate(gate_rows, first_logit, 0);
    const int first_value = threadIdx.x * 8;
    const Bf16x8 first_norm = first_value < width ? load8(norm + first_value) : Bf16x8{};
    if (routing.bias && static_cast<int>(threadIdx.x) < routing.n_experts) bias[threadIdx.x] = routing.bias[threadIdx.x];
    if (threadIdx.x < n_shared) {
        const int row = threadIdx.x;
        sources[row] = {shared_gate_up, shared_gate_up + static_cast<size_t>(shared) * width, row * x_stride, row * 2 * stride + routing.k * inner};
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
    Place ahead = {0, warp * n_blocks + static_cast<int>(blockIdx.x), 0};
    settle(ahead);
    Place place = ahead;
    // The warp's ring of stages, each a piece of a gate and then of its up; a lane reads what it has copied itself.
    const unsigned ring = shared_address(shared_memory) + warp * stages * UP_STAGE_BYTES + lane * 16;
    int put = 0, taken = 0, n_on_their_way = 0;
    const auto fetch = [&] {
        const Source& source = sources[ahead.source];
        const int first = ahead.piece * UP_PIECE + lane * 8;
        const size_t at = static_cast<size_t>(ahead.column) * width + first;
        const unsigned to = ring + put * UP_STAGE_BYTES;
#pragma unroll
        for (int i = 0; i < UP_CHUNKS; i++) {
            const bool exists = first + i * CHUNK < width;
            copy16_once_or_zero(to + i * CHUNK * 2, source.gates + at + i * CHUNK, exists);
            copy16_once_or_zero(to + (UP_CHUNKS + i) * CHUNK * 2, source.ups + at + i * CHUNK, exists);
        }
        commit_copies();
        advance(ahead);
        if (++put == stages) put = 0;
        n_on_their_way++;
    };
    while (n_on_their_way < stages && ahead.source < n_shared) fetch();
    wait_for_earlier_kernels();

#pragma unroll 1
    for (int row = 0; row < rows; row++) {
        const bf16* from = x + static_cast<size_t>(row) * width;
        const Bf16x8 first_of_row = first_value < width ? load8(from + first_value) : Bf16x8{};
        float squares = 0.0f;
#pragma unroll 1
        for (int i = first_value; i < width; i += UP_THREADS * 8) {
            float values[8];
            unpack8(values, i == first_value ? first_of_row : load8(from + i));
#pragma unroll
            for (float value : values) squares += value * value;
        }
        const float scale = rsqrtf(block_reduce<Sum>(squares, scratch[row]) / width + eps);
#pragma unroll 1
        for (int i = first_value; i < x_stride; i += UP_THREADS * 8) {
            float values[8] = {}, of_norm[8] = {};
            if (i < width) {
                unpack8(values, i == first_value ? first_of_row : load8(from + i));
                unpack8(of_norm, i == first_value ? first_norm : load8(norm + i));
            }
#pragma unroll
            for (int j = 0; j < 8; j++) values[j] *= scale * of_norm[j];
            store8(x_here + row * x_stride + i, pack8(values));
        }
    }
    __syncthreads();
    cluster.wait_for_all();
    const auto load_x = [&](int row, int i) { return *reinterpret_cast<const uint4*>(x_here + row * x_stride + i + lane * 8); };
#pragma unroll 1
    for (int logit = first_logit; logit < n_logits; logit += 2 * logits_at_once) {
#pragma unroll 1
        for (int row = 0; row < rows; row++) {
            float sums[2][4] = {};
#pragma unroll 1
            for (int first = 0; first < width; first += GATE_CHUNKS * CHUNK) {
                if (row + first > 0 || logit > first_logit) load_gate(gate_rows, logit, first);
#pragma unroll
                for (int i = 0; i < GATE_CHUNKS; i++)
                    if (first + i * CHUNK < width) multiply_chunk(sums, gate_rows.first[i], gate_rows.second[i], load_x(row, first + i * CHUNK));
            }
            const float2 own = diagonals(sums);
            const float first = warp_reduce<Sum>(own.x), second = warp_reduce<Sum>(own.y);
            float* to = logits + row * n_logits + logit;
            if (lane < cluster.size) cluster.send(to, lane, first);
            if (lane < cluster.size && logit + logits_at_once < n_logits) cluster.send(to + logits_at_once, lane, second);
        }
    }

    // Sources before the choice are the shared expert's.
    int n_known = n_shared;
    float sums[2][4] = {};
    const auto use = [&] {
        // Copies come in the order in which they were asked for.
        if (n_on_their_way > 2)
            wait_for_copies<2>();
        else if (n_on_their_way == 2)
            wait_for_copies<1>();
        else
            wait_for_copies<0>();
        const Source& source = sources[place.source];
        const bf16* values = x_here + source.x + place.piece * UP_PIECE + lane * 8;
        const unsigned at = ring + taken * UP_STAGE_BYTES;
#pragma unroll
        for (int i = 0; i < UP_CHUNKS; i++) {
            if (place.piece * UP_PIECE + i * CHUNK >= width) continue;
            multiply_chunk(sums, load_shared16(at + i * CHUNK * 2), load_shared16(at + (UP_CHUNKS + i) * CHUNK * 2),
                           *reinterpret_cast<const uint4*>(values + i * CHUNK));
        }
        if (++taken == stages) taken = 0;
        n_on_their_way--;
        if (ahead.source < n_known) fetch();
        if (place.piece == n_pieces - 1) {
            const float2 own = diagonals(sums);
            // The lower lanes add up the gate, the upper ones the up.
            const float other = __shfl_xor_sync(ALL_LANES, lane < WARP / 2 ? own.y : own.x, WARP / 2);
            const float sum = warp_reduce<Sum, WARP / 2>((lane < WARP / 2 ? own.x : own.y) + other);
            const float up = __shfl_sync(ALL_LANES, sum, WARP / 2);
#pragma unroll
            for (int i = 0; i < 8; i++) sums[i / 4][i % 4] = 0.0f;
            const float value = sum / (1.0f + __expf(-sum)) * up;
            const bf16 rounded = bf16(value);
            if (lane < 2) out[source.out + lane * stride + place.column] = lane == 0 ? rounded : bf16(value - __bfloat162float(rounded));
        }
        advance(place);
    };
    // While the other blocks' logits come.
    for (int n_early = n_on_their_way; n_early > 0; n_early--) use();
    cluster.receive();
    routing.logits = logits;
    if (routing.bias) routing.bias = bias;
    const auto choose_expert = [&](int row, int i, int id) {
        chosen[row * routing.k + i] = id;
        const bf16* gates = gate_up + static_cast<size_t>(id) * 2 * inner * width;
        sources[n_shared + row * routing.k + i] = {gates, gates + static_cast<size_t>(inner) * width, row * x_stride, row * 2 * stride + i * inner};
    };
    choose_all(routing, rows, orders, choose_expert);
    __syncthreads();
    n_known = n_sources;
    while (n_on_their_way < stages && ahead.source < n_sources) fetch();
    if (blockIdx.x > 0) {
        launch_dependents();
    } else if (warp == n_warps - 1) {
        // What `down` reads before its wait, by a warp that has the fewest columns.
        for (int row = 0; row < rows; row++) {
            const int at = row * routing.k + lane, id = lane < routing.k ? chosen[at] : 0;
            const float weight = weigh(routing, row, id);
            if (lane < routing.k) __stcg(choices + at, make_int2(id, __float_as_int(weight)));
        }
        __threadfence();
        __syncwarp();
        launch_dependents();
    }

    while (place.source < n_sources) use();
}

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    moe_few_down(bf16* x, const bf16* activations, const int2* choices, const bf16* down, const bf16* shared_down, int rows, int k,
                 int width, int inner, int shared, int stages) {
    extern __shared__ __align__(128) unsigned char shared_memory[];
    // A part of the rows of a matrix, `stride` values long, and what it is multiplied with.
    struct Piece {
        const bf16* from;
        const bf16* values;
        int stride, length;
        float weight;
    };
    __shared__ uint64_t barriers[WARPS * MAX_STAGES];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    // Pieces of an expert's rows are of one length, but the last.
    const int n_own = (inner + DOWN_PIECE - 1) / DOWN_PIECE, piece_len = (inner / 8 + n_own - 1) / n_own * 8, stage_bytes = STAGE_ROWS * piece_len * 2;
    const int n_shared = (shared + piece_len - 1) / piece_len;
    const int n_pieces = n_shared + k * n_own, n_all = rows * n_pieces, stride = k * inner + shared;
    // Of each piece of each token, the products with the rows of the columns at hand.
    float(*products)[COLUMNS] = reinterpret_cast<float(*)[COLUMNS]>(shared_memory + WARPS * stages * stage_bytes);
    Piece* pieces = reinterpret_cast<Piece*>(products + n_all);
    Ring ring(shared_address(shared_memory) + warp * stages * stage_bytes, shared_address(barriers + warp * stages), stage_bytes, stages);
    // A warp describes its own, so that it can ask for them at once.
    for (int i = warp + lane * WARPS; i < n_all; i += THREADS) {
        const int row = rows == 1 ? 0 : i / n_pieces, piece = i - row * n_pieces;
        const bool of_shared = piece < n_shared;
        const int choice = of_shared ? k : n_own == 1 ? piece - n_shared : (piece - n_shared) / n_own;
        const int first = (of_shared ? piece : piece - n_shared - choice * n_own) * piece_len, whole = of_shared ? shared : inner;
        const int2 chosen = of_shared ? make_int2(0, __float_as_int(1.0f)) : __ldcg(choices + row * k + choice);
        const bf16* matrix = of_shared ? shared_down : down + static_cast<size_t>(chosen.x) * width * inner;
        pieces[i] = {matrix + first, activations + static_cast<size_t>(row) * 2 * stride + choice * inner + first, whole,
                     min(piece_len, whole - first), __int_as_float(chosen.y)};
    }
    __syncwarp();

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
            uint4 values[DOWN_STEPS];
#pragma unroll
            for (int step = 0; step < DOWN_STEPS; step++) {
                const int at = step * DOWN_STEP + lane / 8 * 32 + lane % 4 * 8;
                values[step] = at < piece.length ? __ldcg(reinterpret_cast<const uint4*>(piece.values + lane / 4 % 2 * stride + at)) : make_uint4(0, 0, 0, 0);
            }
            const unsigned row_bytes = piece.length * 2;
#pragma unroll 1
            for (int first = 0; first < COLUMNS; first += STAGE_ROWS) {
                float sums[4][4] = {};
                const unsigned at = ring.wait() + lane / 16 * row_bytes + lane % 16 * 16;
                uint4 low[DOWN_STEPS], high[DOWN_STEPS];
#pragma unroll
                for (int step = 0; step < DOWN_STEPS; step++) {
                    const bool exists = step * DOWN_STEP + lane % 16 * 8 < piece.length;
                    low[step] = exists ? load_shared16(at + step * DOWN_STEP * 2) : make_uint4(0, 0, 0, 0);
                    high[step] = exists ? load_shared16(at + 2 * row_bytes + step * DOWN_STEP * 2) : make_uint4(0, 0, 0, 0);
                }
#pragma unroll
                for (int step = 0; step < DOWN_STEPS; step++) {
                    const uint4 x = values[step];
                    multiply_add(sums[step % 2 * 2], low[step].x, high[step].x, low[step].y, high[step].y, x.x, x.y);
                    multiply_add(sums[step % 2 * 2 + 1], low[step].z, high[step].z, low[step].w, high[step].w, x.z, x.w);
                }
                ring.release();
                if (ahead.column < width) fetch();
                float two[2];
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    two[i] = 0.0f;
#pragma unroll
                    for (int j = 0; j < 4; j++) two[i] += sums[j][2 * i] + sums[j][2 * i + 1];
                    two[i] += __shfl_xor_sync(ALL_LANES, two[i], 5);
                    two[i] += __shfl_xor_sync(ALL_LANES, two[i], 10);
                }
                if (lane % 16 == 0) products[index][first + lane / 16] = two[0], products[index][first + lane / 16 + 2] = two[1];
            }
        }
        __syncthreads();
        if (row < rows) {
#pragma unroll 4
            for (int piece = 0; piece < n_pieces; piece++) {
                const int index = row * n_pieces + piece;
                value = __fmaf_rn(pieces[index].weight, products[index][threadIdx.x % COLUMNS], value);
            }
            *own = bf16(value);
        }
        __syncthreads();
    }
}
