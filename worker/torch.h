#pragma once

// What Sluice uses of LibTorch, and the precompiled header of every file that uses it.
// <torch/torch.h> holds so much more that each file would compile five times as long.
#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>
#include <torch/utils.h>
