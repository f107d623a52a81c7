#include "worker/memory/autocast.h"

#include <ATen/autocast_mode.h>

namespace sluice::memory {

Autocast::Autocast(const torch::Device& device, bool on)
    : device_(device.type()),
      before_(at::autocast::is_autocast_enabled(device_)),
      cache_before_(at::autocast::is_autocast_cache_enabled()),
      type_before_(at::autocast::get_autocast_dtype(device_)) {
  at::autocast::set_autocast_cache_enabled(false);
  at::autocast::set_autocast_dtype(device_, torch::kBFloat16);
  at::autocast::set_autocast_enabled(device_, on);
}

Autocast::~Autocast() {
  at::autocast::set_autocast_enabled(device_, before_);
  at::autocast::set_autocast_dtype(device_, type_before_);
  at::autocast::set_autocast_cache_enabled(cache_before_);
}

bool Autocast::IsOn(const torch::Device& device) {
  return at::autocast::is_autocast_enabled(device.type());
}

}  // namespace sluice::memory
