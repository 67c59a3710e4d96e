/* SPDX-License-Identifier: MIT */
/*
 * config.json: Hugging Face's names where GPT-2's architecture can express the model, heed's own otherwise.
 *
 *     {"model_type": "gpt2", "n_embd": 768, …}        opens in transformers as GPT2LMHeadModel
 *     {"model_type": "heed", "kind": "gpt", "d_model": 128, "norm": "none", …}
 */
#ifndef HEED_NN_CONFIG_JSON_H
#define HEED_NN_CONFIG_JSON_H

#include <heed/config.h>
#include <jansson.h>

/* The member that a model with 8-bit weights has, and the quant_method in it: src/nn/precision.h. */
#define HEED_QUANTIZATION_KEY    "quantization_config"
#define HEED_QUANTIZATION_METHOD "heed-int8"

/** Reads config.json of a model's folder; *root, unless NULL, is then the object, to be given back with json_decref(). */
heed_status heed_config_open(const char *folder, heed_config *config, json_t **root, heed_error *err);
/** Reads a configuration; `where` names the file. HEED_ERR_FILE: another architecture, a value that is not possible. */
heed_status heed_config_from_json(const json_t *root, const char *where, heed_config *config, heed_error *err);
/** The same from heed's own names alone, those of earlier files included; model_type may be absent. */
heed_status heed_config_from_fields(const json_t *root, const char *where, heed_config *config,
                                    heed_error *err);
/** A new object, NULL when memory is out. */
json_t *heed_config_to_json(const heed_config *config);
/** True when GPT-2's architecture can express it. */
bool heed_config_is_gpt2(const heed_config *config);

/** Sets fields from the members of a JSON object that have their names. Unknown members are refused. */
heed_status heed_fields_from_json(const heed_field *fields, int n, void *structure, const json_t *object,
                                  const char *where, heed_error *err);
/** All fields as members of object; false when memory is out. */
bool heed_fields_to_json(const heed_field *fields, int n, const void *structure, json_t *object);

#endif
