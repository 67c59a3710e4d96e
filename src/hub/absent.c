/* SPDX-License-Identifier: MIT */
/* In the place of pull.c in a build without libcurl. Models that are in the cache are found all the same. */
#include <heed/pull.h>

#include "base/error.h"

heed_pull_options heed_pull_options_default(void)
{
    return (heed_pull_options){.timeout_s = 30.0, .retries = 4};
}

bool heed_can_pull(void)
{
    return false;
}

heed_status heed_pull(const char *name, const heed_pull_options *options, heed_pulled *pulled, heed_error *err)
{
    (void)name;
    (void)options;
    *pulled = (heed_pulled){.n_files = 0};
    return heed_fail(err, HEED_ERR_USAGE, "this heed was built without libcurl and cannot pull models");
}
