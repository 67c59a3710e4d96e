/* SPDX-License-Identifier: MIT */
/* What the rest of the library may see of a session. */
#ifndef HEED_INFER_SESSION_H
#define HEED_INFER_SESSION_H

#include <heed/session.h>

#include "graph/plan.h"

/** The plan that reads one token, once there is one; NULL before. For measuring. */
heed_plan *heed_session_decode_plan(heed_session *session);

#endif
