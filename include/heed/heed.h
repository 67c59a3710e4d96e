/* SPDX-License-Identifier: MIT */
/** All of heed's interface. */
#ifndef HEED_HEED_H
#define HEED_HEED_H

#include <heed/ablation.h>
#include <heed/accounting.h>
#include <heed/activations.h>
#include <heed/anchors.h>
#include <heed/attention.h>
#include <heed/bench.h>
#include <heed/code.h>
#include <heed/compare.h>
#include <heed/config.h>
#include <heed/convert.h>
#include <heed/demo.h>
#include <heed/diagnosis.h>
#include <heed/fields.h>
#include <heed/generate.h>
#include <heed/gradients.h>
#include <heed/grid.h>
#include <heed/head_history.h>
#include <heed/heads.h>
#include <heed/inspect.h>
#include <heed/label.h>
#include <heed/lens.h>
#include <heed/mask.h>
#include <heed/matrix.h>
#include <heed/model.h>
#include <heed/neighbours.h>
#include <heed/paper.h>
#include <heed/plot.h>
#include <heed/pull.h>
#include <heed/range_test.h>
#include <heed/ranks.h>
#include <heed/recompute.h>
#include <heed/session.h>
#include <heed/shapes.h>
#include <heed/status.h>
#include <heed/tokenizer.h>
#include <heed/trace.h>
#include <heed/train.h>
#include <heed/verify.h>
#include <heed/vocab.h>
#include <heed/walk.h>
#include <heed/workbook.h>

/** "0.1.0" */
HEED_API const char *heed_version(void);

#endif
