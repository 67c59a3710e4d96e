/* SPDX-License-Identifier: MIT */
#ifndef HEED_HUB_FORM_H
#define HEED_HUB_FORM_H

#include "hub/fetch.h"

/**
 * Is the file at path of the form that a file of that name has? A page of a network's log-in, which answers every
 * address with 200, is not. Nothing but the header of weights is read. HEED_ERR_FILE says what is wrong.
 */
heed_status heed_form_check(const char *path, const char *name, heed_form form, heed_error *err);

#endif
