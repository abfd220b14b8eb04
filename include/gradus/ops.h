/// \file
/// All differentiable ops: free functions on tensors. Each computes its value at once and records
/// how to go back; each is float32 or float64, and every error names the op, the rule and the
/// shapes. docs/derivations.md derives every gradient, docs/ops.md says how each is proved.
#pragma once

#include "gradus/ops/attention.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/conv.h"
#include "gradus/ops/create.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/embedding.h"
#include "gradus/ops/index.h"
#include "gradus/ops/linear.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/rotary.h"
#include "gradus/ops/shape.h"
#include "gradus/ops/softmax.h"
