// What a vision tower needs before its blocks: patches of normalised pixels, interpolated position tables, angles by grid
// row and column. The CPU twins are in `ashlar_kernels::vision`.

#include "common.cuh"

namespace {

constexpr int THREADS = 256;

// A picture or the frames of a clip, and how they are cut.
struct Frames {
    const uint8_t* rgb;
    int n;
    int height;
    int width;
    int patch;
    int temporal;
    int merge;
};

// Writes N neighbouring pixels of a patch, in all channels and frames. N = 8 wants patches of a multiple of 8 pixels.
template <int N>
__device__ __forceinline__ void write_pixels(bf16* out, const Frames& frames, const bf16 (*table)[256]) {
    const int patch = frames.patch, merge = frames.merge, area = patch * patch;
    const int blocks_wide = frames.width / (patch * merge), n_patches = (frames.height / patch) * (frames.width / patch);
    const int n_groups = (frames.n + frames.temporal - 1) / frames.temporal;
    const int64_t index = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
    const int64_t out_row = index / (area / N);
    if (out_row >= static_cast<int64_t>(n_groups) * n_patches) return;
    const int pixel = static_cast<int>(index % (area / N)) * N;
    const int group = static_cast<int>(out_row / n_patches), in_group = static_cast<int>(out_row % n_patches);
    // Blocks row by row, patches of a block row by row.
    const int block = in_group / (merge * merge), in_block = in_group % (merge * merge);
    const int y = (block / blocks_wide * merge + in_block / merge) * patch + pixel / patch;
    const int x = (block % blocks_wide * merge + in_block % merge) * patch + pixel % patch;
    for (int t = 0; t < frames.temporal; t++) {
        const int frame = min(group * frames.temporal + t, frames.n - 1);
        const uint8_t* source = frames.rgb + ((static_cast<int64_t>(frame) * frames.height + y) * frames.width + x) * 3;
        uint8_t bytes[3 * N];
        if (N == 8) {
            // A row of pixels is a multiple of 8 bytes long, so that 8 pixels begin on 8 bytes.
#pragma unroll
            for (int i = 0; i < 3; i++) {
                const uint2 raw = reinterpret_cast<const uint2*>(source)[i];
#pragma unroll
                for (int j = 0; j < 8; j++) bytes[8 * i + j] = (j < 4 ? raw.x >> 8 * j : raw.y >> 8 * (j - 4)) & 0xff;
            }
        } else {
#pragma unroll
            for (int i = 0; i < 3 * N; i++) bytes[i] = source[i];
        }
#pragma unroll
        for (int c = 0; c < 3; c++) {
            bf16* target = out + ((out_row * 3 + c) * frames.temporal + t) * area + pixel;
            if (N == 8) {
                Bf16x8 v;
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    v.pairs[i] = __halves2bfloat162(table[c][bytes[6 * i + c]], table[c][bytes[6 * i + 3 + c]]);
                }
                store8(target, v);
            } else {
                target[0] = table[c][bytes[c]];
            }
        }
    }
}

// Where line `i` of `n` falls on a table of `side` entries: which entries, times what.
struct Bilinear {
    static constexpr int TAPS = 2;
    int entries[TAPS];
    float weights[TAPS];
    // Corners on corners.
    __device__ __forceinline__ Bilinear(int i, int n, int side) {
        const float step = n > 1 ? __fdiv_rn(static_cast<float>(side - 1), static_cast<float>(n - 1)) : 0.0f;
        // From the nearer end, so that the last line falls on the last entry exactly.
        const float at = i < (n + 1) / 2 ? __fmul_rn(static_cast<float>(i), step)
                                         : __fsub_rn(static_cast<float>(side - 1), __fmul_rn(static_cast<float>(n - 1 - i), step));
        entries[0] = min(max(static_cast<int>(at), 0), side - 1);
        entries[1] = min(entries[0] + 1, side - 1);
        weights[1] = at - static_cast<float>(entries[0]);
        weights[0] = 1.0f - weights[1];
    }
};

struct Bicubic {
    static constexpr int TAPS = 4;
    int entries[TAPS];
    float weights[TAPS];
    // Centres on centres, a = -0.75, edges repeated.
    __device__ __forceinline__ Bicubic(int i, int n, int side) {
        constexpr float A = -0.75f;
        const auto near = [](float x) { return ((A + 2.0f) * x - (A + 3.0f)) * x * x + 1.0f; };
        const auto far = [](float x) { return ((A * x - 5.0f * A) * x + 8.0f * A) * x - 4.0f * A; };
        const float scale = __fdiv_rn(static_cast<float>(side), static_cast<float>(n));
        const float at = __fsub_rn(__fmul_rn(scale, static_cast<float>(i) + 0.5f), 0.5f);
        const float low = floorf(at), t = at - low;
        weights[0] = far(t + 1.0f), weights[1] = near(t), weights[2] = near(1.0f - t), weights[3] = far(2.0f - t);
#pragma unroll
        for (int j = 0; j < TAPS; j++) entries[j] = min(max(static_cast<int>(low) + j - 1, 0), side - 1);
    }
};

template <class Line>
__device__ __forceinline__ void add_positions_by(bf16* x, const float* table, const int4* coords, int width, int side) {
    const int4 at = coords[blockIdx.x];
    const Line down(at.x, at.z, side), across(at.y, at.w, side);
    bf16* row = x + static_cast<int64_t>(blockIdx.x) * width;
    const bool vectors = width % 8 == 0;
    for (int i = threadIdx.x * 8; i < width; i += blockDim.x * 8) {
        float v[8], sum[8] = {};
        unpack8(v, vectors ? load8(row + i) : load_up_to_8(row + i, width - i));
#pragma unroll
        for (int tap = 0; tap < Line::TAPS * Line::TAPS; tap++) {
            const int line = tap / Line::TAPS, column = tap % Line::TAPS;
            const float weight = down.weights[line] * across.weights[column];
            const float* from = table + static_cast<int64_t>(down.entries[line] * side + across.entries[column]) * width + i;
            float values[8] = {};
            if (vectors) {
                const float4* four = reinterpret_cast<const float4*>(from);
                const float4 a = four[0], b = four[1];
                values[0] = a.x, values[1] = a.y, values[2] = a.z, values[3] = a.w;
                values[4] = b.x, values[5] = b.y, values[6] = b.z, values[7] = b.w;
            } else {
#pragma unroll
                for (int j = 0; j < 8; j++) {
                    if (i + j < width) values[j] = from[j];
                }
            }
#pragma unroll
            for (int j = 0; j < 8; j++) sum[j] += weight * values[j];
        }
#pragma unroll
        for (int j = 0; j < 8; j++) v[j] += sum[j];
        if (vectors) {
            store8(row + i, pack8(v));
        } else {
            store_up_to_8(row + i, pack8(v), width - i);
        }
    }
}

}  // namespace

// Normalised patches of `n_frames` RGB frames `[n_frames, height, width, 3]`, height and width multiples of
// `patch · merge`: out `[ceil(n_frames / temporal) · height / patch · width / patch, 3, temporal, patch, patch]`, blocks of
// `merge²` patches row by row, patches of a block row by row, (value - mean) / std with mean and std in grey levels (times
// 255) for each channel. The last frame fills up the last group, so a picture repeats along `temporal`. rgb is 8-byte
// aligned. Grid ceil(groups · height · width / N / 256), 256 threads; N = 8 if `patch` is a multiple of 8, else 1.
extern "C" __global__ void __launch_bounds__(THREADS)
    patches(bf16* out, const unsigned char* rgb, int n_frames, int height, int width, int patch, int temporal, int merge, float mean_r,
            float mean_g, float mean_b, float std_r, float std_g, float std_b) {
    __shared__ bf16 table[3][256];
    const float grey = static_cast<float>(threadIdx.x);
    table[0][threadIdx.x] = __float2bfloat16_rn(__fdiv_rn(grey - mean_r, std_r));
    table[1][threadIdx.x] = __float2bfloat16_rn(__fdiv_rn(grey - mean_g, std_g));
    table[2][threadIdx.x] = __float2bfloat16_rn(__fdiv_rn(grey - mean_b, std_b));
    wait_for_earlier_kernels();
    launch_dependents();
    __syncthreads();
    const Frames frames = {rgb, n_frames, height, width, patch, temporal, merge};
    if (patch % 8 == 0) {
        write_pixels<8>(out, frames, table);
    } else {
        write_pixels<1>(out, frames, table);
    }
}

// Adds to each row of x the square table `[side², width]` at the row's place, (row, col, grid height, grid width) in
// `coords`, interpolated bilinearly with corners on corners, or bicubically (a = -0.75) with centres on centres. Grid rows;
// 32 · clamp(ceil(width / 8 / 32), 1, 32) threads.
#define ADD_POSITIONS(name, Line)                                                                        \
    extern "C" __global__ void __launch_bounds__(1024)                                                   \
        add_positions_##name(bf16* x, const float* table, const int4* coords, int width, int side) {     \
        wait_for_earlier_kernels();                                                                      \
        launch_dependents();                                                                             \
        add_positions_by<Line>(x, table, coords, width, side);                                           \
    }

ADD_POSITIONS(bilinear, Bilinear)
ADD_POSITIONS(bicubic, Bicubic)

// out[row] = (cos, sin) of grid row · inverse[i] for the first `quarter` pairs, of grid column · inverse[i] for the rest:
// `[rows][2 · quarter]`, from (row, col, _, _) in `coords`. Grid ceil(rows · 2 · quarter / 256), 256 threads.
extern "C" __global__ void __launch_bounds__(THREADS)
    vision_angles(float2* out, const int4* coords, const float* inverse, int rows, int quarter) {
    wait_for_earlier_kernels();
    launch_dependents();
    const int64_t index = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
    if (index >= static_cast<int64_t>(rows) * 2 * quarter) return;
    const int i = static_cast<int>(index % (2 * quarter));
    const int4 at = coords[index / (2 * quarter)];
    float sin, cos;
    sincosf(static_cast<float>(i < quarter ? at.x : at.y) * inverse[i < quarter ? i : i - quarter], &sin, &cos);
    out[index] = make_float2(cos, sin);
}
