/* SPDX-License-Identifier: MIT */
#include <heed/heed.h>

const char *heed_version(void)
{
    return HEED_VERSION;
}
