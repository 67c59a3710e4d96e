/* SPDX-License-Identifier: MIT */
#include "workbook/exercise.h"

static const char *const words[HEED_N_SLIPS] = {
    [HEED_SLIP_NONE] = "",
    [HEED_SLIP_NO_SCALE] = "the scores seem not to be divided by sqrt(head_dim)",
    [HEED_SLIP_HEAD_DIM] = "the scores seem to be divided by head_dim, not by its square root",
    [HEED_SLIP_COLUMNS] = "this is the softmax over columns; each row is a query, and adds up to 1",
    [HEED_SLIP_MASK_LATE] =
        "the mask seems to come after the softmax, without making the rows add up to 1 again",
    [HEED_SLIP_MASK_TURNED] = "the mask seems to be transposed: a query may look back, not ahead",
    [HEED_SLIP_TRANSPOSED] = "rows and columns seem to be swapped",
    [HEED_SLIP_TURNED_INPUT] = "Q and K seem to be swapped, or one of them transposed",
    [HEED_SLIP_NO_BIAS] = "the biases seem to be forgotten",
    [HEED_SLIP_NO_HEADS] = "the number of heads seems to be forgotten",
    [HEED_SLIP_OFF_BY_ONE] = "this seems to count from 1 where it is from 0, or the other way round",
    [HEED_SLIP_MEBI] = "MB and MiB (or GB and GiB) seem to be mixed up: 10^6 and 2^20 are not the same",
    [HEED_SLIP_PERCENT] = "per cent and shares seem to be mixed up: the factor is 100",
    [HEED_SLIP_NO_MASK] = "the mask seems to be forgotten",
    [HEED_SLIP_SAMPLE] = "n and n - 1 seem to be mixed up in a mean of squares",
    [HEED_SLIP_LOG_BASE] = "this seems to be the logarithm of another base; nats are of e",
    [HEED_SLIP_SIGN] = "the sign seems to be the other way round",
    [HEED_SLIP_NOT_TURNED] = "the transpose seems to be in the wrong place: it is Q K^T, K alone is turned",
    [HEED_SLIP_ZERO_MASK] = "hidden scores seem to be 0, which is a score like any other; -inf hides",
    [HEED_SLIP_DIAGONAL] = "the diagonal seems to be hidden; a token may look at itself",
    [HEED_SLIP_MASK_FORM] =
        "this seems to be another form of mask: 1 where a key is seen, 1 where it is hidden, 0 and -inf to add",
    [HEED_SLIP_NO_MEAN] = "the mean of the gradient by the weights seems not to be subtracted",
    [HEED_SLIP_VARIANCE] = "variance and standard deviation seem to be mixed up: one is the root of the other",
    [HEED_SLIP_NO_SWAP] = "the axes of heads and positions seem not to be swapped after the split",
    [HEED_SLIP_WRONG_SPLIT] =
        "a row seems to be cut into head_dim parts of n_heads numbers; it is n_heads parts of head_dim numbers",
    [HEED_SLIP_NO_SHIFT] = "the targets seem to be the inputs; what is to be predicted comes one later",
    [HEED_SLIP_SCALED] = "the scores seem to be divided by sqrt(head_dim); here they are not to be",
    [HEED_SLIP_SORTED] = "the ids seem to be sorted; a lookup keeps the order of the text",
    [HEED_SLIP_BATCH_AXIS] = "there seems to be an axis for sequences; positions have one row for all of them, "
                             "and are repeated when added",
    [HEED_SLIP_ROWS_MOVED] =
        "the rows of positions seem to have moved with the words; they belong to the places",
    [HEED_SLIP_LAST_BATCH] = "the last batch seems to be forgotten, which is not full but needs its pass",
    [HEED_SLIP_HALVES] = "the pairs seem to be (m, m + d/2); here they are neighbours, (2m, 2m + 1)",
    [HEED_SLIP_NO_EXP] = "this seems to be made of the loss itself; a perplexity is e^loss",
    [HEED_SLIP_NO_TWO] = "the 2 seems to be forgotten that the derivative of a square brings",
    [HEED_SLIP_NOT_SQUARED] = "the square of the norm seems to be forgotten",
    [HEED_SLIP_SUM_NORMS] =
        "the norms seem to be added up; their squares are, and the root is taken of the sum",
    [HEED_SLIP_EACH_ALONE] =
        "each seems to be clipped by itself; one factor for all, from the norm of all, keeps the direction",
    [HEED_SLIP_SCALED_UP] = "what is below the limit seems to be scaled up to it; clipping only makes smaller",
    [HEED_SLIP_ROUNDED_UP] = "this seems to be rounded up; only what is whole counts",
    [HEED_SLIP_NO_LENGTH] =
        "the tokens of a sequence seem to be forgotten: a batch holds sequences, not tokens",
    [HEED_SLIP_ONE_MAP] = "only one of the two maps seems to be counted",
    [HEED_SLIP_NOT_CENTRED] = "the mean seems not to be subtracted",
    [HEED_SLIP_TRIANGLE] = "only what the mask leaves seems to be counted; here the whole matrix is meant",
    [HEED_SLIP_SUM_P] = "the probabilities seem to be added up; along a path they are multiplied",
    [HEED_SLIP_PRINTED] =
        "the columns seem to be exchanged, as they are in the source's print; this W_V puts the "
        "mark of a consonant first",
    [HEED_SLIP_SCALE_BACK] =
        "the gradients of Q and K seem not to be divided by sqrt(head_dim), as the scores were",
    [HEED_SLIP_NO_RESIDUAL] = "the outputs of the parts seem not to be added to what went in",
    [HEED_SLIP_SUM] = "this seems to be a sum, where the mean is asked for",
    [HEED_SLIP_MATCH] =
        "this seems to be the earlier match itself; an induction head looks at the token behind it, in one hop",
    [HEED_SLIP_FIRST_MATCH] = "this seems to be the first match; the latest one counts",
    [HEED_SLIP_OLD_GRADIENT] = "the second step seems to use the gradient of the first",
    [HEED_SLIP_ALL_ROWS] = "the first row seems to be counted, too; it sees one key alone and has no choice",
    [HEED_SLIP_UNTIED] = "the head seems to be counted; it is the token table once more",
    [HEED_SLIP_LENGTH] = "this is the length of the difference; the largest difference of two entries is meant",
    [HEED_SLIP_NO_OLD] = "this seems to be the change alone; it is added to what was there",
};

const char *heed_slip_words(heed_slip slip)
{
    return words[slip];
}
