/* SPDX-License-Identifier: MIT */
/* Scores that TransformerLens gave; where they come from stands in tests/vectors/README.md. */
#include "cmocka_all.h"

#include <heed/heads.h>
#include <math.h>

enum { N = 12 };

static const int32_t ids[N] = {5, 2, 2, 7, 5, 2, 9, 7, 5, 5, 2, 3};

static const float pattern[N][N] = {
    {1.0f},
    {0.129050091f, 0.870949924f},
    {0.761103272f, 0.212120026f, 0.0267766584f},
    {0.301017642f, 0.258220822f, 0.287455857f, 0.15330565f},
    {0.0661650002f, 0.288497061f, 0.178720579f, 0.108040184f, 0.358577192f},
    {0.67322129f, 0.0605361424f, 0.00516380975f, 0.0683715045f, 0.140797943f, 0.0519092903f},
    {0.10267631f, 0.172478452f, 0.0766540989f, 0.0904034898f, 0.130910799f, 0.11856433f, 0.308312625f},
    {0.0330375358f, 0.0840336531f, 0.164623901f, 0.118159711f, 0.178870812f, 0.0839375481f, 0.0489515103f,
     0.288385332f},
    {0.0990419686f, 0.168009236f, 0.115657382f, 0.0205030702f, 0.204229429f, 0.0226520933f, 0.0202169586f,
     0.155409187f, 0.194280699f},
    {0.00966583844f, 0.0425491109f, 0.0180374458f, 0.0254639443f, 0.189516693f, 0.0451694764f, 0.286135465f,
     0.179021284f, 0.0971236601f, 0.107317105f},
    {0.386095464f, 0.0236788541f, 0.0295024756f, 0.192208573f, 0.00412695576f, 0.180644169f, 0.0331074372f,
     0.0420118682f, 0.0609656684f, 0.00506036682f, 0.0425981544f},
    {0.0297111683f, 0.00690799113f, 0.0758960694f, 0.0179962087f, 0.00803179853f, 0.00618982967f, 0.0692417547f,
     0.0778823197f, 0.399307549f, 0.0789983049f, 0.223149493f, 0.00668754382f},
};

typedef struct recorded {
    heed_head_role role;
    heed_head_match how; /* abs, exclude_first (exclude_bos), exclude_current */
    double score;
} recorded;

static const recorded cases[] = {
    {HEED_HEAD_PREVIOUS, {false, false, false}, 0.127143562},
    {HEED_HEAD_PREVIOUS, {false, false, true}, 0.177597538},
    {HEED_HEAD_PREVIOUS, {false, true, false}, 0.166088358},
    {HEED_HEAD_PREVIOUS, {false, true, true}, 0.232774332},
    {HEED_HEAD_PREVIOUS, {true, false, false}, -0.662},
    {HEED_HEAD_PREVIOUS, {true, false, true}, -0.378},
    {HEED_HEAD_PREVIOUS, {true, true, false}, -0.301},
    {HEED_HEAD_PREVIOUS, {true, true, true}, -0.101},
    {HEED_HEAD_DUPLICATE, {false, false, false}, 0.107962318},
    {HEED_HEAD_DUPLICATE, {false, false, true}, 0.150804669},
    {HEED_HEAD_DUPLICATE, {false, true, false}, 0.133267492},
    {HEED_HEAD_DUPLICATE, {false, true, true}, 0.18677558},
    {HEED_HEAD_DUPLICATE, {true, false, false}, -0.867},
    {HEED_HEAD_DUPLICATE, {true, false, true}, -0.583},
    {HEED_HEAD_DUPLICATE, {true, true, false}, -0.347},
    {HEED_HEAD_DUPLICATE, {true, true, true}, -0.147},
    {HEED_HEAD_INDUCTION, {false, false, false}, 0.100682959},
    {HEED_HEAD_INDUCTION, {false, false, true}, 0.12502785},
    {HEED_HEAD_INDUCTION, {false, true, false}, 0.143675193},
    {HEED_HEAD_INDUCTION, {false, true, true}, 0.179013535},
    {HEED_HEAD_INDUCTION, {true, false, false}, -0.882},
    {HEED_HEAD_INDUCTION, {true, false, true}, -0.454},
    {HEED_HEAD_INDUCTION, {true, true, false}, -0.583},
    {HEED_HEAD_INDUCTION, {true, true, true}, -0.238},
};

/* Sums of 78 numbers in single precision: 1e-6. "abs" is rounded to three digits there: half of the last one more. */
static double tolerance_of(const recorded *r)
{
    return r->how.abs ? 5e-4 + 1e-6 : 1e-6;
}

static void scores_are_those_of_transformer_lens(void **state)
{
    const heed_head_pattern p = {.weights = pattern[0], .ids = ids, .n = N};
    heed_head_scores scores;
    float D[N * N];

    (void)state;
    assert_int_equal(heed_head_measure(&p, &scores, NULL), HEED_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const recorded *r = &cases[i];
        const bool whole = !r->how.exclude_first && !r->how.exclude_current;
        const heed_head_role_score *s = &scores.roles[r->role];
        double matches;
        assert_int_equal(heed_head_detection(r->role, &p, D, NULL), HEED_OK);
        matches = heed_head_matches(pattern[0], D, N, &r->how);
        if (fabs(matches - r->score) > tolerance_of(r))
            fail_msg("case %zu, %s: got %.9g, TransformerLens gives %.9g", i, heed_head_role_name(r->role),
                     matches, r->score);
        if (whole && fabs((r->how.abs ? s->abs : s->mul) - r->score) > tolerance_of(r))
            fail_msg("case %zu, %s: measured %.9g, TransformerLens gives %.9g", i, heed_head_role_name(r->role),
                     r->how.abs ? s->abs : s->mul, r->score);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_transformer_lens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
