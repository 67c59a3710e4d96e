/* SPDX-License-Identifier: MIT */
/*
 * The sentences of the built-in stories; their words are in stories_words.h, the notation in grammar.h.
 *
 * Two things to keep when changing them. Words that may follow "a" begin with a consonant. And no text that one
 * alternative of a rule can write may begin a text of another ("bell" beside "bellows"), or the entropy of the picks
 * would no longer be that of the text; the test of the stories finds such pairs.
 */
#include "data/stories.h"
#include "data/stories_words.h"

static const char *const story[] = {
    "<opening> <worry>\n<search><meeting>\n<clue> <ending>\n\n",
    "<opening> <worry>\n<search><meeting> <bargain>\n<clue> <ending>\n\n",
    "<opening>\n<search><meeting> <bargain>\n<clue> <ending>\n\n",
    NULL,
};

/* ---- who, and what is lost ------------------------------------------------------------------------------- */

static const char *const opening[] = {
    "3: One <weather> <daypart> a <nature>, <nature> {+kind} named {+name}{+end} <lost> {end.his} {+look} "
    "{+thing}.",
    "3: {+name}{+end} was a <nature>, <nature> {+kind} <near> the <state> <place>. One <weather> <daypart> "
    "{end.he} <lost> {end.his} {+look} {+thing}.",
    "In the <state> <place> a {+kind} called {+name}{+end} had a {+look} {+thing} and <number> <quality> "
    "<goods>. One <weather> <daypart> the {thing} was gone.",
    "\"Where is my {+look} {+thing}?\" cried {+name}{+end} the {+kind} one <weather> <daypart>.",
    NULL,
};

static const char *const worry[] = {
    "2: {end.His} <nature> <relative> had <gained> it for <number> <quality> <goods>.",
    "Now {end.he} could not <task> <quality> <goods> or <task> <goods>.",
    "\"Oh no! How shall I <task> <number> <quality> <goods>?\"",
    NULL,
};

/* ---- where it is not ------------------------------------------------------------------------------------- */

static const char *const search[] = {
    "2: <first> <deed> <scene>\n",
    "<scene> <first> <deed>\n",
    "3: <first> <deed> <then> <deed>\n",
    "<first> <deed> <then> <deed> <last> <deed>\n",
    NULL,
};

static const char *const first[] = {
    "First {end.he}", "So {end.he}", "{end.He}", "The <nature> {kind}", NULL,
};

static const char *const then[] = {
    "Then {end.he}",
    "Next {end.he}",
    "2: The <nature> {kind}",
    NULL,
};

static const char *const last[] = {
    "At last {end.he}",
    "Before <meal> {end.he}",
    "Once more {end.he}",
    NULL,
};

static const char *const deed[] = {
    "3: <looked> <near> the <state> <place> and found <junk>.",
    "2: <went> to the <state> <place> and asked a <nature> {+beast}. \"<denial>,\" said the {beast}, <doing> "
    "<quality> <goods>.",
    "<looked> <near> the <state> <place>, the <state> <place> and the <place>, but saw no {thing}.",
    "lifted <junk> <near> the <state> <place>. No {thing}!",
    "called into the <state> <place>. A <nature> <creature> <replied>.",
    NULL,
};

static const char *const junk[] = {
    "2: <number> <quality> <goods>",
    "a <nature> <creature>",
    "a <creature> <doing> <quality> <goods>",
    NULL,
};

static const char *const scene[] = {
    "A <nature> <creature> sat <near> the <state> <place>, <doing> <quality> <goods>.",
    "The <state> <place> smelled of <flavour> <dish> and <quality> <goods>.",
    "<Near> the <state> <place> a <nature> <beast> <replied>.",
    NULL,
};

static const char *const denial[] = {
    "Ask the <nature> <creature>",
    "Not in my <state> <place>",
    "Take my <quality> <goods>",
    NULL,
};

/* ---- who knows ------------------------------------------------------------------------------------------- */

static const char *const meeting[] = {
    "3: <Near> the <state> <place> {name}{end} met {+title} {+sur}{+tail}, a <nature> {+helper} with <number> "
    "<quality> <goods>.",
    "2: Then {+title} {+sur}{+tail} the <nature> {+helper} came by, <doing> <quality> <goods>.",
    "2: {+title} {+sur}{+tail}, a <nature>, <nature> {+helper}, was <busy> <near> the <state> <place>.",
    NULL,
};

static const char *const bargain[] = {
    "\"<greeting>, {name}{end},\" said the {helper}. \"Have a <look> <thing>, <flavour> <dish> and <flavour> "
    "<dish>.\"",
    "\"Have you seen my {look} {thing}?\" \"<perhaps>, but I am so <feeling>.\" So {name}{end} gave "
    "{title.him} <flavour> <dish> and <number> <goods>.",
    "\"Why so <feeling>, little {kind}?\" \"My {thing} is lost!\" said {name}{end}, <feeling> and <feeling>.",
    "\"<greeting>, little {kind}. Give me <number> {+quality} {+goods}.\" So {name}{end} gave {title.him} the "
    "{quality} {goods}.",
    NULL,
};

static const char *const clue[] = {
    "2: \"Look {+near} the {+state} {+place}.\" And there, {near} the {state} {place}, it lay, <wrapped> "
    "<quality> <goods>.",
    "2: \"A <nature> {+creature} has it.\" The {creature}, <doing> <quality> <goods> <near> the <state> "
    "<place>, sold {name}{end} the {thing} for <number> <goods>.",
    "{sur}{tail} opened a <state> <box>, and out came <number> <quality> <goods>, a <nature> <creature> and "
    "the {look} {thing}.",
    NULL,
};

/* ---- how it ends ----------------------------------------------------------------------------------------- */

static const char *const ending[] = {
    "3: {name}{end} and {sur}{tail} <shared> <flavour> <dish>, <flavour> <dish> and <flavour> <dish> until "
    "<time>.",
    "2: \"Thank you, {title} {sur}{tail}!\" And {name}{end} gave {title.him} a <look> <thing> and <number> "
    "<quality> <goods>.",
    "2: That <weather> <daypart> the <nature> {kind} <slept> <near> the <state> <place> with {end.his} {thing} "
    "and <number> <goods>.",
    NULL,
};

/* ---- the rules by name ----------------------------------------------------------------------------------- */

/* clang-format off */
#define RULE(name) {#name, name}
/* clang-format on */

static const heed_rule rules[] = {
    RULE(story),   RULE(opening), RULE(worry),    RULE(search),   RULE(first),   RULE(then),     RULE(last),
    RULE(deed),    RULE(junk),    RULE(scene),    RULE(denial),   RULE(meeting), RULE(bargain),  RULE(clue),
    RULE(ending),  RULE(name),    RULE(end),      RULE(kind),     RULE(title),   RULE(sur),      RULE(tail),
    RULE(helper),  RULE(beast),   RULE(creature), RULE(relative), RULE(thing),   RULE(goods),    RULE(box),
    RULE(flavour), RULE(dish),    RULE(meal),     RULE(place),    RULE(near),    RULE(Near),     RULE(weather),
    RULE(daypart), RULE(time),    RULE(nature),   RULE(feeling),  RULE(look),    RULE(quality),  RULE(state),
    RULE(number),  RULE(lost),    RULE(gained),   RULE(task),     RULE(looked),  RULE(went),     RULE(busy),
    RULE(doing),   RULE(replied), RULE(shared),   RULE(slept),    RULE(wrapped), RULE(greeting), RULE(perhaps),
};

#undef RULE

const heed_grammar heed_stories_grammar = {
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
};
