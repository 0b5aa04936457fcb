// Row kernels: norms, gated activations, quantisation, sums, gathers, rotary embeddings. Activations are bf16, arithmetic
// is f32. Rows are contiguous, `[rows, width]`; pointers are 16-byte aligned. Any width is right; widths that are no
// multiple of 8 go one value at a time. Every CPU twin is in `ashlar_kernels::rows`.
//
// Launches:
//   one block a row     grid rows, threads = 32 · clamp(ceil(width / 512), 1, 16): two vectors of 8 values each; any other
//                       multiple of 32 threads up to 512 works, longer rows too
//   chunks of rows      grid rows · ceil(width / 4096), 256 threads (a block takes 4096 values of one row)
//   chunks of n values  grid ceil(n / 4096),            256 threads
// No dynamic shared memory.

#include "common.cuh"

namespace {

// Vectors of 8 values that a thread keeps in registers between two passes over a row; the rest of a longer row is read
// again. Widths that are no multiple of 8 keep nothing.
constexpr int KEPT = 2;

constexpr int CHUNK_VECTORS = 2;
constexpr int CHUNK_THREADS = 256;
constexpr int CHUNK = CHUNK_THREADS * CHUNK_VECTORS * 8;

// How a row is walked: in vectors, some of them kept, or value by value.
template <int N>
struct Walk {
    static constexpr int KEPT = N;
    static constexpr bool VECTORS = N > 0;

    // Calls `f(i, k)` for every vector of the row that is this thread's: `i` is the index of its first value; `k` is a
    // constant below KEPT, or KEPT for vectors that are not kept.
    template <class F>
    static __device__ __forceinline__ void visit(int width, F f) {
#pragma unroll
        for (int k = 0; k < KEPT; k++) {
            const int i = (k * blockDim.x + threadIdx.x) * 8;
            if (i < width) f(i, k);
        }
        for (int i = (KEPT * blockDim.x + threadIdx.x) * 8; i < width; i += blockDim.x * 8) f(i, KEPT);
    }

    static __device__ __forceinline__ Bf16x8 load(const bf16* row, int i, int width) {
        return VECTORS ? load8(row + i) : load_up_to_8(row + i, width - i);
    }

    static __device__ __forceinline__ void store(bf16* row, int i, int width, const Bf16x8& v) {
        if (VECTORS) {
            store8(row + i, v);
        } else {
            store_up_to_8(row + i, v, width - i);
        }
    }
};

// Hides from the compiler what it knows of `v`, so that it unpacks it a second time instead of keeping both forms.
__device__ __forceinline__ void forget(Bf16x8& v) {
#pragma unroll
    for (__nv_bfloat162& pair : v.pairs) asm volatile("" : "+r"(reinterpret_cast<unsigned&>(pair)));
}

// Calls `body` with the walk that suits rows of this width.
template <class Body>
__device__ __forceinline__ void with_walk(int width, Body body) {
    if (width % 8 == 0) {
        body(Walk<KEPT>());
    } else {
        body(Walk<0>());
    }
}

// Where in a row-wise pass over chunks this block works.
struct Chunk {
    int64_t row;
    int begin;
    __device__ __forceinline__ explicit Chunk(int width) {
        const int per_row = (width + CHUNK - 1) / CHUNK;
        row = blockIdx.x / per_row;
        begin = (blockIdx.x % per_row) * CHUNK + threadIdx.x * 8;
    }
    __device__ __forceinline__ int at(int k) const { return begin + k * CHUNK_THREADS * 8; }
};

__device__ __forceinline__ float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

__device__ __forceinline__ float silu(float x) { return x * sigmoid(x); }

// Writes the row as e4m3 with one scale, `max(absmax, 1e-12) / 448`. `values(i, k, v)` gives the eight values at `i`,
// zeros past the end; it is called twice for each vector.
template <class W, class Values>
__device__ __forceinline__ void store_quantized(uint8_t* out, float* scale_out, int width, float* scratch, Values values) {
    float largest = 0.0f;
    W::visit(width, [&](int i, int k) {
        float v[8];
        values(i, k, v);
#pragma unroll
        for (float x : v) largest = fmaxf(largest, fabsf(x));
    });
    largest = block_reduce<Max>(largest, scratch);
    const float scale = fmaxf(largest, 1e-12f) / 448.0f;
    const float inverse = 1.0f / scale;
    if (threadIdx.x == 0) *scale_out = scale;
    W::visit(width, [&](int i, int k) {
        float v[8];
        values(i, k, v);
#pragma unroll
        for (float& x : v) x *= inverse;
        const uint2 bytes = pack8_e4m3(v);
        if (W::VECTORS) {
            *reinterpret_cast<uint2*>(out + i) = bytes;
        } else {
#pragma unroll
            for (int j = 0; j < 8; j++) {
                if (i + j < width) out[i + j] = (j < 4 ? bytes.x >> 8 * j : bytes.y >> 8 * (j - 4)) & 0xff;
            }
        }
    });
}

// A row of `x` and of `weight` in registers, and the row's `rsqrt(mean(x²) + eps)`.
template <class W>
struct RmsRow {
    const bf16* x;
    const bf16* weight;
    int width;
    float scale;
    Bf16x8 x_kept[W::KEPT + 1];
    Bf16x8 weight_kept[W::KEPT + 1];

    __device__ __forceinline__ RmsRow(const bf16* all, const bf16* weight, int width, float eps, float* scratch)
        : x(all + static_cast<int64_t>(blockIdx.x) * width), weight(weight), width(width) {
        W::visit(width, [&](int i, int k) {
            if (k < W::KEPT) weight_kept[k] = W::load(weight, i, width);
        });
        wait_for_earlier_kernels();
        launch_dependents();
        W::visit(width, [&](int i, int k) {
            if (k < W::KEPT) x_kept[k] = W::load(x, i, width);
        });
        float squares = 0.0f;
        W::visit(width, [&](int i, int k) {
            float v[8];
            unpack8(v, k < W::KEPT ? x_kept[k] : W::load(x, i, width));
#pragma unroll
            for (float value : v) squares += value * value;
        });
        scale = rsqrtf(block_reduce<Sum>(squares, scratch) / static_cast<float>(width) + eps);
        W::visit(width, [&](int, int k) {
            if (k < W::KEPT) forget(x_kept[k]);
        });
    }

    __device__ __forceinline__ void operator()(int i, int k, float (&v)[8]) const {
        float w[8];
        unpack8(v, k < W::KEPT ? x_kept[k] : W::load(x, i, width));
        unpack8(w, k < W::KEPT ? weight_kept[k] : W::load(weight, i, width));
#pragma unroll
        for (int j = 0; j < 8; j++) v[j] *= scale * w[j];
    }
};

// The norm of x + y, of x alone if y is null.
template <class W>
__device__ __forceinline__ void layer_norm_row(bf16* out, const bf16* x, const bf16* y, const bf16* weight, const bf16* bias, int width,
                                               float eps, float (*scratch)[WARP]) {
    const int64_t offset = static_cast<int64_t>(blockIdx.x) * width;
    float kept[W::KEPT + 1][8];
    const auto load = [&](int i, float (&v)[8]) {
        unpack8(v, W::load(x + offset, i, width));
        if (y != nullptr) {
            float other[8];
            unpack8(other, W::load(y + offset, i, width));
#pragma unroll
            for (int j = 0; j < 8; j++) v[j] += other[j];
        }
    };
    // The value less `mean`, and zero past the end of the row.
    const auto centered = [&](int i, int k, float mean, float (&v)[8]) {
        if (k == W::KEPT) load(i, v);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            if (k < W::KEPT) v[j] = kept[k][j];
            v[j] = W::VECTORS || i + j < width ? v[j] - mean : 0.0f;
        }
    };
    wait_for_earlier_kernels();
    launch_dependents();
    W::visit(width, [&](int i, int k) {
        if (k < W::KEPT) load(i, kept[k]);
    });
    float sum = 0.0f;
    W::visit(width, [&](int i, int k) {
        float v[8];
        centered(i, k, 0.0f, v);
#pragma unroll
        for (float value : v) sum += value;
    });
    const float mean = block_reduce<Sum>(sum, scratch[0]) / static_cast<float>(width);
    float squares = 0.0f;
    W::visit(width, [&](int i, int k) {
        float v[8];
        centered(i, k, mean, v);
#pragma unroll
        for (float value : v) squares += value * value;
    });
    const float scale = rsqrtf(block_reduce<Sum>(squares, scratch[1]) / static_cast<float>(width) + eps);
    W::visit(width, [&](int i, int k) {
        float v[8], w[8], b[8];
        centered(i, k, mean, v);
        unpack8(w, W::load(weight, i, width));
        unpack8(b, W::load(bias, i, width));
#pragma unroll
        for (int j = 0; j < 8; j++) v[j] = v[j] * scale * w[j] + b[j];
        W::store(out + offset, i, width, pack8(v));
    });
}

// Applies `f` to the eight values of each vector of `x`, together with those of `y` if it is not null.
template <class F>
__device__ __forceinline__ void change_values(bf16* x, const bf16* y, int64_t n, F f) {
    const int64_t first = static_cast<int64_t>(blockIdx.x) * CHUNK + threadIdx.x * 8;
    Bf16x8 kept[CHUNK_VECTORS], other[CHUNK_VECTORS];
    const auto left = [&](int k) { return n - first - k * CHUNK_THREADS * 8; };
    const auto load = [&](const bf16* p, int k) {
        p += first + k * CHUNK_THREADS * 8;
        return left(k) >= 8 ? load8(p) : load_up_to_8(p, static_cast<int>(left(k)));
    };
#pragma unroll
    for (int k = 0; k < CHUNK_VECTORS; k++) {
        if (left(k) <= 0) continue;
        kept[k] = load(x, k);
        if (y != nullptr) other[k] = load(y, k);
    }
#pragma unroll
    for (int k = 0; k < CHUNK_VECTORS; k++) {
        if (left(k) <= 0) continue;
        float v[8], w[8] = {};
        unpack8(v, kept[k]);
        if (y != nullptr) unpack8(w, other[k]);
#pragma unroll
        for (int j = 0; j < 8; j++) v[j] = f(v[j], w[j]);
        bf16* p = x + first + k * CHUNK_THREADS * 8;
        if (left(k) >= 8) {
            store8(p, pack8(v));
        } else {
            store_up_to_8(p, pack8(v), static_cast<int>(left(k)));
        }
    }
}

__device__ __forceinline__ void copy_row(bf16* out, const bf16* in, int width) {
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        W::visit(width, [&](int i, int) { W::store(out, i, width, W::load(in, i, width)); });
    });
}

// Four neighbouring values of the first half of a head and the four that they turn with.
struct Quad {
    float low[4];
    float high[4];
};

// A quad as it lies in memory.
struct PackedQuad {
    __nv_bfloat162 low[2];
    __nv_bfloat162 high[2];
    __device__ __forceinline__ Quad unpack() const {
        Quad q;
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const float2 a = __bfloat1622float2(low[j]), b = __bfloat1622float2(high[j]);
            q.low[2 * j] = a.x, q.low[2 * j + 1] = a.y;
            q.high[2 * j] = b.x, q.high[2 * j + 1] = b.y;
        }
        return q;
    }
};

// From pair `i` on. ALIGNED: all four exist and lie on 8 bytes; otherwise there are zeros after the last.
template <bool ALIGNED>
__device__ __forceinline__ PackedQuad load_quad(const bf16* head, int half, int i) {
    PackedQuad q;
    if (ALIGNED) {
        const uint2 low = *reinterpret_cast<const uint2*>(head + i), high = *reinterpret_cast<const uint2*>(head + half + i);
        memcpy(q.low, &low, sizeof low);
        memcpy(q.high, &high, sizeof high);
    } else {
        const auto pair = [&](const bf16* p, int j) {
            const bf16 zero = bf16(0.0f);
            return __halves2bfloat162(i + j < half ? p[i + j] : zero, i + j + 1 < half ? p[i + j + 1] : zero);
        };
#pragma unroll
        for (int j = 0; j < 2; j++) {
            q.low[j] = pair(head, 2 * j);
            q.high[j] = pair(head + half, 2 * j);
        }
    }
    return q;
}

template <bool ALIGNED>
__device__ __forceinline__ void store_quad(bf16* head, int half, int i, const Quad& q) {
    if (ALIGNED) {
        const __nv_bfloat162 pairs[4] = {__floats2bfloat162_rn(q.low[0], q.low[1]), __floats2bfloat162_rn(q.low[2], q.low[3]),
                                         __floats2bfloat162_rn(q.high[0], q.high[1]), __floats2bfloat162_rn(q.high[2], q.high[3])};
        uint2 raw[2];
        memcpy(raw, pairs, sizeof raw);
        *reinterpret_cast<uint2*>(head + i) = raw[0];
        *reinterpret_cast<uint2*>(head + half + i) = raw[1];
    } else {
#pragma unroll
        for (int j = 0; j < 4; j++) {
            if (i + j < half) {
                head[i + j] = __float2bfloat16_rn(q.low[j]);
                head[half + i + j] = __float2bfloat16_rn(q.high[j]);
            }
        }
    }
}

// Work on heads is shared out in groups of lanes: a group (a power of two, at most a warp) has a head, a lane has a quad.
struct HeadLanes {
    int half;
    int lanes;
    int pair;
    int group;
    int n_groups;
    __device__ __forceinline__ explicit HeadLanes(int d) : half(d / 2) {
        const int quads = (half + 3) / 4;
        lanes = quads <= 1 ? 1 : 1 << (32 - __clz(quads - 1));
        pair = (threadIdx.x % lanes) * 4;
        group = threadIdx.x / lanes;
        n_groups = blockDim.x / lanes;
    }
    __device__ __forceinline__ bool has_pairs() const { return pair < half; }
    // Over the group; all lanes of the warp call it.
    __device__ __forceinline__ float sum(float value) const {
        for (int distance = lanes / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(ALL_LANES, value, distance);
        return value;
    }
};

// The (cos, sin) of a lane's quad.
struct Turn {
    float2 angles[4];
    __device__ __forceinline__ Turn(const float2* row, const HeadLanes& lanes) {
#pragma unroll
        for (int j = 0; j < 4; j++) angles[j] = lanes.pair + j < lanes.half ? row[lanes.pair + j] : make_float2(1.0f, 0.0f);
    }
    __device__ __forceinline__ void operator()(Quad& q) const {
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const float low = q.low[j], high = q.high[j];
            q.low[j] = low * angles[j].x - high * angles[j].y;
            q.high[j] = high * angles[j].x + low * angles[j].y;
        }
    }
};

// Heads that a lane works on at a time, so that their loads overlap.
constexpr int HEADS = 2;

// A lane's values less `mean`; those past the end of the half stay zero.
__device__ __forceinline__ void center(Quad& q, const HeadLanes& lanes, float mean) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
        if (lanes.pair + j < lanes.half) q.low[j] -= mean, q.high[j] -= mean;
    }
}

struct RopeStore {
    bf16* qkv;
    const bf16* q_weight;
    const bf16* q_bias;
    const bf16* k_weight;
    const bf16* k_bias;
    const float2* angles;
    const int* slots;
    bf16* k_cache;
    bf16* v_cache;
    int n_heads;
    int n_kv_heads;
    int d;
    float eps;

    // LAYER: the norms are LayerNorms.
    template <bool ALIGNED, bool LAYER>
    __device__ __forceinline__ void run() const {
        const HeadLanes lanes(d);
        const int64_t row = blockIdx.x;
        const int n_items = n_heads + 2 * n_kv_heads, first_v = n_heads + n_kv_heads;
        PackedQuad of_q = {}, of_k = {};
        if (!LAYER && lanes.has_pairs() && q_weight != nullptr) of_q = load_quad<ALIGNED>(q_weight, lanes.half, lanes.pair);
        if (!LAYER && lanes.has_pairs() && k_weight != nullptr) of_k = load_quad<ALIGNED>(k_weight, lanes.half, lanes.pair);
        wait_for_earlier_kernels();
        launch_dependents();
        const int slot = slots[row];
        const Turn turn(angles + row * lanes.half, lanes);
        // Whole warps take part in every round, because a warp's groups sum up together.
        for (int first = 0; first < n_items; first += HEADS * lanes.n_groups) {
            PackedQuad packed[HEADS];
#pragma unroll
            for (int k = 0; k < HEADS; k++) {
                const int item = first + k * lanes.n_groups + lanes.group;
                packed[k] = PackedQuad();
                if (lanes.has_pairs() && item < n_items) packed[k] = load_quad<ALIGNED>(qkv + (row * n_items + item) * d, lanes.half, lanes.pair);
            }
#pragma unroll
            for (int k = 0; k < HEADS; k++) {
                const int item = first + k * lanes.n_groups + lanes.group;
                Quad q = packed[k].unpack();
                const bool is_q = item < n_heads;
                if (LAYER) {
                    float sum = 0.0f;
#pragma unroll
                    for (int j = 0; j < 4; j++) sum += q.low[j] + q.high[j];
                    sum = lanes.sum(sum);
                    if (item < first_v) center(q, lanes, sum / static_cast<float>(d));
                }
                float squares = 0.0f;
#pragma unroll
                for (int j = 0; j < 4; j++) squares += q.low[j] * q.low[j] + q.high[j] * q.high[j];
                squares = lanes.sum(squares);
                if (item < first_v) {
                    if ((is_q ? q_weight : k_weight) != nullptr) {
                        PackedQuad weight = of_k, bias = {};
                        if (is_q) weight = of_q;
                        if (LAYER && lanes.has_pairs()) {
                            const int64_t head = static_cast<int64_t>(is_q ? item : item - n_heads) * d;
                            weight = load_quad<ALIGNED>((is_q ? q_weight : k_weight) + head, lanes.half, lanes.pair);
                            bias = load_quad<ALIGNED>((is_q ? q_bias : k_bias) + head, lanes.half, lanes.pair);
                        }
                        const Quad w = weight.unpack(), b = bias.unpack();
                        const float scale = rsqrtf(squares / static_cast<float>(d) + eps);
#pragma unroll
                        for (int j = 0; j < 4; j++) {
                            q.low[j] *= scale * w.low[j];
                            q.high[j] *= scale * w.high[j];
                            if (LAYER) q.low[j] += b.low[j], q.high[j] += b.high[j];
                        }
                    }
                    turn(q);
                }
                bf16* target = qkv + (row * n_items + item) * d;
                if (item >= first_v) {
                    target = v_cache + (static_cast<int64_t>(slot) * n_kv_heads + (item - first_v)) * d;
                } else if (item >= n_heads) {
                    target = k_cache + (static_cast<int64_t>(slot) * n_kv_heads + (item - n_heads)) * d;
                }
                const bool is_stored = item < n_heads || (item < n_items && slot >= 0);
                if (lanes.has_pairs() && is_stored) store_quad<ALIGNED>(target, lanes.half, lanes.pair, q);
            }
        }
    }
};

template <bool ALIGNED>
__device__ __forceinline__ void rope_row(bf16* row, const float2* angles, int n_heads, int d) {
    const HeadLanes lanes(d);
    if (!lanes.has_pairs()) return;
    const Turn turn(angles, lanes);
    for (int first = lanes.group; first < n_heads; first += HEADS * lanes.n_groups) {
        PackedQuad packed[HEADS];
#pragma unroll
        for (int k = 0; k < HEADS; k++) {
            const int item = first + k * lanes.n_groups;
            if (item < n_heads) packed[k] = load_quad<ALIGNED>(row + item * d, lanes.half, lanes.pair);
        }
#pragma unroll
        for (int k = 0; k < HEADS; k++) {
            const int item = first + k * lanes.n_groups;
            if (item >= n_heads) continue;
            Quad q = packed[k].unpack();
            turn(q);
            store_quad<ALIGNED>(row + item * d, lanes.half, lanes.pair, q);
        }
    }
}

}  // namespace

// out = x · rsqrt(mean(x²) + eps) · weight, of every row. One block a row.
extern "C" __global__ void __launch_bounds__(640, 2) rms_norm(bf16* out, const bf16* x, const bf16* weight, int rows, int width, float eps) {
    __shared__ float scratch[WARP];
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        const RmsRow<W> row(x, weight, width, eps, scratch);
        W::visit(width, [&](int i, int k) {
            float v[8];
            row(i, k, v);
            W::store(out + static_cast<int64_t>(blockIdx.x) * width, i, width, pack8(v));
        });
    });
}

// x += y · rsqrt(mean(y²) + eps) · weight, of every row. One block a row.
extern "C" __global__ void __launch_bounds__(640, 2)
    rms_norm_onto(bf16* x, const bf16* y, const bf16* weight, int rows, int width, float eps) {
    __shared__ float scratch[WARP];
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        const RmsRow<W> row(y, weight, width, eps, scratch);
        bf16* onto = x + static_cast<int64_t>(blockIdx.x) * width;
        W::visit(width, [&](int i, int k) {
            float v[8], sum[8];
            row(i, k, v);
            unpack8(sum, W::load(onto, i, width));
#pragma unroll
            for (int j = 0; j < 8; j++) sum[j] += v[j];
            W::store(onto, i, width, pack8(sum));
        });
    });
}

// `rms_norm` and `quantize_fp8` in one, without rounding to bf16 between them. scales is `[rows]`. One block a row.
extern "C" __global__ void __launch_bounds__(640, 2)
    rms_norm_fp8(uint8_t* out, float* scales, const bf16* x, const bf16* weight, int rows, int width, float eps) {
    __shared__ float scratch[2][WARP];
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        const RmsRow<W> row(x, weight, width, eps, scratch[0]);
        store_quantized<W>(out + static_cast<int64_t>(blockIdx.x) * width, scales + blockIdx.x, width, scratch[1], row);
    });
}

// out = (x - mean) · rsqrt(variance + eps) · weight + bias, with the biased variance. One block a row.
extern "C" __global__ void __launch_bounds__(640, 2)
    layer_norm(bf16* out, const bf16* x, const bf16* weight, const bf16* bias, int rows, int width, float eps) {
    __shared__ float scratch[2][WARP];
    with_walk(width, [&](auto walk) { layer_norm_row<decltype(walk)>(out, x, nullptr, weight, bias, width, eps, scratch); });
}

// `layer_norm` of x + y. One block a row.
extern "C" __global__ void __launch_bounds__(640, 2)
    add_layer_norm(bf16* out, const bf16* x, const bf16* y, const bf16* weight, const bf16* bias, int rows, int width, float eps) {
    __shared__ float scratch[2][WARP];
    with_walk(width, [&](auto walk) { layer_norm_row<decltype(walk)>(out, x, y, weight, bias, width, eps, scratch); });
}

// Each row as e4m3 with a scale of its own: scale = max(absmax, 1e-12) / 448, out = x / scale. One block a row.
extern "C" __global__ void __launch_bounds__(1024) quantize_fp8(uint8_t* out, float* scales, const bf16* x, int rows, int width) {
    __shared__ float scratch[WARP];
    const int64_t offset = static_cast<int64_t>(blockIdx.x) * width;
    wait_for_earlier_kernels();
    launch_dependents();
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        Bf16x8 kept[W::KEPT + 1];
        W::visit(width, [&](int i, int k) {
            if (k < W::KEPT) kept[k] = W::load(x + offset, i, width);
        });
        store_quantized<W>(out + offset, scales + blockIdx.x, width, scratch, [&](int i, int k, float (&v)[8]) {
            unpack8(v, k < W::KEPT ? kept[k] : W::load(x + offset, i, width));
        });
    });
}

// out = silu(gate) · up; a row of gate_up is gate[width], up[width]. Chunks of rows.
extern "C" __global__ void __launch_bounds__(CHUNK_THREADS) silu_mul(bf16* out, const bf16* gate_up, int rows, int width) {
    wait_for_earlier_kernels();
    launch_dependents();
    const Chunk chunk(width);
    const bf16* gates = gate_up + chunk.row * 2 * width;
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        Bf16x8 gate[CHUNK_VECTORS], up[CHUNK_VECTORS];
#pragma unroll
        for (int k = 0; k < CHUNK_VECTORS; k++) {
            if (chunk.at(k) >= width) continue;
            gate[k] = W::load(gates, chunk.at(k), width);
            up[k] = W::load(gates + width, chunk.at(k), width);
        }
#pragma unroll
        for (int k = 0; k < CHUNK_VECTORS; k++) {
            if (chunk.at(k) >= width) continue;
            float g[8], u[8];
            unpack8(g, gate[k]);
            unpack8(u, up[k]);
#pragma unroll
            for (int j = 0; j < 8; j++) g[j] = silu(g[j]) * u[j];
            W::store(out + chunk.row * width, chunk.at(k), width, pack8(g));
        }
    });
}

// `silu_mul` and `quantize_fp8` in one, without rounding to bf16 between them. One block a row, up to 768
// threads.
extern "C" __global__ void __launch_bounds__(768, 2) silu_mul_fp8(uint8_t* out, float* scales, const bf16* gate_up, int rows, int width) {
    __shared__ float scratch[WARP];
    const bf16* gates = gate_up + static_cast<int64_t>(blockIdx.x) * 2 * width;
    wait_for_earlier_kernels();
    launch_dependents();
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        const auto multiply = [](const Bf16x8& gate, const Bf16x8& up, float (&v)[8]) {
            float u[8];
            unpack8(v, gate);
            unpack8(u, up);
#pragma unroll
            for (int j = 0; j < 8; j++) v[j] = silu(v[j]) * u[j];
        };
        Bf16x8 gate[W::KEPT + 1], up[W::KEPT + 1];
        W::visit(width, [&](int i, int k) {
            if (k == W::KEPT) return;
            gate[k] = W::load(gates, i, width);
            up[k] = W::load(gates + width, i, width);
        });
        float kept[W::KEPT + 1][8];
        W::visit(width, [&](int, int k) {
            if (k < W::KEPT) multiply(gate[k], up[k], kept[k]);
        });
        store_quantized<W>(out + static_cast<int64_t>(blockIdx.x) * width, scales + blockIdx.x, width, scratch, [&](int i, int k, float (&v)[8]) {
            if (k == W::KEPT) multiply(W::load(gates, i, width), W::load(gates + width, i, width), v);
#pragma unroll
            for (int j = 0; j < 8; j++) {
                if (k < W::KEPT) v[j] = kept[k][j];
            }
        });
    });
}

// In place; kind: 0 SiLU, 1 GELU by tanh, 2 GELU by erf, 3 tanh, 4 ReLU. Chunks of n values.
extern "C" __global__ void __launch_bounds__(CHUNK_THREADS) activate(bf16* x, int kind, long long n) {
    wait_for_earlier_kernels();
    launch_dependents();
    switch (kind) {
        case 0: return change_values(x, nullptr, n, [](float v, float) { return silu(v); });
        case 1:
            // (1 + tanh z) / 2 = sigmoid(2z), here with z = sqrt(2 / π) · (v + 0.044715 v³).
            return change_values(x, nullptr, n, [](float v, float) {
                return v * sigmoid(1.5957691216057308f * (v + 0.044715f * v * v * v));
            });
        case 2: return change_values(x, nullptr, n, [](float v, float) { return 0.5f * v * (1.0f + erff(v * 0.70710678118654752f)); });
        case 3: return change_values(x, nullptr, n, [](float v, float) { return tanhf(v); });
        case 4: return change_values(x, nullptr, n, [](float v, float) { return fmaxf(v, 0.0f); });
    }
}

// x += y. Chunks of n values.
extern "C" __global__ void __launch_bounds__(CHUNK_THREADS) add(bf16* x, const bf16* y, long long n) {
    wait_for_earlier_kernels();
    launch_dependents();
    change_values(x, y, n, [](float a, float b) { return a + b; });
}

// Row `ids[r]` of the table; a negative id names the token that the sampler left in `last_tokens[-id - 1]`. An id that is
// no row of the table reads row 0. One block a row.
extern "C" __global__ void __launch_bounds__(1024)
    embed(bf16* out, const bf16* table, const int* ids, const int* last_tokens, int rows, int width, int n_vocab) {
    wait_for_earlier_kernels();
    launch_dependents();
    int id = ids[blockIdx.x];
    if (id < 0) id = last_tokens[-(id + 1)];
    if (id < 0 || id >= n_vocab) id = 0;
    copy_row(out + static_cast<int64_t>(blockIdx.x) * width, table + static_cast<int64_t>(id) * width, width);
}

// out[r] = x[rows_idx[r]]. One block a row.
extern "C" __global__ void __launch_bounds__(1024) gather_rows(bf16* out, const bf16* x, const int* rows_idx, int n, int width) {
    wait_for_earlier_kernels();
    launch_dependents();
    const int row = rows_idx[blockIdx.x];
    copy_row(out + static_cast<int64_t>(blockIdx.x) * width, x + static_cast<int64_t>(row) * width, width);
}

struct Span {
    const bf16* source;
    int row;
    int len;
};
static_assert(sizeof(Span) == 16, "written by the host");

// Puts `len` rows from `source` (16-byte aligned) over the rows of `x` from `row` on, or adds them. Grid (blocks for one
// span, n_spans), any number of blocks: they share out the span's rows; any number of threads.
extern "C" __global__ void __launch_bounds__(1024) visual_rows(bf16* x, const Span* spans, int n_spans, int width, int add) {
    wait_for_earlier_kernels();
    launch_dependents();
    const Span span = spans[blockIdx.y];
    with_walk(width, [&](auto walk) {
        using W = decltype(walk);
        for (int r = blockIdx.x; r < span.len; r += gridDim.x) {
            const bf16* source = span.source + static_cast<int64_t>(r) * width;
            bf16* row = x + (static_cast<int64_t>(span.row) + r) * width;
            W::visit(width, [&](int i, int) {
                Bf16x8 raw = W::load(source, i, width);
                if (add) {
                    float v[8], w[8];
                    unpack8(v, W::load(row, i, width));
                    unpack8(w, raw);
#pragma unroll
                    for (int j = 0; j < 8; j++) v[j] += w[j];
                    raw = pack8(v);
                }
                W::store(row, i, width, raw);
            });
        }
    });
}

// out[row][i] = (cos, sin) of positions[axes[i]][row] · inverse_frequencies[i]. positions is `[3][rows]`, out is
// `[rows][half]`. Grid ceil(rows · half / 256), 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    text_angles(float2* out, const int* positions, const float* inverse_frequencies, const unsigned char* axes, int rows, int half) {
    wait_for_earlier_kernels();
    launch_dependents();
    const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (index >= static_cast<int64_t>(rows) * half) return;
    const int row = static_cast<int>(index / half), i = static_cast<int>(index % half);
    const int position = positions[static_cast<int64_t>(axes[i]) * rows + row];
    float sin, cos;
    sincosf(static_cast<float>(position) * inverse_frequencies[i], &sin, &cos);
    out[index] = make_float2(cos, sin);
}

// What attention needs of a fused row `q[n_heads][d], k[n_kv_heads][d], v[n_kv_heads][d]`: each q and k head gets its
// norm and turns by angles `[rows][d / 2]` (pairs (i, i + d/2)). Norms are RMSNorms with weights `[d]` (null = none), or with
// biases (of both q and k) LayerNorms with weights and biases `[heads][d]`. q stays in the row; k and v go to `cache[slots[row]][kv head][d]`, to nowhere if the slot is negative, and their part of the row is left as it is.
// d is even, 16 to 256. Grid rows; any multiple of 32 threads up to 576: 128 are best for many rows, for few as many as let
// each thread work on just two heads, `next_power_of_two(ceil(d / 8)) · ceil((n_heads + 2 · n_kv_heads) / 2)`.
extern "C" __global__ void __launch_bounds__(576, 2)
    rope_store(bf16* qkv, const bf16* q_weight, const bf16* q_bias, const bf16* k_weight, const bf16* k_bias, const float2* angles,
               const int* slots, bf16* k_cache, bf16* v_cache, int rows, int n_heads, int n_kv_heads, int d, float eps) {
    const RopeStore work = {qkv, q_weight, q_bias, k_weight, k_bias, angles, slots, k_cache, v_cache, n_heads, n_kv_heads, d, eps};
    if (q_bias != nullptr) {
        if (d % 8 == 0) {
            work.run<true, true>();
        } else {
            work.run<false, true>();
        }
    } else if (d % 8 == 0) {
        work.run<true, false>();
    } else {
        work.run<false, false>();
    }
}

// Turns the first `n_heads` heads of each row (`stride` values apart) in place, without a norm. Grid rows; threads as for
// `rope_store`, with n_heads heads.
extern "C" __global__ void __launch_bounds__(576, 2) rope(bf16* x, const float2* angles, int rows, int stride, int n_heads, int d) {
    wait_for_earlier_kernels();
    launch_dependents();
    bf16* row = x + static_cast<int64_t>(blockIdx.x) * stride;
    angles += static_cast<int64_t>(blockIdx.x) * (d / 2);
    if (d % 8 == 0 && stride % 4 == 0) {
        rope_row<true>(row, angles, n_heads, d);
    } else {
        rope_row<false>(row, angles, n_heads, d);
    }
}
