/* SPDX-License-Identifier: MIT */
/* What else people call it: each name of an answer with others that mean the same there. */
#include <string.h>

#include "workbook/judge.h"

/* Letters and digits alone, in lower case: "n_heads" is nheads. Apart by blanks. */
static const struct {
    const char *name, *others;
} known[] = {
    /* axes */
    {"batch", "b n batchsize batches sequence sequences"},
    {"heads", "h head nheads headaxis headindex numheads"},
    {"seq",
     "t l s seqlen sequence length position positions token tokens time sequencelength sequenceposition"},
    {"headdim", "dhead dk hd headsize dimhead headdimension dimensionofahead feature features"},
    {"queryposition", "query queries q tq seq seqlen seqq seqquery position tquery queryseq querypos i"},
    {"keyposition", "key keys k tk seq seqlen seqk seqkey position tkey keyseq keypos j"},
    {"dmodel", "d model width modeldim embedding features channels"},
    {"vocab", "v vocabsize vocabulary logits tokens"},

    /* parts of a model */
    {"tokentable", "tokenembedding tokenembeddings tokenembed embedding wte tokens token"},
    {"positiontable", "positionembedding positionembeddings posembedding position positions wpe"},
    {"outputhead", "head lmhead output unembedding"},
    {"projections",
     "projection qkv qkvprojections qkvprojection qkvparameters parameters params maps linearmaps"},
    {"qkt", "qk qktranspose qkproduct product dotproducts"},
    {"scores", "score scorematrix attentionscores"},

    /* a loss beside that of guessing */
    {"same", "equal thesame sameasuniform sameasguessing sameasrandom"},
    {"worse", "worsethanuniform worsethanguessing worsethanrandom"},
    {"better", "betterthanuniform betterthanguessing betterthanrandom"},
};

static bool among(const char *others, const char *word)
{
    const size_t n = strlen(word);

    while (*others != '\0') {
        const size_t length = strcspn(others, " ");
        if (length == n && strncmp(others, word, n) == 0)
            return true;
        others += length + (others[length] == ' ');
    }
    return false;
}

bool heed_same_words(const char *a, const char *b)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((strcmp(known[i].name, a) == 0 && among(known[i].others, b)) ||
            (strcmp(known[i].name, b) == 0 && among(known[i].others, a)))
            return true;
    }
    return false;
}
