/* SPDX-License-Identifier: MIT */
/*
 * Weights as decoding reads them: single precision, bfloat16, half precision and 8-bit integers with scales, each number
 * widened to a float on its way into the products.
 *
 * Memory gives more where several places are read side by side: on two Ice Lake cores one stream of addresses brings 21
 * GB/s, four 25, eight 27. So a loop takes STREAMS rows of W at once, which lie apart: each stream then runs on over
 * many rows. Every function is written once over types and over rows of x, and made for each by constants.
 */
enum {
    STREAMS = 8,
    WEIGHT_TILE = LANES >= 16 ? 16 : 8, /* accumulators of stream_dot */
    AHEAD_BYTES = 512, /* from what is read to what is asked for: a tenth faster than not to ask */
};

typedef uint16_t vh __attribute__((vector_size(LANES * 2)));
typedef uint16_t vh_memory __attribute__((vector_size(LANES * 2), aligned(2), may_alias));
typedef int8_t vb_memory __attribute__((vector_size(LANES), aligned(1), may_alias));

/* --- numbers ------------------------------------------------------------------------------------- */

/*
 * 1 sign, 5 bits of exponent, 10 of significand. Read as a float 13 bits higher the exponent is short by 112, which a
 * product puts right, for numbers below 2^-14 too. Infinities and NaN get the rest of their exponent.
 */
INLINE vf vf_of_f16(const uint16_t *x)
{
#if VECTOR_LANES == 16
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)x));
#elif VECTOR_LANES == 8
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const void *)x));
#else
    const vu bits = __builtin_convertvector((vh) * (const vh_memory *)x, vu);
    const vf size = (vf)((bits & 0x7fffu) << 13) * 0x1p112f;
    const vi special = (bits & 0x7c00u) == 0x7c00u;

    return (vf)((vu)size | ((bits & 0x8000u) << 16) | ((vu)special & 0x7f800000u));
#endif
}

INLINE vf vf_of_bf16(const uint16_t *x)
{
#if VECTOR_LANES == 16
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)x)), 16);
#elif VECTOR_LANES == 8
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)x)), 16);
#else
    return (vf)(__builtin_convertvector((vh) * (const vh_memory *)x, vu) << 16);
#endif
}

INLINE vf vf_of_bytes(const int8_t *x)
{
#if VECTOR_LANES == 16
    return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)x)));
#elif VECTOR_LANES == 8
    return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)x)));
#else
    return __builtin_convertvector(__builtin_convertvector(*(const vb_memory *)x, vi), vf);
#endif
}

/* LANES numbers from element i on; 8-bit ones in units of their scale. */
INLINE vf weight_load(const heed_weight_type type, const void *w, int64_t i)
{
    if (type == HEED_WEIGHT_F32)
        return vf_load((const float *)w + i);
    if (type == HEED_WEIGHT_BF16)
        return vf_of_bf16((const uint16_t *)w + i);
    if (type == HEED_WEIGHT_F16)
        return vf_of_f16((const uint16_t *)w + i);
    return vf_of_bytes((const int8_t *)w + i);
}

INLINE int64_t weight_bytes(const heed_weight_type type)
{
    return type == HEED_WEIGHT_F32 ? 4 : type == HEED_WEIGHT_8BIT ? 1 : 2;
}

/* Asks, once a line of memory, for what is read AHEAD_BYTES later. Past the end of W it asks for nothing of use. */
INLINE void weight_ask(const heed_weight_type type, const void *w, int64_t i)
{
    if (i * weight_bytes(type) % 64 == 0)
        __builtin_prefetch((const char *)w + i * weight_bytes(type) + AHEAD_BYTES);
}

/* The first n of them, zeros behind. */
INLINE vf weight_load_first(const heed_weight_type type, const void *w, int64_t i, int64_t n)
{
    const size_t bytes = (size_t)weight_bytes(type);
    char some[LANES * 4] = {0};

    memcpy(some, (const char *)w + (size_t)i * bytes, (size_t)n * bytes);
    return weight_load(type, some, 0);
}

INLINE vf weight_load_up_to(const heed_weight_type type, const void *w, int64_t i, int64_t n)
{
    return n >= LANES ? weight_load(type, w, i) : weight_load_first(type, w, i, n);
}

/* Where a row begins. */
INLINE const void *weight_at(const heed_weight_type type, const heed_weight_matrix *w, int64_t row)
{
    return (const char *)w->data + row * w->stride * weight_bytes(type);
}

/* --- y = x W^T: rows of W are outputs ------------------------------------------------------------- */

/* What a tile is made of: rows of W `apart` from each other, rows of x. Rows of x that are missing repeat the last one. */
typedef struct dot_tile_of {
    const heed_weight_matrix *w;
    const float *x[HEED_STREAM_ROWS];
    int64_t n_in, apart;
} dot_tile_of;

/*
 * Products of `outs` rows of W from `row` on with `rows` rows of x. Each sum goes over vectors of k in order, then over
 * their lanes: the same for any outs and rows.
 */
INLINE void dot_tile(float (*y)[HEED_STREAM_ROWS], const dot_tile_of *t, int64_t row,
                     const heed_weight_type type, const int outs, const int rows)
{
    const bool scaled = type == HEED_WEIGHT_8BIT;
    const int64_t group = scaled ? t->w->group : t->n_in;
    const void *w[STREAMS];
    vf sum[STREAMS][HEED_STREAM_ROWS], scale[STREAMS];

    UNROLL
    for (int s = 0; s < outs; s++) {
        w[s] = weight_at(type, t->w, row + s * t->apart);
        UNROLL
        for (int r = 0; r < rows; r++)
            sum[s][r] = vf_splat(0.0f);
    }
    for (int64_t first = 0; first < t->n_in; first += group) {
        const int64_t last = t->n_in - first < group ? t->n_in : first + group;
        int64_t k = first;

        UNROLL
        for (int s = 0; s < outs && scaled; s++)
            scale[s] = vf_splat(t->w->scales[(row + s * t->apart) * t->w->scale_stride + first / group]);
        for (; k + LANES <= last; k += LANES) {
            UNROLL
            for (int s = 0; s < outs; s++) {
                weight_ask(type, w[s], k);
                const vf number = weight_load(type, w[s], k), weight = scaled ? number * scale[s] : number;

                UNROLL
                for (int r = 0; r < rows; r++)
                    sum[s][r] = vf_fma(weight, vf_load(t->x[r] + k), sum[s][r]);
            }
        }
        if (k < last) {
            UNROLL
            for (int s = 0; s < outs; s++) {
                const vf number = weight_load_first(type, w[s], k, last - k);
                const vf weight = scaled ? number * scale[s] : number;

                UNROLL
                for (int r = 0; r < rows; r++)
                    sum[s][r] = vf_fma(weight, vf_load_first(t->x[r] + k, last - k, 0.0f), sum[s][r]);
            }
        }
    }
    UNROLL
    for (int s = 0; s < outs; s++) {
        UNROLL
        for (int r = 0; r < rows; r++)
            y[s][r] = vf_sum(sum[s][r]);
    }
}

/* n_rows <= rows of x: the outputs in STREAMS parts that are read side by side. */
INLINE void stream_dot_rows(float *y, int64_t y_stride, const dot_tile_of *tile, const float *bias,
                            int64_t n_rows, int64_t n_out, const heed_weight_type type, const int rows)
{
    enum { MOST = WEIGHT_TILE };
    const int outs = MOST / rows < STREAMS ? MOST / rows : STREAMS;
    dot_tile_of t = *tile;
    float out[STREAMS][HEED_STREAM_ROWS];

    t.apart = n_out / outs;
    for (int64_t o = 0; o < t.apart; o++) {
        dot_tile(out, &t, o, type, outs, rows);
        for (int s = 0; s < outs; s++) {
            const int64_t at = o + s * t.apart;

            for (int64_t r = 0; r < n_rows; r++)
                y[r * y_stride + at] = out[s][r] + (bias ? bias[at] : 0.0f);
        }
    }
    for (int64_t o = outs * t.apart; o < n_out; o++) {
        dot_tile(out, &t, o, type, 1, rows);
        for (int64_t r = 0; r < n_rows; r++)
            y[r * y_stride + o] = out[0][r] + (bias ? bias[o] : 0.0f);
    }
}

INLINE void stream_dot_of(float *y, int64_t y_stride, const heed_weight_matrix *w, const float *x,
                          int64_t x_stride, const float *bias, int64_t n_rows, int64_t n_out, int64_t n_in,
                          const heed_weight_type type)
{
    for (int64_t r = 0; r < n_rows; r += HEED_STREAM_ROWS) {
        const int64_t n = n_rows - r < HEED_STREAM_ROWS ? n_rows - r : HEED_STREAM_ROWS;
        float *to = y + r * y_stride;
        dot_tile_of t = {.w = w, .n_in = n_in};

        for (int64_t i = 0; i < HEED_STREAM_ROWS; i++)
            t.x[i] = x + (r + (i < n ? i : n - 1)) * x_stride;
        if (n == 1)
            stream_dot_rows(to, y_stride, &t, bias, n, n_out, type, 1);
        else if (n == 2)
            stream_dot_rows(to, y_stride, &t, bias, n, n_out, type, 2);
        else if (n <= 4)
            stream_dot_rows(to, y_stride, &t, bias, n, n_out, type, 4);
        else
            stream_dot_rows(to, y_stride, &t, bias, n, n_out, type, HEED_STREAM_ROWS);
    }
}

static void stream_dot(float *y, int64_t y_stride, const heed_weight_matrix *w, const float *x,
                       int64_t x_stride, const float *bias, int64_t n_rows, int64_t n_out, int64_t n_in)
{
    if (w->type == HEED_WEIGHT_F32)
        stream_dot_of(y, y_stride, w, x, x_stride, bias, n_rows, n_out, n_in, HEED_WEIGHT_F32);
    else if (w->type == HEED_WEIGHT_BF16)
        stream_dot_of(y, y_stride, w, x, x_stride, bias, n_rows, n_out, n_in, HEED_WEIGHT_BF16);
    else if (w->type == HEED_WEIGHT_F16)
        stream_dot_of(y, y_stride, w, x, x_stride, bias, n_rows, n_out, n_in, HEED_WEIGHT_F16);
    else
        stream_dot_of(y, y_stride, w, x, x_stride, bias, n_rows, n_out, n_in, HEED_WEIGHT_8BIT);
}

/* --- y += x W: rows of W are inputs --------------------------------------------------------------- */

/* `count` rows of W that are added at once, and x there. */
typedef struct combine_pass {
    const void *w[STREAMS];
    float x[HEED_STREAM_ROWS][STREAMS];
    const float *scales; /* of their group, NULL but for 8 bits */
    float *y;
    int64_t y_stride;
} combine_pass;

/* Columns o .. o+n-1 of `rows` rows of y, n at most `vectors` vectors; all of them when whole. */
INLINE void combine_columns(const combine_pass *p, int64_t o, int64_t n, const heed_weight_type type,
                            const int count, const int rows, const int vectors, const bool whole)
{
    vf w[2][STREAMS], scale[2];

    UNROLL
    for (int v = 0; v < vectors; v++) {
        UNROLL
        for (int s = 0; s < count && whole; s++)
            weight_ask(type, p->w[s], o + v * LANES);
        UNROLL
        for (int s = 0; s < count; s++)
            w[v][s] = whole ? weight_load(type, p->w[s], o + v * LANES)
                            : weight_load_first(type, p->w[s], o, n);
        if (type == HEED_WEIGHT_8BIT)
            scale[v] = whole ? vf_load(p->scales + o + v * LANES) : vf_load_first(p->scales + o, n, 0.0f);
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        float *y = p->y + r * p->y_stride + o;

        UNROLL
        for (int v = 0; v < vectors; v++) {
            const vf so_far = whole ? vf_load(y + v * LANES) : vf_load_first(y, n, 0.0f);
            vf sum = type == HEED_WEIGHT_8BIT ? vf_splat(0.0f) : so_far;

            UNROLL
            for (int s = 0; s < count; s++)
                sum = vf_fma(vf_splat(p->x[r][s]), w[v][s], sum);
            if (type == HEED_WEIGHT_8BIT)
                sum = vf_fma(sum, scale[v], so_far);
            if (whole)
                vf_store(y + v * LANES, sum);
            else
                vf_store_first(y, sum, n);
        }
    }
}

INLINE void combine_one_pass(const combine_pass *pass, int64_t begin, int64_t end, const heed_weight_type type,
                             const int count, const int rows)
{
    const combine_pass p = *pass;
    int64_t o = begin;

    if (LANES >= 16 && rows > 1) {
        for (; o + 2 * LANES <= end; o += 2 * LANES)
            combine_columns(&p, o, 2 * LANES, type, count, rows, 2, true);
    }
    for (; o + LANES <= end; o += LANES)
        combine_columns(&p, o, LANES, type, count, rows, 1, true);
    if (o < end)
        combine_columns(&p, o, end - o, type, count, rows, 1, false);
}

/* A block of rows of W for `rows` rows of x: STREAMS parts side by side, what is left row by row. */
INLINE void combine_block(float *y, int64_t y_stride, const heed_weight_matrix *w, const float *x,
                          int64_t x_stride, int64_t first, int64_t n, int64_t n_out,
                          const heed_weight_type type, const int rows)
{
    const int64_t columns = 4096 / rows,
                  apart = n / STREAMS; /* so many that their y stays in the nearest cache */
    combine_pass p = {.y = y, .y_stride = y_stride};

    if (type == HEED_WEIGHT_8BIT)
        p.scales = w->scales + first / w->group * w->scale_stride;
    for (int64_t begin = 0; begin < n_out; begin += columns) {
        const int64_t end = n_out - begin < columns ? n_out : begin + columns;

        for (int64_t j = 0; j < apart; j++) {
            for (int s = 0; s < STREAMS; s++) {
                const int64_t k = first + j + s * apart;

                p.w[s] = weight_at(type, w, k);
                for (int r = 0; r < rows; r++)
                    p.x[r][s] = x[r * x_stride + k];
            }
            combine_one_pass(&p, begin, end, type, STREAMS, rows);
        }
        for (int64_t k = first + STREAMS * apart; k < first + n; k++) {
            p.w[0] = weight_at(type, w, k);
            for (int r = 0; r < rows; r++)
                p.x[r][0] = x[r * x_stride + k];
            combine_one_pass(&p, begin, end, type, 1, rows);
        }
    }
}

/* Asks for the first bytes of the streams of a block, which no stream before it runs into. */
INLINE void ask_block(const heed_weight_matrix *w, int64_t first, int64_t n, const heed_weight_type type)
{
    for (int s = 0; s < STREAMS; s++) {
        const char *row = weight_at(type, w, first + s * (n / STREAMS));

        for (int i = 0; i < AHEAD_BYTES; i += 64)
            __builtin_prefetch(row + i);
    }
}

INLINE void stream_combine_of(float *y, int64_t y_stride, const heed_weight_matrix *w, const float *x,
                              int64_t x_stride, int64_t n_rows, int64_t n_out, int64_t begin, int64_t end,
                              const heed_weight_type type)
{
    const int64_t block = type == HEED_WEIGHT_8BIT ? w->group : HEED_STREAM_BLOCK;

    for (int64_t k = begin; k < end; k += block) {
        const int64_t n = end - k < block ? end - k : block;
        int64_t r = 0;

        if (k + 2 * block <= end)
            ask_block(w, k + block, block, type);
        for (; r + 8 <= n_rows; r += 8)
            combine_block(y + r * y_stride, y_stride, w, x + r * x_stride, x_stride, k, n, n_out, type, 8);
        if (r + 4 <= n_rows) {
            combine_block(y + r * y_stride, y_stride, w, x + r * x_stride, x_stride, k, n, n_out, type, 4);
            r += 4;
        }
        if (r + 2 <= n_rows) {
            combine_block(y + r * y_stride, y_stride, w, x + r * x_stride, x_stride, k, n, n_out, type, 2);
            r += 2;
        }
        if (r < n_rows)
            combine_block(y + r * y_stride, y_stride, w, x + r * x_stride, x_stride, k, n, n_out, type, 1);
    }
}

static void stream_combine(float *y, int64_t y_stride, const heed_weight_matrix *w, const float *x,
                           int64_t x_stride, int64_t n_rows, int64_t n_out, int64_t begin, int64_t end)
{
    if (w->type == HEED_WEIGHT_F32)
        stream_combine_of(y, y_stride, w, x, x_stride, n_rows, n_out, begin, end, HEED_WEIGHT_F32);
    else if (w->type == HEED_WEIGHT_BF16)
        stream_combine_of(y, y_stride, w, x, x_stride, n_rows, n_out, begin, end, HEED_WEIGHT_BF16);
    else if (w->type == HEED_WEIGHT_F16)
        stream_combine_of(y, y_stride, w, x, x_stride, n_rows, n_out, begin, end, HEED_WEIGHT_F16);
    else
        stream_combine_of(y, y_stride, w, x, x_stride, n_rows, n_out, begin, end, HEED_WEIGHT_8BIT);
}

/* --- as floats ------------------------------------------------------------------------------------ */

INLINE void widen_weights_of(float *y, const heed_weight_matrix *w, int64_t row, int64_t begin, int64_t n,
                             const heed_weight_type type)
{
    const void *from = weight_at(type, w, row);
    const float *scales = NULL;

    if (type == HEED_WEIGHT_8BIT)
        scales = w->scales + (w->group_in_row ? row : row / w->group) * w->scale_stride;
    for (int64_t i = 0; i < n; i += LANES) {
        vf x = weight_load_up_to(type, from, begin + i, n - i);

        if (type == HEED_WEIGHT_8BIT && w->group_in_row) /* a group is a multiple of LANES */
            x *= scales[(begin + i) / w->group];
        else if (type == HEED_WEIGHT_8BIT)
            x *= n - i >= LANES ? vf_load(scales + begin + i) : vf_load_first(scales + begin + i, n - i, 0.0f);
        if (n - i >= LANES)
            vf_store(y + i, x);
        else
            vf_store_first(y + i, x, n - i);
    }
}

static void widen_weights(float *y, const heed_weight_matrix *w, int64_t row, int64_t begin, int64_t n)
{
    if (w->type == HEED_WEIGHT_F32)
        memcpy(y, (const float *)w->data + row * w->stride + begin, (size_t)n * sizeof *y);
    else if (w->type == HEED_WEIGHT_BF16)
        widen_weights_of(y, w, row, begin, n, HEED_WEIGHT_BF16);
    else if (w->type == HEED_WEIGHT_F16)
        widen_weights_of(y, w, row, begin, n, HEED_WEIGHT_F16);
    else
        widen_weights_of(y, w, row, begin, n, HEED_WEIGHT_8BIT);
}
