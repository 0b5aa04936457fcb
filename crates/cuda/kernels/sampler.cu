// Draws one token from each row of logits, as `src/engine/ops/sampling.rs` does on the CPU. Order: mask → bias → repetition,
// presence, frequency penalties → temperature → top-k → top-p → min-p → draw.
//
// What is kept is always the upper part of the row in one total order: larger logits first, lower ids first among equals.
// top-k keeps a number of tokens, top-p those up to and with the one at which their weight reaches its share of what
// top-k left, min-p those of at least its share of the best token's weight. The draw walks the kept tokens by id.
//
// Nothing depends on the order in which threads come by, nor on other rows: weights are integers (units of 2^-40 of the
// best token's), so their sums are exact. The common cases read the row twice: once for the maximum, whose by-product,
// the best value that each thread saw, bounds from below what the filters keep; once to collect what is above that bound,
// or to sum it all up. When too much is above it, a radix descent over the row finds the boundary, at about 40 µs more for
// each pass over 256 rows of 152k.

#include "common.cuh"

// 64 bytes, aligned to 8.
struct SampleParams {
    float temperature;  // 0 or less: the best token
    float top_p;        // 1 or more: off
    float min_p;        // 0 or less: off
    int top_k;          // 0: off; 1: the best token
    unsigned long long seed;
    unsigned long long position;  // index that the drawn token will have in its sequence
    int slot;                     // the drawn id goes to last_tokens[slot] as well
    int mask_row;                 // row of `masks`; -1: all ids are allowed
    int edits_start;              // this row's part of `edits`
    int edits_len;
    int n_logprobs;  // alternatives to report, up to 20; -1: no log-probabilities at all
    float presence;  // the request's penalties; neutral are 0, 0 and 1
    float frequency;
    float repetition;
};
static_assert(sizeof(SampleParams) == 64, "written by the host");

// What changes the logit of one id; an id is in a row's list once at most. 20 bytes.
struct Edit {
    int id;
    float bias;     // negative infinity forbids the id
    int count;      // how often the sequence drew it, as far as the host has seen
    int in_prompt;  // not 0: the repetition penalty holds without a draw
    float raw;      // written here: the logit before the change
};
static_assert(sizeof(Edit) == 20, "written by the host");

// Rows of logits that decide a token together. 20 bytes.
struct Guide {
    int row;  // of the whole prompt; it is changed
    int image_row;
    int none_row;
    float image;
    float text;
};
static_assert(sizeof(Guide) == 20, "written by the host");

constexpr int MAX_TOP = 20;

// 172 bytes.
struct SampleResult {
    int id;         // -1: no token is possible
    float logprob;  // of the softmax of the raw logits, over all `width` ids; natural log
    int n_top;
    int top_ids[MAX_TOP];  // best first
    float top_logprobs[MAX_TOP];
};
static_assert(sizeof(SampleResult) == 172, "read by the host");

namespace {

using u64 = unsigned long long;

constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / WARP;
// Candidates that are sorted in shared memory.
constexpr int CAPACITY = 4096;
// As many are sorted by counting, which needs no barriers between rounds.
constexpr int FEW = 256;
// Threads that put forward one value together when a small k is asked for.
constexpr int TEAM = 4;
constexpr int TEAMS = THREADS / TEAM;
constexpr int PER_THREAD = CAPACITY / THREADS;
constexpr int BINS = 2048;
constexpr int BINS_PER_THREAD = BINS / THREADS;
// Loads of 16 bytes that a thread has in flight.
constexpr int IN_FLIGHT = 4;
constexpr float NOTHING = -__builtin_huge_valf();
constexpr float LOWEST = -3.402823466e38f;
constexpr float HIGHEST = 3.402823466e38f;
constexpr float WEIGHT_ONE = 1099511627776.0f;  // 2^40

struct Shared {
    union {
        u64 candidates[CAPACITY];
        // Of the ids whose value falls in a bin: how many, and the two halves of the sum of their weights.
        struct {
            unsigned count[BINS], low[BINS], high[BINS];
        } bins;
        unsigned team_best[TEAMS];
    };
    u64 scan[WARPS];
    u64 segments[WARPS];
    u64 found_count, found_mass;
    int found;
    unsigned found_key;
    int n_candidates;
    float raw;
};

// A logit's place in the order of numbers, as an unsigned integer.
__device__ __forceinline__ unsigned key_of(float x) {
    const unsigned bits = __float_as_uint(x + 0.0f);  // -0 becomes 0
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float value_of(unsigned key) { return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key); }

// A token's place in the order that the filters cut: the higher, the better.
__device__ __forceinline__ u64 rank_of(unsigned key, int id) { return static_cast<u64>(key) << 32 | ~static_cast<unsigned>(id); }
__device__ __forceinline__ unsigned key_of_rank(u64 rank) { return static_cast<unsigned>(rank >> 32); }
__device__ __forceinline__ int id_of_rank(u64 rank) { return static_cast<int>(~static_cast<unsigned>(rank)); }

template <class Op>
__device__ __forceinline__ u64 block_reduce_u64(Shared& s, u64 value, Op op) {
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) value = op(value, __shfl_xor_sync(ALL_LANES, value, distance));
    if (threadIdx.x % WARP == 0) s.scan[threadIdx.x / WARP] = value;
    __syncthreads();
    value = s.scan[threadIdx.x % WARP];
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) value = op(value, __shfl_xor_sync(ALL_LANES, value, distance));
    __syncthreads();
    return value;
}

__device__ __forceinline__ u64 inclusive_scan_of_warp(u64 value) {
#pragma unroll
    for (int distance = 1; distance < WARP; distance *= 2) {
        const u64 other = __shfl_up_sync(ALL_LANES, value, distance);
        if (threadIdx.x % WARP >= distance) value += other;
    }
    return value;
}

// The sum of the values of all earlier threads.
__device__ __forceinline__ u64 exclusive_scan(Shared& s, u64 value, u64& total) {
    const u64 inclusive = inclusive_scan_of_warp(value);
    if (threadIdx.x % WARP == WARP - 1) s.scan[threadIdx.x / WARP] = inclusive;
    __syncthreads();
    const u64 warps = inclusive_scan_of_warp(s.scan[threadIdx.x % WARP]);
    total = __shfl_sync(ALL_LANES, warps, WARP - 1);
    const u64 before = __shfl_sync(ALL_LANES, warps, (threadIdx.x / WARP + WARP - 1) % WARP);
    __syncthreads();
    return (threadIdx.x < WARP ? 0 : before) + inclusive - value;
}

// The logits of one row under a mask. NaN counts as masked, infinity as the largest number.
struct Row {
    const float* logits;
    const unsigned* mask;  // 32 ids a word; null: all are allowed
    int n;

    __device__ __forceinline__ int segment() const { return (n + WARPS * 4 * WARP - 1) / (WARPS * 4 * WARP) * (4 * WARP); }

    __device__ __forceinline__ static float clean(float x, unsigned allowed) {
        return (allowed & 1) == 0 || isnan(x) ? NOTHING : fminf(x, HIGHEST);
    }

    __device__ __forceinline__ float at(int id) const {
        if (id >= n) return NOTHING;
        return clean(logits[id], mask == nullptr ? 1 : mask[id / 32] >> id % 32);
    }

    // Calls `f(id, x)` for each id of the row, and with NOTHING for some that are not in it. Each warp has a segment of
    // neighbouring ids, each thread gets its ids in ascending order.
    template <class F>
    __device__ __forceinline__ void visit(F f) const {
        const int begin = threadIdx.x / WARP * segment(), end = min(begin + segment(), n);
        const bool aligned = reinterpret_cast<uintptr_t>(logits) % 16 == 0;
        for (int i = begin + threadIdx.x % WARP * 4; i < end; i += 4 * WARP * IN_FLIGHT) {
            float x[IN_FLIGHT][4];
            unsigned allowed[IN_FLIGHT];
#pragma unroll
            for (int k = 0; k < IN_FLIGHT; k++) {
                const int id = i + k * 4 * WARP;
                if (aligned && id + 4 <= end) {
                    const float4 four = *reinterpret_cast<const float4*>(logits + id);
                    x[k][0] = four.x, x[k][1] = four.y, x[k][2] = four.z, x[k][3] = four.w;
                } else {
#pragma unroll
                    for (int j = 0; j < 4; j++) x[k][j] = id + j < end ? logits[id + j] : NOTHING;
                }
                allowed[k] = mask == nullptr ? 0xf : id < end ? mask[id / 32] >> id % 32 : 0;
            }
#pragma unroll
            for (int k = 0; k < IN_FLIGHT; k++) {
#pragma unroll
                for (int j = 0; j < 4; j++) f(i + k * 4 * WARP + j, clean(x[k][j], allowed[k] >> j));
            }
        }
    }
};

// How likely a token is, relative to the best: `e^((x - max) / temperature)`.
struct Weights {
    float max;
    float inv_temperature;
    __device__ __forceinline__ float of(float x) const { return __expf((x - max) * inv_temperature); }
    __device__ __forceinline__ u64 mass(float x) const { return __float2ull_rn(of(x) * WEIGHT_ONE); }
};

// The best token, as a rank; `seen` becomes the key of the best value that this thread saw.
__device__ __forceinline__ u64 find_best(Shared& s, const Row& row, unsigned& seen) {
    float best = NOTHING;
    int best_id = 0;
    row.visit([&](int id, float x) {
        if (x > best) {
            best = x;
            best_id = id;
        }
    });
    seen = key_of(best);
    return block_reduce_u64(s, rank_of(seen, best_id), [](u64 a, u64 b) { return a > b ? a : b; });
}

// A value that at least k tokens reach, 1 <= k <= THREADS, and not many more: the k-th largest of those that the threads
// (for small k, teams of them) saw. The lowest number if fewer of them saw any.
__device__ __forceinline__ float kth_seen(Shared& s, unsigned seen, int k) {
    unsigned key = 0;
    if (k <= TEAMS / 4) {
#pragma unroll
        for (int distance = 1; distance < TEAM; distance *= 2) seen = max(seen, __shfl_xor_sync(ALL_LANES, seen, distance));
        if (threadIdx.x % TEAM == 0) s.team_best[threadIdx.x / TEAM] = seen;
        __syncthreads();
        if (threadIdx.x < TEAMS) {
            const unsigned own = s.team_best[threadIdx.x];
            int n_better = 0;
            for (int i = 0; i < TEAMS; i++) {
                const unsigned other = s.team_best[i];
                n_better += other > own || (other == own && i < threadIdx.x);
            }
            if (n_better == k - 1) s.found_key = own;
        }
        __syncthreads();
        key = s.found_key;
    } else {
        for (int bit = 31; bit >= 0; bit--) {
            const unsigned higher = key | 1u << bit;
            if (__syncthreads_count(seen >= higher) >= k) key = higher;
        }
    }
    return fmaxf(value_of(key), LOWEST);
}

// Call between barriers, after `n_candidates` was set to 0.
__device__ __forceinline__ void add_candidate(Shared& s, int id, float x) {
    const int at = atomicAdd(&s.n_candidates, 1);
    if (at < CAPACITY) s.candidates[at] = rank_of(key_of(x), id);
}

__device__ __forceinline__ void no_candidates(Shared& s) {
    __syncthreads();
    if (threadIdx.x == 0) s.n_candidates = 0;
    __syncthreads();
}

// Sorts the first `n` candidates, largest first; no two are equal. Call behind a barrier; there is one at the end.
__device__ void sort_candidates(Shared& s, int n) {
    if (n <= FEW) {
        const u64 own = threadIdx.x < n ? s.candidates[threadIdx.x] : 0;
        int n_better = 0;
        if (threadIdx.x < n) {
            for (int i = 0; i < n; i++) n_better += s.candidates[i] > own;
        }
        __syncthreads();
        if (threadIdx.x < n) s.candidates[n_better] = own;
        __syncthreads();
        return;
    }
    int size = 2;
    while (size < n) size *= 2;
    for (int i = n + threadIdx.x; i < size; i += THREADS) s.candidates[i] = 0;
    __syncthreads();
    for (int run = 2; run <= size; run *= 2) {
        for (int distance = run / 2; distance > 0; distance /= 2) {
            for (int i = threadIdx.x; i < size / 2; i += THREADS) {
                const int low = 2 * i - (i & (distance - 1)), high = low + distance;
                const u64 a = s.candidates[low], b = s.candidates[high];
                if ((low & run) == 0 ? a < b : a > b) {
                    s.candidates[low] = b;
                    s.candidates[high] = a;
                }
            }
            __syncthreads();
        }
    }
}

// How many of the first `n` candidates it takes for their masses to reach `need`; n if all do not. `reached` becomes the
// mass of those.
template <class Mass>
__device__ __forceinline__ int count_to_reach(Shared& s, int n, u64 need, Mass mass, u64& reached) {
    u64 own = 0, total;
    for (int j = 0; j < PER_THREAD; j++) {
        const int i = threadIdx.x * PER_THREAD + j;
        if (i < n) own += mass(s.candidates[i]);
    }
    u64 sum = exclusive_scan(s, own, total);
    if (threadIdx.x == 0) {
        s.found = n;
        s.found_mass = total;
    }
    __syncthreads();
    if (sum < need && sum + own >= need) {
        for (int j = 0; j < PER_THREAD; j++) {
            const int i = threadIdx.x * PER_THREAD + j;
            sum += mass(s.candidates[i]);
            if (sum >= need) {
                s.found = i + 1;
                s.found_mass = sum;
                break;
            }
        }
    }
    __syncthreads();
    const int found = s.found;
    reached = s.found_mass;
    __syncthreads();
    return found;
}

// Sums `mass(id, x)` over the row; the sums of the warps' segments stay for `find_in_row`.
template <class Mass>
__device__ __forceinline__ u64 sum_row(Shared& s, const Row& row, Mass mass) {
    u64 sum = 0;
    row.visit([&](int id, float x) { sum += mass(id, x); });
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(ALL_LANES, sum, distance);
    __syncthreads();
    if (threadIdx.x % WARP == 0) s.segments[threadIdx.x / WARP] = sum;
    __syncthreads();
    return __shfl_sync(ALL_LANES, inclusive_scan_of_warp(s.segments[threadIdx.x % WARP]), WARP - 1);
}

// The first id at which the cumulative mass exceeds `target`, which is below what `sum_row` said of the same masses.
template <class Mass>
__device__ __forceinline__ int find_in_row(Shared& s, const Row& row, u64 target, Mass mass) {
    int segment = 0;
    while (segment < WARPS - 1 && target >= s.segments[segment]) target -= s.segments[segment++];
    const int begin = segment * row.segment(), end = min(begin + row.segment(), row.n);
    const int each = (end - begin + THREADS - 1) / THREADS, first = begin + static_cast<int>(threadIdx.x) * each;
    if (threadIdx.x == 0) s.found = end - 1;
    u64 own = 0, total;
    for (int id = first; id < min(first + each, end); id++) own += mass(id, row.at(id));
    u64 before = exclusive_scan(s, own, total);
    if (before <= target && target < before + own) {
        for (int id = first; id < min(first + each, end); id++) {
            before += mass(id, row.at(id));
            if (target < before) {
                s.found = id;
                break;
            }
        }
    }
    __syncthreads();
    const int found = s.found;
    __syncthreads();
    return found;
}

// The last token that a filter keeps, as a rank, and the mass of all it keeps.
struct Boundary {
    u64 rank;
    u64 mass;
};

__device__ __forceinline__ void add_to_bin(Shared& s, unsigned bin, u64 mass) {
    atomicAdd(&s.bins.count[bin], 1u);
    const unsigned low = static_cast<unsigned>(mass);
    unsigned high = static_cast<unsigned>(mass >> 32);
    if (low != 0) high += atomicAdd(&s.bins.low[bin], low) > ~low;
    if (high != 0) atomicAdd(&s.bins.high[bin], high);
}

// The shortest upper part of the row with at least `need` tokens (of that mass, if BY_MASS), or all of it. Reads the row
// once for each 11 bits of the values that it takes to part few enough tokens from the rest.
template <bool BY_MASS>
__device__ __noinline__ Boundary descend(Shared& s, Row row, Weights weights, u64 need) {
    unsigned prefix = 0, known = 0;
    u64 above_count = 0, above_mass = 0;
    for (int shift = 21; shift >= 0; shift = shift == 21 ? 10 : shift == 10 ? 0 : -1) {
        const unsigned bin_mask = shift == 0 ? 0x3ff : 0x7ff;
        __syncthreads();
        for (int i = threadIdx.x; i < BINS; i += THREADS) s.bins.count[i] = s.bins.low[i] = s.bins.high[i] = 0;
        if (threadIdx.x == 0) s.found = -1;
        __syncthreads();
        row.visit([&](int, float x) {
            const unsigned key = key_of(x);
            if (x >= LOWEST && (key & known) == prefix) add_to_bin(s, key >> shift & bin_mask, weights.mass(x));
        });
        __syncthreads();
        u64 counts[BINS_PER_THREAD], masses[BINS_PER_THREAD], count = 0, mass = 0, total_count, total_mass;
#pragma unroll
        for (int j = 0; j < BINS_PER_THREAD; j++) {
            const int bin = BINS - 1 - (threadIdx.x * BINS_PER_THREAD + j);
            count += counts[j] = s.bins.count[bin];
            mass += masses[j] = static_cast<u64>(s.bins.high[bin]) << 32 | s.bins.low[bin];
        }
        u64 count_before = above_count + exclusive_scan(s, count, total_count);
        u64 mass_before = above_mass + exclusive_scan(s, mass, total_mass);
#pragma unroll
        for (int j = 0; j < BINS_PER_THREAD; j++) {
            const u64 before = BY_MASS ? mass_before : count_before, own = BY_MASS ? masses[j] : counts[j];
            if (before < need && before + own >= need) {
                s.found = BINS - 1 - (threadIdx.x * BINS_PER_THREAD + j);
                s.found_count = count_before;
                s.found_mass = mass_before;
                s.n_candidates = static_cast<int>(counts[j]);
            }
            count_before += counts[j];
            mass_before += masses[j];
        }
        __syncthreads();
        if (s.found < 0) return {0, above_mass + total_mass};
        prefix |= static_cast<unsigned>(s.found) << shift;
        known |= bin_mask << shift;
        above_count = s.found_count;
        above_mass = s.found_mass;
        if (s.n_candidates <= CAPACITY) {
            no_candidates(s);
            row.visit([&](int id, float x) {
                if (x >= LOWEST && (key_of(x) & known) == prefix) add_candidate(s, id, x);
            });
            __syncthreads();
            const int n = s.n_candidates;
            sort_candidates(s, n);
            const auto mass_of = [&](u64 rank) { return weights.mass(value_of(key_of_rank(rank))); };
            const int left = BY_MASS ? n : static_cast<int>(need - above_count);
            u64 reached;
            const int kept = count_to_reach(s, left, BY_MASS ? need - above_mass : ~u64(0), mass_of, reached);
            return {s.candidates[kept - 1], above_mass + reached};
        }
    }
    // Too many tokens share one value: the lowest ids of them are kept.
    const u64 each = weights.mass(value_of(prefix));
    const u64 kept = BY_MASS ? (need - above_mass + each - 1) / each : need - above_count;
    const auto is_tied = [&](int, float x) -> u64 { return x >= LOWEST && key_of(x) == prefix; };
    sum_row(s, row, is_tied);
    const int id = find_in_row(s, row, kept - 1, is_tied);
    return {rank_of(prefix, id), above_mass + kept * each};
}

// Collects, best first, the `k` best tokens of the row, or all if there are fewer; 1 <= k <= THREADS. Candidates of value
// `threshold` and up were collected already: `n_candidates` of them. Returns their number.
__device__ __forceinline__ int settle_top(Shared& s, const Row& row, const Weights& weights, int k, bool is_complete) {
    __syncthreads();
    int n = s.n_candidates;
    if (!is_complete || n > CAPACITY) {
        const Boundary boundary = descend<false>(s, row, weights, k);
        no_candidates(s);
        row.visit([&](int id, float x) {
            if (x >= LOWEST && rank_of(key_of(x), id) >= boundary.rank) add_candidate(s, id, x);
        });
        __syncthreads();
        n = s.n_candidates;
    }
    sort_candidates(s, n);
    return min(n, k);
}

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): 53 bits from the first two words.
__device__ __forceinline__ u64 random_53_bits(u64 key, u64 counter) {
    unsigned c[4] = {static_cast<unsigned>(counter), static_cast<unsigned>(counter >> 32), 0, 0};
    unsigned k[2] = {static_cast<unsigned>(key), static_cast<unsigned>(key >> 32)};
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const u64 a = static_cast<u64>(c[0]) * 0xd2511f53u, b = static_cast<u64>(c[2]) * 0xcd9e8d57u;
        c[0] = static_cast<unsigned>(b >> 32) ^ c[1] ^ k[0];
        c[1] = static_cast<unsigned>(b);
        c[2] = static_cast<unsigned>(a >> 32) ^ c[3] ^ k[1];
        c[3] = static_cast<unsigned>(a);
        k[0] += 0x9e3779b9u;
        k[1] += 0xbb67ae85u;
    }
    return (static_cast<u64>(c[0]) << 32 | c[1]) >> 11;
}

// `u · total`, rounded down, for the position's u in [0, 1).
__device__ __forceinline__ u64 random_below(const SampleParams& p, u64 total) {
    return __umul64hi(random_53_bits(p.seed, p.position) << 11, total);
}

// The mass that top-p keeps of `total`.
__device__ __forceinline__ u64 nucleus_mass(float top_p, u64 total) {
    const u64 mass = __double2ull_ru(static_cast<double>(top_p) * static_cast<double>(total));
    return mass < 1 ? 1 : mass > total ? total : mass;
}

// Draws among the row's tokens down to `lowest` that pass min-p.
__device__ __forceinline__ int draw_from_row(Shared& s, const Row& row, const Weights& weights, const SampleParams& p, u64 lowest) {
    const float min_weight = fminf(p.min_p, 1.0f);
    const auto mass = [&](int id, float x) -> u64 {
        const float weight = weights.of(x);
        return weight >= min_weight && rank_of(key_of(x), id) >= lowest ? __float2ull_rn(weight * WEIGHT_ONE) : 0;
    };
    const u64 total = sum_row(s, row, mass);
    return find_in_row(s, row, random_below(p, total), mass);
}

// Draws among the first `n` candidates, at most a warp's lanes, as `draw_from_candidates` does. Every warp does it all.
__device__ __forceinline__ int draw_from_few(const Shared& s, int n, const Weights& weights, const SampleParams& p, u64 whole) {
    const int lane = threadIdx.x % WARP;
    const u64 rank = lane < n ? s.candidates[lane] : 0;
    const float x = value_of(key_of_rank(rank));
    const int id = id_of_rank(rank);
    u64 mass = lane < n ? weights.mass(x) : 0;
    if (p.top_p < 1.0f) {
        const u64 inclusive = inclusive_scan_of_warp(mass);
        if (whole == 0) whole = __shfl_sync(ALL_LANES, inclusive, WARP - 1);
        const unsigned reached = __ballot_sync(ALL_LANES, lane < n && inclusive >= nucleus_mass(p.top_p, whole));
        if (reached != 0) n = __ffs(reached);
    }
    if (p.min_p > 0.0f) n = __popc(__ballot_sync(ALL_LANES, lane < n && weights.of(x) >= fminf(p.min_p, 1.0f)));
    if (lane >= n) mass = 0;
    u64 before = 0;
    for (int i = 0; i < n; i++) {
        const u64 other = __shfl_sync(ALL_LANES, mass, i);
        if (__shfl_sync(ALL_LANES, id, i) < id) before += other;
    }
    const u64 target = random_below(p, __shfl_sync(ALL_LANES, inclusive_scan_of_warp(mass), WARP - 1));
    const unsigned drawn = __ballot_sync(ALL_LANES, lane < n && before <= target && target < before + mass);
    return __shfl_sync(ALL_LANES, id, __ffs(drawn) - 1);
}

// Draws among the first `n` candidates, which are sorted, after top-p (of the mass `whole`, or of theirs if it is 0) and
// min-p.
__device__ __forceinline__ int draw_from_candidates(Shared& s, int n, const Weights& weights, const SampleParams& p, u64 whole) {
    if (n <= WARP) return draw_from_few(s, n, weights, p, whole);
    const auto weight_of = [&](u64 rank) { return weights.of(value_of(key_of_rank(rank))); };
    const auto mass_of = [&](u64 rank) { return weights.mass(value_of(key_of_rank(rank))); };
    u64 reached;
    if (p.top_p < 1.0f) {
        if (whole == 0) count_to_reach(s, n, ~u64(0), mass_of, whole);
        n = count_to_reach(s, n, nucleus_mass(p.top_p, whole), mass_of, reached);
    }
    if (p.min_p > 0.0f) {
        const float min_weight = fminf(p.min_p, 1.0f);
        const u64 one = 1;
        count_to_reach(s, n, ~u64(0), [&](u64 rank) { return weight_of(rank) >= min_weight ? one : 0; }, reached);
        n = static_cast<int>(reached);
    }
    // By id: the complement of the id, which is a rank's lower half, goes on top.
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += THREADS) s.candidates[i] = s.candidates[i] << 32 | s.candidates[i] >> 32;
    __syncthreads();
    sort_candidates(s, n);
    const auto mass_by_id = [&](u64 swapped) { return weights.mass(value_of(static_cast<unsigned>(swapped))); };
    u64 total;
    count_to_reach(s, n, ~u64(0), mass_by_id, total);
    const int drawn = count_to_reach(s, n, random_below(p, total) + 1, mass_by_id, reached);
    return static_cast<int>(~static_cast<unsigned>(s.candidates[drawn - 1] >> 32));
}

// One token of the row, whose best is `best`; `seen` as `find_best` gave it.
__device__ __forceinline__ int draw(Shared& s, const Row& row, const SampleParams& p, u64 best, unsigned seen) {
    const Weights weights = {value_of(key_of_rank(best)), 1.0f / fmaxf(p.temperature, 1e-30f)};
    const bool has_top_k = p.top_k > 0 && p.top_k < row.n, has_top_p = p.top_p < 1.0f;
    if (!has_top_k && !has_top_p) return draw_from_row(s, row, weights, p, 0);

    if (has_top_k && p.top_k <= THREADS) {
        const float threshold = kth_seen(s, seen, p.top_k);
        no_candidates(s);
        row.visit([&](int id, float x) {
            if (x >= threshold) add_candidate(s, id, x);
        });
        const int n = settle_top(s, row, weights, p.top_k, true);
        return draw_from_candidates(s, n, weights, p, 0);
    }

    Boundary boundary;
    if (has_top_k) {
        boundary = descend<false>(s, row, weights, p.top_k);
    } else {
        // Half of the threads' best values bound some 700 tokens from below: enough for most nuclei.
        const float threshold = kth_seen(s, seen, THREADS / 2);
        no_candidates(s);
        const u64 total = sum_row(s, row, [&](int id, float x) {
            if (x >= threshold) add_candidate(s, id, x);
            return weights.mass(x);
        });
        const int n = s.n_candidates;
        if (n <= CAPACITY) {
            u64 collected;
            count_to_reach(s, n, ~u64(0), [&](u64 rank) { return weights.mass(value_of(key_of_rank(rank))); }, collected);
            if (collected >= nucleus_mass(p.top_p, total)) {
                sort_candidates(s, n);
                return draw_from_candidates(s, n, weights, p, total);
            }
        }
        boundary = {0, total};
    }
    if (has_top_p) boundary = descend<true>(s, row, weights, nucleus_mass(p.top_p, boundary.mass));
    return draw_from_row(s, row, weights, p, boundary.rank);
}

// Writes the best raw log-probabilities and returns the log of the sum that normalises them.
__device__ __forceinline__ float report_logprobs(Shared& s, const float* logits, int width, int n_tokens, int n_top, SampleResult& result) {
    const Row all = {logits, nullptr, width}, tokens = {logits, nullptr, n_tokens};
    unsigned seen;
    const u64 best = find_best(s, all, seen);
    const Weights weights = {value_of(key_of_rank(best)), 1.0f};
    n_top = min(min(n_top, MAX_TOP), n_tokens);
    const float threshold = n_top > 0 ? kth_seen(s, seen, n_top) : HIGHEST;
    no_candidates(s);
    const u64 total = sum_row(s, all, [&](int id, float x) {
        if (n_top > 0 && x >= threshold && id < n_tokens) add_candidate(s, id, x);
        return weights.mass(x);
    });
    const float log_sum = weights.max + logf(static_cast<float>(total) / WEIGHT_ONE);
    if (n_top > 0) {
        // Ids of padding may have raised the threshold.
        const bool is_complete = s.n_candidates >= n_top;
        n_top = settle_top(s, tokens, weights, n_top, is_complete);
        if (threadIdx.x < n_top) {
            const u64 rank = s.candidates[threadIdx.x];
            result.top_ids[threadIdx.x] = id_of_rank(rank);
            result.top_logprobs[threadIdx.x] = value_of(key_of_rank(rank)) - log_sum;
        }
    }
    if (threadIdx.x == 0) result.n_top = n_top;
    __syncthreads();
    return log_sum;
}

__device__ __forceinline__ float penalize(float x, const SampleParams& p, bool in_prompt, int count) {
    if (p.repetition != 1.0f && (in_prompt || count > 0)) x = x > 0.0f ? __fdiv_rn(x, p.repetition) : x * p.repetition;
    if (count > 0) x = __fsub_rn(x, __fadd_rn(p.presence, __fmul_rn(p.frequency, static_cast<float>(count))));
    return x;
}

// Applies bias and penalties in place. Ids outside the row are ignored.
__device__ __forceinline__ void apply_edits(float* logits, int n_tokens, const SampleParams& p, Edit* edits) {
    for (int i = threadIdx.x; i < p.edits_len; i += THREADS) {
        Edit& edit = edits[i];
        if (edit.id < 0 || edit.id >= n_tokens) continue;
        const float raw = logits[edit.id];
        edit.raw = raw;
        logits[edit.id] = penalize(__fadd_rn(raw, edit.bias), p, edit.in_prompt != 0, edit.count);
    }
    __syncthreads();
}

}  // namespace

// row = none + image · (image row − none) + text · (row − image row), for each guide; rows that are changed are in no other
// guide. Grid (ceil(width / 1024), guides), 256 threads.
extern "C" __global__ void __launch_bounds__(256) guide(float* logits, int width, const Guide* guides) {
    wait_for_earlier_kernels();
    launch_dependents();
    const Guide g = guides[blockIdx.y];
    const auto row = [&](int i) { return logits + static_cast<int64_t>(i) * width; };
#pragma unroll
    for (int j = 0; j < 4; j++) {
        const int i = (blockIdx.x * 4 + j) * 256 + threadIdx.x;
        if (i >= width) return;
        const float full = row(g.row)[i], image = row(g.image_row)[i], none = row(g.none_row)[i];
        row(g.row)[i] = none + g.image * (image - none) + g.text * (full - image);
    }
}

// One token of each row. Grid: one block of 1024 threads a row; no dynamic shared memory.
//   logits   [rows, width] f32, of which ids below n_tokens can be drawn; edited ids are changed in place
//   masks    [any, ceil(n_tokens / 32)] words, bit `id % 32` of word `id / 32` set = allowed
//   edits    all rows' lists; `raw` is written
//   results  [rows]
extern "C" __global__ void __launch_bounds__(THREADS) sample(float* logits, int width, int n_tokens, const SampleParams* params,
                                                             const unsigned* masks, Edit* edits, int* last_tokens, SampleResult* results) {
    __shared__ Shared s;
    __shared__ SampleParams p;
    wait_for_earlier_kernels();
    launch_dependents();
    if (threadIdx.x < sizeof p / 4) {
        reinterpret_cast<unsigned*>(&p)[threadIdx.x] = reinterpret_cast<const unsigned*>(params + blockIdx.x)[threadIdx.x];
    }
    __syncthreads();
    SampleResult& result = results[blockIdx.x];
    logits += static_cast<int64_t>(blockIdx.x) * width;
    edits += p.edits_start;
    n_tokens = min(n_tokens, width);
    const int64_t mask_words = (n_tokens + 31) / 32;
    const Row row = {logits, p.mask_row < 0 ? nullptr : masks + p.mask_row * mask_words, n_tokens};

    float log_sum = 0.0f;
    if (p.n_logprobs >= 0) log_sum = report_logprobs(s, logits, width, n_tokens, p.n_logprobs, result);
    if (p.edits_len > 0) apply_edits(logits, n_tokens, p, edits);

    unsigned seen;
    const u64 best = find_best(s, row, seen);
    int id = id_of_rank(best);
    if (value_of(key_of_rank(best)) == NOTHING) {
        id = -1;
    } else if (p.temperature > 0.0f && p.top_k != 1) {
        id = draw(s, row, p, best, seen);
    }

    if (p.n_logprobs >= 0 && id >= 0) {
        if (threadIdx.x == 0) s.raw = logits[id];
        __syncthreads();
        for (int i = threadIdx.x; i < p.edits_len; i += THREADS) {
            if (edits[i].id == id) s.raw = edits[i].raw;
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        result.id = id;
        result.logprob = p.n_logprobs >= 0 && id >= 0 ? s.raw - log_sum : 0.0f;
        if (p.n_logprobs < 0) result.n_top = 0;
        last_tokens[p.slot] = id;
    }
}
