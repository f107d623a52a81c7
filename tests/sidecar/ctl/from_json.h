#pragma once

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::ctl {

// The output must be one line of JSON that is a `Message` and nothing else.
template <typename Message>
Message FromJson(const std::string& text) {
  EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << ": " << text;
  return message;
}

}  // namespace sluice::ctl
