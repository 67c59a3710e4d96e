/* SPDX-License-Identifier: MIT */
/*
 * Dropout, with the random words of Philox4x32-10 (base/rng.c) made many blocks at a time.
 *
 * Needs vector.inc.h. A lane of 64 bits holds one 32-bit word of the counter of one block, its upper half is of no
 * meaning: the product reads the lower halves alone, and shifts and exclusive ors never move upper bits down.
 */
#define BLOCKS (LANES / 2) /* in one vector */

typedef uint64_t vw __attribute__((vector_size(LANES * 4)));
typedef uint64_t vw_memory __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE vw vw_splat(uint64_t x)
{
    return x - (vw){0};
}

/* The 64-bit products of the lower halves. */
INLINE vw vw_multiply_low(vw a, vw b)
{
#if VECTOR_LANES == 16
    return (vw)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif VECTOR_LANES == 8
    return (vw)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif VECTOR_LANES == 4
    return (vw)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & vw_splat(UINT32_MAX)) * (b & vw_splat(UINT32_MAX));
#endif
}

/* The words of blocks block .. block + BLOCKS - 1 of a stream, one block after the other: 4 BLOCKS of them. */
INLINE void philox_blocks(uint32_t *words, uint64_t seed, uint64_t stream, uint64_t block)
{
    const vw low = vw_splat(UINT32_MAX), factor0 = vw_splat(0xD2511F53u), factor1 = vw_splat(0xCD9E8D57u);
    vw c0, c1, c2 = vw_splat(stream), c3 = vw_splat(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    vw pair[2];

    for (int i = 0; i < BLOCKS; i++)
        c0[i] = block + (uint64_t)i;
    c1 = c0 >> 32;
    UNROLL for (int round = 0; round < 10; round++)
    {
        const vw p0 = vw_multiply_low(c0, factor0), p1 = vw_multiply_low(c2, factor1);

        c0 = (p1 >> 32) ^ c1 ^ vw_splat(k0);
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ vw_splat(k1);
        c3 = p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    pair[0] = (c0 & low) | c1 << 32;
    pair[1] = (c2 & low) | c3 << 32;
    for (int i = 0; i < BLOCKS; i++) {
        for (int half = 0; half < 2; half++) {
            words[4 * i + 2 * half] = (uint32_t)pair[half][i];
            words[4 * i + 2 * half + 1] = (uint32_t)(pair[half][i] >> 32);
        }
    }
}

#define DROPOUT_WORDS 512

/* 0 where the word is below the limit, else x / keep. */
INLINE vf drop(vf x, const uint32_t *words, vu limit, vf keep)
{
    return vf_select((vi)((vu) * (const vi_memory *)(const void *)words < limit), vf_splat(0.0f), x / keep);
}

static void dropout(float *y, const float *x, int64_t n, const heed_dropout_words *d)
{
    const vu limit = (vu){0} + d->limit;
    const vf keep = vf_splat(d->keep);
    uint32_t words[DROPOUT_WORDS + LANES]; /* the last vector may read beyond them */
    uint64_t block = d->first / 4;
    int64_t skip = (int64_t)(d->first % 4);

    memset(words + DROPOUT_WORDS, 0, LANES * sizeof words[0]);
    for (int64_t i = 0; i < n; skip = 0) {
        const int64_t left = n - i, here = left < DROPOUT_WORDS - skip ? left : DROPOUT_WORDS - skip;

        for (int64_t w = 0; w < skip + here; w += 4 * BLOCKS, block += BLOCKS)
            philox_blocks(words + w, d->seed, d->stream, block);
        for (int64_t j = 0; j < here; j += LANES) {
            const int64_t count = here - j < LANES ? here - j : LANES;
            vf_store_up_to(y + i + j,
                           drop(vf_load_up_to(x + i + j, count, 0.0f), words + skip + j, limit, keep), count);
        }
        i += here;
    }
}
