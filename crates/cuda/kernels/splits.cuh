// How the tokens of a sequence are cut into splits that several blocks attend to: by the sequence's own length.
#pragma once

constexpr int MAX_SPLITS = 32;
// Tokens of a split. Short ones let more of a lone sequence be read at once, long ones are joined less often.
constexpr int SHORT_SPLIT = 128;
constexpr int SPLIT = 2 * SHORT_SPLIT;
constexpr int LONG_SPLIT = 4 * SHORT_SPLIT;
// From as many tokens on, a sequence has splits of SPLIT, and of LONG_SPLIT or more.
constexpr int MEDIUM = 1024;
constexpr int LONG = 4096;
// Where sequences are few, up to sixteen short splits are better than eight longer ones.
constexpr int LONE_MEDIUM = 2048;

// Tokens of each split but the last: a multiple of SHORT_SPLIT. `medium` is MEDIUM or LONE_MEDIUM.
__device__ __forceinline__ int split_tokens(int n_tokens, int medium = MEDIUM) {
    if (n_tokens < LONG) return n_tokens < medium ? SHORT_SPLIT : SPLIT;
    const int fair = (n_tokens + MAX_SPLITS - 1) / MAX_SPLITS;
    return max(LONG_SPLIT, (fair + SHORT_SPLIT - 1) / SHORT_SPLIT * SHORT_SPLIT);
}
