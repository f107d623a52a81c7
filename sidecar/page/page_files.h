#pragma once

#include <string_view>
#include <vector>

namespace sluice::sidecar {

// One file of the status page, as it was when the sidecar was built.
struct PageFile {
  std::string_view name;
  std::string_view type;  // For Content-Type.
  std::string_view tag;   // For ETag: says which content it is.
  std::string_view content;
};

// All of them; "index.html" is the page itself. Made by embed.cmake.
const std::vector<PageFile>& PageFiles();

}  // namespace sluice::sidecar
