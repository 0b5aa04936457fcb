// Which experts a token goes to, by one warp.
#pragma once

#include "common.cuh"

constexpr int MAX_EXPERTS = 256;

// A number's place in the order of numbers, above zero; what is not a number comes first.
__device__ __forceinline__ unsigned order_of(float x) {
    const unsigned bits = __float_as_uint(isnan(x) ? -INFINITY : x + 0.0f);  // -0 becomes 0
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// The experts of one token, a lane's share: lane, lane + 32, …
template <int PER_LANE>
struct Experts {
    float score[PER_LANE];
    // What they are chosen by; zero is never chosen.
    unsigned order[PER_LANE];

    // The best that is left, the lower number among equals; every lane gets it.
    __device__ __forceinline__ int take_best() {
        const int lane = threadIdx.x % WARP;
        unsigned best = 0;
        int id = lane;
#pragma unroll
        for (int i = 0; i < PER_LANE; i++)
            if (order[i] > best) best = order[i], id = i * WARP + lane;
        const unsigned top = __reduce_max_sync(ALL_LANES, best);
        id = static_cast<int>(__reduce_min_sync(ALL_LANES, best == top ? static_cast<unsigned>(id) : MAX_EXPERTS));
#pragma unroll
        for (int i = 0; i < PER_LANE; i++)
            if (i * WARP + lane == id) order[i] = 0;
        return id;
    }

    // Of any expert; every lane may ask for another.
    __device__ __forceinline__ float score_of(int id) const {
        float found = 0.0f;
#pragma unroll
        for (int i = 0; i < PER_LANE; i++) {
            const float here = __shfl_sync(ALL_LANES, score[i], id % WARP);
            if (id / WARP == i) found = here;
        }
        return found;
    }
};

// Leaves the experts of the `kept` best of `n_groups` groups of neighbours; a group is as good as the sum of its two best.
// `picks` has room for all experts.
template <int PER_LANE>
__device__ __forceinline__ void keep_groups(Experts<PER_LANE>& experts, float* picks, const float (&pick)[PER_LANE], int n_experts, int n_groups, int kept) {
    const int lane = threadIdx.x % WARP;
    const int size = n_experts / n_groups;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++)
        if (i * WARP + lane < n_experts) picks[i * WARP + lane] = pick[i];
    __syncwarp();
    unsigned order = 0;
    if (lane < n_groups) {
        float first = -INFINITY, second = -INFINITY;
        for (int i = 0; i < size; i++) {
            const float x = picks[lane * size + i];
            second = fmaxf(second, fminf(first, x));
            first = fmaxf(first, x);
        }
        order = order_of(size > 1 ? first + second : first);
    }
    __syncwarp();
    unsigned is_kept = 0;
    for (int i = 0; i < kept; i++) {
        const unsigned top = __reduce_max_sync(ALL_LANES, order);
        const int group = __ffs(__ballot_sync(ALL_LANES, order == top)) - 1;
        if (lane == group) order = 0;
        is_kept |= 1u << group;
    }
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        const int id = i * WARP + lane;
        if (id < n_experts && (is_kept >> id / size & 1) == 0) experts.order[i] = 0;
    }
}

// How experts are chosen and weighed, see `moe_route`.
struct Routing {
    const float* logits;
    const float* bias;
    int n_experts, parts, k, n_groups, kept_groups, sigmoid, renormalize;
    float factor;
};

struct Choice {
    int id;
    float weight;
};

// The sum of a logit's parts.
__device__ __forceinline__ float logit_of(const Routing& r, int row, int id) {
    const float* own = r.logits + static_cast<int64_t>(row) * r.parts * r.n_experts + id;
    float sum = *own;
    for (int part = 1; part < r.parts; part++) sum += own[part * r.n_experts];
    return sum;
}

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// `choose`, of experts of which a lane has PER_LANE at most.
template <int PER_LANE>
__device__ __forceinline__ Choice choose_among(const Routing& r, int row, float* picks) {
    const int lane = threadIdx.x % WARP;

    Experts<PER_LANE> experts;
    // By which experts are chosen. Of a softmax it is the logits: they tell scores apart that are rounded to one number.
    float pick[PER_LANE];
    float largest = -INFINITY, sum = 0.0f;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        const int id = i * WARP + lane;
        pick[i] = id < r.n_experts ? logit_of(r, row, id) : -INFINITY;
        largest = fmaxf(largest, pick[i]);
    }
    largest = warp_reduce<Max>(largest);
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        const int id = i * WARP + lane;
        experts.score[i] = r.sigmoid ? sigmoid(pick[i]) : expf(pick[i] - largest);
        sum += id < r.n_experts ? experts.score[i] : 0.0f;
        if (r.sigmoid) pick[i] = experts.score[i] + (r.bias && id < r.n_experts ? r.bias[id] : 0.0f);
    }
    sum = r.sigmoid ? 1.0f : warp_reduce<Sum>(sum);
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) experts.order[i] = i * WARP + lane < r.n_experts ? order_of(pick[i]) : 0;
    if (r.kept_groups < r.n_groups) keep_groups(experts, picks, pick, r.n_experts, r.n_groups, r.kept_groups);

    int own_id = 0;
    for (int j = 0; j < r.k; j++) {
        const int id = experts.take_best();
        if (lane == j) own_id = id;
    }
    const float score = experts.score_of(own_id);
    const float own_score = lane < r.k ? score / sum : 0.0f;
    const float chosen = warp_reduce<Sum>(own_score);
    const float scale = r.renormalize ? r.factor / (chosen + 1e-20f) : r.factor;
    return {own_id, own_score * scale};
}

// Lane j below k gets the token's j-th choice. `picks` has room for all experts.
__device__ __forceinline__ Choice choose(const Routing& r, int row, float* picks) {
    if (r.n_experts <= 2 * WARP) return choose_among<2>(r, row, picks);
    if (r.n_experts <= 4 * WARP) return choose_among<4>(r, row, picks);
    return choose_among<MAX_EXPERTS / WARP>(r, row, picks);
}

// The weight of a token's choice, a lane's below k, by one warp: what `choose` finds, in fewer instructions.
__device__ __forceinline__ float weigh(const Routing& r, int row, int id) {
    const int lane = threadIdx.x % WARP;
    float largest = -INFINITY, sum = 0.0f;
#pragma unroll 1
    for (int i = lane; i < r.n_experts && !r.sigmoid; i += WARP) largest = fmaxf(largest, logit_of(r, row, i));
    largest = warp_reduce<Max>(largest);
#pragma unroll 1
    for (int i = lane; i < r.n_experts && !r.sigmoid; i += WARP) sum += expf(logit_of(r, row, i) - largest);
    sum = r.sigmoid ? 1.0f : warp_reduce<Sum>(sum);
    const float logit = logit_of(r, row, id);
    const float score = lane < r.k ? (r.sigmoid ? sigmoid(logit) : expf(logit - largest)) / sum : 0.0f;
    const float chosen = warp_reduce<Sum>(score);
    return score * (r.renormalize ? r.factor / (chosen + 1e-20f) : r.factor);
}
