#include "sidecar/http/status_page.h"

namespace sluice::sidecar {

std::shared_ptr<const View> StatusPage(const View& view) {
  return std::make_shared<const View>(view);
}

}  // namespace sluice::sidecar
